"""Which state a panel is in, and its words: empty, loading, live, stopped, failed, and late."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from vergence_widgets.panels.spec import Panel

if TYPE_CHECKING:
    from vergence.record.history import Event, Frame, History

__all__ = ["age", "failure", "late_after", "newest_frame", "settle", "waiting"]

RUNNING = ("live", "paused")


def newest_frame(history: History, kind: str) -> Frame | None:
    """The newest frame of a kind, or None."""
    return history.frame(kind) if history.frames(kind) else None


def waiting(history: History, panel: Panel, needs: str, doing: str, *, place: str = "z") -> Panel:
    """A panel that has nothing to draw: `needs` says what it lacks, `doing` what is going on."""
    failed = failure(history, panel.noun, place)
    if failed is not None:
        return _failed(panel, failed, None)
    if history.state in RUNNING and not history.last_step:
        begun = [event.time for event in history.events("state") if event.data.get("state") == "live"]
        words = f"{age(history.clock() - begun[-1])} so far. " if begun else ""
        return replace(panel, state="loading", message=f"{doing} {words}Training is not held up.")
    return replace(panel, state="empty", message=needs)


def settle(history: History, panel: Panel, *, live: bool, good_step: int, place: str = "z") -> Panel:
    """A drawn panel as live, stopped or failed. `good_step`: the step of its newest good measurement."""
    failed = failure(history, panel.noun, place)
    if failed is not None and failed.step > good_step:
        return _failed(panel, failed, good_step)
    return replace(panel, state="live" if live and history.state == "live" else "stopped")


def failure(history: History, noun: str, place: str = "z") -> Event | None:
    """The newest failure to measure or draw this noun at this place; one at `h` is no failure of the panel of `z`."""
    for event in reversed(history.events("failed")):
        name = str(event.data.get("name", ""))
        if event.data.get("what") in ("metric", "panel") and name in (noun, f"{noun}/{place}"):
            return event
    return None


def late_after(history: History, kind: str, shown: int) -> str:
    """The age in words when the data of step `shown` are older than three cadences, else "".

    Only frames carry a time: that of other steps is told from the frames of `kind` before and after.
    """
    if history.state != "live":
        return ""
    frames = [frame for step in history.frames(kind)[-4:] if (frame := _held(history, kind, step)) is not None]
    if len(frames) < 2:
        return ""
    gaps = sorted(later.time - earlier.time for earlier, later in itertools.pairwise(frames))
    cadence = max(1.0, gaps[len(gaps) // 2])
    first, last = frames[0], frames[-1]
    per_step = (last.time - first.time) / (last.step - first.step)
    old = history.clock() - (last.time + (shown - last.step) * per_step)
    return f"age {age(old)}" if old > 3 * cadence else ""


def age(seconds: float) -> str:
    """A time span for people: 2.1 s, 45 s, 3 min, 2 h."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _held(history: History, kind: str, step: int) -> Frame | None:
    """A frame, or None when it was thinned away between listing and reading."""
    try:
        return history.frame(kind, step)
    except ValueError:
        return None


def _failed(panel: Panel, event: Event, good_step: int | None) -> Panel:
    why = str(event.data.get("why", "")).strip() or "no reason was given"
    last = "there are no good numbers yet" if good_step is None else f"last good numbers are from step {good_step:,}"
    return panel.with_state(
        "failed",
        message=f"Failed at step {event.step:,}: {why}" + ("" if why[-1] in ".!?" else "."),
        after=f"The run goes on. This panel tries again at the next measurement; {last}.",
    )
