"""What stands above the panels: header, controls, notices and findings. Pure functions of a History."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from vergence.record.history import Event, History
from vergence.record.until import Until
from vergence_widgets.panels.findings import strip

__all__ = ["Channel", "Rate", "Strip", "buttons", "controls", "header", "notices"]

NOTE_SECONDS = 30.0
"""A note that asks for nothing goes after so long."""


@dataclass(frozen=True)
class Channel:
    """Whether wishes from the browser reach the run now: found by ping, never by version.

    can_steer: the subject has a mailbox at all (a bare History has none).
    can_start: a stopped run can be started again from here.
    latency: of the last answered ping in seconds; None when none was answered.
    waits: "" or why controls wait, in words.
    """

    can_steer: bool = True
    can_start: bool = False
    latency: float | None = None
    waits: str = ""

    def note(self, state: str) -> str:
        """The words in the header."""
        if not self.can_steer:
            return "a record, nothing to control"
        if state == "failed":
            return ""
        if self.waits:
            return self.waits
        if state not in ("live", "paused"):  # nobody takes them out between steps now
            return "changes apply when training " + ("starts" if state == "idle" else "goes on")
        if self.latency is None:
            return "asking whether controls work"
        return f"all controls work, {max(1, round(self.latency * 1000))} ms"


class Rate:
    """Steps a second over the last five seconds of training; a pause is no training time."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def now(self, history: History, now: float) -> float | None:
        """The rate at the moment `now` of a clock of the caller's; None while nothing trains."""
        if history.state != "live":
            self._seen.clear()
            return None
        self._seen.append((now, history.last_step))
        while len(self._seen) > 2 and now - self._seen[1][0] > 5.0:
            del self._seen[0]
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended > began and last > first else None


class Strip:
    """The findings as a page is told them: again when there is something new, not in every frame."""

    def __init__(self) -> None:
        self._told: object = None

    def now(self, history: History, dismissed: Collection[str], *, at: int | None, whole: bool) -> dict[str, Any]:
        """`{"findings": ...}`, or nothing where the page knows them. history: as it was `at` a step."""
        record = history.whole if isinstance(history, Until) else history
        checks = record.static.get("checks"), record.static.get("not_checked")
        news = (len(record.events()), at, len(dismissed), *checks)
        if news == self._told and not whole:
            return {}
        self._told = news
        return {"findings": strip(history, dismissed=dismissed)}


def header(history: History, channel: Channel, *, rate: float | None, saved_note: str = "") -> dict[str, Any]:
    """The header as the browser takes it."""
    static = history.static
    state_note = ""
    for event in reversed(history.events("state")):
        state_note = str(event.data.get("note", ""))
        break
    return {
        "name": history.name,
        "method": str(static.get("method", "")),
        "state": history.state,
        "state_note": state_note,
        "step": history.last_step,
        "total": static.get("total_steps"),
        "rate": rate if history.state == "live" else None,
        "cost": history.last("monitor/cost"),
        "budget": static.get("budget", 0.03),
        "controls_note": channel.note(history.state),
        "controls_late": bool(channel.waits) and channel.can_steer,
        "saved": str(static.get("directory", "")),
        "saved_note": saved_note or _saved_note(history),
        "buttons": buttons(history.state, channel),
    }


def buttons(state: str, channel: Channel) -> dict[str, dict[str, Any]]:
    """Which buttons work now, and why the others do not."""
    record = "" if channel.can_steer else "This is a record: nothing trains behind it."
    ended = state in ("stopped", "finished", "failed")
    run = ""
    if state == "live":
        run = "It is running."
    elif state != "paused" and not channel.can_start:
        run = "Start the loop in the notebook: only it knows how."
    elif state == "failed":
        run = "A step failed; run.reset() begins again."
    live_only = "" if state == "live" else f"The run is {state}."
    pause = live_only or channel.waits
    step = "" if state == "paused" else "Pause first, then step." if state == "live" else f"The run is {state}."
    stop = channel.waits if state in ("live", "paused") else f"The run is {state}."
    return {
        "run": _button(record or run, "Resume" if state == "paused" else "Run"),
        "pause": _button(record or pause, "Pause"),
        "step": _button(record or step, "Step"),
        "stop": _button(record or stop, "Stop"),
        "freeze": _button("" if history_drawn(state) or ended else "Nothing is drawn yet.", "Freeze"),
    }


def history_drawn(state: str) -> bool:
    """There is a picture to keep once anything has run."""
    return state != "idle"


def _button(why: str, label: str) -> dict[str, Any]:
    return {"enabled": not why, "why": why, "label": label}


def controls(history: History, pending: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The controls with the value in force, what was asked for, and when it was applied."""
    described = [dict(entry) for entry in history.static.get("controls", [])]
    latest: dict[str, Event] = {}
    refused: dict[str, Event] = {}
    for event in history.events("control"):
        name = str(event.data.get("name"))
        if event.data.get("state") == "applied":
            latest[name] = event
            refused.pop(name, None)
        else:
            refused[name] = event
    for entry in described:
        name = entry["name"]
        entry["pending"] = pending.get(name)
        entry["note"] = ""
        entry["refused"] = ""
        if name in latest:
            entry["value"] = latest[name].data["new"]
            entry["note"] = f"applied at step {latest[name].step:,}"
        if name in refused:
            entry["refused"] = str(refused[name].data.get("why", ""))
    return described


def notices(history: History) -> list[dict[str, Any]]:
    """What went wrong, worst first: failures, warnings, then notes of the last half minute."""
    failures: list[dict[str, Any]] = []
    warnings: dict[str, dict[str, Any]] = {}
    notes: list[dict[str, Any]] = []
    now = history.clock()
    for event in history.events():
        data = event.data
        if event.kind == "failed" and data.get("what") == "training":
            text = f"The training step raised {data.get('why')}. What was recorded until step {event.step:,} is kept."
            failures.append(_notice("failure", event.step, text))
        elif event.kind == "failed" and data.get("what") in ("store", "report", "observer"):
            warnings[str(data["what"])] = _notice("warning", event.step, _sentence(str(data.get("why"))))
        elif event.kind == "mark":
            warnings[str(data.get("what"))] = _notice("warning", event.step, _sentence(str(data.get("text"))))
        elif event.kind == "notice":
            if data.get("what") == "store":
                warnings.pop("store", None)
            if now - event.time < NOTE_SECONDS:
                notes.append(_notice("note", event.step, _sentence(str(data.get("text")))))
        elif event.kind == "state" and data.get("state") == "live":
            failures.clear()
    newest_first = sorted(warnings.values(), key=lambda notice: -int(notice["step"] or 0))
    return failures[::-1] + newest_first + notes[::-1]


def _notice(severity: str, step: int, text: str) -> dict[str, Any]:
    return {"severity": severity, "step": step, "text": text}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _saved_note(history: History) -> str:
    failed = None
    for event in history.events():
        if event.data.get("what") == "store":
            failed = event if event.kind == "failed" else None
    return "" if failed is None else str(failed.data.get("why", "")).partition(".")[0]
