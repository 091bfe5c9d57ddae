"""KoLeo from Sablayrolles et al. 2018 (arXiv:1806.03198), distance by distance."""

from __future__ import annotations

import math

from torch import Tensor


def koleo(z: Tensor) -> float:
    """Minus the mean logarithm of the nearest distance of unit rows; the distance in quadrature with 1e-8."""
    rows = [[x / math.hypot(*row) for x in row] for row in z.double().tolist()]
    nearest = [min(math.dist(p, q) for j, q in enumerate(rows) if j != i) for i, p in enumerate(rows)]
    return -math.fsum(math.log(math.hypot(d, 1e-8)) for d in nearest) / len(rows)
