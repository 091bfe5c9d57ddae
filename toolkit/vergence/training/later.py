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
            event = torch.cuda.Event()
            event.record()
            self._waiting.append((step, home, event))
        else:
            self._waiting.append((step, value, None))
        arrived = []
        while self._waiting:
            first_step, home, event = self._waiting[0]
            if event is not None and not event.query():
                if len(self._waiting) < WAITING:
                    break
                event.synchronize()
            arrived.append((first_step, float(home)))
            self._waiting.popleft()
        return arrived
