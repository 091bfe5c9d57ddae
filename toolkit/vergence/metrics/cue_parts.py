"""Parts of an input that may be a cue by themselves, and how alike partners are in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["LEFT_ALONE", "LEVELS", "Part", "alike_by_entry", "alike_in", "gap", "left_alone", "levelled", "parts_of"]

LEFT_ALONE = "left alone"
LEVELS = "levels"
GRID = 4
"""Patches along each side of a picture ..."""
LEAST_SIDE = 4
"""... that has so many pixels along both; a smaller one is taken as a vector."""
MOST_BLOCKS = 16
"""Blocks of a vector, and channels that are asked about one by one."""
SAME = 0.01
"""Added before the logarithm: below this, how alike partners are makes no difference."""
RARE = 0.1
"""An entry that differs from its own median in fewer of the items than this share does not vary."""

Inputs = Float[Tensor, "items ..."]
Entries = Float[Tensor, "..."]
"""One number for each entry of an item."""
Chosen = Bool[Tensor, "..."]
Swap = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Part:
    """A part of an input. swap(own, other): items with this part of `own` and everything else of `other`."""

    name: str
    share: float
    """Of the entries of an item."""
    swap: Swap
    alike: float | None
    """Distance of partners over distance of strangers, both squared, in this part ..."""
    alike_rest: float | None
    """... and in all the rest. None: nothing varies there, or the two views have different shapes."""


def parts_of(first: Inputs, second: Inputs, *, blocks: bool) -> tuple[list[Part], float | None]:
    """All parts of `second` that are asked about, and `gap`. blocks: patches, channels, blocks of columns as well."""
    alike = alike_by_entry(first, second) if first.shape == second.shape else None
    shape = tuple(second.shape[1:])
    masks: dict[str, Tensor] = {}
    apart = None
    if alike is not None:
        ratio = alike[0] / alike[1]
        low = left_alone(ratio)
        if low is not None:
            masks[LEFT_ALONE] = low
            apart = gap(ratio, low)
    picture = len(shape) == 3 and min(shape[1:]) >= LEAST_SIDE
    if blocks:
        masks |= _picture(shape) if picture else _blocks(shape)
    made = [Part(name, float(mask.double().mean()), _masked(mask), *_both(alike, mask)) for name, mask in masks.items()]
    if picture:
        levels = None if alike is None else alike_in(*alike_by_entry(_sorted(first), _sorted(second)))
        share = 1 / (shape[1] * shape[2])
        made.append(Part(LEVELS, share, levelled, levels, None if alike is None else alike_in(*alike)))
    return made, apart


def alike_by_entry(first: Inputs, second: Inputs) -> tuple[Entries, Entries]:
    """Mean squared distance of partners, and of strangers (all pairs of different items), entry by entry.

    Entries that vary in fewer than one item in ten are NaN in both.
    """
    middle = first.double().mean(0)
    a, b = first.double() - middle, second.double() - middle
    n = len(a)
    own = (a - b).square().mean(0)
    crossed = (a.sum(0) * b.sum(0) - (a * b).sum(0)) / (n * (n - 1))
    strangers = a.square().mean(0) + b.square().mean(0) - 2 * crossed
    both = torch.cat([first, second])
    often = (both != both.median(0).values).double().mean(0)
    varies = (often > RARE) & (strangers > 0)
    nothing = torch.full_like(own, torch.nan)
    return torch.where(varies, own, nothing), torch.where(varies, strangers, nothing)


def alike_in(own: Tensor, strangers: Tensor) -> float | None:
    """Partners' distance over strangers', both summed over entries; None where none varies."""
    below = float(strangers.nansum())
    return float(own.nansum()) / below if below > 0 else None


def left_alone(ratio: Entries) -> Chosen | None:
    """The entries in which partners are most alike: the lower of two groups, cut where the groups are furthest apart.

    ratio: by entry, NaN where nothing varies. On the scale of log(ratio + 0.01) the cut is the one with the largest
    variance between the two groups; None where all entries are equally alike. It always finds two groups: how far
    apart they are says `alike_in` of each.
    """
    known = torch.isfinite(ratio)
    order = ratio[known].sort().values
    if len(order) < 2 or order[0] == order[-1]:
        return None
    values = (order.clamp(min=0) + SAME).log()  # a step from 0 to 0.3 counts for more than one from 0.3 to 0.6
    counts = torch.arange(1, len(values), dtype=torch.float64)
    sums = values.cumsum(0)
    low = sums[:-1] / counts
    high = (sums[-1] - sums[:-1]) / (len(values) - counts)
    between = counts * (len(values) - counts) * (high - low).square()
    between = torch.where(order[1:] > order[:-1], between, -torch.inf)  # equal entries stay together
    return known & (ratio <= order[int(between.argmax())])


def gap(ratio: Entries, low: Chosen) -> float:
    """How clearly the two groups lie apart: nine tenths of the lower over one tenth of the upper, each plus 0.01.

    0.01 to 0.1: entries are the same in both views, or changed, and nothing lies between; 1: they follow one another
    without a gap, and the cut says nothing.
    """
    rest = torch.isfinite(ratio) & ~low
    return float((ratio[low].quantile(0.9) + SAME) / (ratio[rest].quantile(0.1) + SAME))


def levelled(own: Tensor, other: Tensor) -> Tensor:
    """Pictures with the pixel values of `own` in the order of `other`: its colours and brightness, not their places."""
    order = other.flatten(2).argsort(dim=2, stable=True)
    return torch.empty_like(order, dtype=own.dtype).scatter_(2, order, _sorted(own)).view_as(other)


def _both(alike: tuple[Tensor, Tensor] | None, mask: Tensor) -> tuple[float | None, float | None]:
    if alike is None:
        return None, None
    own, strangers = alike
    return alike_in(own[mask], strangers[mask]), alike_in(own[~mask], strangers[~mask])


def _masked(mask: Tensor) -> Swap:
    def swap(own: Tensor, other: Tensor) -> Tensor:
        return torch.where(mask.to(own.device), own, other)

    return swap


def _sorted(pictures: Tensor) -> Tensor:
    return pictures.flatten(2).sort(2).values


def _picture(shape: tuple[int, ...]) -> dict[str, Tensor]:
    channels, height, width = shape
    masks = {}
    if 1 < channels <= MOST_BLOCKS:
        for channel in range(channels):
            mask = torch.zeros(shape, dtype=torch.bool)
            mask[channel] = True
            masks[f"channel {channel}"] = mask
    rows, columns = _cuts(height, GRID), _cuts(width, GRID)
    for (down, (top, bottom)), (across, (left, right)) in product(enumerate(rows), enumerate(columns)):
        mask = torch.zeros(shape, dtype=torch.bool)
        mask[:, top:bottom, left:right] = True
        masks[f"patch {down}, {across}"] = mask
    return masks


def _blocks(shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Along the longest axis."""
    axis = max(range(len(shape)), key=lambda at: shape[at])
    masks = {}
    for begin, end in _cuts(shape[axis], MOST_BLOCKS):
        mask = torch.zeros(shape, dtype=torch.bool)
        mask.narrow(axis, begin, end - begin).fill_(True)
        masks[f"entry {begin}" if end - begin == 1 else f"entries {begin} to {end - 1}"] = mask
    return masks if len(masks) > 1 else {}


def _cuts(length: int, count: int) -> list[tuple[int, int]]:
    edges = [round(at * length / min(count, length)) for at in range(min(count, length) + 1)]
    return list(pairwise(edges))
