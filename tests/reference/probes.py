"""Probes row by row: the vote of Wu et al. 2018 (arXiv:1805.01978), and ridge by its normal equations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.reference.cosine import cosine

Rows = Sequence[Sequence[float]]


def knn(fit: Rows, classes: Sequence[int], test: Rows, k: int, temperature: float) -> list[int]:
    """The class of each tested row: the k of highest cosine vote with exp(s / temperature)."""
    found = []
    for row in test:
        near = sorted(((cosine(row, other), own) for other, own in zip(fit, classes, strict=True)), reverse=True)[:k]
        votes: dict[int, float] = {}
        for s, own in near:
            votes[own] = votes.get(own, 0.0) + math.exp((s - 1) / temperature)
        found.append(max(sorted(votes), key=lambda own: votes[own]))
    return found


def standardised(fit: NDArray[np.float64], *others: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Features with mean 0 and standard deviation 1 over the rows of `fit`."""
    mean, spread = fit.mean(0), fit.std(0)
    return [(rows - mean) / spread for rows in (fit, *others)]


def ridge(
    fit: NDArray[np.float64], classes: Sequence[int], test: NDArray[np.float64], penalty: float
) -> NDArray[np.int64]:
    """One-hot targets, an intercept that is not penalised, the largest output wins."""
    wanted = np.eye(max(classes) + 1)[list(classes)]
    design = np.column_stack([fit, np.ones(len(fit))])
    shrink = penalty * np.eye(design.shape[1])
    shrink[-1, -1] = 0
    weights = np.linalg.solve(design.T @ design + shrink, design.T @ wanted)
    return np.argmax(np.column_stack([test, np.ones(len(test))]) @ weights, axis=1)
