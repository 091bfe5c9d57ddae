"""Whether rows that are said to belong together do: scatter within groups against what shuffled rows would show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vergence.metrics.chance import Chance
from vergence.metrics.rows import Floats

__all__ = ["Grouping", "grouping"]

ALMOST_ALL = 0.9999
"""Of shuffled batches lie above the line that a batch has to stay under."""
AS_LARGE = 0.95
"""Scatter within groups that counts as all of it, also where many rows make a smaller difference certain: rows that are
grouped wrongly but in a regular way (every 200th) differ from shuffled ones by a little."""


@dataclass(frozen=True)
class Grouping:
    """How much of the scatter lies within groups, and how much would if rows had been dealt out at random."""

    within: float
    """Variance within groups over the variance of all rows, both unbiased: 0 when each group is one point, 1 when rows
    of a group are no closer than any."""
    null: Chance
    """Of `within`, for the same rows shuffled."""
    limit: float
    """0.95, or less where that is not rare: one in 10,000 shuffled batches reads less at most."""
    score: float
    """How many standard deviations of shuffled batches lie between `within` and their mean, 1."""

    @property
    def grouped(self) -> bool:
        """Rows of a group are closer than chance would have them."""
        return self.within < self.limit


def grouping(rows: Floats, member: NDArray[np.int64]) -> Grouping:
    r"""The test. rows: (n, dim), n >= 4; member: (n,), groups numbered from 0, at least one of two rows or more.

        R = sum over groups of  size |mean of group - mean|^2  /  sum over rows of |row - mean|^2

    is the share of scatter *between* groups. Over all ways to deal the same rows into groups of the same sizes its mean
    is (groups - 1) / (n - 1), and its variance is a closed form in both matrices' traces; its law is taken for a
    Gamma's. No draws, and nothing is assumed of the rows.

    Source: Anderson 2001 for the test, Kazi-Aoual et al. 1995 for the moments.
    """
    n = len(rows)
    sizes = np.bincount(member).astype(np.float64)
    around = rows - rows[0]
    around = around - around.mean(0)
    around /= np.abs(around).max() or 1.0
    sums = np.zeros((len(sizes), rows.shape[1]))
    np.add.at(sums, member, around)
    total = float(np.square(around).sum())
    groups = len(sizes)
    # Variance within and of all rows, each over its degrees of freedom.
    share = float((np.square(sums).sum(1) / sizes).sum()) / total if total else 0.0
    free = (n - 1) / (n - groups)
    within = max(0.0, (1 - share) * free) if total else 0.0
    mean = (groups - 1) / (n - 1)
    sd = math.sqrt(_variance(around, sizes)) / total if total else 0.0
    if sd == 0:
        return Grouping(within, Chance(1.0, 1.0, 1.0), AS_LARGE, 0.0)
    from scipy.special import gammaincinv  # type: ignore[import-untyped, unused-ignore]

    # Quantiles of a Gamma distribution; scipy.stats has them too, and takes half a second to load.
    shape, scale = (mean / sd) ** 2, sd**2 / mean
    low, high, limit = (
        float((1 - scale * gammaincinv(shape, share_of)) * free) for share_of in (0.975, 0.025, ALMOST_ALL)
    )
    return Grouping(within, Chance(1.0, low, high), min(limit, AS_LARGE), (share - mean) / sd)


def _variance(around: Floats, sizes: Floats) -> float:
    """Of tr(A P G P'), A the projection on groups, G the Gram matrix, both centred, P a random permutation."""
    n = len(around)
    a = _Traces(len(sizes) - 1.0, len(sizes) - 1.0, float((sizes * np.square(1 / sizes - 1 / n)).sum()))
    small = around.T @ around if around.shape[1] <= n else around @ around.T
    lengths = np.square(around).sum(1)
    g = _Traces(float(lengths.sum()), float(np.square(small).sum()), float(np.square(lengths).sum()))
    first = 2 * a.spread(n) * g.spread(n) / ((n - 1) ** 2 * (n + 1) * (n - 2))
    second = a.corners(n) * g.corners(n) / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    return max(0.0, first + second)


@dataclass(frozen=True)
class _Traces:
    """Of a centred symmetric matrix: its trace, the trace of its square, the sum of its squared diagonal."""

    trace: float
    square: float
    diagonal: float

    def spread(self, n: int) -> float:
        return (n - 1) * self.square - self.trace**2

    def corners(self, n: int) -> float:
        return n * (n + 1) * self.diagonal - (n - 1) * (self.trace**2 + 2 * self.square)
