"""A History in one small file, so that rules can be tried on recorded runs without training again.

    save(path, history, about={"fault": "shuffled pairs"})
    history, about = load(path)

Compressed arrays and a JSON header, without pickle. Arrays of a frame that are larger than `LARGEST` are left out (the
similarities of every pair, the points of a map); what is small, and what is said about a frame, stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence.record import History

__all__ = ["about", "load", "save"]

LARGEST = 4096
"""Bytes of one array of a frame."""


def save(path: Path, history: History, about: Mapping[str, Any]) -> None:
    """Write it beside and rename it: what is there is whole."""
    keys = sorted(history.scalar_keys())
    series = [history.scalar(key) for key in keys]
    arrays: dict[str, NDArray[Any]] = {
        "steps": np.concatenate([one.steps for one in series] or [np.empty(0, np.int64)]),
        "values": np.concatenate([one.values for one in series] or [np.empty(0)]),
    }
    frames: list[dict[str, Any]] = []
    for kind in sorted(history.frame_kinds()):
        for step in history.frames(kind):
            frame = history.frame(kind, step)
            names = [name for name, array in frame.arrays.items() if array.nbytes <= LARGEST and array.dtype != object]
            for name in names:
                arrays[f"frame {len(frames)} {name}"] = frame.arrays[name]
            frames.append({"kind": kind, "step": step, "time": frame.time, "meta": frame.meta, "arrays": names})
    for name, array in history.arrays.items():
        if array.nbytes <= LARGEST and array.dtype != object:
            arrays[f"static {name}"] = array
    header = {
        "about": dict(about),
        "static": history.static,
        "scalars": [[key, len(one)] for key, one in zip(keys, series, strict=True)],
        "frames": frames,
        "events": [[one.step, one.time, one.kind, one.data] for one in history.events()],
    }
    arrays["header"] = np.frombuffer(json.dumps(header, default=_plain).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with beside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    beside.replace(path)


def load(path: Path) -> tuple[History, dict[str, Any]]:
    """The History, and what was said about it."""
    with np.load(path, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    header = json.loads(arrays.pop("header").tobytes())
    history = History(header["static"])
    history.describe({name.partition(" ")[2]: array for name, array in arrays.items() if name.startswith("static ")})
    by_step: dict[int, dict[str, float]] = {}
    begin = 0
    for key, count in header["scalars"]:
        for place in range(begin, begin + count):
            by_step.setdefault(int(arrays["steps"][place]), {})[key] = float(arrays["values"][place])
        begin += count
    for step in sorted(by_step):
        history.add_scalars(step, by_step[step])
    for number, frame in enumerate(header["frames"]):
        found = {name: arrays[f"frame {number} {name}"] for name in frame["arrays"]}
        history.add_frames(frame["step"], {frame["kind"]: (found, frame["meta"])}, moment=frame["time"])
    for step, moment, kind, data in header["events"]:
        history.add_event(kind, step, moment=moment, **data)
    return history, header["about"]


def about(path: Path) -> dict[str, Any]:
    """What was said about it, without the rest."""
    with np.load(path, allow_pickle=False) as held:
        found: dict[str, Any] = json.loads(held["header"].tobytes())["about"]
    return found


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)
