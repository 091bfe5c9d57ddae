"""What curves need before they are drawn: gaps, fewer points, running means, limits and ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Axis

__all__ = [
    "MOST",
    "Curve",
    "break_gaps",
    "linear_ticks",
    "running_mean",
    "step_axis",
    "thin",
    "tick_text",
    "usual_step",
    "value_axis",
    "window_for",
]

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

MOST = 600
"""Points of one curve at most: about two for each pixel of a panel's width."""

_WINDOWS = tuple(factor * 10**power for power in range(7) for factor in (1, 2.5, 5) if factor * 10**power >= 5)
_STEP_LIMITS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)


def usual_step(steps: NDArray[Any]) -> float:
    """The usual distance between two recorded steps, from a small sample of the newest ones."""
    recent = steps[-257:]
    return float(np.median(np.diff(recent))) if len(recent) > 1 else 1.0


@dataclass(frozen=True)
class Curve:
    """A curve with its gaps. `after`: places of the first value after each; `lost`: steps that fell into them."""

    x: Floats
    y: Floats
    after: tuple[int, ...] = ()
    lost: int = 0


def break_gaps(steps: NDArray[Any], values: NDArray[Any], stride: int = 1) -> Curve:
    """Put a NaN between neighbours that lie further apart than thinning explains: a gap in the record.

    steps, values: (n,) of a `Series`; stride: its stride.
    """
    x = steps.astype(np.float64)
    y = np.asarray(values, np.float64)
    if len(x) < 3:
        return Curve(x, y)
    between = x[1:] - x[:-1]
    usual = usual_step(steps)
    far = np.flatnonzero(between > 2.5 * usual * max(1, stride))
    if len(far) == 0:
        return Curve(x, y)
    return Curve(
        np.insert(x, far + 1, x[far] + usual),
        np.insert(y, far + 1, np.nan),
        tuple((far + 2 + np.arange(len(far))).tolist()),
        int((between[far] / usual - 1).round().sum()),
    )


def thin(x: Floats, y: Floats, most: int = MOST) -> tuple[Floats, Floats]:
    """At most `most` points with the lowest and the highest of every bucket, in their order.

    The first and the newest point are kept exactly. A bucket with a NaN keeps one, so a gap stays a gap.
    """
    count = len(y)
    if count <= most:
        return x, y
    missing = np.isnan(y)
    holes = bool(missing.any())
    buckets = (most - 2) // (3 if holes else 2)
    size = -(-count // buckets)
    buckets = -(-count // size)
    padded = np.full(buckets * size, np.inf)
    padded[:count] = y
    if holes:
        padded[:count][missing] = np.inf
    grid = padded.reshape(buckets, size)
    start = np.arange(buckets) * size
    lowest = start + grid.argmin(axis=1)
    padded[~np.isfinite(padded)] = -np.inf
    highest = start + grid.argmax(axis=1)
    rows = [lowest, highest]
    if holes:
        marks = np.zeros(buckets * size, bool)
        marks[:count] = missing
        hole = marks.reshape(buckets, size)
        rows.append(np.where(hole.any(axis=1), start + hole.argmax(axis=1), lowest))
    index = np.sort(np.stack(rows, axis=1), axis=1).ravel()
    index = np.concatenate(([0], index, [count - 1]))
    index = index[np.concatenate(([True], index[1:] != index[:-1]))]
    return x[index], y[index]


def window_for(count: int) -> int:
    """How many values a running mean takes: about one in fifty of them, a round number, at least 5."""
    fitting = [width for width in _WINDOWS if width <= count / 50]
    return int(fitting[-1]) if fitting else 5


def running_mean(values: Floats, window: int, at: Index, restarts: Sequence[int] = ()) -> Floats:
    """Mean of the finite ones of the last `window` values, at the places `at` (ascending).

    It never reaches back over a place in `restarts`: a change of temperature changes the scale of the
    loss, and a mean over both sides would draw a slope that never happened. NaN where the value is NaN.
    """
    if len(at) == 0:
        return np.empty(0)
    starts = np.maximum(at - window + 1, 0)
    if restarts:
        edges = np.concatenate(([0], np.sort(np.asarray(restarts, np.int64))))
        starts = np.maximum(starts, edges[np.searchsorted(edges, at, side="right") - 1])
    finite = np.isfinite(values)
    whole = bool(finite.all())
    # Sums of slices, not differences of one long sum: one loss of 1e30 must not spoil every later mean.
    bounds = np.stack([starts, at + 1], axis=1).ravel()
    if bounds[-1] == len(values):
        bounds = bounds[:-1]  # the last slice goes to the end anyway
    sums = np.add.reduceat(values if whole else np.where(finite, values, 0.0), bounds)[::2]
    if whole:
        return np.asarray(sums / (at + 1 - starts))
    counts = np.add.reduceat(finite.astype(np.float64), bounds)[::2]
    return np.where(finite[at], sums / np.maximum(counts, 1), np.nan)


def linear_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Three to `most` round numbers from `low` to `high`."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return (low,)
    power = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0):
        step = factor * power
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return tuple(float(f"{index * step:.12g}") + 0.0 for index in range(first, last + 1))
    return (low, high)


def tick_text(ticks: Sequence[float]) -> tuple[str, ...]:
    """Tick labels with as many digits as they need, a real minus and thousands."""
    texts = []
    for tick in ticks:
        if tick != 0 and not 1e-4 <= abs(tick) < 1e7:
            text = f"{tick:.3g}"
        elif tick == int(tick):
            text = f"{int(tick):,}"
        else:
            text = f"{tick:.6g}"
        texts.append(text.replace("-", "−"))
    return tuple(texts)


def step_axis(last: float, total: int | None = None) -> Axis:
    """The axis of steps, from 0 to a round number that moves rarely and does not pass `total`."""
    last = max(1.0, last)
    power = 10.0 ** math.floor(math.log10(last))
    high = next(factor * power for factor in _STEP_LIMITS if last <= factor * power * (1 + 1e-12))
    high = max(4.0, high)
    if total is not None and last <= total < high:
        high = max(4.0, float(total))
    ticks = linear_ticks(0.0, high)
    labels = tick_text(ticks)
    return Axis("", 0.0, high, ticks, (*labels[:-1], f"{labels[-1]} steps"), quantity="step")


def value_axis(name: str, low: float, high: float, *, quantity: str = "", most: int = 5) -> Axis:
    """An axis with round ticks."""
    ticks = linear_ticks(low, high, most)
    return Axis(name, low, high, ticks, tick_text(ticks), quantity=quantity)
