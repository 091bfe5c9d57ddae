"""A straight line through log eigenvalues, by the normal equations, rank by rank."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def eigenvalues(z: Tensor) -> list[float]:
    """Of the covariance, largest first."""
    z = z.double()
    found: list[float] = torch.linalg.svdvals(z - z.mean(0)).square().tolist()
    return found


def exponent(values: Sequence[float], first: int, last: int, *, weighted: bool) -> float:
    """Minus the slope; rank 1 is the largest."""
    a = b = c = d = e = 0.0
    for rank in range(first, last + 1):
        weight = 1 / rank if weighted else 1.0
        x, y = math.log(rank), math.log(values[rank - 1])
        a, b, c = a + weight, b + weight * x, c + weight * x * x
        d, e = d + weight * y, e + weight * x * y
    return -(a * e - b * d) / (a * c - b * b)
