"""Effective entropy from Chakraborty et al. 2024 (arXiv:2411.15931), gap by gap."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tests.reference.vicreg import covariance


def marginal_entropy(column: Sequence[float]) -> float:
    """Vasicek's estimate with m = sqrt(N)."""
    x, n = sorted(column), len(column)
    m = round(math.sqrt(n))
    return math.fsum(math.log((n + 1) / m * (x[i + m] - x[i]) + 1e-7) for i in range(n - m)) / (n - m)


def squashed(z: Tensor, squash: str) -> Tensor:
    """Number by number into (0, 1)."""
    found = []
    for row in z.double().tolist():
        if squash == "sigmoid":
            found.append([1 / (1 + math.exp(-x)) for x in row])
        else:
            scale = math.sqrt(len(row)) / math.hypot(*row)
            found.append([(1 + math.erf(scale * x / math.sqrt(2))) / 2 for x in row])
    return torch.tensor(found, dtype=torch.float64)


def effective_entropy(views: Sequence[Tensor], entropy: float, decorrelation: float, squash: str) -> float:
    """Minus mean entropy, plus the views' covariances."""
    cubes = [squashed(view, squash) for view in views]
    entropies = [marginal_entropy(column) for cube in cubes for column in cube.T.tolist()]
    mean = math.fsum(entropies) / len(entropies)
    return -entropy * mean + decorrelation * math.fsum(covariance(cube) for cube in cubes)
