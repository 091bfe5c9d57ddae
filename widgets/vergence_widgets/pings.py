"""Pings and confirmations: whether the page can be heard now, and keeps up. Asked, not guessed from versions."""

from __future__ import annotations

import math
import threading

__all__ = ["Confirmations", "Pings"]

ASK_SECONDS = 1.0
"""A frame that was not confirmed for so long, or a ping not answered: asked again."""
QUIET_SECONDS = 6.0
"""Nothing heard for so long: asked."""
LATENCY_SECONDS = 15.0
"""Asked at least so often, to know how long an answer takes."""
SILENT_SECONDS = 2.5
"""A ping without an answer for so long: controls do not work now."""
CONFIRM_SECONDS = 4.0
"""Each message from the page makes JupyterLab redraw its busy signs, twice: so a page is asked for few."""
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

    def due(self, now: float) -> bool:
        """Whether to ask now."""
        since_asked = now - self.asked_at
        if self._unanswered is not None and now - self._unanswered >= ASK_SECONDS:
            return since_asked >= ASK_SECONDS
        last = max(self.asked_at, self.heard_at or 0.0)
        return self._newest == 0 or now - last >= QUIET_SECONDS or since_asked >= LATENCY_SECONDS

    def expect(self, now: float) -> None:
        """A frame was sent, which the page will confirm: that is an answer, too."""
        with self._lock:
            if self._unanswered is None:
                self._unanswered = now

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
        """When the first ping or frame was sent that nothing was heard after; None before it has waited for long."""
        asked = self._unanswered
        return asked if asked is not None and now - asked > SILENT_SECONDS else None


class Confirmations:
    """Which frames the page was asked to confirm, which it has shown, and how long it takes to paint one.

    every: seconds without a confirmation after which a frame asks for one; 0: every frame does.
    """

    def __init__(self, every: float = CONFIRM_SECONDS) -> None:
        self.paint = 0.0
        """Seconds from a frame to its pixels, lately."""
        self._every = every
        self._awaited: list[int] = []
        self._at = -math.inf

    def ask(self, seq: int, now: float, *, key: bool) -> bool:
        """Whether frame `seq` should be confirmed; noted when it should."""
        asked = key or now - self._at >= self._every
        if asked:
            self._awaited = [*self._awaited[-1:], seq]
        return asked

    def shown(self, seq: int, milliseconds: float, now: float) -> None:
        """The page has painted frame `seq`."""
        self._awaited = [awaited for awaited in self._awaited if awaited > seq]
        self._at = now
        self.paint = 0.7 * self.paint + 0.3 * min(max(milliseconds / 1000, 0.0), 1.0)

    def behind(self, sent: int) -> bool:
        """Two frames that should have been confirmed were not, or one and another has been sent since."""
        return len(self._awaited) > 1 or (len(self._awaited) == 1 and sent > self._awaited[0])
