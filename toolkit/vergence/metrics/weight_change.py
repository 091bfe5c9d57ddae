"""How far the weights of each part of a model have moved since a look before, relative to their length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.metrics.gradients import check_modules, own_parameters

__all__ = ["PartChange", "WeightSample", "weight_change", "weight_sample"]

MOST = 16_384
"""Entries of one part that are looked at, about."""
LEAST = 256
"""Entries of one parameter that are looked at; all of them where there are no more."""

Values = Float[Tensor, " drawn"]


@dataclass(frozen=True, eq=False)
class _Kept:
    """Some entries of one parameter."""

    index: Int[Tensor, " drawn"] | None = field(repr=False)
    """Which of them, of the flattened parameter; None: all."""
    values: Values = field(repr=False)
    entries: int
    """There are so many."""


@dataclass(frozen=True, eq=False)
class WeightSample:
    """Some entries of every parameter of every part, as they were. Made by `weight_sample`."""

    parts: Mapping[str, Mapping[str, _Kept]] = field(repr=False)

    @property
    def entries(self) -> int:
        """How many numbers are kept."""
        return sum(len(kept.values) for part in self.parts.values() for kept in part.values())


@dataclass(frozen=True)
class PartChange:
    """How far one part has moved."""

    name: str
    relative: float | None
    """||w - w0|| / ||w0||; None where w0 is 0, where a weight is not finite, or nothing could be compared."""
    distance: float | None
    """||w - w0||."""
    weight_norm: float
    """||w0||."""
    entries: int
    drawn: int
    """Entries that were looked at; all of them: the numbers are exact."""
    left_out: int
    """Parameters that were not there before, or had another shape."""
    not_finite: int
    """Parameters that hold NaN or infinity among the entries looked at."""


def weight_sample(
    modules: nn.Module | Mapping[str, nn.Module], *, most: int = MOST, generator: torch.Generator | None = None
) -> WeightSample:
    """Keep some entries of every parameter, to be compared by `weight_change` later.

    modules: a model, or parts by name. most: entries of one part, about; of small parameters (up to 256 entries) all
    are kept, of a large one as many as its share of the part. generator: on the CPU; None: the same entries each time.

    Entries are drawn evenly along each parameter, one from each of equal stretches at a random place in it, so every
    entry is equally likely to be among them. A model of any size costs as much as one of `most` entries a part.

    Raises ArgumentError.
    """
    shapes.check_count("weight_sample", "most", most)
    named = check_modules("weight_sample", modules)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    parts = {}
    for name, module in named.items():
        own = own_parameters(module)
        total = sum(p.numel() for _, p in own)
        parts[name] = {
            inner: _keep(p, max(LEAST, round(most * p.numel() / max(1, total))), generator) for inner, p in own
        }
    return WeightSample(parts)


def weight_change(modules: nn.Module | Mapping[str, nn.Module], before: WeightSample) -> tuple[PartChange, ...]:
    r"""How far each part has moved since `before`, in units of its own length.

        relative_p = sqrt( sum over entries of p of (w - w0)^2  /  sum over entries of p of w0^2 )

    modules: the same parts as `before` was made of. Both sums are estimated from the entries that were kept, each
    counting for as many as it stands for, which makes both unbiased; with 16,384 entries the ratio is right to some
    2 %, and exact for parts that were kept whole.

    Reads 0 for a part that stands still: frozen, given to no optimiser, without a gradient, at a learning rate of 0.
    A step of Adam moves a fresh layer by about its learning rate over the size of a weight, 1e-2 at 1e-3; 1 means
    that the part has moved as far as it was long. A teacher moves though no gradient reaches it.

    Raises ArgumentError (no module, or no sample), UnknownName (parts that `before` does not know).
    Source: the ratio of update to weight, as in You et al. 2017 (LARS), arXiv:1708.03888, over several steps.
    """
    named = check_modules("weight_change", modules)
    if not isinstance(before, WeightSample):
        raise errors.ArgumentError(
            f"weight_change: before is a {type(before).__name__}. It must be a sample of the weights as they were: "
            "before = weight_sample(modules), made before they move."
        )
    unknown = [name for name in named if name not in before.parts]
    if unknown:
        raise errors.UnknownName("weight_change", unknown[0], before.parts, "part in the sample")
    return tuple(_change(name, module, before.parts[name]) for name, module in named.items())


def _keep(parameter: nn.Parameter, most: int, generator: torch.Generator) -> _Kept:
    entries = _size(parameter)
    if entries <= most:
        return _Kept(None, _at(parameter, None), entries)
    place = torch.arange(most, dtype=torch.float64) + torch.rand(most, generator=generator, dtype=torch.float64)
    index = (place * (entries / most)).long().clamp_(max=entries - 1)
    return _Kept(index, _at(parameter, index), entries)


def _size(parameter: nn.Parameter) -> int:
    """Real numbers in it."""
    return parameter.numel() * (2 if parameter.is_complex() else 1)


def _at(parameter: nn.Parameter, index: Tensor | None) -> Values:
    """Some entries, in float32 or wider, on the CPU, and never a view of what will be moved in place."""
    flat = parameter.detach()
    flat = torch.view_as_real(flat).flatten() if flat.is_complex() else flat.flatten()
    picked = flat if index is None else flat[index.to(flat.device)]
    return picked.to("cpu", torch.promote_types(flat.dtype, torch.float32), copy=True)


def _change(name: str, module: nn.Module, before: Mapping[str, _Kept]) -> PartChange:
    moved = length = 0.0
    drawn = left_out = broken = entries = 0
    for inner, parameter in own_parameters(module):
        kept = before.get(inner)
        entries += parameter.numel()
        if kept is None or kept.entries != _size(parameter):
            left_out += 1
            continue
        was, now = kept.values.double(), _at(parameter, kept.index).double()
        drawn += len(was)
        squares = float((now - was).square().sum()), float(was.square().sum())
        if not all(map(math.isfinite, squares)):
            broken += 1
            continue
        stands_for = kept.entries / len(was) if kept.index is not None else 1.0
        moved += stands_for * squares[0]
        length += stands_for * squares[1]
    sound = drawn > 0 and not broken
    return PartChange(
        name=name,
        relative=math.sqrt(moved / length) if sound and length > 0 else None,
        distance=math.sqrt(moved) if sound else None,
        weight_norm=math.sqrt(length),
        entries=entries,
        drawn=drawn,
        left_out=left_out,
        not_finite=broken,
    )
