"""Reading a number, row by row: ridge refitted for every group that is left out, and a vote of neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.reference.cosine import cosine

Rows = NDArray[np.float64]


def ridge(fit: Rows, y: NDArray[np.float64], test: Rows, penalty: float) -> NDArray[np.float64]:
    """Normal equations with an intercept that is not penalised."""
    design = np.column_stack([fit, np.ones(len(fit))])
    shrink = penalty * np.eye(design.shape[1])
    shrink[-1, -1] = 0
    weights = np.linalg.solve(design.T @ design + shrink, design.T @ y)
    return np.column_stack([test, np.ones(len(test))]) @ weights


def left_out(fit: Rows, y: NDArray[np.float64], groups: Sequence[int], penalty: float) -> float:
    """Mean square error of each group by a fit without it."""
    total = 0.0
    for group in set(groups):
        out = np.asarray([own == group for own in groups])
        total += float(((ridge(fit[~out], y[~out], fit[out], penalty) - y[out]) ** 2).sum())
    return total / len(y)


def knn(fit: Sequence[Sequence[float]], y: Sequence[float], test: Rows, k: int, temperature: float) -> list[float]:
    """Mean of the values of the k rows of highest cosine, weighted by exp(s / temperature)."""
    said = []
    for row in test.tolist():
        near = sorted(((cosine(row, other), own) for other, own in zip(fit, y, strict=True)), reverse=True)[:k]
        weights = [math.exp((s - 1) / temperature) for s, _ in near]
        said.append(sum(w * own for w, (_, own) in zip(weights, near, strict=True)) / sum(weights))
    return said


def r2(said: Sequence[float], true: Sequence[float], mean: float) -> float:
    """1 for no error, 0 for that of always saying `mean`."""
    wrong = sum((t - s) ** 2 for s, t in zip(said, true, strict=True))
    return 1 - wrong / sum((t - mean) ** 2 for t in true)
