"""Open a run directory: a finished run, or one that another process is training right now."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from vergence import errors
from vergence.record.history import History
from vergence.record.mailbox import Letter, Outbox
from vergence.record.store import read_frames

__all__ = ["Attached", "Tail", "open_run"]

FOLLOW_SECONDS = 0.25


class Tail:
    """Reads a run directory into a History, and what was added since at each `poll`."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        if not (self.directory / "run.json").is_file():
            near = [path.parent.name for path in sorted(self.directory.parent.glob("*/run.json"))][-3:]
            hint = f" Runs beside it: {', '.join(near)}." if near else ""
            raise errors.StoreError(
                f"vergence.open({str(directory)!r}): no run.json there, so it is no run directory.{hint} "
                "A run prints its directory when it starts; run.directory holds it."
            )
        self.history = History()
        self._offsets = {"scalars.jsonl": 0, "events.jsonl": 0}
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._files: set[str] = set()
        self._seen: set[tuple[str, int]] = set()
        self.poll()

    def poll(self) -> bool:
        """Read what is new; True when there was something."""
        before = self.history.revision
        self._static()
        gone = self._gone()  # asked first: what is read after it is all that a dead trainer wrote
        self._events()
        self._scalars()
        self._frames()
        if gone and self.history.state in ("live", "paused"):
            self.history.set_state("stopped", "the training process ended without closing the run")
        return self.history.revision != before

    def _changed(self, path: Path) -> bool:
        try:
            found = path.stat()
        except OSError:
            return False
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)  # two files may follow within one clock tick
        if self._stamps.get(path.name) == stamp:
            return False
        self._stamps[path.name] = stamp
        return True

    def _static(self) -> None:
        path = self.directory / "run.json"
        if self._changed(path):
            try:
                entries = json.loads(path.read_bytes())
            except (OSError, ValueError) as error:
                del self._stamps[path.name]  # looked at again by the next poll
                raise errors.StoreError(f"{path} cannot be read: {error}. Was it edited by hand?") from error
            self.history.describe(**entries)
        arrays = self.directory / "static.safetensors"
        if self._changed(arrays):
            try:
                self.history.describe(load_file(str(arrays)))
            except (OSError, SafetensorError) as error:
                del self._stamps[arrays.name]
                raise errors.StoreError(f"{arrays} cannot be read: {error}. Was its copy cut short?") from error

    def _lines(self, file: str) -> list[dict[str, Any]]:
        path = self.directory / file
        try:
            with path.open("rb") as handle:
                handle.seek(self._offsets[file])
                blob = handle.read()
        except OSError:
            return []
        whole = blob[: blob.rfind(b"\n") + 1]  # a torn last line waits for its end
        self._offsets[file] += len(whole)
        rows = []
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                rows.append(row)
        return rows

    def _events(self) -> None:
        for row in self._lines("events.jsonl"):
            with contextlib.suppress(KeyError, TypeError):  # a line of somebody else's
                self.history.add_event(row["kind"], row["step"], moment=row["time"], **row["data"])

    def _scalars(self) -> None:
        for row in self._lines("scalars.jsonl"):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                step, moment = row.pop("step"), row.pop("time")
                row.pop("not_finite", None)
                values = {key: float("nan") if value is None else value for key, value in row.items()}
                self.history.add_scalars(step, values, moment=moment)

    def _frames(self) -> None:
        try:
            paths = sorted((self.directory / "frames").glob("*.safetensors"), key=_first_step)
        except OSError:
            return
        for path in paths:
            if path.name in self._files:
                continue
            try:
                entries = read_frames(path)
            except (OSError, ValueError, SafetensorError):
                continue  # packed between listing and reading: the pack has it; tried again if it is still there
            self._files.add(path.name)
            for kind, frame in entries:
                if (kind, frame.step) not in self._seen:
                    self._seen.add((kind, frame.step))
                    self.history.add_frames(frame.step, {kind: (frame.arrays, frame.meta)}, moment=frame.time)

    def _gone(self) -> bool:
        """A killed trainer cannot say that it ended; its process id can, on the same machine."""
        pid, host = self.history.static.get("pid"), self.history.static.get("host")
        return isinstance(pid, int) and host == socket.gethostname() and not _alive(pid)


class Attached:
    """A run in another process, or a finished one: its History, and its controls where it still trains.

    What is asked for is applied by the trainer at its next step; the answer arrives in `history`.
    """

    def __init__(self, directory: str | Path, *, follow: bool = True) -> None:
        self._tail = Tail(directory)
        self.directory = self._tail.directory
        self.mailbox = Outbox(self.directory)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if follow:
            self._thread = threading.Thread(target=self._loop, name="vergence-follow", daemon=True)
            self._thread.start()

    @property
    def history(self) -> History:
        """The record so far."""
        return self._tail.history

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.history.name

    def poll(self) -> bool:
        """Read what is new now; done four times a second by itself when following."""
        with self._lock:
            return self._tail.poll()

    def _loop(self) -> None:
        said = ""
        while not self._closing.wait(FOLLOW_SECONDS):
            try:
                self.poll()
                said = ""
            except Exception as error:  # the folder may vanish and come back; the watcher must say so, not die
                if str(error) != said:
                    said = str(error)
                    self.history.add_event(
                        "failed", self.history.last_step, what="store", name="run directory", why=said
                    )

    def pause(self) -> str:
        """Ask the trainer to pause before its next step."""
        return self._command("pause")

    def resume(self) -> str:
        """Ask the trainer to go on."""
        return self._command("run")

    def step(self) -> str:
        """Ask a paused trainer for one step."""
        return self._command("step")

    def stop(self) -> str:
        """Ask the trainer to stop."""
        return self._command("stop")

    def set(self, **controls: Any) -> tuple[str, ...]:
        """Ask for other values of controls: `attached.set(temperature=0.1)`."""
        self._still_trains("set")
        known = [entry["name"] for entry in self.history.static.get("controls", [])]
        for name in controls:
            if name not in known:
                raise errors.UnknownName("Attached.set", name, known, "control")
        return tuple(
            self.mailbox.put(Letter(name, value, source="another process")) for name, value in controls.items()
        )

    def _command(self, name: str) -> str:
        self._still_trains("resume" if name == "run" else name)
        return self.mailbox.put(Letter(name, command=True, source="another process"))

    def _still_trains(self, call: str) -> None:
        if self.history.state in ("stopped", "finished", "failed"):
            raise errors.StateError(
                f"Attached.{call}(): {self.name} is {self.history.state} at step {self.history.last_step:,}. "
                "Only a run that still trains can be steered."
            )

    def close(self) -> None:
        """Stop following."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def __enter__(self) -> Attached:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Attached({str(self.directory)!r}, {self.history.state}, step {self.history.last_step:,})"


def open_run(directory: str | Path, *, follow: bool = True) -> Attached:
    """Open a run directory, `vergence.open`. With `follow` its History grows while another process trains.

    Raises StoreError when there is no run in that folder.
    """
    return Attached(directory, follow=follow)


def _first_step(path: Path) -> tuple[int, str]:
    number = re.search(r"\d+", path.name)
    return int(number[0]) if number else 0, path.name


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    try:  # a killed child that nobody has waited for still answers to signal 0
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"
