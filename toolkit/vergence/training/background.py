"""Background: a loop off the main thread, so that the notebook's cell returns at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from vergence import errors
from vergence.record.history import History

__all__ = ["Background"]


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
    ) -> None:
        self._train = train
        self._history = history
        self._on_end = on_end
        self._result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"vergence-{history.name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """The loop has not ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._result = self._train()
        except BaseException as error:  # kept for wait(): a thread has nobody to raise to
            self.error = error
        try:
            self._on_end(self.error)
        except Exception as error:
            self.error = self.error or error

    def wait(self, timeout: float | None = None) -> Any:
        """What `train` returned. Raises TrainingFailed from what it raised; TimeoutError when it still runs."""
        self._thread.join(timeout)
        if self._thread.is_alive():
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
