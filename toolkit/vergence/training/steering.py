"""Steering: between two steps, take the letters out and do what they say.

One object serves `Run` and somebody's own loop (`Monitor.step`). Everybody else only puts letters in;
every answer is an event in the History with the letter's id:

    "control"  {id, name, old, new, label, state: "applied" | "refused", why}
    "command"  {id, name, state, why}; of a dismissed finding its name besides: {finding}

An event's step is the first step that the new value is used for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vergence import errors
from vergence.record.history import History
from vergence.record.mailbox import COMMANDS, Letter, Mailbox
from vergence.training.controls import Controls

__all__ = ["Steering"]


class Steering:
    """The gate between steps: pause, single steps, stop, and changes of controls."""

    def __init__(self, history: History, controls: Controls) -> None:
        self.history = history
        self.controls = controls
        self.mailbox = Mailbox()
        self.may_not_pause: Callable[[], str] = lambda: ""
        """Says why a pause cannot be ended from where it was asked for; "" when it can."""
        self.after_pause: Callable[[float], None] = lambda _seconds: None
        """Told how long a pause was: the budget earns nothing in it."""
        self.between: tuple[Callable[[int], None], ...] = ()
        """Called between steps, also while paused, on the training thread and with the number of the next step. Unlike
        a letter it leaves nothing in the History. Replaced as a whole, so that any thread may."""
        self._paused = False
        self._steps_allowed = 0
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Stop was asked for."""
        return self._stopping

    @property
    def paused(self) -> bool:
        """Pause is in force."""
        return self._paused

    def begin(self, *, paused: bool = False, steps: int = 0) -> None:
        """Ready for a new start: earlier stops and pauses are over, wishes for other settings are not."""
        for letter in self.mailbox.take():
            if letter.command and letter.name != "pause":
                self._answer(letter, self.history.last_step, "refused", "nothing was training")
            else:
                self.mailbox.put(letter)
        self._stopping = False
        self._paused = paused
        self._steps_allowed = steps

    def gate(self, next_step: int) -> bool:
        """Between steps, on the training thread: True to go on with `next_step`, False to stop.

        Waits here while paused. An interrupt (KeyboardInterrupt) always ends a pause.
        """
        self._take(next_step)
        if self._waits():
            self.history.set_state("paused")
            began = time.perf_counter()
            try:
                while self._waits():
                    self.mailbox.wait(0.1)
                    self._take(next_step)
            except KeyboardInterrupt:
                self._paused = False
                self.history.set_state("live", "the pause was ended by an interrupt")
                raise
            finally:
                self.after_pause(time.perf_counter() - began)
        if self._stopping:
            return False
        if self._steps_allowed:
            self._steps_allowed -= 1
            if self._steps_allowed and self.history.state != "live":  # of several steps: it trains until the last
                self.history.set_state("live")
        elif self.history.state != "live":
            self.history.set_state("live")
        return True

    def refuse_waiting(self, step: int, why: str) -> None:
        """Answer letters that nobody will act on: the run has ended."""
        for letter in self.mailbox.take():
            self._answer(letter, step, "refused", why)

    def _waits(self) -> bool:
        return self._paused and not self._stopping and not self._steps_allowed

    def _take(self, next_step: int) -> None:
        for letter in self.mailbox.take():
            if letter.command:
                self._command(letter, next_step)
            else:
                self._control(letter, next_step)
        self.settle(next_step)

    def settle(self, next_step: int) -> None:
        """What is to be done between steps; once more when the last step is over."""
        for act in self.between:
            act(next_step)

    def _control(self, letter: Letter, step: int) -> None:
        try:
            old, new = self.controls.set(letter.name, letter.value)
        except errors.VergenceError as error:
            self._answer(letter, step, "refused", str(error))
            return
        except Exception as error:  # a setter of the user's: the run goes on
            self._answer(letter, step, "refused", f"setting {letter.name} raised {type(error).__name__}: {error}")
            return
        label = self.controls.label(letter.name, old, new)
        self._answer(letter, step, "applied", "", old=old, new=new, label=label)

    def _command(self, letter: Letter, step: int) -> None:
        why = ""
        if letter.name == "pause":
            why = "" if letter.source == "another process" else self.may_not_pause()
            if not why:
                self._paused, self._steps_allowed = True, 0
        elif letter.name == "run":
            self._paused = False
        elif letter.name == "step":
            steps = 1 if letter.value is None else letter.value
            if not self._paused:
                why = "the run is not paused; pause first, then step"
            elif isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
                why = f"{steps!r} steps cannot be taken; it must be a whole number, 1 or above"
            else:
                self._steps_allowed += steps
        elif letter.name == "stop":
            self._stopping = True
        elif letter.name == "dismiss":  # a finding that a reader need not see: it is recorded, and nothing else
            self._answer(letter, step, "applied", "", finding=str(letter.value))
            return
        else:
            why = str(errors.UnknownName("command", letter.name, COMMANDS, "command"))
        self._answer(letter, step, "refused" if why else "applied", why)

    def _answer(self, letter: Letter, step: int, state: str, why: str, **more: Any) -> None:
        kind = "command" if letter.command else "control"
        self.history.add_event(
            kind, step, id=letter.id, name=letter.name, state=state, why=why, source=letter.source, **more
        )
