"""Histories that are written, and what one holds in a form that can be compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vergence.record.history import History
from vergence.record.store import Store


def saved(history: History, folder: Any, **more: Any) -> Store:
    store = Store(folder, **more)
    store.attach(history)
    return store


def recorded(history: History) -> dict[str, Any]:
    """Everything a History holds, comparable: NaN equal to NaN, arrays as lists with their type and shape."""
    return {
        "static": history.static,
        "arrays": {name: _array(array) for name, array in history.arrays.items()},
        "scalars": {key: _series(history, key) for key in history.scalar_keys()},
        "frames": {
            kind: [
                (step, frame.time, {name: _array(array) for name, array in frame.arrays.items()}, frame.meta)
                for step, frame in ((step, history.frame(kind, step)) for step in history.frames(kind))
            ]
            for kind in history.frame_kinds()
        },
        "events": [(event.step, event.time, event.kind, event.data) for event in history.events()],
        "last_step": history.last_step,
    }


def _series(history: History, key: str) -> list[tuple[int, str]]:
    series = history.scalar(key)
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def _array(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    array = np.asarray(array)
    native = array.astype(array.dtype.newbyteorder("="))
    return str(native.dtype), array.shape, native.tobytes()


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not true():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.01)
