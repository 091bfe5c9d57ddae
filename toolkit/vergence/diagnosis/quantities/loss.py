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


def near_chance(lens: Lens, place: str) -> Series | None:
    """The same; of a loss without a known floor, loss over chance, where that is positive: 1 at chance, too."""
    del place
    found = lens.series("loss/above_floor")
    if len(found):
        return found
    loss, chance = lens.series("loss"), lens.series("loss/chance")
    if not len(loss) or not len(chance) or len(lens.series("loss/floor")):
        return None
    line = aligned(chance, loss.steps, backwards=True)
    share = np.divide(smoothed(loss.values, 10), line, out=np.full(len(loss), np.nan), where=line > 0)
    return Series(loss.steps, share, loss.stride)


def order(lens: Lens, place: str) -> Series | None:
    """How often a partner is nearer than a stranger; unmeasured, what the loss lets one expect: a half at chance."""
    del place
    measured, loss = lens.series("similarity/z/auc"), lens.series("loss/near_chance")
    if len(measured) or not len(loss):
        return measured if len(measured) else None
    return Series(loss.steps, 1 - np.clip(loss.values, 0, 1) / 2)


def smooth(lens: Lens, place: str) -> Series | None:
    """The loss, the mean of the last ten steps."""
    del place
    loss = lens.series("loss")
    return Series(loss.steps, smoothed(loss.values, 10), loss.stride) if len(loss) else None


def smoothed(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The mean of the last `count` values at each place; of fewer at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - count, 0)
    means: NDArray[np.float64] = (sums[ends] - sums[begins]) / (ends - begins)
    return means


QUANTITIES: dict[str, Quantity] = {
    "loss/above_floor": loss_above_floor,
    "loss/near_chance": near_chance,
    "loss/order": order,
    "loss/smooth": smooth,
}
