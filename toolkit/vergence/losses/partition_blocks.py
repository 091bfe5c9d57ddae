"""The sums of `partition.log_partition`, block by block: what is held at a time is one block, not the whole matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Rules", "Sums", "exponential"]

Logits = Float[Tensor, "rows columns"]
Totals = Float[Tensor, " anchors"]

LEAST = {torch.float32: -80.0, torch.float64: -700.0}
"""Beside the 1 of an anchor's nearest row, exp of less than this is lost. Where an exponential is no normal number of
the type any more, a processor takes ten to thirty times as long for it."""


@dataclass(frozen=True, eq=False)
class Rules:
    """Which pairs of a row of x and a row of y do not count. The names are those of `log_partition`."""

    skip_self: bool = False
    without: Int[Tensor, "anchors left_out"] | None = None
    apart: tuple[Tensor, Tensor] | None = None
    within: tuple[Tensor, Tensor] | None = None

    @property
    def symmetric(self) -> bool:
        """Where x is y: pair (i, j) counts when pair (j, i) does."""
        pairs = (pair for pair in (self.apart, self.within) if pair is not None)
        return self.without is None and all(first is second for first, second in pairs)

    @property
    def may_leave_none(self) -> bool:
        """An anchor may be left without any pair. Not looked up: it would be a wait for a GPU."""
        return self.without is not None or self.apart is not None or self.within is not None

    def blank(self, logits: Logits, rows: slice, columns: slice) -> None:
        """Put -inf where a pair of this block does not count, in place."""
        apart, width = rows.start - columns.start, logits.shape[1]
        if self.skip_self and -logits.shape[0] < apart < width:
            logits.diagonal(apart).fill_(-math.inf)
        if self.without is not None:
            there = self.without[rows] - columns.start
            inside = (there >= 0) & (there < width)
            # What lies in other blocks must land somewhere, as its number is not known here: the lesser of +inf
            # and what stands there already leaves that alone, also where two land on one place.
            low = torch.where(inside, -math.inf, math.inf).to(logits.dtype)
            logits.scatter_reduce_(1, there.clamp(0, width - 1), low, "amin")
        if self.apart is not None:
            first, second = self.apart[0][rows], self.apart[1][columns]
            if _may_meet(first, second):
                logits.masked_fill_(first[:, None] == second, -math.inf)
        if self.within is not None:
            logits.masked_fill_(self.within[0][rows, None] != self.within[1][columns], -math.inf)


def _may_meet(first: Tensor, second: Tensor) -> bool:
    """Whether an id can occur in both. Looks on the CPU only, where nobody waits; a mask costs more than a look."""
    if first.device.type != "cpu":
        return True
    return bool(first.min() <= second.max()) and bool(second.min() <= first.max())


@dataclass(frozen=True, eq=False)
class Sums:
    """x and y, what counts, and how it is walked through.

    mirrored: x is y and so are the rules. Then a block off the diagonal stands for its transpose as well: its product
    and its exponential are made once, and its sums over rows and over columns are both used.
    shifted: exponentials leave the range of the type, so that each anchor needs a shift of its own.
    chunk: rows and columns of a block.
    """

    x: Float[Tensor, "anchors dim"]
    y: Float[Tensor, "others dim"]
    temperature: float
    rules: Rules
    mirrored: bool
    shifted: bool
    chunk: int

    def forward(self, keep: list[Tensor] | None) -> tuple[Totals, Totals]:
        """log_partition, and what `backward` divides by. What the blocks hold goes into `keep`, if that is a list."""
        totals = self.x.new_zeros(len(self.x))
        peaks = torch.full_like(totals, torch.finfo(totals.dtype).min) if self.shifted else None
        for rows, columns in self._blocks():
            block = self._block(rows, columns)
            _add(totals, peaks, rows, block, 1)
            if self.mirrored and rows != columns:
                _add(totals, peaks, columns, block, 0)
            if keep is not None:
                keep.append(block)
        if peaks is None:
            return totals.log(), totals
        none = peaks == torch.finfo(peaks.dtype).min  # no pair counted, whatever specks there are
        result = totals.log_().add_(peaks).masked_fill_(none, -math.inf)
        return result, result

    def backward(
        self, norm: Totals, grad: Totals, kept: list[Tensor] | None, to_y: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The gradients of x and of y; None for y where it is not asked for, or mirrored: then all of it is in x's."""
        share = grad / self.temperature if self.shifted else grad / (norm * self.temperature)
        if self.rules.may_leave_none or self.y.shape[0] == 1:
            none = norm == (-math.inf if self.shifted else 0)
            share = share.masked_fill(none, 0)  # its gradient is 0, and 0/0 must not come up
            norm = norm.masked_fill(none, 0)
        for_x = torch.zeros_like(self.x)
        for_y = torch.zeros_like(self.y) if to_y and not self.mirrored else None
        for number, (rows, columns) in enumerate(self._blocks()):
            block = kept[number] if kept is not None else self._block(rows, columns)
            if self.mirrored:
                weights = self._both_ways(block, norm, share, rows, columns)
                _part(for_x, rows).addmm_(weights, _part(self.x, columns))
                if rows != columns:
                    _part(for_x, columns).addmm_(weights.T, _part(self.x, rows))
                continue
            weights = exponential(block - norm[rows, None]) if self.shifted else block
            _part(for_x, rows).addmm_(weights, _part(self.y, columns))
            if for_y is not None:
                _part(for_y, columns).addmm_(weights.T, share[rows, None] * _part(self.x, rows))
        return (for_x if self.mirrored else for_x.mul_(share[:, None])), for_y

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        anchors, others, chunk = self.x.shape[0], self.y.shape[0], self.chunk
        for top in range(0, anchors, chunk):
            rows = slice(top, min(top + chunk, anchors))
            for left in range(top if self.mirrored else 0, others, chunk):
                yield rows, slice(left, min(left + chunk, others))

    def _block(self, rows: slice, columns: slice) -> Tensor:
        """What both passes need of a block: its logits when shifted, else their exponentials."""
        logits = torch.mm(_part(self.x, rows) * (1 / self.temperature), _part(self.y, columns).T)
        self.rules.blank(logits, rows, columns)
        return logits if self.shifted else logits.exp_()

    def _both_ways(self, block: Tensor, norm: Tensor, share: Tensor, rows: slice, columns: slice) -> Tensor:
        """What the pairs of a block weigh for the anchors of its rows and for those of its columns, in one."""
        if not self.shifted:
            return (block * share[rows, None]).addcmul_(block, share[columns])
        weights = exponential(block - norm[rows, None]).mul_(share[rows, None])
        return weights.addcmul_(exponential(block - norm[columns]), share[columns])


def _add(totals: Totals, peaks: Totals | None, part: slice, block: Tensor, dim: int) -> None:
    """Add a block's sums to a part of `totals`. Peaks: sums of exp(logit - peak), and a higher block lifts the peak."""
    if peaks is None:
        _part(totals, part).add_(block.sum(dim))
        return
    peak, total = _part(peaks, part), _part(totals, part)
    higher = torch.maximum(peak, block.amax(dim))
    total.mul_((peak - higher).exp_()).add_(exponential(block - higher.unsqueeze(dim)).sum(dim))
    peak.copy_(higher)


def exponential(logits: Tensor) -> Tensor:
    """exp of logits that are 0 at most, or near it, in place. -inf gives a speck too: see `LEAST`."""
    return logits.clamp_min_(LEAST[logits.dtype]).exp_()


def _part(rows: Tensor, part: slice) -> Tensor:
    """rows[part], at no cost where that is all of them."""
    return rows if part.stop - part.start == rows.shape[0] else rows[part]
