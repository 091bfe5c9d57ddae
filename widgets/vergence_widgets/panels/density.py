"""From exact counts of cosines to densities that can be drawn and compared."""

from __future__ import annotations

import math
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["CENTRES", "MOST_ROWS", "RIDGE_X", "density", "row", "rows_at", "smoothing"]

Floats = NDArray[np.float64]

BINS = 512
"""Counts come binned like this: 512 equal bins on [-1, 1]."""
WIDTH = 2.0 / BINS
CENTRES: Floats = np.linspace(-1 + WIDTH / 2, 1 - WIDTH / 2, BINS, dtype=np.float64)
FOLD = 4
"""A ridge row is a few pixels high: every four bins become one point."""
RIDGE_X: Floats = CENTRES.reshape(-1, FOLD).mean(axis=1)
MOST_ROWS = 9
ROW_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Row:
    """The two densities of one step, on `RIDGE_X`."""

    step: int
    positive: Floats
    negative: Floats


_rows: weakref.WeakKeyDictionary[Any, dict[tuple[str, int, float], Row]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def smoothing(counts: NDArray[Any]) -> float:
    """The standard deviation of the kernel: the rule of thumb, at least one bin, at most 0.1.

    Source: Silverman 1986, eq. 3.31, 0.9 min(sd, IQR / 1.34) n^(-1/5); n pairs stand for n values.
    """
    total = float(counts.sum())
    if total < 2:
        return WIDTH
    below = np.cumsum(counts) / total
    quarter, three = np.searchsorted(below, (0.25, 0.75)).tolist()
    mean = float(counts @ CENTRES) / total
    spread = math.sqrt(max(0.0, float(counts @ (CENTRES - mean) ** 2) / total))
    middle = (three - quarter + 1) * WIDTH / 1.34
    return min(0.1, max(WIDTH, float(0.9 * min(spread, middle) * total**-0.2)))


def density(counts: NDArray[Any], kernel: float | None = None) -> Floats:
    """Counts as a density on `CENTRES`: smoothed, and the area under it is 1.

    What a kernel would carry past -1 or 1, where no cosine can be, is folded back.
    """
    total = float(counts.sum())
    if total <= 0:
        return np.zeros(BINS)
    kernel = smoothing(counts) if kernel is None else kernel
    reach = min(BINS, max(1, math.ceil(3.5 * kernel / WIDTH)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * WIDTH / kernel) ** 2)
    weights /= weights.sum()
    values = counts / (total * WIDTH)
    folded = np.concatenate((values[:reach][::-1], values, values[BINS - reach :][::-1]))
    return np.convolve(folded, weights, "valid")


def rows_at(steps: tuple[int, ...]) -> tuple[int, ...]:
    """At most nine of the recorded steps, newest first: the newest, the first, and round numbers between.

    The round numbers are evenly spaced and stay where they are as the run goes on, so the rows of a
    live ridge do not slide.
    """
    if len(steps) <= MOST_ROWS:
        return tuple(reversed(steps))
    first, last = steps[0], steps[-1]
    span = last - first
    power = 10.0 ** math.floor(math.log10(span / (MOST_ROWS - 1)))
    spacing = next(step for factor in (*ROW_STEPS, 15.0, 20.0) if span / (step := factor * power) <= MOST_ROWS - 1)
    known = np.asarray(steps)
    chosen = [first]
    for target in np.arange(math.ceil(first / spacing), last / spacing) * spacing:
        nearest = int(known[min(int(np.searchsorted(known, target)), len(known) - 1)])
        if min(nearest - chosen[-1], last - nearest) >= 0.5 * spacing:
            chosen.append(nearest)
    chosen.append(last)
    return tuple(reversed(chosen))


def row(history: History, frame: Frame, place: str) -> Row:
    """The densities of one frame; kept, because a ridge shows the same past frames at every tick."""
    key = (place, frame.step, frame.time)
    with _lock:
        kept = _rows.setdefault(history, {})
        found = kept.get(key)
    if found is None:
        pair = (_folded(frame.arrays.get(name)) for name in ("positive", "negative"))
        found = Row(frame.step, *pair)
        with _lock:
            if len(kept) > 20 * MOST_ROWS:
                kept.clear()
            kept[key] = found
    return found


def _folded(counts: NDArray[Any] | None) -> Floats:
    if counts is None:
        return np.zeros(len(RIDGE_X))
    return np.asarray(density(counts).reshape(-1, FOLD).mean(axis=1))
