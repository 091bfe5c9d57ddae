"""The MW loss of Sheikholeslami et al. 2025 (arXiv:2510.00137), and the area under the ROC curve it bounds."""

from __future__ import annotations

import math

from torch import Tensor

from tests.reference.cosine import cosine


def scores(a: Tensor, b: Tensor) -> tuple[list[float], list[float]]:
    """Cosines of partners, and of all other pairs across the views."""
    x, y = a.double().tolist(), b.double().tolist()
    positive = [cosine(p, q) for p, q in zip(x, y, strict=True)]
    negative = [cosine(p, q) for i, p in enumerate(x) for j, q in enumerate(y) if i != j]
    return positive, negative


def mann_whitney(a: Tensor, b: Tensor, temperature: float) -> float:
    """Mean over all pairs of a positive and a negative."""
    positive, negative = scores(a, b)
    total = math.fsum(_log1p_exp((n - p) / temperature) for p in positive for n in negative)
    return total / len(positive) / len(negative)


def area_under_curve(a: Tensor, b: Tensor) -> float:
    """Share of pairs of a positive and a negative in which the positive is larger; a tie counts half."""
    positive, negative = scores(a, b)
    won = math.fsum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / len(positive) / len(negative)


def _log1p_exp(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
