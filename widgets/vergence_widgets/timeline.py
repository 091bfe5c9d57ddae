"""The timeline under the panels: how far the record goes, where the reader is, and what happened on the way.

Pure functions of a History; a publisher and a report send what they return.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence.record.history import Event, History
from vergence.record.until import Until
from vergence_widgets.panels.findings import stretches
from vergence_widgets.panels.marks import applied

__all__ = ["events", "past", "recorded_steps", "timeline"]

MOST_STEPS = 2000
MOST_EVENTS = 240
SHORT = 60
"""Characters of what an event says at most: the notices and the panel have all of it."""


def timeline(
    history: History,
    *,
    at: int | None,
    whole: bool,
    steps: NDArray[np.int32] | None = None,
    ghost: History | None = None,
) -> dict[str, Any]:
    """What the browser needs to draw the timeline.

    at: the step every panel shows; None when they show the newest one.
    whole: with the steps that can be gone to and with the events, which a page keeps until it is told others.
    steps: the steps that can be gone to, where they are not all recorded ones (a report).
    """
    entry: dict[str, Any] = {
        "first": 0,
        "last": history.last_step,
        "total": history.static.get("total_steps"),
        "at": at,
        "ghost": "" if ghost is None else ghost.name,
        "count": sum(len(history.frames(kind)) for kind in history.frame_kinds()),
    }
    if whole:
        found = recorded_steps(history) if steps is None else steps
        entry |= {"steps": found, "first": int(found[0]) if len(found) else 0, "events": events(history)}
    else:
        del entry["first"]
    return entry


def recorded_steps(history: History) -> NDArray[np.int32]:
    """The steps at which a frame of any kind is held, ascending; of a record of numbers alone, those of the loss."""
    found: set[int] = set()
    for kind in history.frame_kinds():
        found.update(history.frames(kind))
    if not found:
        for key in ("loss", *history.scalar_keys()):
            found.update(history.scalar(key).steps.tolist())
            if found:
                break
    if found:
        found.add(history.last_step)
    steps = np.asarray(sorted(found), np.int32)
    if len(steps) > MOST_STEPS:
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, MOST_STEPS).astype(np.int64))]
    return steps


def events(history: History) -> list[dict[str, Any]]:
    """What happened, as `{step, kind, label}` in the order of steps; kind: control, state, failed, mark or finding.

    A finding stands where it began; it has `severity`, and as `until` the step at which it had gone, None while open.
    """
    found: list[dict[str, Any]] = [
        {"step": change.step, "kind": "control", "label": change.label} for change in applied(history)
    ]
    found += [
        {"step": one.since, "kind": "finding", "label": one.name, "until": one.until, "severity": one.severity}
        for one in stretches(history)
    ]
    for event in history.events():
        words = _words(event)
        if words:
            found.append({"step": event.step, "kind": event.kind, "label": _short(words)})
    found.sort(key=lambda entry: entry["step"])
    if len(found) > MOST_EVENTS:  # the newest, and of the older ones what went wrong
        older = [entry for entry in found[:-MOST_EVENTS] if entry["kind"] in ("failed", "mark", "finding")]
        found = older[-MOST_EVENTS:] + found[-MOST_EVENTS:]
    return found


def _words(event: Event) -> str:
    data = event.data
    if event.kind == "state":
        state = str(data.get("state", ""))
        # The first start is no news; every later one ends a pause or a stop.
        return "" if state in ("idle", "") or (state == "live" and event.step == 0) else state
    if event.kind == "failed":
        name = str(data.get("name") or data.get("what") or "")
        return f"{name}: {data.get('why', '')}" if data.get("why") else name
    if event.kind == "mark":
        return str(data.get("text") or data.get("what") or "")
    return ""


def _short(words: str) -> str:
    return words if len(words) <= SHORT else words[: SHORT - 1].rstrip() + "…"


def past(history: History, step: int | None) -> History:
    """The History itself, or as it was at a step."""
    return history if step is None else Until(history, step)
