"""History: the record everything reads.

Four kinds of entry, one writer:

    static    what does not change: name, method, loss, controls, versions, seed; small arrays
    scalars   one number per step and key ("loss", "similarity/z/auc")
    frames    arrays at their own cadence, by kind ("similarity/z")
    events    control changes, state changes, failures, notes

Panels, figures, findings, reports and exports read a History and nothing else. It is safe to read
from any thread while one thread writes. Memory is bounded: past a limit (entries, and bytes for frames) the newer
half of a series (or of the frames of a kind) stays as it is, of the older half one in `stride` is kept, and
`Series.stride` and `frame_stride` say so. The run directory (`record.store`) keeps everything.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vergence import errors
from vergence.record.thinning import Column, Thinning

__all__ = ["Event", "Frame", "History", "Series", "Sink", "State"]

log = logging.getLogger("vergence")
State = Literal["idle", "live", "paused", "stopped", "finished", "failed"]
FEWEST_FRAMES = 4
"""Of a kind, however large they are."""
STATES: tuple[State, ...] = ("idle", "live", "paused", "stopped", "finished", "failed")


@dataclass(frozen=True)
class Series:
    """One scalar through time. A value that was not finite is NaN."""

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    stride: int = 1
    """1 when every recorded value is here; k when one in k of the older ones is, evenly."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> float | None:
        """The newest value, or None."""
        return float(self.values[-1]) if len(self.values) else None

    def at(self, step: int) -> float | None:
        """The value in force at `step`: the newest one not after it, or None."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        return float(self.values[index]) if index >= 0 else None


@dataclass(frozen=True)
class Frame:
    """Arrays measured at one step."""

    step: int
    time: float
    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True)
class Event:
    """Something that happened: kind "control", "command", "state", "finding", "failed", "mark" or "notice"."""

    step: int
    time: float
    kind: str
    data: dict[str, Any]


class Sink(Protocol):
    """Where a History passes each entry on (the run directory). Must not block or raise."""

    def static(self, entries: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """All static entries, as they are now."""

    def scalars(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        """Numbers of one step."""

    def frames(self, frames: Mapping[str, Frame]) -> None:
        """Frames of one step, by kind."""

    def event(self, event: Event) -> None:
        """Something that happened."""


class History:
    """The record of one run, in memory.

    Args:
        static: entries that do not change; must be storable as JSON.
        scalar_limit: entries kept per scalar key.
        frame_limit: frames kept per kind.
        frame_bytes: bytes of arrays kept per kind; the newest four frames stay however large they are.
    """

    def __init__(
        self,
        static: Mapping[str, Any] | None = None,
        *,
        scalar_limit: int = 60_000,
        frame_limit: int = 400,
        frame_bytes: int = 24_000_000,
    ) -> None:
        if scalar_limit < 4 or frame_limit < 4:
            raise errors.ArgumentError(
                f"History: scalar_limit is {scalar_limit} and frame_limit is {frame_limit}. Both must be at least 4."
            )
        self.static: dict[str, Any] = dict(static or {})
        self.arrays: dict[str, NDArray[Any]] = {}
        self.revision = 0
        """Grows with every entry."""
        self.revisions: dict[str, int] = {}
        """The same by noun, the first word of a key or kind: whether anything is new that a panel would draw."""
        self._lock = threading.RLock()
        self._scalar_limit = scalar_limit
        self._frame_limit = frame_limit
        self._frame_bytes = frame_bytes
        self._columns: dict[str, Column] = {}
        self._frames: dict[str, dict[int, Frame]] = {}
        self._frame_thinning: dict[str, Thinning] = {}
        self._held_bytes: dict[str, int] = {}
        self._events: list[Event] = []
        self._state: State = "idle"
        self._last_step = 0
        self._sinks: list[Sink] = []
        self._listeners: list[Callable[[Event], None]] = []

    # -- writing: the training thread only -------------------------------------------------------

    def describe(self, arrays: Mapping[str, NDArray[Any]] | None = None, /, **entries: Any) -> None:
        """Add static entries, and arrays by name."""
        with self._lock:
            self.static.update(entries)
            self.arrays.update(arrays or {})
            self.revision += 1
            for sink in self._sinks:
                sink.static(self.static, self.arrays)

    def add_scalars(self, step: int, values: Mapping[str, float], *, moment: float | None = None) -> None:
        """Record numbers of one step. What is not finite is kept as a gap (NaN)."""
        moment = time.time() if moment is None else moment
        numbers = {key: float(value) for key, value in values.items()}
        with self._lock:
            for key, number in numbers.items():
                column = self._columns.get(key)
                if column is None:
                    column = self._columns[key] = Column(self._scalar_limit)
                column.add(step, number if math.isfinite(number) else math.nan)
            self._new(step, numbers)
            for sink in self._sinks:
                sink.scalars(step, moment, numbers)

    def add_frames(
        self,
        step: int,
        frames: Mapping[str, tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]],
        *,
        moment: float | None = None,
    ) -> None:
        """Record arrays of one step, by kind."""
        moment = time.time() if moment is None else moment
        made = {kind: Frame(step, moment, dict(arrays), dict(meta)) for kind, (arrays, meta) in frames.items()}
        with self._lock:
            for kind, frame in made.items():
                self._hold(kind, frame)
            self._new(step, made)
            for sink in self._sinks:
                sink.frames(made)

    def _new(self, step: int, keys: Iterable[str]) -> None:
        self._last_step = max(self._last_step, step)
        self.revision += 1
        for noun in {key.partition("/")[0] for key in keys}:
            self.revisions[noun] = self.revisions.get(noun, 0) + 1

    def _hold(self, kind: str, frame: Frame) -> None:
        """Keep a frame, and make room where the kind has grown too long or too large."""
        kept = self._frames.setdefault(kind, {})
        thinning = self._frame_thinning.setdefault(kind, Thinning())
        before = kept.get(frame.step)
        thinning.total += before is None
        kept[frame.step] = frame
        size = self._held_bytes.get(kind, 0) + frame.nbytes - (0 if before is None else before.nbytes)
        while len(kept) > self._frame_limit or (size > self._frame_bytes and len(kept) > FEWEST_FRAMES):
            steps = sorted(kept)
            kept = {steps[place]: kept[steps[place]] for place in thinning.keep(len(steps))}
            size = sum(held.nbytes for held in kept.values())
        self._frames[kind] = kept
        self._held_bytes[kind] = size

    def add_event(self, kind: str, step: int, /, *, moment: float | None = None, **data: Any) -> Event:
        """Record something that happened."""
        event = Event(step, time.time() if moment is None else moment, kind, data)
        with self._lock:
            self._events.append(event)
            if kind == "state" and data.get("state") in STATES:
                self._state = data["state"]
            self.revision += 1
            for sink in self._sinks:
                sink.event(event)
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception as error:  # whoever listens may fail; the run may not
                log.warning("a listener raised %s at %s: %s", type(error).__name__, event, error)
        return event

    def set_state(self, state: State, note: str = "") -> None:
        """Record a change of state; the same state again is not an event."""
        if state not in STATES:
            raise errors.UnknownName("History.set_state", state, STATES, "state")
        if state != self._state:
            self.add_event("state", self._last_step, state=state, note=note)

    # -- reading: any thread ---------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the run."""
        return str(self.static.get("name", "unnamed"))

    @property
    def state(self) -> State:
        """What the run is doing: idle, live, paused, stopped, finished or failed."""
        return self._state

    @property
    def last_step(self) -> int:
        """The newest step that is recorded; 0 when none is."""
        return self._last_step

    def clock(self) -> float:
        """Seconds now, on the clock that entries are stamped with."""
        return time.time()

    def scalar_keys(self) -> tuple[str, ...]:
        """The scalars that were recorded."""
        with self._lock:
            return tuple(self._columns)

    def scalar(self, key: str) -> Series:
        """One scalar through time; empty when it was never recorded."""
        with self._lock:
            column = self._columns.get(key)
            return Series(*column.held()) if column else Series(np.empty(0, np.int64), np.empty(0, np.float64))

    def last(self, key: str) -> float | None:
        """The newest value of a scalar, or None. Cheaper than `scalar(key).last`."""
        with self._lock:
            column = self._columns.get(key)
            return float(column.values[column.count - 1]) if column and column.count else None

    def frame_kinds(self) -> tuple[str, ...]:
        """The kinds of frame that were recorded."""
        with self._lock:
            return tuple(self._frames)

    def frames(self, kind: str) -> tuple[int, ...]:
        """The steps at which a frame of this kind is held, ascending."""
        with self._lock:
            return tuple(sorted(self._frames.get(kind, {})))

    def frame(self, kind: str, step: int | None = None) -> Frame:
        """The frame of a kind at a step; the newest one without a step.

        Raises UnknownName for a kind that was never recorded, ArgumentError for a step that is not held.
        """
        with self._lock:
            kept = self._frames.get(kind)
            if not kept:
                raise errors.UnknownName(f"History.frame({kind!r})", kind, self._frames, "kind of frame")
            wanted = max(kept) if step is None else step
            if wanted not in kept:
                raise errors.ArgumentError(
                    f"History.frame({kind!r}, {step}): no frame at step {step}. "
                    f"There are {len(kept)}, from step {min(kept)} to {max(kept)}; history.frames({kind!r}) lists them."
                )
            return kept[wanted]

    def frame_stride(self, kind: str) -> int:
        """1 when every frame of a kind is held, k when one in k of the older ones is, evenly."""
        thinning = self._frame_thinning.get(kind)
        return thinning.stride if thinning else 1

    def events(self, kind: str | None = None) -> tuple[Event, ...]:
        """What happened, oldest first; of one kind, or all."""
        with self._lock:
            if kind is None:
                return tuple(self._events)
            return tuple(event for event in self._events if event.kind == kind)

    # -- who else is told ------------------------------------------------------------------------

    def pass_to(self, sink: Sink) -> None:
        """Pass every later entry on to `sink`, after the static entries."""
        with self._lock:
            self._sinks.append(sink)
            sink.static(self.static, self.arrays)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener(event)` at every event; returns what ends that. It must be quick."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def __repr__(self) -> str:
        kinds = ", ".join(f"{kind} ×{len(steps)}" for kind, steps in self._frames.items()) or "none"
        return (
            f"History({self.name!r}, {self.state}, step {self.last_step:,}, {len(self._columns)} scalars, "
            f"frames: {kinds}, {len(self._events)} events)"
        )
