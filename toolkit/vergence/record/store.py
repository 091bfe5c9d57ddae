"""The run directory: a History on disk, in existing formats.

    run.json               static entries
    static.safetensors     static arrays (thumbnails, labels)
    scalars.jsonl          {"step": 12, "time": 1700000000.0, "loss": 2.3, ...}, one line a record
    events.jsonl           {"step": 12, "time": ..., "kind": "control", "data": {...}}
    frames/*.safetensors   arrays; the header's "frames" entry lists step, time, kind and meta of each
    controls.jsonl         letters to the trainer from other processes (`record.mailbox`)

Lines are appended and flushed every half second, so a killed process loses less than two seconds;
other files are written beside and renamed. No pickle, no locks, no memory maps: it can be tailed by
another process and works on a shared file system. `pandas.read_json(path, lines=True)` reads it.

Writing happens on a thread of its own and never raises into the training loop. When the disk is full
or the folder read-only, the History says so, entries wait in memory, and writing is tried again.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from vergence.record.history import Event, Frame, History

__all__ = ["Store", "read_frames"]

FLUSH_SECONDS = 0.5
RETRY_SECONDS = 5.0
LINES_WAITING = 200_000
"""Lines that wait in memory while the disk refuses them; later ones are counted as lost."""
FRAMES_WAITING = 400
COMPACT_AT = 256
COMPACT_KEEP = 64
STORABLE = frozenset(np.dtype(kind) for kind in ("?", *"bhilqBHILQ", *"efd"))


class Store:
    """Writes a History to a run directory.

    Args:
        directory: made if it does not exist.
        cap_bytes: what frames may take on disk; past it, frames stay in memory only and the History says so.
    """

    def __init__(self, directory: Path, *, cap_bytes: int = 2_000_000_000) -> None:
        self.directory = directory
        self.cap_bytes = cap_bytes
        self.failed_since: int | None = None
        self.seconds = 0.0
        """Processor time of the writing thread: part of what watching costs."""
        self._history: History | None = None
        self._lock = threading.Lock()
        self._static: tuple[dict[str, Any], dict[str, NDArray[Any]]] | None = None
        self._static_written: object = None
        self._lines: dict[str, list[bytes]] = {"scalars.jsonl": [], "events.jsonl": []}
        self._frames: list[tuple[str, Frame]] = []
        self._lost = 0
        self._refused_arrays: set[str] = set()
        self._offsets: dict[str, int] = {}
        self._frame_bytes = 0
        self._capped = False
        self._closing = threading.Event()
        self._closed = False
        self._retry_at = 0.0
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def attach(self, history: History) -> None:
        """Write everything that `history` records from now on."""
        self._history = history
        history.pass_to(self)
        self._thread = threading.Thread(target=self._loop, name="vergence-store", daemon=True)
        self._thread.start()

    # -- Sink: called by the training thread; only puts in a list --------------------------------

    def static(self, entries: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Static entries wait for the next flush."""
        with self._lock:
            self._static = (dict(entries), dict(arrays))

    def scalars(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        """One line of scalars waits; what is not finite becomes null, and is named beside."""
        row: dict[str, Any] = {"step": step, "time": moment}
        bad = {}
        for key, value in values.items():
            if math.isfinite(value):
                row[key] = value
            else:
                row[key] = None
                bad[key] = str(float(value))
        if bad:
            row["not_finite"] = bad
        self._line("scalars.jsonl", row)

    def frames(self, frames: Mapping[str, Frame]) -> None:
        """Frames wait, unless the cap is reached."""
        with self._lock:
            if self._capped or self._closed:
                return
            self._frames.extend(frames.items())
            if len(self._frames) > FRAMES_WAITING:
                del self._frames[0]
                self._lost += 1

    def event(self, event: Event) -> None:
        """One line of events waits."""
        self._line("events.jsonl", {"step": event.step, "time": event.time, "kind": event.kind, "data": event.data})

    def _line(self, file: str, row: Mapping[str, Any]) -> None:
        with self._lock:
            if self._closed:
                return
            waiting = self._lines[file]
            if len(waiting) >= LINES_WAITING:
                self._lost += 1
                return
            waiting.append(row)  # type: ignore[arg-type]  # encoded on the writing thread

    # -- the writing thread ----------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._closing.wait(FLUSH_SECONDS):
            self.flush()
            self.seconds = time.thread_time()

    def flush(self) -> bool:
        """Write what waits; False when the disk refused it."""
        with self._writing:
            if time.monotonic() < self._retry_at and not self._closing.is_set():
                return False
            try:
                self._write()
            except Exception as error:  # recording may fail; the run may not
                self._retry_at = time.monotonic() + RETRY_SECONDS
                self._refused(error)
                return False
            self._recovered()
            return True

    def _write(self) -> None:
        (self.directory / "frames").mkdir(parents=True, exist_ok=True)
        self._write_static()
        for file in self._lines:
            self._write_lines(file)
        self._write_frames()
        self._compact()

    def _write_static(self) -> None:
        path = self.directory / "run.json"
        with self._lock:
            static = self._static
        if static is None or (static is self._static_written and path.exists()):
            return
        entries, arrays = static
        _replace(path, json.dumps(_plain(entries), indent=1).encode())
        if arrays:
            _replace(self.directory / "static.safetensors", to_safetensors(self._storable(arrays)))
        self._static_written = static

    def _write_lines(self, file: str) -> None:
        with self._lock:
            rows = list(self._lines[file])
        if not rows:
            return
        blob = b"".join(json.dumps(_plain(row), allow_nan=False).encode() + b"\n" for row in rows)
        path = self.directory / file
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            size = os.fstat(handle).st_size
            offset = min(self._offsets.get(file, size), size)  # smaller: somebody removed the folder
            try:
                os.lseek(handle, offset, os.SEEK_SET)
                written = 0
                while written < len(blob):
                    written += os.write(handle, blob[written:])
            except OSError:
                os.ftruncate(handle, offset)  # half a line would spoil the one that follows it
                raise
            self._offsets[file] = offset + len(blob)
        finally:
            os.close(handle)
        with self._lock:
            del self._lines[file][: len(rows)]

    def _write_frames(self) -> None:
        while True:
            with self._lock:
                if not self._frames:
                    return
                step = self._frames[0][1].step
                batch = [(kind, frame) for kind, frame in self._frames if frame.step == step]
            path = _free(self.directory / "frames", f"{step:08d}")
            blob = self._encode(batch)
            _replace(path, blob)
            self._frame_bytes += len(blob)
            with self._lock:
                written = {id(frame) for _, frame in batch}
                self._frames = [entry for entry in self._frames if id(entry[1]) not in written]
            if self._frame_bytes > self.cap_bytes and not self._capped:
                self._capped = True
                self._note(
                    f"The run directory holds {self._frame_bytes / 1e9:.3g} GB of frames, its cap. Later frames stay "
                    "in memory, thinned; scalars and events are still saved. Raise the cap with save_cap_bytes=."
                )

    def _compact(self) -> None:
        folder = self.directory / "frames"
        single = sorted(path for path in folder.glob("*.safetensors") if not path.name.startswith("pack-"))
        if len(single) < COMPACT_AT:
            return
        older = single[:-COMPACT_KEEP]
        packed, entries = [], []
        for path in older:
            with contextlib.suppress(OSError, ValueError, SafetensorError):  # somebody else's file stays where it is
                entries += read_frames(path)
                packed.append(path)
        if not entries:
            return
        first, last = entries[0][1].step, entries[-1][1].step
        _replace(folder / f"pack-{first:08d}-{last:08d}.safetensors", self._encode(entries))
        for path in packed:
            path.unlink(missing_ok=True)

    def _refused(self, error: Exception) -> None:
        if self.failed_since is not None or self._history is None:
            return
        self.failed_since = self._history.last_step
        self._history.add_event(
            "failed",
            self._history.last_step,
            what="store",
            name="run directory",
            why=f"not saved since step {self.failed_since:,}: {getattr(error, 'strerror', '') or error} "
            f"({self.directory}). "
            f"Entries wait in memory and are tried again every {RETRY_SECONDS:.0f} s; "
            "free some space, or choose another folder with directory=.",
        )

    def _recovered(self) -> None:
        if self.failed_since is None:
            return
        lost = f"{self._lost:,} entries were lost" if self._lost else "nothing was lost"
        self._note(f"Saving again; {lost} since step {self.failed_since:,}.")
        self.failed_since = None
        self._lost = 0

    def _note(self, text: str) -> None:
        if self._history is not None:
            self._history.add_event("notice", self._history.last_step, what="store", text=text)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)
        self.flush()
        self.flush()  # that it was saved after all is itself an entry
        self._closed = True

    def _encode(self, entries: list[tuple[str, Frame]]) -> bytes:
        arrays: dict[str, NDArray[Any]] = {}
        listed = []
        for kind, frame in entries:
            key = f"{frame.step}/{kind}"
            meta = _plain(frame.meta)
            listed.append({"key": key, "kind": kind, "step": frame.step, "time": frame.time, "meta": meta})
            for name, array in frame.arrays.items():
                arrays[f"{key}:{name}"] = array
        return bytes(to_safetensors(self._storable(arrays), metadata={"frames": json.dumps(listed)}))

    def _storable(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The arrays that the format can hold, contiguous; the others are named once and left out."""
        found = {}
        for name, array in arrays.items():
            array = np.asarray(array, order="C")
            if array.dtype.newbyteorder("=") in STORABLE:
                found[name] = array
            elif (last := name.rpartition(":")[2]) not in self._refused_arrays:
                self._refused_arrays.add(last)
                self._note(
                    f"The array {last!r} has dtype {array.dtype}, which a run directory cannot hold; it stays in "
                    "memory only. Numbers and booleans can be saved: use .astype(...)."
                )
        return found


def read_frames(path: Path) -> list[tuple[str, Frame]]:
    """All frames of one file, as (kind, frame)."""
    with safe_open(str(path), framework="np") as file:
        header = (file.metadata() or {}).get("frames")
        if header is None:
            raise ValueError(f"{path} lists no frames: it was not written by a run")
        listed = json.loads(header)
        names: dict[str, list[str]] = {}
        for name in file.keys():  # noqa: SIM118 - a safetensors file is no dict
            key, _, array = name.rpartition(":")
            names.setdefault(key, []).append(array)
        return [
            (
                entry["kind"],
                Frame(
                    entry["step"],
                    entry["time"],
                    {array: file.get_tensor(f"{entry['key']}:{array}") for array in names.get(entry["key"], [])},
                    entry["meta"],
                ),
            )
            for entry in listed
        ]


def _replace(path: Path, blob: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_bytes(blob)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _free(folder: Path, stem: str) -> Path:
    path = folder / f"{stem}.safetensors"
    number = 2
    while path.exists():
        path = folder / f"{stem}-{number}.safetensors"
        number += 1
    return path


def _plain(value: Any) -> Any:
    """What JSON can hold: numpy scalars unwrapped, what is not finite as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
