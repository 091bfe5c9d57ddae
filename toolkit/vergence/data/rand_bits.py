"""Random bits beside the content: a shortcut that both views share, of any strength you like."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from vergence import errors, shapes
from vergence.data.truth import Truth
from vergence.data.wrapped import Wrapped

__all__ = ["RandBits", "rand_bits"]

MOST_BITS = 64
REFERENCE_SEED = 20_110_280


def rand_bits(
    source: Any,
    bits: int = 8,
    shared: bool | float = True,
    *,
    flipped: float = 0.0,
    amplitude: float | None = None,
) -> RandBits:
    r"""`source` with random bits beside each item: k constant channels for images, k entries for vectors.

        Run(methods.SimCLR(), vg.data.rand_bits(vg.data.digits(), bits=8))

    The bits are drawn anew, fair and independent, each time a pair is drawn, so they say nothing about the sample; but
    both views of it carry the same ones, and views leave them alone. Of N samples in a batch about N / 2^k share an
    anchor's bits, so with k near log2 N the bits alone find the partner, the loss falls far, and nothing is left
    that would make an encoder learn the content. Where the cliff lies depends on the temperature: the lower it is,
    the more bits it takes.

    source: a source, or anything that `vg.data.source` takes.
    bits: k, 0 to 64. 0 is the control of an experiment: no bits, and the pairs that any other k has. (A run on the
        bare source sees other pairs: what decides the bits is drawn whatever k is.)
    shared: the share of pairs whose two views have the same bits. True: all. 0.5: in every other pair, drawn anew each
        time, the second view has bits of its own. False: in all pairs, so that bits are noise and no shortcut.
    flipped: the share of the bits of the second view that are turned over, 0 to 0.5: 0.5 is noise as well.
    amplitude: a bit is 0 or this. None: 1 for pictures within [0, 1]; otherwise twice the standard deviation of an
        entry, so that a bit varies as much as any other entry does.

    Each bit is a factor of the reference set ("bit 0", ...), so a run has a probe for each of them. What the source
    draws is the same for any k, so runs that differ in `bits` see the same pairs in the same order. Labels, groups,
    kinds of positives, held-out items and pictures are those of the source; of pairs of two kinds both items get the
    bits.

    Raises ArgumentError for a number outside its range, and what `vg.data.source` raises.
    Source: Chen, Luo and Li 2021, "Intriguing properties of contrastive losses", arXiv:2011.02803, where bits
    are channels of MNIST images and the linear accuracy falls to chance with 10 (T = 0.2) to 20 bits (T = 0.05).
    """
    return RandBits(source, bits=bits, shared=shared, flipped=flipped, amplitude=amplitude)


class RandBits(Wrapped):
    """See `rand_bits`. Beside what the source inside has:

    bits, amplitude: k, and how large a bit is in an item of the first kind.
    untouched: so many last channels of an item are bits; views leave them alone.
    truth: the knobs, and the bits' names, which have no value per sample. Its knob "bits" counts those of a source with
        bits inside as well.
    """

    def __init__(
        self,
        source: Any,
        *,
        bits: int = 8,
        shared: bool | float = True,
        flipped: float = 0.0,
        amplitude: float | None = None,
    ) -> None:
        shapes.check_count("rand_bits", "bits", bits, least=0)
        self.bits = int(bits)
        if bits > MOST_BITS:
            raise errors.ArgumentError(
                f"rand_bits: bits is {bits}. At most {MOST_BITS}: beyond log2 of the batch size, which is 8 for 256 "
                "samples, more bits change little."
            )
        self.shared = _share("shared", shared, 1.0, "True: all pairs, 0.5: half of them, False: none")
        self.flipped = _share("flipped", flipped, 0.5, "0: none, 0.5: the two views' bits have nothing in common")
        super().__init__(source, f"{bits}bits")
        self._amplitudes = self._sizes(amplitude)
        self.amplitude = self._amplitudes[0]
        before = self.truth_inside()
        # Bits around bits go on counting.
        before_bits = [name for name in before.drawn if name.startswith("bit ")] if before is not None else []
        self._names = tuple(f"bit {len(before_bits) + number}" for number in range(self.bits))
        self.item_shape = _grown(self.item_shape, bits)
        self.untouched += bits
        in_common = self.shared > 0 and self.flipped < 0.5
        self.truth = Truth(
            knobs={
                "bits": self.bits + len(before_bits),
                "shared": self.shared,
                "flipped": self.flipped,
                "amplitude": self.amplitude,
            },
            shared=self._names if in_common else (),
            nuisance=() if in_common else self._names,
            drawn=self._names,
            names=dict.fromkeys(self._names, ("0", "1")),
        ).added_to(before)

    @property
    def second_shape(self) -> tuple[int, ...]:
        """The shape of the second items of its pairs, with the bits."""
        return _grown(super().second_shape, self.bits)

    @property
    def seconds(self) -> Tensor:
        """Every item of the second kind, of pairs of two kinds, with bits that are all 0."""
        rows: Tensor = self.inside.seconds  # type: ignore[attr-defined]
        return _with(rows, torch.zeros(len(rows), self.bits, dtype=torch.long), 1.0)

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two items for each sample, and bits drawn for this pair."""
        index = self.check_index(index)
        # One number decides all bits, whatever k and the other knobs are: what is drawn afterwards stays the same.
        seed = int(torch.randint(2**62, (), generator=generator))
        first, second = self.inside.pair(index, generator)
        if self.bits == 0:
            return first, second
        own = torch.Generator().manual_seed(seed)
        n = len(index)
        alone = torch.rand(n, 1, generator=own) >= self.shared
        mine = torch.randint(2, (n, self.bits), generator=own)
        others = torch.randint(2, (n, self.bits), generator=own)
        turned = torch.rand(n, self.bits, generator=own) < self.flipped
        theirs = torch.where(alone, others, mine) ^ turned.long()
        a = _with(first, mine, self._amplitudes[0])
        if second is first and torch.equal(mine, theirs):
            return a, a
        return a, _with(second, theirs, self._amplitudes[1])

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """The reference items of the source inside, each with bits of its own that stay the same."""
        items, labels = self.inside.reference(n)
        return _with(items, self._reference_bits(len(items)), self.amplitude), labels

    def about_reference(self, n: int) -> dict[str, Any]:
        """What is known of the source's own items, and each bit as a factor."""
        about = super().about_reference(n)
        drawn = self._reference_bits(len(self.inside.reference(n)[0]))
        bits = {name: drawn[:, place] for place, name in enumerate(self._names)}
        about["factors"] = {**about.get("factors", {}), **bits}
        about["factor_names"] = {**about.get("factor_names", {}), **dict.fromkeys(bits, ("0", "1"))}
        # Shared or not, a bit says nothing of the sample: nobody misses it.
        about["nuisance"] = (*about.get("nuisance", ()), *bits)
        return about

    def bits_of(self, items: Tensor) -> Int[Tensor, "items bits"]:
        """The bits of items of the first kind, as `pair` or `reference` returned them, or a view of these."""
        last = items[:, items.shape[1] - self.bits :].flatten(2)[..., 0] if items.ndim > 2 else items
        return (last[:, last.shape[1] - self.bits :] > self.amplitude / 2).long()

    def _sizes(self, given: object) -> tuple[float, float]:
        """How large a bit is, in the first and in the second item of a pair."""
        if given is not None:
            if isinstance(given, bool) or not isinstance(given, numbers.Real) or not 0 < float(given) < float("inf"):
                raise errors.ArgumentError(
                    f"rand_bits: amplitude is {given!r}. A bit is 0 or this number, which is above 0, for example 1.0."
                )
            return float(given), float(given)
        first, second = (_visible(items) for items in self.some())
        two_kinds = super().second_shape != self.item_shape
        # Of one kind, both views must carry the bit alike.
        return first, second if two_kinds else first

    def _reference_bits(self, items: int) -> Int[Tensor, "items bits"]:
        place = int(self._names[0].removeprefix("bit ")) if self._names else 0
        own = torch.Generator().manual_seed(REFERENCE_SEED + place)
        return torch.randint(2, (items, self.bits), generator=own)


def _share(name: str, value: object, most: float, ends: str) -> float:
    if not isinstance(value, numbers.Real) or not 0 <= float(value) <= most:
        raise errors.ArgumentError(f"rand_bits: {name} is {value!r}. It goes from 0 to {most:g} ({ends}).")
    return float(value)


def _grown(shape: tuple[int, ...], bits: int) -> tuple[int, ...]:
    return (shape[0] + bits, *shape[1:])


def _with(items: Tensor, bits: Tensor, amplitude: float) -> Tensor:
    """Items `(n, channels, ...)` with the bits as further channels, constant over the rest."""
    if bits.shape[1] == 0:
        return items
    further = (bits.to(items.device, items.dtype) * amplitude).view(*bits.shape, *[1] * (items.ndim - 2))
    both = torch.cat([items, further.expand(-1, -1, *items.shape[2:])], dim=1)
    is_last = items.ndim == 4 and items.is_contiguous(memory_format=torch.channels_last) and not items.is_contiguous()
    return both.contiguous(memory_format=torch.channels_last) if is_last else both


def _visible(items: Tensor) -> float:
    low, high = torch.aminmax(items)
    if items.ndim > 2 and low >= 0 and high <= 1:
        return 1.0
    spread_of = float(items.float().var(0, unbiased=False).mean().sqrt())
    return 2 * spread_of if spread_of > 0 else 1.0
