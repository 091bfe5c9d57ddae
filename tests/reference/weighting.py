"""Pair weights by moving one cosine at a time, as their definition in Wang et al. 2019 (arXiv:1904.06627) reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from tests.reference.cosine import cosine

Matrix = list[list[float]]


def pair_weights(function: Callable[[Matrix], float], rows: Tensor, columns: Tensor, step: float = 1e-5) -> Matrix:
    """The slope of `function`, a Python function of nested lists, along each entry of the cosine matrix."""
    left: Sequence[Sequence[float]] = rows.double().tolist()
    right: Sequence[Sequence[float]] = columns.double().tolist()
    s = [[cosine(x, y) for y in right] for x in left]
    weights: Matrix = []
    for i in range(len(left)):
        weights.append([])
        for j in range(len(right)):
            middle = s[i][j]
            s[i][j] = middle + step
            above = function(s)
            s[i][j] = middle - step
            below = function(s)
            s[i][j] = middle
            weights[-1].append((above - below) / (2 * step))
    return weights
