"""Barlow Twins as Zbontar et al. 2021 (arXiv:2103.03230) define it, one number at a time."""

from __future__ import annotations

import math

from torch import Tensor


def standardised(column: list[float], epsilon: float, *, biased: bool = True) -> list[float]:
    """Mean 0, variance 1 (with the epsilon of batch norm under the root); zeros where nothing varies."""
    n = len(column)
    mean = math.fsum(column) / n
    variance = math.fsum((x - mean) ** 2 for x in column) / (n if biased else n - 1)
    return [(x - mean) / math.sqrt(variance + epsilon) if variance else 0.0 for x in column]


def correlation(a: Tensor, b: Tensor, epsilon: float, *, biased: bool = True) -> list[list[float]]:
    """C, columns of a down, columns of b across."""
    first = [standardised(column, epsilon, biased=biased) for column in a.double().T.tolist()]
    second = [standardised(column, epsilon, biased=biased) for column in b.double().T.tolist()]
    return [[math.fsum(x * y for x, y in zip(p, q, strict=True)) / len(p) for q in second] for p in first]


def barlow_twins(a: Tensor, b: Tensor, redundancy: float, epsilon: float = 1e-5, *, biased: bool = True) -> float:
    """The sum over all entries of C."""
    c = correlation(a, b, epsilon, biased=biased)
    every = range(len(c))
    diagonal = math.fsum((1 - c[k][k]) ** 2 for k in every)
    return diagonal + redundancy * math.fsum(c[k][m] ** 2 for k in every for m in every if k != m)
