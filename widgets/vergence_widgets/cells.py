"""Cells: which notebook cell a training loop runs in, where it runs on the main thread.

Such a loop never says that it is over, and while its cell runs some kernels take no messages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from IPython.core.getipython import get_ipython

__all__ = ["Cells"]

UNDER_WAY = ("live", "paused")


class Cells:
    """Follows the cells of this notebook for one subject, until `close`.

    `after_cell` is called at the end of each cell, while its output can still be changed by everybody
    who runs notebooks: nbclient, papermill and a build of documentation stop listening then.
    """

    def __init__(
        self,
        subject: Any,
        *,
        after_cell: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subject = subject
        self._after_cell = after_cell
        self._clock = clock
        self._began: float | None = clock()
        self._shell: Any = get_ipython()
        if self._shell is not None:
            self._shell.events.register("pre_run_cell", self._before)
            self._shell.events.register("post_run_cell", self._after)

    def loop_began(self) -> float | None:
        """When the cell began whose loop trains on the main thread; None when none does."""
        return self._began if self._on_main_thread() else None

    def close(self) -> None:
        """Follow no more."""
        if self._shell is not None:
            self._shell.events.unregister("pre_run_cell", self._before)
            self._shell.events.unregister("post_run_cell", self._after)
            self._shell = None

    def _on_main_thread(self) -> bool:
        if self._subject.history.state not in UNDER_WAY:
            return False
        if getattr(self._subject, "driver", "") == "inline":
            return True
        return getattr(self._subject, "loop_thread", None) is threading.main_thread()

    def _before(self, _info: Any = None) -> None:
        self._began = self._clock()

    def _after(self, result: Any = None) -> None:
        self._began = None
        # A Run knows its own end; somebody's own loop has ended when its cell has.
        if self._on_main_thread() and hasattr(self._subject, "loop_ended"):
            error = getattr(result, "error_in_exec", None)
            self._subject.loop_ended(error if isinstance(error, BaseException) else None)
        self._after_cell()
