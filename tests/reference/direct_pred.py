"""DirectPred as Tian et al. 2021 (arXiv:2102.06810) have it: eigenvectors one by one, by power iteration."""

from __future__ import annotations

import math

from torch import Tensor

Matrix = list[list[float]]


def correlation(z: Tensor) -> Matrix:
    """Mean of z z' over rows."""
    rows = z.double().tolist()
    dim = len(rows[0])
    return [[math.fsum(row[k] * row[m] for row in rows) / len(rows) for m in range(dim)] for k in range(dim)]


def eigen(matrix: Matrix) -> list[tuple[float, list[float]]]:
    """Eigenvalues, largest first, with unit eigenvectors: power iteration, then the found direction is taken off."""
    dim = len(matrix)
    rest = [list(row) for row in matrix]
    found: list[tuple[float, list[float]]] = []
    for number in range(dim):
        vector = [math.sin(1.0 + number + 2.3 * k) for k in range(dim)]
        value = 0.0
        for _ in range(3000):
            for _, other in found:
                along = math.fsum(x * y for x, y in zip(vector, other, strict=True))
                vector = [x - along * y for x, y in zip(vector, other, strict=True)]
            moved = [math.fsum(m * x for m, x in zip(row, vector, strict=True)) for row in rest]
            length = math.sqrt(math.fsum(x * x for x in moved))
            if length < 1e-14:
                length = math.sqrt(math.fsum(x * x for x in vector))
                moved = vector
                value = 0.0
            else:
                value = length
            vector = [x / length for x in moved]
        found.append((value, vector))
    return found


def direct_pred(matrix: Matrix, epsilon: float, relative: bool) -> Matrix:
    """U diag(p) U'."""
    pairs = eigen(matrix)
    top = max(value for value, _ in pairs)
    dim = len(matrix)
    made = [[0.0] * dim for _ in range(dim)]
    for value, vector in pairs:
        p = math.sqrt(value / top) + epsilon if relative else math.sqrt(value) + epsilon * top
        for k in range(dim):
            for m in range(dim):
                made[k][m] += p * vector[k] * vector[m]
    return made
