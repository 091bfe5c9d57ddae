"""Distances to the nearest rows, exact also between rows that lie very close; and rows that are one and the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vergence.metrics.rows import Floats, typical

__all__ = ["apart", "distinct", "nearest_distances"]

BLOCK = 512
"""Rows compared at a time: the largest matrix is BLOCK x n."""
ROUNDING = 4.0
"""Rows that differ in no column by more than so many eps of its number cannot be told from rows that are one."""
MORE = 4
"""Neighbours looked at beyond those asked for: the order that a matrix product gives is only right to 1e-8."""

Index = NDArray[np.int64]


def distinct(rows: Floats) -> tuple[Index, Index]:
    """Row numbers of the first of each kind of row, ascending, and for every row which of those it equals."""
    whole = np.ascontiguousarray(rows + 0.0)  # makes -0.0 a 0.0, so that rows of equal numbers have equal bytes
    keys = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).reshape(-1)
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[member.reshape(-1)].astype(np.int64)


def apart(rows: Floats, eps: float) -> tuple[Index, Index]:
    """As `distinct`, for rows that differ: of those that only rounding to a precision of `eps` parts, one stays."""
    n = len(rows)
    everything = np.arange(n, dtype=np.int64)
    if n < 2:
        return everything, everything
    size = np.abs(rows)
    # Column by column: a number is rounded in proportion to itself, or to those it was summed of.
    reach = ROUNDING * eps * np.maximum(size, typical(size))
    alike = nearest_distances(rows, 1)[:, 0] <= np.sqrt(np.square(reach).sum(1))
    if not alike.any():
        return everything, everything
    kept: list[int] = []
    stands_for = everything.copy()
    for row in np.flatnonzero(alike).tolist():
        same = (np.abs(rows[kept] - rows[row]) <= reach[row]).all(1) if kept else np.empty(0, bool)
        if same.any():
            stands_for[row] = kept[int(same.argmax())]
        else:
            kept.append(row)
    first = np.unique(stands_for)
    return first, np.searchsorted(first, stands_for).astype(np.int64)


def nearest_distances(rows: Floats, k: int) -> Floats:
    """(n, k) distances of each row to its k nearest others, ascending. 1 <= k < n."""
    n = len(rows)
    rows = rows - rows.mean(0)
    squares = np.square(rows).sum(1)
    take = min(n - 1, k + MORE)
    found = np.empty((n, k))
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        apart = squares - 2 * (rows[start:stop] @ rows.T)  # the row's own square does not change the order
        apart[np.arange(stop - start), np.arange(start, stop)] = np.inf
        near = np.argpartition(apart, take - 1, axis=1)[:, :take]
        exact = np.empty((stop - start, take))
        for column in range(take):  # from differences, which keep the digits that the product loses
            exact[:, column] = np.square(rows[start:stop] - rows[near[:, column]]).sum(1)
        exact.sort(axis=1)
        found[start:stop] = np.sqrt(exact[:, :k])
    return found
