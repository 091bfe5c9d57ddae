"""The dip: how far a sample is from every distribution with one peak."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from vergence.metrics.chance import Chance, band

__all__ = ["dip", "dip_by_chance"]

DRAWS = 400
LARGEST = 256
"""Samples are drawn no larger than this for the null; beyond, the dip falls as one over the square root of the size."""

Values = NDArray[np.float64]
Index = NDArray[np.int64]


def dip(values: Values) -> float:
    r"""Least distance between the distribution of a sample and any with one peak.

        dip = min over F with one peak of  max over x of  |F_n(x) - F(x)|

    values: (n,), finite, in any order. F rises convexly up to its peak, and concavely from there.

    Reads 1 / (2n) at least, when the sample has one peak, also when all values are equal; 0.25 at most, for two
    points that hold half each; p / 2 for a share p in one point far from all others, and about p / 4 for a broad heap.

    Equal values count as lying side by side.
    Source: Hartigan & Hartigan 1985, The dip test of unimodality, Annals of Statistics 13, section 3.
    """
    x = _side_by_side(np.sort(np.asarray(values, np.float64)))
    n = len(x)
    if x[0] == x[-1]:
        return 0.5 / n
    above = np.arange(1, n + 1) / n  # the empirical distribution just after each value ...
    below = above - 1 / n  # ... and just before
    low, high = 0, n - 1
    found = 1 / n
    while high > low:
        inside = slice(low, high + 1)
        convex, under = _hull(x[inside], below[inside], 1)
        concave, over = _hull(x[inside], above[inside], -1)
        # The two come furthest apart at a corner of the one or of the other.
        of_convex = over[convex] - below[inside][convex]
        of_concave = above[inside][concave] - under[concave]
        if of_convex.max() > of_concave.max():
            left = int(convex[np.argmax(of_convex)])
            right = int(concave[np.searchsorted(concave, left)])
        else:
            right = int(concave[len(of_concave) - 1 - np.argmax(of_concave[::-1])])
            left = int(convex[np.searchsorted(convex, right, side="right") - 1])
        apart = float(max(of_convex.max(), of_concave.max()))
        if apart <= found:
            break
        found = max(
            found,
            float((above[inside] - under)[: left + 1].max()),
            float((over - below[inside])[right:].max()),
        )
        if left == 0 and right == high - low:
            break
        low, high = low + left, low + right
    return found / 2


def _side_by_side(x: Values) -> Values:
    """Equal values a little apart, within a millionth of the smallest gap there is: each has a place of its own."""
    gaps = np.diff(x)
    if not len(gaps) or gaps.all() or not gaps.any():
        return x
    _, start, counts = np.unique(x, return_index=True, return_counts=True)
    place = np.arange(len(x)) - np.repeat(start, counts)
    spread: Values = x + 1e-6 * gaps[gaps > 0].min() * place / np.repeat(counts, counts)
    return spread


def _hull(x: Values, y: Values, sign: int) -> tuple[Index, Values]:
    """The largest convex function below the points (sign 1), or the smallest concave one above (-1)."""
    corners: list[int] = []
    heights = (sign * y).tolist()
    places = x.tolist()
    for i in range(len(places)):
        while len(corners) > 1:
            a, b = corners[-2], corners[-1]
            rise = (heights[b] - heights[a]) * (places[i] - places[b])
            if rise < (heights[i] - heights[b]) * (places[b] - places[a]):
                break
            corners.pop()
        corners.append(i)
    index = np.array(corners, np.int64)
    return index, np.interp(x, x[index], y[index])


@functools.lru_cache(maxsize=128)
def dip_by_chance(n: int) -> Chance:
    """What `dip` reads for n values of the flattest distribution with one peak, the uniform one.

    Any other with one peak reads less. From 400 draws with a generator of their own, of at most 256 values; above that
    the band is scaled by sqrt(256 / n), its limit. A third of a second, once for each n up to 256.
    """
    size = min(n, LARGEST)
    found = _limit() if n > LARGEST else _drawn(size)
    scale = math.sqrt(size / n)
    return Chance(found.mean * scale, found.low * scale, found.high * scale)


@functools.lru_cache(maxsize=1)
def _limit() -> Chance:
    return _drawn(LARGEST)


def _drawn(size: int) -> Chance:
    random = np.random.default_rng(0)
    return band([dip(random.random(size)) for _ in range(DRAWS)])
