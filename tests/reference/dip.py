"""The dip of Hartigan & Hartigan 1985 by its definition: a linear programme for each place the peak may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linprog


def dip(values: Sequence[float]) -> float:
    """Least greatest distance to a distribution that is convex up to a value and concave from it; values differ."""
    x = sorted(values)
    return min(_with_peak_at(x, mode) for mode in range(len(x)))


def _with_peak_at(x: Sequence[float], mode: int) -> float:
    n = len(x)
    # Unknown: F at each value up to the peak (before a jump there), F from the peak on (after it), the distance.
    last = n + 1
    rows: list[list[float]] = []
    limits: list[float] = []

    def at_most(terms: Mapping[int, float], limit: float) -> None:
        row = [0.0] * (last + 1)
        for place, factor in terms.items():
            row[place] += factor
        rows.append(row)
        limits.append(limit)

    def near(place: int, value: float) -> None:
        at_most({place: 1, last: -1}, value)
        at_most({place: -1, last: -1}, -value)

    left = list(range(mode + 1))
    right = list(range(mode + 1, n + 1))  # right[k] belongs to value mode + k
    for i in range(n):
        if i <= mode:
            near(left[i], i / n)
        if i < mode:
            near(left[i], (i + 1) / n)
        if i >= mode:
            near(right[i - mode], (i + 1) / n)
        if i > mode:
            near(right[i - mode], i / n)
    at_most({left[mode]: 1, right[0]: -1}, 0)
    for side, first, sign in ((left, 0, 1), (right, mode, -1)):
        for k in range(len(side) - 1):
            at_most({side[k]: 1, side[k + 1]: -1}, 0)
        for k in range(1, len(side) - 1):
            before, after = x[first + k] - x[first + k - 1], x[first + k + 1] - x[first + k]
            slopes = {side[k]: 1 / before + 1 / after, side[k - 1]: -1 / before, side[k + 1]: -1 / after}
            at_most({place: sign * factor for place, factor in slopes.items()}, 0)
    aim = np.zeros(last + 1)
    aim[last] = 1
    found = linprog(aim, A_ub=np.array(rows), b_ub=limits, bounds=[(0, 1)] * last + [(0, None)])
    return float(found.fun)
