"""The spectral contrastive loss from HaoChen et al. 2021 (arXiv:2106.04156), pair by pair."""

from __future__ import annotations

import math

from torch import Tensor


def rows_of(z: Tensor, rows: str, limit: float) -> list[list[float]]:
    """Rows as they are, shortened, or of one length."""
    found = []
    for row in z.double().tolist():
        length = math.hypot(*row)
        factor = 1.0
        if rows == "unit" or (rows == "clipped" and length > math.sqrt(limit)):
            factor = math.sqrt(limit) / length
        found.append([factor * x for x in row])
    return found


def spectral_contrastive(a: Tensor, b: Tensor, rows: str, limit: float) -> float:
    """-2 mean of partners + mean square of the others."""
    x, y = rows_of(a, rows, limit), rows_of(b, rows, limit)
    n = len(x)
    dots = [[math.fsum(p * q for p, q in zip(u, v, strict=True)) for v in y] for u in x]
    pull = -2 * math.fsum(dots[i][i] for i in range(n)) / n
    push = math.fsum(dots[i][j] ** 2 for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return (pull + push) / (1.0 if rows == "free" else limit)
