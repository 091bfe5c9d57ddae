"""Wishes: what the browser asks of the run, into its mailbox, and the answers, out of its events.

A letter only ever goes into the mailbox; that it was applied is read from the History.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from vergence.errors import StoreError
from vergence.record.history import Event
from vergence.record.mailbox import COMMANDS, Letter, Post

__all__ = ["Wishes"]

Send = Callable[[dict[str, Any], list[bytes]], None]


class Wishes:
    """Controls and commands of one subject.

    Args:
        subject: takes letters where it has a `mailbox`.
        send: puts an answer on its way to the browser.
        freeze: what the Freeze button does.
    """

    def __init__(self, subject: Any, send: Send, freeze: Callable[[], None]) -> None:
        self.subject = subject
        self._send = send
        self._freeze = freeze
        self._lock = threading.Lock()
        self._pending: dict[str, dict[str, Any]] = {}
        self._answers: list[Event] = []
        self.dismissed: set[str] = set()
        """Findings (`Stretch.ident`) that were dismissed here, also where nobody could record it."""

    @property
    def pending(self) -> dict[str, Any]:
        """What was asked for and is not answered yet, by control."""
        with self._lock:
            return {entry["name"]: entry["value"] for entry in self._pending.values()}

    @property
    def can_start(self) -> bool:
        """A run that trains in the cell that starts it can be started from there only."""
        return hasattr(self.subject, "start") and getattr(self.subject, "driver", "") != "inline"

    def forget(self) -> None:
        """It is another record now: its answers will not come."""
        with self._lock:
            self._pending.clear()
        self.dismissed = set()

    def take(self, kind: str, message: dict[str, Any]) -> None:
        """One wish: kind is "control", "command" or "dismiss". Quick: it may run on the thread that trains."""
        if kind == "dismiss":
            self._dismiss(str(message.get("finding", "")), str(message.get("ident", "")))
            return
        name, ident = str(message.get("name", "")), str(message.get("id", ""))
        if kind == "command" and name == "freeze":
            threading.Thread(target=self._freeze, name="vergence-freeze", daemon=True).start()
            return
        mailbox: Post | None = getattr(self.subject, "mailbox", None)
        state = self.subject.history.state
        if kind == "command" and name == "run" and state != "paused" and self.can_start:
            # Starting may have to wait for another run to stop, so not on this thread.
            threading.Thread(target=self._start_subject, args=(ident,), daemon=True).start()
            return
        if mailbox is None or (kind == "command" and name not in COMMANDS):
            self._answer(ident, name, None, "refused", None, "Nothing trains behind this cockpit.")
            return
        if kind == "control":
            with self._lock:
                self._pending[ident] = {"name": name, "value": message.get("value")}
        if state not in ("live", "paused") and kind == "command":
            self._answer(ident, name, None, "refused", None, f"The run is {state}.")
            return
        try:
            mailbox.put(Letter(name, message.get("value"), command=kind == "command", source="cockpit", id=ident))
        except Exception as error:
            with self._lock:
                self._pending.pop(ident, None)
            self._answer(ident, name, None, "refused", None, str(error))

    def _dismiss(self, finding: str, ident: str) -> None:
        self.dismissed |= {ident}
        mailbox: Post | None = getattr(self.subject, "mailbox", None)
        if mailbox is not None and self.subject.history.state in ("live", "paused"):
            with contextlib.suppress(StoreError):  # a folder that cannot be written: it is dismissed on this page only
                mailbox.put(Letter("dismiss", finding, command=True, source="cockpit"))

    def heard(self, event: Event) -> None:
        """An event of the record that may be an answer; it is sent by `send_answers`."""
        if event.kind in ("control", "command"):
            with self._lock:
                self._answers.append(event)

    def send_answers(self) -> None:
        """Tell the browser what became of its wishes."""
        with self._lock:
            answers, self._answers = self._answers, []
            for event in answers:
                self._pending.pop(str(event.data.get("id")), None)
        for event in answers:
            data = event.data
            self._answer(
                str(data.get("id")), str(data.get("name")), data.get("new"), str(data.get("state")), event.step,
                str(data.get("why", "")),
            )  # fmt: skip

    def _start_subject(self, ident: str) -> None:
        subject: Any = self.subject
        total = subject.history.static.get("total_steps")
        left = None if total is None else total - subject.history.last_step
        try:
            subject.start(steps=left if left is None or left > 0 else None)
            self._answer(ident, "run", None, "applied", subject.history.last_step + 1, "")
        except Exception as error:
            self._answer(ident, "run", None, "refused", None, str(error))

    def _answer(self, ident: str, name: str, value: Any, state: str, step: int | None, why: str) -> None:
        message = {"type": "ack", "id": ident, "name": name, "value": value, "state": state, "step": step, "why": why}
        self._send(message, [])
