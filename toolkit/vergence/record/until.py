"""Until: a History as it was at an earlier step, for pictures of the past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from vergence import errors
from vergence.record.history import Event, Frame, History, Series

__all__ = ["Until"]


def _refused(call: str) -> Callable[..., NoReturn]:
    def refuse(past: Until, *_values: object, **_entries: object) -> NoReturn:
        raise errors.StateError(
            f"Until.{call}: the past of {past.name!r} at step {past.step:,} cannot be written. "
            "Write to the whole record: until.whole."
        )

    return refuse


class Until(History):
    """Reads like `history` did when `step` was its newest step: nothing that came later is seen.

    Nothing is copied before it is read, and nothing can be written. Its state is always "stopped": what is
    shown of the past does not run. What was thinned away in `history` is missing here too, and the strides say so.

    Args:
        history: the whole record; it may go on growing.
        step: the newest step to be seen.
    """

    def __init__(self, history: History, step: int) -> None:
        if isinstance(history, Until):
            step = min(step, history.step)
            history = history.whole
        super().__init__()
        self.whole: History = history
        """The record behind it."""
        self.step: int = step
        """The newest step to be seen."""
        self.static = _static_at(history, step)
        self.arrays = history.arrays
        self.revision = history.revision
        self.revisions = history.revisions
        self._state = "stopped"

    # -- reading ---------------------------------------------------------------------------------

    @property
    def last_step(self) -> int:
        """The newest recorded step that is not after `step`; 0 when there is none."""
        if self.step >= self.whole.last_step:
            return self.whole.last_step
        newest = 0
        with self.whole._lock:
            for column in self.whole._columns.values():
                held = int(np.searchsorted(column.steps[: column.count], self.step, side="right"))
                newest = max(newest, int(column.steps[held - 1]) if held else 0)
            for kept in self.whole._frames.values():
                newest = max([newest, *(step for step in kept if step <= self.step)])
        return newest

    def clock(self) -> float:
        """The time of the newest frame or event that is seen: ages are told from there."""
        times = [event.time for event in self.events()[-1:]]
        times += [self.frame(kind).time for kind in self.frame_kinds()]
        return max(times) if times else self.whole.clock()

    def scalar_keys(self) -> tuple[str, ...]:
        """The scalars that had been recorded."""
        with self.whole._lock:
            columns = self.whole._columns.items()
            return tuple(key for key, column in columns if column.count and column.steps[0] <= self.step)

    def scalar(self, key: str) -> Series:
        """One scalar up to the step."""
        with self.whole._lock:
            column = self.whole._columns.get(key)
            if column is None:
                return super().scalar(key)
            held = int(np.searchsorted(column.steps[: column.count], self.step, side="right"))
            return Series(column.steps[:held].copy(), column.values[:held].copy(), column.thinning.stride)

    def last(self, key: str) -> float | None:
        """The value of a scalar that was the newest at the step, or None."""
        with self.whole._lock:
            column = self.whole._columns.get(key)
            if column is None:
                return None
            held = int(np.searchsorted(column.steps[: column.count], self.step, side="right"))
            return float(column.values[held - 1]) if held else None

    def frame_kinds(self) -> tuple[str, ...]:
        """The kinds of frame that had been recorded."""
        return tuple(kind for kind in self.whole.frame_kinds() if self.frames(kind))

    def frames(self, kind: str) -> tuple[int, ...]:
        """The steps not after `step` at which a frame of this kind is held, ascending."""
        return tuple(step for step in self.whole.frames(kind) if step <= self.step)

    def frame(self, kind: str, step: int | None = None) -> Frame:
        """The frame of a kind at a step; the newest one that is seen without a step."""
        steps = self.frames(kind)
        if not steps:
            raise errors.UnknownName(f"Until.frame({kind!r})", kind, self.frame_kinds(), "kind of frame")
        if step is not None and step > self.step:
            raise errors.ArgumentError(
                f"Until.frame({kind!r}, {step}): this is the record as it was at step {self.step}. "
                f"Its newest frame is from step {steps[-1]}; the whole record is `until.whole`."
            )
        return self.whole.frame(kind, steps[-1] if step is None else step)

    def frame_stride(self, kind: str) -> int:
        """As of the whole record: what was thinned there is missing here."""
        return self.whole.frame_stride(kind)

    def events(self, kind: str | None = None) -> tuple[Event, ...]:
        """What had happened, oldest first."""
        return tuple(event for event in self.whole.events(kind) if event.step <= self.step)

    def newest(self, noun: str) -> tuple[tuple[str, int], ...]:
        """Key or kind and newest step of everything recorded under a noun: the same again, the same picture."""
        found = [(kind, self.frames(kind)[-1]) for kind in self.frame_kinds() if kind.partition("/")[0] == noun]
        with self.whole._lock:
            for key, column in self.whole._columns.items():
                if key.partition("/")[0] == noun:
                    held = int(np.searchsorted(column.steps[: column.count], self.step, side="right"))
                    found.append((key, int(column.steps[held - 1]) if held else -1))
        return tuple(found)

    def __repr__(self) -> str:
        return f"Until({self.whole!r}, {self.step:,})"

    # -- writing: never --------------------------------------------------------------------------

    describe: Any = _refused("describe")
    add_scalars: Any = _refused("add_scalars")
    add_frames: Any = _refused("add_frames")
    add_event: Any = _refused("add_event")
    set_state: Any = _refused("set_state")


def _static_at(history: History, step: int) -> dict[str, Any]:
    """The static entries with the words of the loss as they were.

    They name the control that its references hang on ("τ 0.2") and are written anew when that changes; the first
    later change says what was in force before it ("τ 0.5 → 0.2").
    """
    words = history.static.get("loss_words")
    later = [event for event in history.events("control") if event.step > step]
    if not later or not isinstance(words, dict):
        return history.static
    before: dict[str, str] = {}
    for event in later:
        old, arrow, new = str(event.data.get("label", "")).partition(" → ")
        if not arrow or event.data.get("state", "applied") != "applied":
            continue
        symbol = old.rpartition(" ")[0]
        # The first later change of a control gives what was in force; every later value leads back to it.
        first = before.setdefault(f"\x00{symbol}", old)
        before[f"{symbol} {new}".strip()] = first
    return history.static | {"loss_words": {key: before.get(str(text), text) for key, text in words.items()}}
