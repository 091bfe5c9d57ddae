"""Samples that are there twice: near-copies that a contrastive loss pushes apart."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from vergence import errors
from vergence.data.base import Pictures
from vergence.data.known import check_amount, check_seed
from vergence.data.truth import COPY_OF, Truth
from vergence.data.wrapped import Wrapped

__all__ = ["PlantedDuplicates", "planted_duplicates"]


def planted_duplicates(source: Any, share: float = 0.1, *, noise: float = 0.0, seed: int = 0) -> PlantedDuplicates:
    """`source` with a share of its samples replaced by copies of others: known false negatives.

        made = vg.data.planted_duplicates(vg.data.digits(), share=0.1)
        made.truth.factors["copy of"]           (samples,): which sample it shows; its own index where it is no copy

    source: a source, or anything that `vg.data.source` takes.
    share: of the samples, 0 to below 1. 0 changes nothing. round(share * samples) of them, drawn at random, become
        copies of the others, drawn at random too, so an original may have several.
    noise: how far a copy lies from its original, as a multiple of the standard deviation of an entry. 0: the same
        numbers. 0.1: near-copies, as a photograph saved twice. Each copy differs in its own way, the same one each
        time. Pictures within [0, 1] stay there.
    seed: of what is drawn.

    Of the items of the reference set the same share are copies of one another (`reference_copy_of`); they are a group,
    so that no probe is asked what it has learned by heart. A copy has the label, group and picture of its original. Of
    pairs of two kinds both items are copied, noise falls on the first. Where a source draws what it shows (which
    artist's drawing, which bits), it draws for a copy as well.

    Raises ArgumentError for a number outside its range or a share that leaves no original, and what
    `vg.data.source` raises.
    Source: near-duplicates in common sets as counted by Barz and Denzler 2020, arXiv:1902.00423 (3 % of the CIFAR-10
    and 10 % of the CIFAR-100 test images have one among the training images).
    """
    return PlantedDuplicates(source, share=share, noise=noise, seed=seed)


class PlantedDuplicates(Wrapped):
    """See `planted_duplicates`. Beside what the source inside has:

    truth: its factor "copy of" is `(samples,)`, the index of the sample that each one shows. Of duplicates within
        duplicates it and the knob "copies" count both.
    """

    def __init__(self, source: Any, *, share: float = 0.1, noise: float = 0.0, seed: int = 0) -> None:
        call = "planted_duplicates"
        self.share = check_amount(call, "share", share, "of the samples that are copies, for example 0.1", most=1.0)
        self.noise = check_amount(call, "noise", noise, "0 for the same numbers, 0.1 for near-copies")
        self.seed = check_seed(call, seed)
        super().__init__(source, "duplicates")
        self._of = _copies(call, len(self), self.share, self.seed)
        if bool((self._of != torch.arange(len(self))).any()):
            self.only(torch.ones(len(self), dtype=torch.bool))
        self._size, self._clipped = self._scale()
        self.truth = self._truth()

    def _truth(self) -> Truth:
        """Ours beside that of the source inside. Copies in there are copies still: of the same originals."""
        before = self.truth_inside()
        known = None if before is None else before.of_chosen(self._of, self._of == torch.arange(len(self)), self.labels)
        of = self._of if known is None else known.factors.get(COPY_OF, self._of)
        return Truth(
            knobs={"share": self.share, "noise": self.noise, "copies": int((of != torch.arange(len(self))).sum())},
            factors={COPY_OF: of},
            shared=(COPY_OF,),
        ).added_to(known)

    def only(self, kept: Tensor) -> None:
        """Partners are chosen among the originals that `kept` samples show."""
        inside = torch.zeros(len(self), dtype=torch.bool)
        inside[self._of[kept]] = True
        super().only(inside)

    @property
    def labels(self) -> Tensor | None:
        """(samples,) integers, or None."""
        labels = self.inside.labels
        return None if labels is None else labels[self._of]

    @property
    def seconds(self) -> Tensor:
        """Every item of the second kind, of pairs of two kinds."""
        rows: Tensor = self.inside.seconds  # type: ignore[attr-defined]
        return rows[self._of]

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two items for each sample; of a copy, those of its original."""
        index = self.check_index(index)
        first, second = self.inside.pair(self._of[index], generator)
        copies = self._of[index] != index
        moved = self._moved(first, index, copies)
        if second is first:
            return moved, moved
        if self.two_kinds:
            return moved, second
        return moved, self._moved(second, index, copies)

    def label_of(self, index: Tensor) -> Tensor | None:
        """The labels of the samples; of a copy, that of its original."""
        return self.inside.label_of(self._of[self.check_index(index)])

    def positives_of(self, index: Tensor) -> Tensor | None:
        """Group ids (batch,), those of the originals; None where each sample is its own group."""
        return super().positives_of(self._of[self.check_index(index)])

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """The reference items of the source inside, a share of them replaced by copies of the others."""
        items, labels = self.inside.reference(n)
        of = self.reference_copy_of(n)
        places = torch.arange(len(of))
        moved = self._moved(items[of], places, of != places)
        return moved, None if labels is None else labels[of]

    def thumbnails(self, n: int) -> Pictures | None:
        """The pictures of the source inside, those of the originals for copies."""
        pictures = self.inside.thumbnails(n)
        return None if pictures is None else pictures[self.reference_copy_of(n).numpy()]

    def about_reference(self, n: int) -> dict[str, Any]:
        """What is known of the source's own items, and which belong together."""
        about = super().about_reference(n)
        of = self.reference_copy_of(n)
        about["factors"] = {name: values[of] for name, values in about.get("factors", {}).items()}
        groups = about.get("groups")
        about["groups"] = of if groups is None else groups[of]
        if about.get("names") is not None:
            about["names"] = [about["names"][place] for place in of.tolist()]
        return about

    def reference_copy_of(self, n: int) -> Int[Tensor, " items"]:
        """Which item of `reference(n)` each one shows; its own place where it is no copy."""
        items = len(self.inside.reference(n)[0])
        if items < 2:
            return torch.arange(items)
        return _copies("planted_duplicates", items, min(self.share, 1 - 1 / items), self.seed + 1)

    def _scale(self) -> tuple[float, bool]:
        """How large the noise on an entry is, and whether items are pictures within [0, 1]."""
        if self.noise == 0:
            return 0.0, False
        looked = self.some()[0]
        size = float(looked.float().var(0, unbiased=False).mean().sqrt())
        return self.noise * size, looked.ndim > 2 and float(looked.min()) >= 0 and float(looked.max()) <= 1

    def _moved(self, items: Tensor, index: Tensor, copies: Tensor) -> Tensor:
        """Copies put beside their originals, each by the same noise whenever it comes."""
        if self._size == 0 or not bool(copies.any()):
            return items
        free = items.shape[1] - self.untouched
        entries = items[0, :free].numel()
        own = torch.Generator().manual_seed(self.seed + 2)
        # One long row of noise; sample i reads it from place i, so none of it needs to be kept.
        noise = torch.randn(int(index.max()) + entries, generator=own).unfold(0, entries, 1)[index]
        added = (noise * copies[:, None] * self._size).to(items.device, items.dtype)
        moved = items.clone()
        moved[:, :free] += added.view(len(items), free, *items.shape[2:])
        if self._clipped:
            moved[:, :free] = moved[:, :free].clamp(0, 1)
        return moved


def _copies(call: str, samples: int, share: float, seed: int) -> Tensor:
    """For each sample the one it shows: a share of them, drawn at random, shows another."""
    own = torch.Generator().manual_seed(seed)
    order = torch.randperm(samples, generator=own)
    number = round(share * samples)
    if number >= samples:
        raise errors.ArgumentError(
            f"{call}: share {share:g} of {samples} samples leaves no original. Choose at most "
            f"{(samples - 1) / samples:.3g}."
        )
    of = torch.arange(samples)
    copies, originals = order[:number], order[number:]
    of[copies] = originals[torch.randint(len(originals), (number,), generator=own)]
    return of
