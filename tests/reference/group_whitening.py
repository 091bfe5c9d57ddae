"""Group whitening from Zhuo et al. 2023 (arXiv:2305.17746): one group after the other, by eigenvectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def group_whiten(z: Tensor, groups: int, columns: Sequence[int] | None = None) -> list[list[float]]:
    """Each group centred and multiplied with the inverse symmetric root of its covariance."""
    rows = z.double().numpy()
    order = list(range(rows.shape[1])) if columns is None else list(columns)
    size = len(order) // groups
    found = np.zeros_like(rows)
    for start in range(0, len(order), size):
        mine = order[start : start + size]
        centred = rows[:, mine] - rows[:, mine].mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred / len(rows))
        found[:, mine] = centred @ sum(
            np.outer(vector, vector) / np.sqrt(value) for value, vector in zip(values, vectors.T, strict=True)
        )
    listed: list[list[float]] = found.tolist()
    return listed
