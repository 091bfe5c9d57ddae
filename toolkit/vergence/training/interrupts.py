"""A keyboard interrupt that comes in the middle of a step waits for its end.

Python raises KeyboardInterrupt at the next call of a Python function, wherever that is. Inside `with torch.no_grad():`
that is as a rule `no_grad.__exit__` itself, before it has done anything: gradients then stay off on this thread, and
no loop in this process trains any more. A step half done also leaves an optimiser of which some weights have moved and
others have not.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import torch

__all__ = ["Held"]


class Held:
    """`with Held():` an interrupt is raised when the block is over; the second one is raised at once.

    For the main thread, where interrupts arrive; on another thread it does nothing. Where the process ignores
    interrupts, or lets them kill it, that stays so. Can be entered again, and inside itself.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._came: FrameType | bool | None = False
        self._grad = True
        self._depth = 0

    def __enter__(self) -> Held:
        self._depth += 1
        if self._depth == 1 and threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before) and getattr(before, "__func__", None) is not Held._hold:
                self._came = False
                self._grad = torch.is_grad_enabled()
                self._before = before
                signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth or self._before is None:
            return
        before, self._before = self._before, None
        signal.signal(signal.SIGINT, before)
        if isinstance(error, KeyboardInterrupt):
            torch.set_grad_enabled(self._grad)
        elif self._came is not False:
            before(signal.SIGINT, self._came)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        if self._came is False and self._before is not None:
            self._came = frame
            return
        before = self._before or signal.default_int_handler
        before(number, frame)
