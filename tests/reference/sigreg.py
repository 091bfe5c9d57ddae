"""SIGReg and LeJEPA from Balestriero & LeCun 2025 (arXiv:2511.08544), with complex numbers, one row at a time."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

from torch import Tensor


def statistic(x: Sequence[float], knots: int = 17) -> float:
    """Epps and Pulley: N times the weighted distance of the characteristic functions, trapezoids on [-3, 3]."""
    step = 3 / (knots - 1)
    grid = [k * step for k in range(-(knots - 1), knots)]

    def height(t: float) -> float:
        seen = sum(cmath.exp(1j * t * value) for value in x) / len(x)
        gauss = math.exp(-t * t / 2)
        return abs(seen - gauss) ** 2 * gauss

    heights = [height(t) for t in grid]
    return len(x) * step * (math.fsum(heights) - (heights[0] + heights[-1]) / 2)


def sigreg(z: Tensor, directions: Tensor, knots: int = 17) -> float:
    """Its mean over directions, each brought to length 1."""
    rows = z.double().tolist()
    values = []
    for column in directions.double().T.tolist():
        length = math.hypot(*column)
        along = [math.fsum(p * q / length for p, q in zip(row, column, strict=True)) for row in rows]
        values.append(statistic(along, knots))
    return math.fsum(values) / len(values)


def le_jepa(views: Sequence[Tensor], directions: Tensor, weight: float, knots: int = 17) -> float:
    """Squared distance to the views' mean, and SIGReg of each view."""
    flat = [view.double().flatten().tolist() for view in views]
    means = [math.fsum(entry) / len(entry) for entry in zip(*flat, strict=True)]
    apart = math.fsum((x - m) ** 2 for entries in flat for x, m in zip(entries, means, strict=True))
    shape = math.fsum(sigreg(view, directions, knots) for view in views) / len(views)
    return (1 - weight) * apart / (len(flat) * len(means)) + weight * shape
