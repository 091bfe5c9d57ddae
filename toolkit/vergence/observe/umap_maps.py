"""The training process's end of the UMAP worker: ask for a map, and collect it at some later look."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence.observe import umap_worker

__all__ = ["Answer", "UmapMaps"]

RESTARTS = 1
COMMAND = (sys.executable, "-P", str(Path(umap_worker.__file__)))
"""By its path: `-m` would load this package, and torch with it, into the worker. -P: its folder is not searched."""
MISSING = "UMAP needs umap-learn, which is not installed. Type: pip install 'vergence[projection]'"


@dataclass(frozen=True)
class Answer:
    """One message of the worker; see `umap_worker` for its kinds. "ended": it died and will not be started again."""

    kind: str
    said: dict[str, Any]
    positions: NDArray[np.float32] | None = None


class UmapMaps:
    """Maps from a worker process that is started at the first `ask`. No call waits for the worker.

    command: what to start; a test starts something else.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._requests: SimpleQueue[tuple[dict[str, Any], bytes] | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.busy = False
        """A map was asked for and has not come: the next one is not asked for before."""
        self.over = False
        """There will be no more maps."""

    @property
    def pid(self) -> int | None:
        """The worker's process, while there is one."""
        return None if self._process is None else self._process.pid

    def ask(self, said: dict[str, Any], rows: NDArray[np.float32], start: NDArray[np.float32], *, warm: bool) -> bool:
        """Ask for a map of `rows` from `start`; False when one is on its way already, or there will be none.

        said: comes back with the answer, so that it can be told whose map it is.
        """
        if self.busy or self.over or self._closed:
            return False
        self.busy = True
        said = said | {"items": len(rows), "dim": rows.shape[1], "warm": warm}
        self._requests.put((said, rows.astype("<f4").tobytes() + start.astype("<f4").tobytes()))
        if self._thread is None:
            # A pipe holds little and the worker compiles for long: writing is for a thread that may wait.
            self._thread = threading.Thread(target=self._serve, name="vergence-umap", daemon=True)
            self._thread.start()
        return True

    def arrived(self) -> list[Answer]:
        """What has come since the last call."""
        found = []
        with contextlib.suppress(Empty):
            while True:
                found.append(self._answers.get_nowait())
        for answer in found:
            if answer.kind in ("map", "failed", "ended", "missing"):
                self.busy = False
            if answer.kind in ("ended", "missing"):
                self.over = True
        return found

    def close(self) -> None:
        """End the worker; there is nothing in it that is worth waiting for."""
        with self._lock:
            self._closed = True
            process = self._process
            if process is not None:
                process.kill()
        self._requests.put(None)
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _serve(self) -> None:
        waiting: tuple[dict[str, Any], bytes] | None = None
        for _ in range(RESTARTS + 1):
            try:
                ended, waiting = self._one_worker(waiting)
            except OSError as error:
                ended, why = True, f"{type(error).__name__}: {error}"
            else:
                why = "its process ended while it worked"
            if self._closed or not ended:
                return
        self._answers.put(Answer("ended", {"why": f"UMAP could not be computed: {why}, also when started again."}))

    def _one_worker(
        self, waiting: tuple[dict[str, Any], bytes] | None
    ) -> tuple[bool, tuple[dict[str, Any], bytes] | None]:
        """Serve requests by one process. Whether it died, and the request it died of."""
        with self._lock:
            if self._closed:
                return False, None
            process = self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
            )  # fmt: skip
        try:
            while True:
                if waiting is None:
                    waiting = self._requests.get()
                if waiting is None:
                    return False, None
                if not self._one_request(process, waiting):
                    missing = self.over
                    return not missing, waiting
                waiting = None
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process = None

    def _one_request(self, process: subprocess.Popen[bytes], request: tuple[dict[str, Any], bytes]) -> bool:
        """Send it and pass on what comes until it is answered; False when the worker is no more."""
        if process.stdin is None or process.stdout is None:
            return False
        try:
            umap_worker.write(process.stdin, *request)
            while (message := umap_worker.read(process.stdout)) is not None:
                said, data = message
                kind = str(said.get("kind", ""))
                positions = np.frombuffer(data, "<f4").reshape(-1, 2) if kind == "map" else None
                if kind == "missing":
                    self.over = True
                    said = said | {"why": MISSING}
                self._answers.put(Answer(kind, said, positions))
                if kind == "missing":
                    return False
                if kind in ("map", "failed"):
                    return True
        except (OSError, ValueError):
            return False
        return False
