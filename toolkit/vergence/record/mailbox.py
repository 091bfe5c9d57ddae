"""Mailbox: how controls reach a training loop.

The browser, Python callers and other processes only ever put letters in; the training thread takes
them out between steps. The answer to a letter is an event in the History that carries its id, so
whoever asked reads it there, in this process or another.

A run directory has a mailbox too: `controls.jsonl`, one JSON object a line, appended by anyone who may
write there (`Outbox`) and polled by the trainer (`Inbox`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vergence import errors

__all__ = ["COMMANDS", "Inbox", "Letter", "Mailbox", "Outbox", "Post"]

COMMANDS = ("run", "pause", "step", "stop", "dismiss")
FILE = "controls.jsonl"
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Letter:
    """One wish: a command (`pause`; `dismiss` of a finding by name) or a value for a control (`temperature`, 0.1)."""

    name: str
    value: Any = None
    command: bool = False
    source: str = "python"
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


class Post(Protocol):
    """Where letters are put in: a `Mailbox` in this process, an `Outbox` for another one."""

    def put(self, letter: Letter) -> str:
        """Put a letter in; returns its id."""
        ...


class Mailbox:
    """Letters in this process, and those that an `Inbox` brings from the run directory."""

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque()
        self._ready = threading.Condition()
        self._inbox: Inbox | None = None

    def put(self, letter: Letter) -> str:
        """Put a letter in, from any thread; returns its id."""
        with self._ready:
            self._letters.append(letter)
            self._ready.notify_all()
        return letter.id

    def read_also(self, inbox: Inbox | None) -> None:
        """Take letters from a run directory as well."""
        self._inbox = inbox

    def take(self) -> list[Letter]:
        """All letters, oldest first. The training thread calls this between steps."""
        if self._inbox is not None:
            for letter in self._inbox.poll():
                self.put(letter)
        if not self._letters:
            return []
        with self._ready:
            letters = list(self._letters)
            self._letters.clear()
            return letters

    def wait(self, seconds: float) -> None:
        """Sleep until a letter comes, at most `seconds`."""
        with self._ready:
            if not self._letters:
                self._ready.wait(seconds)


class Inbox:
    """Reads `controls.jsonl` of a run directory, from where it ended when the run began."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = directory / FILE
        self._clock = clock
        self._next = 0.0
        self._offset = 0
        with contextlib.suppress(OSError):  # no letters yet, or a folder that cannot be looked into now
            self._offset = self._path.stat().st_size

    def poll(self) -> list[Letter]:
        """New letters; looks at most five times a second, and a torn last line waits for its end."""
        now = self._clock()
        if now < self._next:
            return []
        self._next = now + POLL_SECONDS
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                blob = file.read()
        except OSError:
            return []
        whole = blob[: blob.rfind(b"\n") + 1]
        self._offset += len(whole)
        letters = []
        for line in whole.splitlines():
            letter = _parse(line)
            if letter is not None:
                letters.append(letter)
        return letters


class Outbox:
    """Appends letters to `controls.jsonl` of a run directory that another process trains in."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def put(self, letter: Letter) -> str:
        """Append one letter; returns its id."""
        line = json.dumps(asdict(letter)).encode() + b"\n"
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if os.write(handle, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(handle)
        except OSError as error:
            raise errors.StoreError(
                f"Could not write the control {letter.name!r} to {self._path}: {error.strerror}. "
                "To steer a run from another process its folder must be writable; watching it needs no such right."
            ) from error
        return letter.id


def _parse(line: bytes) -> Letter | None:
    """A letter, or None for a line that is not one: a stray line must not stop a training run."""
    try:
        entry = json.loads(line)
        return Letter(
            name=str(entry["name"]),
            value=entry.get("value"),
            command=bool(entry.get("command", False)),
            source=str(entry.get("source", "another process")),
            id=str(entry["id"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
