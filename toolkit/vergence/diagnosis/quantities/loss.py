"""Of the loss: where it lies between its floor and chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.record.history import Series

__all__ = ["QUANTITIES"]


def loss_above_floor(lens: Lens, place: str) -> Series | None:
    """Where the loss lies between its floor (0) and chance (1); the mean of the last ten steps."""
    del place
    loss, chance, floor = lens.series("loss"), lens.series("loss/chance"), lens.series("loss/floor")
    if not len(loss) or not len(chance) or not len(floor):
        return None
    values = smoothed(loss.values, 10)
    low, high = aligned(floor, loss.steps, backwards=True), aligned(chance, loss.steps, backwards=True)
    width = high - low
    return Series(loss.steps, np.divide(values - low, width, out=np.full_like(values, np.nan), where=width > 0))


def smoothed(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The mean of the last `count` values at each place; of fewer at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - count, 0)
    means: NDArray[np.float64] = (sums[ends] - sums[begins]) / (ends - begins)
    return means


QUANTITIES: dict[str, Quantity] = {
    "loss/above_floor": loss_above_floor,
}
