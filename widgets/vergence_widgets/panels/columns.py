"""Spectra through time as the columns of a heat strip."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.curves import usual_step
from vergence_widgets.panels.layers.heat import NOTHING, STOPS

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["MOST_COLUMNS", "Columns", "chosen", "gather", "held"]

Floats = NDArray[np.float64]

MOST_COLUMNS = 120
COARSE = 1e-3
"""Rounding of rows in half precision: values under it are not known to be as small as the darkest colour says."""
TINY = 1e-12
MOST_ROWS = 64
"""A strip is about 60 px high; several values in one row are averaged in their logarithm."""

_rows: weakref.WeakKeyDictionary[Any, dict[tuple[str, int, float, int], NDArray[np.float32]]] = (
    weakref.WeakKeyDictionary()
)
_made: weakref.WeakKeyDictionary[Any, dict[str, tuple[tuple[object, ...], Columns]]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True)
class Columns:
    """Singular values through time: log10 of them, NaN where there is none."""

    steps: Floats
    """(columns,) NaN is a gap in the record."""
    edges: Floats
    """(columns + 1,)"""
    rows: Floats
    """(rows + 1,) edges on the axis of indices."""
    logs: NDArray[np.float32]
    """(rows, columns)"""
    length: int
    """How many singular values there are, at most."""

    def quantised(self, low: float, high: float) -> NDArray[np.uint8]:
        """As even steps of the logarithm from `low` to `high`; what is outside takes the colour of the end.

        So does what is rounding, where rounding begins under `low`; elsewhere it is not known, and is nothing.
        """
        bottom, top = np.log10(low), np.log10(high)
        known = np.isfinite(self.logs)
        part = np.clip((np.where(known, self.logs, bottom) - bottom) / (top - bottom), 0, 1)
        return np.where(known, np.rint(STOPS * part), NOTHING).astype(np.uint8)


def gather(history: History, kind: str) -> Columns | None:
    """The frames of a kind as columns, at most `MOST_COLUMNS`, from the first to the newest; None without frames."""
    steps = history.frames(kind)
    newest = held(history, kind, steps[-1]) if steps else None
    if newest is None:
        return None
    # A picture is made more often than a frame comes.
    same = (steps[0], steps[-1], len(steps), newest.time)
    with _lock:
        known = _made.setdefault(history, {}).get(kind)
    if known is not None and known[0] == same:
        return known[1]
    found = _gather(history, kind, steps)
    if found is not None:
        with _lock:
            _made.setdefault(history, {})[kind] = (same, found)
    return found


def _gather(history: History, kind: str, steps: tuple[int, ...]) -> Columns | None:
    frames = [frame for step in chosen(steps) if (frame := held(history, kind, step)) is not None]
    if not frames:
        return None
    length = max(len(frame.arrays["singular"]) for frame in frames)
    known = [_row(history, frame, kind, length) for frame in frames]
    at = [float(frame.step) for frame in frames]
    usual = usual_step(np.asarray(steps)) * history.frame_stride(kind)
    # Between two chosen steps that are no neighbours in the record lies at most as much as was left out on purpose.
    jump = max(1, -(-len(steps) // MOST_COLUMNS))
    shown: list[float] = []
    edges: list[float] = [at[0]]
    logs: list[NDArray[np.float32]] = []
    nothing = np.full_like(known[0], np.nan)
    for index, step in enumerate(at):
        shown.append(step)
        logs.append(known[index])
        if index + 1 == len(at):
            edges.append(step)
            continue
        after = at[index + 1]
        if after - step > 2.5 * usual * jump:
            edges += [step + usual / 2, after - usual / 2]
            shown.append(np.nan)
            logs.append(nothing)
        else:
            edges.append((step + after) / 2)
    if len(at) == 1 or edges[0] == edges[-1]:
        edges = [at[0] - 0.5, at[0] + 0.5]
    count = len(known[0])
    rows = np.linspace(0.5, length + 0.5, count + 1)
    return Columns(np.asarray(shown), np.asarray(edges), rows, np.stack(logs, axis=1), length)


def chosen(steps: tuple[int, ...]) -> tuple[int, ...]:
    """Which of the recorded steps become columns: evenly many, and the first and the newest.

    The ones between are at fixed places of the record, so that a live strip does not shimmer.
    """
    if len(steps) <= MOST_COLUMNS:
        return steps
    jump = -(-len(steps) // MOST_COLUMNS)
    kept = steps[::jump]
    return kept if kept[-1] == steps[-1] else (*kept, steps[-1])


def held(history: History, kind: str, step: int) -> Frame | None:
    """A frame, or None when it was thinned away between listing and reading."""
    try:
        return history.frame(kind, step)
    except ValueError:
        return None


def _row(history: History, frame: Frame, kind: str, length: int) -> NDArray[np.float32]:
    """log10 of one frame's values in at most `MOST_ROWS` rows; kept, because a strip shows the same past each tick."""
    key = (kind, frame.step, frame.time, length)
    with _lock:
        found = _rows.setdefault(history, {}).get(key)
    if found is not None:
        return found
    values = np.asarray(frame.arrays["singular"], np.float64)
    floor = float(frame.meta.get("floor") or 0.0)
    logs = np.full(length, np.nan)
    logs[: len(values)] = np.log10(np.where(values > floor, values, max(floor, TINY)))
    if floor > COARSE:
        logs[: len(values)][values <= floor] = np.nan
    count = min(length, MOST_ROWS)
    if count < length:
        place = np.arange(length) * count // length
        known = np.isfinite(logs)
        total = np.bincount(place, np.where(known, logs, 0.0), count)
        number = np.bincount(place, known, count)
        logs = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    made = logs.astype(np.float32)
    with _lock:
        kept = _rows.setdefault(history, {})
        if len(kept) > 20 * MOST_COLUMNS:
            kept.clear()
        kept[key] = made
    return made
