"""TwoNN (Facco et al. 2017) and the estimate of Levina & Bickel 2004, distance by distance."""

from __future__ import annotations

import math

from torch import Tensor


def distances(z: Tensor) -> list[list[float]]:
    """Of each row to all others, ascending."""
    rows = z.double().tolist()
    return [
        sorted(math.dist(row, other) for j, other in enumerate(rows) if j != i) for i, row in enumerate(rows)
    ]  # fmt: skip


def two_nn(z: Tensor) -> float:
    """N over the sum of log ratios."""
    ratios = [math.log(near[1] / near[0]) for near in distances(z)]
    return len(ratios) / math.fsum(ratios)


def two_nn_fit(z: Tensor, discard: float) -> float:
    """The slope through the origin, without the largest ratios."""
    ratios = sorted(math.log(near[1] / near[0]) for near in distances(z))
    n = len(ratios)
    kept = list(enumerate(ratios, 1))[: max(1, min(n - 1, int(n * (1 - discard))))]
    heights = [-math.log(1 - rank / n) for rank, _ in kept]
    along = math.fsum(x * y for (_, x), y in zip(kept, heights, strict=True))
    return along / math.fsum(x * x for _, x in kept)


def local(z: Tensor, k: int) -> list[float]:
    """Equation 8."""
    return [
        1 / (math.fsum(math.log(near[k - 1] / near[j]) for j in range(k - 1)) / (k - 1)) for near in distances(z)
    ]  # fmt: skip
