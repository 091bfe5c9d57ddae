"""Background: a loop off the main thread, so that the notebook's cell returns at once; and one such loop at a time."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from vergence import errors
from vergence.record.history import History

__all__ = ["STOP_SECONDS", "Background", "Training", "turn"]

STOP_SECONDS = 60.0
"""A stop waits so long for the step that is under way."""


class Training(Protocol):
    """A Run, or a Monitor with a loop in the background."""

    @property
    def history(self) -> History:
        """Where the notice goes."""
        ...

    @property
    def trains(self) -> bool:
        """A loop is at work, or paused."""
        ...

    def stop_and_wait(self) -> None:
        """End it after its step. Raises StateError when that step does not end."""
        ...


_known: weakref.WeakSet[Any] = weakref.WeakSet()
_turn = threading.RLock()


@contextmanager
def turn(newcomer: Training, *, alongside: bool, how: str) -> Iterator[None]:
    """While `newcomer` starts. Whoever trains in this process is stopped first, so that a re-run cell leaves
    no second trainer behind; `alongside` lets it train on. Raises StateError when a step does not end.
    """
    with _turn:
        for other in [] if alongside else list(_known):
            if other is newcomer or not other.trains:
                continue
            other.history.add_event(
                "notice",
                other.history.last_step,
                what="start",
                text=f"Stopped because {newcomer.history.name} was started. {how} lets both train.",
            )
            other.stop_and_wait()
        _known.add(newcomer)
        yield


class Background:
    """Runs `train()` on a thread.

    What it raises is kept, told to `on_end`, and raised again by `wait()`; `Stopped` is an ordinary end.
    """

    def __init__(
        self,
        train: Callable[[], Any],
        history: History,
        *,
        on_end: Callable[[BaseException | None], None],
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._train = train
        self._history = history
        self._on_end = on_end
        self._stop = stop
        self._result: Any = None
        self.error: BaseException | None = None
        # Thread.is_alive() says no after an interrupted join(), though the thread lives (CPython before 3.13).
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"vergence-{history.name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """The loop has not ended."""
        return not self._ended.is_set()

    def stopped(self, name: str) -> None:
        """Wait for the end after a stop; from the loop's own thread there is nothing to wait for.

        Raises StateError when the step that is under way does not end.
        """
        if threading.current_thread() is self._thread:
            return
        if not self._ended.wait(STOP_SECONDS):
            raise errors.StateError(
                f"{name} is still inside its step {self._history.last_step + 1:,} after {STOP_SECONDS:.0f} s; it stops "
                "when that step ends. Wait for it, or restart the kernel if it hangs."
            )

    def _run(self) -> None:
        try:
            self._result = self._train()
        except BaseException as error:  # kept for wait(): a thread has nobody to raise to
            self.error = error
        try:
            self._on_end(self.error)
        except Exception as error:
            self.error = self.error or error
        finally:
            self._ended.set()

    def wait(self, timeout: float | None = None) -> Any:
        """What `train` returned. Raises TrainingFailed from what it raised; TimeoutError when it still runs.

        An interrupt (the notebook's stop button) asks the loop to stop after its current step.
        """
        try:
            ended = self._ended.wait(timeout)
        except KeyboardInterrupt:
            self._stop()
            raise
        if not ended:
            raise TimeoutError(
                f"{self._history.name} still trains after {timeout} s, at step {self._history.last_step:,}. "
                "It goes on; call wait() again or stop()."
            )
        if self.error is not None and not isinstance(self.error, errors.Stopped):
            raise errors.TrainingFailed(
                f"{self._history.name} failed at step {self._history.last_step:,}: "
                f"{type(self.error).__name__}: {self.error}"
            ) from self.error
        return self._result

    def __repr__(self) -> str:
        return f"Background({self._history.name!r}, {'running' if self.running else 'ended'})"
