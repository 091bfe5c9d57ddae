"""Lists that do not grow without end: which entries stay when one is full."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "Thinning"]


class Thinning:
    """Which entries stay when a list is full: the newer half all, of the older half one in `stride`, evenly.

    Entries are numbered from 0 as they come. The first `sparse` held are numbers 0, stride, 2 stride and so on,
    the rest are consecutive up to the newest. So however long a run is, its beginning stays in the picture.
    """

    def __init__(self) -> None:
        self.stride = 1
        self.total = 0
        """How many entries ever came."""
        self.sparse = 0

    def keep(self, held: int) -> NDArray[np.intp]:
        """Positions to keep of `held` entries; at least an eighth of them goes."""
        half = held // 2
        consecutive = np.arange(self.total - (held - self.sparse), self.total)
        numbers = np.concatenate([np.arange(self.sparse) * self.stride, consecutive])[:half]
        kept = np.flatnonzero(numbers % self.stride == 0)
        while len(kept) > 3 * half // 4:
            self.stride *= 2
            kept = np.flatnonzero(numbers % self.stride == 0)
        self.sparse = len(kept)
        return np.concatenate([kept, np.arange(half, held)])


class Column:
    """Two growing arrays, thinned when `limit` entries are reached."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.thinning = Thinning()
        self.count = 0
        self.steps = np.empty(min(256, limit), np.int64)
        self.values = np.empty(min(256, limit), np.float64)

    def add(self, step: int, value: float) -> None:
        """Append one entry."""
        if self.count == len(self.steps):
            if self.count >= self.limit:
                self._thin()
            else:
                size = min(self.limit, 2 * self.count)
                self.steps = np.resize(self.steps, size)
                self.values = np.resize(self.values, size)
        self.steps[self.count] = step
        self.values[self.count] = value
        self.count += 1
        self.thinning.total += 1

    def _thin(self) -> None:
        keep = self.thinning.keep(self.count)
        self.steps[: len(keep)] = self.steps[keep]
        self.values[: len(keep)] = self.values[keep]
        self.count = len(keep)

    def held(self) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        """Steps, values and the stride of what is held."""
        return self.steps[: self.count].copy(), self.values[: self.count].copy(), self.thinning.stride
