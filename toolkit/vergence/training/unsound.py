"""Unsound: how many of the newest losses are no numbers."""

from __future__ import annotations

import math
from collections import deque

__all__ = ["STEPS", "Unsound"]

STEPS = 100
"""The share is of so many newest steps, or of all there were."""


class Unsound:
    """Told every loss, says the share of those that are NaN or infinite, whenever it has become another."""

    def __init__(self) -> None:
        self._newest: deque[bool] = deque(maxlen=STEPS)
        self._bad = 0
        self._share: float | None = None

    def seen(self, loss: float) -> float | None:
        """The share, 0 to 1, with this one; None where it is what it was."""
        if len(self._newest) == STEPS:
            self._bad -= self._newest[0]
        self._newest.append(not math.isfinite(loss))
        self._bad += self._newest[-1]
        share = self._bad / len(self._newest)
        if share == self._share:
            return None
        self._share = share
        return share
