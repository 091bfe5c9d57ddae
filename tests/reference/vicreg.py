"""VICReg as Bardes et al. 2021 (arXiv:2105.04906) define it, one number at a time."""

from __future__ import annotations

import math

from torch import Tensor


def _cov(x: list[float], y: list[float]) -> float:
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    return math.fsum((p - mean_x) * (q - mean_y) for p, q in zip(x, y, strict=True)) / (len(x) - 1)


def invariance(a: Tensor, b: Tensor) -> float:
    """Mean squared difference over rows and columns."""
    pairs = zip(a.double().flatten().tolist(), b.double().flatten().tolist(), strict=True)
    return math.fsum((p - q) ** 2 for p, q in pairs) / a.numel()


def variance(z: Tensor) -> float:
    """Mean hinge of the columns' standard deviations at 1."""
    columns = z.double().T.tolist()
    return math.fsum(max(0.0, 1 - math.sqrt(_cov(c, c) + 1e-4)) for c in columns) / len(columns)


def covariance(z: Tensor) -> float:
    """Squared covariances of different columns, summed, over the number of columns."""
    columns = z.double().T.tolist()
    every = range(len(columns))
    return math.fsum(_cov(columns[k], columns[m]) ** 2 for k in every for m in every if k != m) / len(columns)


def vicreg(a: Tensor, b: Tensor, of_invariance: float, of_variance: float, of_covariance: float) -> float:
    """The weighted sum, with the variances halved as in the authors' code."""
    return (
        of_invariance * invariance(a, b)
        + of_variance * (variance(a) + variance(b)) / 2
        + of_covariance * (covariance(a) + covariance(b))
    )
