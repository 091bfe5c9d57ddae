"""The quadratic Wasserstein distance of Fang et al. 2024 (arXiv:2403.00642), with covariances entry by entry."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def distance(z: Tensor) -> float:
    """Theorem 3 for the mean and the covariance of the unit rows."""
    rows = [[x / math.hypot(*row) for x in row] for row in z.double().tolist()]
    n, dim = len(rows), len(rows[0])
    mean = [math.fsum(row[k] for row in rows) / n for k in range(dim)]
    covariance = [
        [math.fsum((row[j] - mean[j]) * (row[k] - mean[k]) for row in rows) / n for k in range(dim)] for j in range(dim)
    ]
    values = torch.linalg.eigvalsh(torch.tensor(covariance, dtype=torch.float64)).tolist()
    roots = math.fsum(math.sqrt(max(value, 0.0)) for value in values)
    trace = math.fsum(covariance[k][k] for k in range(dim))
    squared = math.fsum(x * x for x in mean) + 1 + trace - 2 / math.sqrt(dim) * roots
    return math.sqrt(max(squared, 0.0))
