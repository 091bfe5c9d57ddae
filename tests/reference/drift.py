"""Maps between representations by normal equations, and neighbours counted one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes  # type: ignore[import-untyped, unused-ignore]

from tests.reference.cosine import cosine

Floats = NDArray[np.float64]


def linear_residual(a: Floats, b: Floats, fit: list[int], test: list[int], ridge: float) -> float:
    """Ridge with the given penalty, learned on some rows: share of the variance of the others that is left."""
    x, y = a[fit] - a[fit].mean(0), b[fit] - b[fit].mean(0)
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    wanted = b[test] - b[fit].mean(0)
    return float(np.square(wanted - (a[test] - a[fit].mean(0)) @ weights).sum() / np.square(wanted).sum())


def orthogonal_residual(a: Floats, b: Floats, fit: list[int], test: list[int]) -> float:
    """The same for the best rotation and one scale."""
    x, y = a[fit] - a[fit].mean(0), b[fit] - b[fit].mean(0)
    turn, strength = orthogonal_procrustes(x, y)
    wanted = b[test] - b[fit].mean(0)
    said = strength / np.square(x).sum() * (a[test] - a[fit].mean(0)) @ turn
    return float(np.square(wanted - said).sum() / np.square(wanted).sum())


def overlap(a: Floats, b: Floats, k: int) -> float:
    """Mean share of a row's k nearest that are its k nearest in the other representation."""

    def nearest(rows: Floats, i: int) -> set[int]:
        others = sorted((-cosine(rows[i].tolist(), rows[j].tolist()), j) for j in range(len(rows)) if j != i)
        return {j for _, j in others[:k]}

    return float(np.mean([len(nearest(a, i) & nearest(b, i)) / k for i in range(len(a))]))
