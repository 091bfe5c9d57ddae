"""W-MSE from Ermolov et al. 2020 (arXiv:2007.06346): Cholesky by hand, forward substitution row by row."""

from __future__ import annotations

import math

from torch import Tensor


def cholesky(matrix: list[list[float]]) -> list[list[float]]:
    """The lower triangular root."""
    n = len(matrix)
    root = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(root[i][k] * root[j][k] for k in range(j))
            root[i][j] = math.sqrt(rest) if i == j else rest / root[j][j]
    return root


def whiten(z: Tensor, shrink: float = 0.0) -> list[list[float]]:
    """Each centred row, with the root taken off by forward substitution."""
    rows = z.double().tolist()
    n, d = len(rows), len(rows[0])
    mean = [math.fsum(row[k] for row in rows) / n for k in range(d)]
    centred = [[row[k] - mean[k] for k in range(d)] for row in rows]
    covariance = [
        [
            (1 - shrink) * math.fsum(row[k] * row[m] for row in centred) / (n - 1) + (shrink if k == m else 0.0)
            for m in range(d)
        ]
        for k in range(d)
    ]
    root = cholesky(covariance)
    found = []
    for row in centred:
        white: list[float] = []
        for k in range(d):
            white.append((row[k] - math.fsum(root[k][m] * white[m] for m in range(k))) / root[k][k])
        found.append(white)
    return found


def w_mse(a: Tensor, b: Tensor, shrink: float = 0.0) -> float:
    """2 - 2 cosine of whitened partners."""
    total = []
    for p, q in zip(whiten(a, shrink), whiten(b, shrink), strict=True):
        dot = math.fsum(x * y for x, y in zip(p, q, strict=True))
        total.append(2 - 2 * dot / (math.hypot(*p) * math.hypot(*q)))
    return math.fsum(total) / len(total)
