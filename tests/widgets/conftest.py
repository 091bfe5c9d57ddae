"""A page made of nothing but a list of messages."""

from __future__ import annotations

from typing import Any

import pytest

from vergence_widgets.publisher import Publisher


class Page:
    """Takes what a publisher sends, and confirms every frame at once."""

    def __init__(self, subject: Any, **more: Any) -> None:
        self.messages: list[dict[str, Any]] = []
        self.buffers: list[list[bytes]] = []
        self.now = 100.0
        self.publisher = Publisher(subject, self._take, clock=lambda: self.now, **more)
        self.say("ready")

    def _take(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        self.messages.append(message)
        self.buffers.append(buffers)

    def say(self, kind: str, view: str = "v", **more: Any) -> None:
        self.publisher.handle({"type": kind, "view": view, **more})

    def tick(self, seconds: float = 0.3) -> dict[str, Any] | None:
        """One tick; the frame it sent, if it did."""
        self.now += seconds
        before = len(self.messages)
        self.publisher.tick()
        frames = [message for message in self.messages[before:] if message["type"] == "frame"]
        for frame in frames:
            self.say("shown", seq=frame["seq"], ms=1)
        return frames[-1] if frames else None

    def seek(self, step: int | None) -> dict[str, Any]:
        self.say("seek", step=step)
        frame = self.tick(0.01)
        assert frame is not None, "a seek is answered by the next tick"
        return frame


class Subject:
    """Something with a History, that may be replaced."""

    def __init__(self, history: Any) -> None:
        self.history = history


@pytest.fixture
def page():
    """`page(history, ...)`: a page that watches it."""

    def make(history: Any, **more: Any) -> Page:
        return Page(history if hasattr(history, "history") else Subject(history), **more)

    return make
