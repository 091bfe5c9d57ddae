"""Near-duplicates in a set: how far each sample is from its nearest other, and how many are near at each threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import Pairs, Positives, full_precision
from vergence.geometry import pairs as who_belongs
from vergence.metrics.pairs import Chosen, different, near_duplicates, samples_of
from vergence.metrics.raw import Evened, evened, raw_rows

__all__ = ["DUPLICATE_BINS", "DUPLICATE_THRESHOLDS", "Duplicates", "duplicates"]

DUPLICATE_BINS = 64
"""Bins of the nearest distance: bin k holds k/40 <= distance < (k + 1)/40, the last one all from 63/40 on."""
DUPLICATE_THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.3)
"""Parts of the usual distance at which samples are counted."""
WIDTH = 1 / 40
NEAR = 0.15
CELLS = 2**22
"""Squared distances in memory at a time."""

Index = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """How near samples lie to one another. Distances are parts of the usual one between two samples."""

    nearest: Float[Tensor, " samples"] = field(repr=False)
    """Of each sample, to the nearest other; NaN for one that was left out."""
    counts: Int[Tensor, " bins"] = field(repr=False)
    """How many samples have their nearest other in each of 64 bins of width 1/40; the last holds all from 1.575 on."""
    thresholds: tuple[float, ...]
    """Ascending."""
    within: tuple[int, ...]
    """How many samples have another within each threshold."""
    groups: int
    """Groups of two or more samples that are linked by distances below `near`."""
    redundant: int
    """Samples that could go without leaving a group empty."""
    largest: int
    """Samples of the largest group; 1 when there is none."""
    near: float
    median: float
    """Nearest distance of the middle sample: what a sample that has no copy reads."""
    pairs: Chosen
    """The nearest few, as `near_duplicates` lists them."""
    samples: int
    """Samples that were compared."""
    samples_left_out: int
    """Samples of which no input is finite."""


def duplicates(
    *inputs: Shaped[Tensor, "batch ..."],
    positives: Positives | None = None,
    near: float = NEAR,
    thresholds: Sequence[float] = DUPLICATE_THRESHOLDS,
    most: int = 5,
) -> Duplicates:
    r"""How many samples of a set have a copy in it, or nearly one.

        nearest(a) = min over other samples b of  ||x_a - x_b|| / sqrt(mean over different samples of ||x - x'||^2)

    inputs: one tensor per view, (batch, ...), as the model sees it, or embeddings (batch, dim); views of different
    shapes are compared within themselves only. positives: as for `geometry.pairs`; rows of one group are no
    different samples. near: > 0, what counts as a near-duplicate in `groups`. thresholds: 0 or above, to count at.
    most: pairs to list.
    From 8 samples on, the furthest one in twenty (one at least) is left out of the mean below the root, so that a
    broken sample does not make copies of all others.

    Reads 0 for exact copies; a sample without a copy reads `median` or so, which depends on the data: 0.87 for
    500 samples of independent noise in 192 dimensions, but 0.03 for a thousand points in a plane, where near neighbours
    are no copies. So look for a heap at 0 that stands apart in `counts`, and choose `near` in the gap. Copies act as
    false negatives and waste steps. Augmented copies can lie far apart: what is found is certain, what is not found is
    not certain to be absent.

    Every sample is compared with every other, in blocks: half a minute for 8,000 samples of 3,072 numbers. Inputs
    larger than 4,096 numbers are averaged down first. Inputs that are not finite are left out and counted.

    Raises ShapeError, TooFewRows (fewer than 2 different samples), ArgumentError.
    Source: duplicate counts as in Abbas et al. 2023, arXiv:2303.09540, by distance in place of cosine.
    """
    call = "duplicates"
    levels = _levels(call, thresholds)
    listed = near_duplicates(*inputs, positives=positives, near=near, most=most)
    on_cpu = positives.cpu() if isinstance(positives, Tensor) else positives
    if isinstance(on_cpu, list | tuple):
        on_cpu = tuple(None if ids is None else ids.cpu() for ids in on_cpu)
    who = who_belongs([torch.zeros(len(x), 1) for x in inputs], None, on_cpu, call=call)
    samples = samples_of(who, positives)
    count = int(samples.max(initial=-1)) + 1
    nearest = np.full(count, np.inf)
    seen = np.zeros(count, np.bool_)
    links: list[Index] = []
    starts = np.cumsum((0, *who.sizes))
    kinds: dict[tuple[object, ...], list[int]] = {}
    for number, x in enumerate(inputs):
        kinds.setdefault((tuple(x.shape[1:]), x.is_floating_point()), []).append(number)
    for members in kinds.values():
        index = np.concatenate([np.arange(starts[m], starts[m + 1]) for m in members])
        rows, _ = raw_rows(torch.cat([inputs[m].detach().cpu() for m in members]))
        good = torch.isfinite(rows).all(1)
        rows, index = rows[good], index[good.numpy()]
        seen[samples[index]] = True
        if len(rows) > 1:
            _look(rows, index, who, samples, near, nearest, links)
    compared = int((seen & np.isfinite(nearest)).sum())
    if compared < 2:
        raise errors.TooFewRows(
            f"{call}: {int(seen.sum())} of {count} samples are finite and no two of them are different samples. Hand "
            "over at least two rows that are no positives of one another."
        )
    sizes = _groups(links, count)
    values = nearest[np.isfinite(nearest)]
    return Duplicates(
        nearest=torch.from_numpy(np.where(np.isfinite(nearest), nearest, np.nan)),
        counts=torch.from_numpy(
            np.bincount(np.minimum(values / WIDTH, DUPLICATE_BINS - 1).astype(np.int64), minlength=DUPLICATE_BINS)
        ),
        thresholds=levels,
        within=tuple(int((values <= level).sum()) for level in levels),
        groups=len(sizes),
        redundant=int(sizes.sum()) - len(sizes),
        largest=int(sizes.max(initial=1)),
        near=near,
        median=float(np.median(values)),
        pairs=listed,
        samples=int(seen.sum()),
        samples_left_out=int((~seen).sum()),
    )


def _levels(call: str, thresholds: object) -> tuple[float, ...]:
    if not isinstance(thresholds, Sequence) or not thresholds:
        raise errors.ArgumentError(
            f"{call}: thresholds is {thresholds!r}. It must be a few numbers: thresholds=(0.05, 0.15)."
        )
    for level in thresholds:
        shapes.check_nonnegative(call, "thresholds", level)
    return tuple(sorted(float(level) for level in thresholds))


def _look(
    rows: Tensor, index: Index, who: Pairs, samples: Index, near: float, nearest: Values, links: list[Index]
) -> None:
    """The nearest other sample of every sample among rows of one kind, and who is linked with whom."""
    even = evened(rows, samples[index])
    with full_precision(rows.device):
        for counted in (even.usual, torch.ones_like(even.usual)):
            best, at, total, pairs = _searched(even.rows, counted.numpy(), index, who, samples)
            if pairs:
                break  # else the usual ones are all of one group, and what is usual is left to the others
        known = np.flatnonzero(np.isfinite(best))
        if not len(known):
            return
        usual = math.sqrt(total / pairs)
        # By differences: the products above lose what two nearly equal inputs differ by.
        exact = _distances(even, known, at[known]) / usual if usual > 0 else np.zeros(len(known))
        np.minimum.at(nearest, samples[index[known]], exact)
        close = known[exact < near]
        for part in np.array_split(close, max(1, len(close) * len(close) // CELLS)):
            found = _distances_between(even, part, close)
            inside = different(who, samples, index[part], index[close]) & (found < near * usual if usual > 0 else True)
            a, b = np.nonzero(inside)
            links.append(np.stack([samples[index[part[a]]], samples[index[close[b]]]]))


def _searched(
    rows: Tensor, counted: NDArray[np.bool_], index: Index, who: Pairs, samples: Index
) -> tuple[Values, Index, float, int]:
    """Squared distance of each row to the nearest that is a different sample, that row, and the sum and the number of
    the squared distances that count."""
    n, total, pairs = len(rows), 0.0, 0
    best, at = np.full(n, np.inf), np.zeros(n, np.int64)
    lengths = rows.square().sum(1)
    step = max(1, CELLS // n)
    for start in range(0, n, step):
        stop = min(start + step, n)
        squares = (lengths[start:stop, None] + lengths - 2 * rows[start:stop] @ rows.T).clamp_(min=0).numpy()
        other = different(who, samples, index[start:stop], index)
        usual = other & counted[start:stop, None] & counted
        total, pairs = total + float(squares.sum(where=usual, dtype=np.float64)), pairs + int(usual.sum())
        squares = np.where(other, squares, np.inf)
        at[start:stop] = squares.argmin(1)
        best[start:stop] = squares.min(1)
    return best, at, total, pairs


def _distances(even: Evened, a: Index, b: Index) -> Values:
    parts = zip(torch.split(torch.from_numpy(a), 1024), torch.split(torch.from_numpy(b), 1024), strict=True)
    found = torch.cat([(even.exact(p) - even.exact(q)).norm(dim=1) for p, q in parts])
    return found.clamp_(max=1e300).numpy()


def _distances_between(even: Evened, a: Index, b: Index) -> Values:
    found: Values = torch.cdist(
        even.exact(a), even.exact(b), compute_mode="donot_use_mm_for_euclid_dist"
    ).numpy()  # fmt: skip
    return found


def _groups(links: list[Index], count: int) -> Index:
    """Sizes of the groups of linked samples: each takes the lowest number in reach, until none changes."""
    own = np.arange(count)
    if links:
        a, b = np.concatenate(links, axis=1)
        while True:
            before = own.copy()
            np.minimum.at(own, a, own[b])
            np.minimum.at(own, b, own[a])
            own = own[own]
            if np.array_equal(own, before):
                break
    sizes = np.bincount(own)
    return sizes[sizes > 1].astype(np.int64)
