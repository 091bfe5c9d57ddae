"""One pass over the pairs of each anchor: who stands above its positives, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vergence.geometry import Pairs, full_precision

__all__ = ["Block", "Stand", "anchors_of", "apart", "blocks", "stand"]

CELLS = 2**21
"""Cosines in memory at a time."""

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """Some anchors and all rows. Scores are whole numbers, `grid` to 1: what differs by rounding error is a tie."""

    anchors: Index
    scores: Index
    """(anchors, n)."""
    positive: Mask
    negative: Mask
    grid: float


@dataclass(frozen=True, eq=False)
class Stand:
    """Of each anchor that has a positive and a negative."""

    rows: Index
    """Its row number."""
    positives: Index
    negatives: Index
    above: Index
    """(positive, negative) of which the negative is the more alike ..."""
    tied: Index
    """... or as alike."""
    hard: Floats
    """Share of `above`, half the ties counted, among the hardest negatives alone."""
    nearest: Floats
    """Its highest positive score."""
    furthest: Floats
    """Its lowest."""
    hardest: Floats
    """Its highest negative score."""
    pairs: int
    """Different positive pairs among them."""

    @property
    def auc(self) -> Floats:
        """Share of its (positive, negative) in the right order; ties count half."""
        found: Floats = 1 - (self.above + 0.5 * self.tied) / (self.positives * self.negatives)
        return found


def anchors_of(who: Pairs) -> Tensor:
    """Row numbers of rows that have a positive."""
    n = len(who.rows)
    if who.matrix is not None:
        first = who.sizes[0]
        has = torch.zeros(n, dtype=torch.bool, device=who.rows.device)
        has[:first] = who.matrix.any(1)
        has[first : first + who.sizes[1]] = who.matrix.any(0)
        return torch.nonzero(has).squeeze(1)
    if who.groups is None:
        return torch.empty(0, dtype=torch.long, device=who.rows.device)
    _, place, counts = torch.unique(who.groups, return_inverse=True, return_counts=True)
    return torch.nonzero((counts[place] > 1) & (who.groups >= 0)).squeeze(1)


def sides(who: Pairs, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows are positives and which are negatives of these anchors: two (anchors, n)."""
    n, device = len(who.rows), who.rows.device
    itself = anchors[:, None] == torch.arange(n, device=device)
    positive = torch.zeros_like(itself)
    if who.matrix is not None:
        first, second = who.sizes[:2]
        left = anchors < first
        right = (anchors >= first) & (anchors < first + second)
        positive[left, first : first + second] = who.matrix[anchors[left]]
        positive[right, :first] = who.matrix.T[anchors[right] - first]
    elif who.groups is not None:
        block = who.groups[anchors, None]
        positive = (block == who.groups) & (block >= 0) & ~itself
    negative = ~positive & ~itself
    if who.lonely is not None:
        negative &= ~(who.lonely[anchors, None] & who.lonely)
    return positive, negative


def blocks(who: Pairs, anchors: Tensor) -> Iterator[Block]:
    """Scores of these anchors with all rows, a few anchors at a time. Rows must have length 1."""
    grid = 2.0**44 if who.rows.dtype == torch.float64 else 2.0**20
    step = max(1, CELLS // len(who.rows))
    with full_precision(who.rows.device):
        for part in torch.split(anchors, step):
            cosines = (who.rows[part] @ who.rows.T).clamp_(-1, 1).cpu().numpy().astype(np.float64)
            positive, negative = (mask.cpu().numpy() for mask in sides(who, part))
            yield Block(part.cpu().numpy(), np.rint(cosines * grid).astype(np.int64), positive, negative, grid)


def apart(who: Pairs, block: Block) -> Block:
    """With negatives of another label alone: a pair of which one has no label may be of one class."""
    if who.labels is None:
        return block
    labels = who.labels.cpu().numpy()
    own = labels[block.anchors, None]
    return replace(block, negative=block.negative & (own >= 0) & (labels >= 0) & (own != labels))


def stand(who: Pairs, anchors: Tensor, hardest: int = 10) -> tuple[Stand, Stand | None]:
    """How the positives of each anchor stand among its negatives, and with labels among those of other labels."""
    every, others = [], []
    for block in blocks(who, anchors):
        every.append(_of_block(block, hardest))
        if who.labels is not None:
            others.append(_of_block(apart(who, block), hardest))
    return _joined(who, every), _joined(who, others) if others else None


def _joined(who: Pairs, parts: list[tuple[NDArray[np.generic], ...]]) -> Stand:
    columns = [np.concatenate(column) for column in zip(*(part[:-1] for part in parts), strict=True)]
    both = np.concatenate([part[-1] for part in parts], axis=1)
    different = np.unique(both.min(0) * len(who.rows) + both.max(0))
    rows, positives, negatives, above, tied = (column.astype(np.int64) for column in columns[:5])
    hard, nearest, furthest, most = (column.astype(np.float64) for column in columns[5:])
    return Stand(rows, positives, negatives, above, tied, hard, nearest, furthest, most, len(different))


def _of_block(block: Block, hardest: int) -> tuple[NDArray[np.generic], ...]:
    positives, negatives = block.positive.sum(1), block.negative.sum(1)
    keep = (positives > 0) & (negatives > 0)
    scores, positive, negative = block.scores[keep], block.positive[keep], block.negative[keep]
    positives, negatives = positives[keep], negatives[keep]
    count = len(scores)
    # One sorted list for all anchors: each has a range of whole numbers of its own, so nothing is rounded.
    offset = np.arange(count, dtype=np.int64)[:, None] * int(4 * block.grid)
    far = np.sort((scores + offset)[negative])
    row, column = np.nonzero(positive)
    near = (scores + offset)[positive]
    ends = np.cumsum(negatives)
    left, right = np.searchsorted(far, near, "left"), np.searchsorted(far, near, "right")
    above, tied = ends[row] - right, right - left
    few = np.minimum(negatives, hardest)[row]
    beaten = np.minimum(above, few)
    even = np.minimum(above + tied, few) - beaten
    return (
        block.anchors[keep], positives, negatives,
        np.bincount(row, above, minlength=count), np.bincount(row, tied, minlength=count),
        np.bincount(row, (beaten + 0.5 * even) / few, minlength=count) / np.maximum(positives, 1),
        np.where(positive, scores, -(2**62)).max(1, initial=-(2**62)) / block.grid,
        np.where(positive, scores, 2**62).min(1, initial=2**62) / block.grid,
        np.where(negative, scores, -(2**62)).max(1, initial=-(2**62)) / block.grid,
        np.stack([block.anchors[keep][row], column]),
    )  # fmt: skip
