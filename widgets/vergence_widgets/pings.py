"""Pings: whether the page can be heard now. Asked, not guessed from versions."""

from __future__ import annotations

import threading

__all__ = ["Pings"]

SILENT_SECONDS = 2.5
"""A ping without an answer for so long: controls do not work now."""
KEPT = 20


class Pings:
    """Questions to the page and when it was last heard. All moments are of one clock."""

    def __init__(self) -> None:
        self.heard_at: float | None = None
        """When the page was last heard, whatever it said."""
        self.latency: float | None = None
        """Seconds to the newest answer; None before the first."""
        self.asked_at = 0.0
        """When the newest ping was sent."""
        self._asked: dict[int, float] = {}
        self._unanswered: float | None = None
        self._newest = 0
        self._lock = threading.Lock()

    def ask(self, now: float) -> int:
        """Note that a ping is sent; returns its id."""
        with self._lock:
            self.asked_at = now
            if self._unanswered is None:
                self._unanswered = now
            self._newest += 1
            self._asked[self._newest] = now
            self._asked.pop(self._newest - KEPT, None)
            return self._newest

    def heard(self, now: float, ident: int | None = None) -> None:
        """The page said something; with the id of a ping, it answered that."""
        with self._lock:
            self.heard_at = now
            self._unanswered = None
            asked = None if ident is None else self._asked.pop(ident, None)
            if asked is not None:
                self.latency = now - asked

    def heard_since(self, moment: float) -> bool:
        """Something was heard at or after `moment`."""
        return self.heard_at is not None and self.heard_at >= moment

    def silent_since(self, now: float) -> float | None:
        """When the first ping was sent that nothing was heard after; None before it has waited for long."""
        asked = self._unanswered
        return asked if asked is not None and now - asked > SILENT_SECONDS else None
