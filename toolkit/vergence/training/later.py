"""Numbers from a device without making the training thread wait for them.

`float(loss)` on a GPU waits until everything queued before it has run. `Later` copies the number to
pinned memory behind the work that makes it and hands it out at a later step, once it has arrived.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

__all__ = ["Later"]

WAITING = 64
"""So many numbers may be on their way; then the oldest is waited for."""


class Later:
    """Numbers on their way from a device, in order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()

    def put(self, step: int, value: Tensor) -> list[tuple[int, float]]:
        """Send one number off; returns those that have arrived, as (step, value)."""
        if value.device.type == "cuda":
            home = torch.empty((), dtype=value.dtype, pin_memory=True)
            home.copy_(value, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            self._waiting.append((step, home, event))
        else:
            self._waiting.append((step, value, None))
        return self._arrived(patience=WAITING)

    def rest(self) -> list[tuple[int, float]]:
        """All that are still on their way: waits for them. For the end of a loop."""
        return self._arrived(patience=0)

    def _arrived(self, patience: int) -> list[tuple[int, float]]:
        arrived = []
        while self._waiting:
            event = self._waiting[0][2]
            if event is not None and not event.query():  # type: ignore[no-untyped-call]
                if len(self._waiting) < patience:
                    break
                event.synchronize()
            step, home, _ = self._waiting.popleft()  # taken out first: one that cannot be read must not block the rest
            arrived.append((step, float(home)))
        return arrived
