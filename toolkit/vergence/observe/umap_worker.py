"""UMAP in a process of its own: rows in, positions out, over pipes.

    python -m vergence.observe.umap_worker

UMAP is compiled when it is first called, which takes longer than many a run, and numba may abort the process it
works in when two threads call it. So it lives here, at low priority and on one thread, where neither can hold up
or end a training. This file needs numpy and umap-learn and nothing of ours, so that it can be started by its path
without loading torch once more.

A message, both ways: 4 bytes "VGUM", the lengths of two parts as uint32 little-endian, a part in JSON, a part of
float32 little-endian numbers. Nothing is executed by reading one. Requests: rows `(items, dim)`, then the map to
start from `(items, 2)`. Answers have a "kind":

    loading   it has begun to compile
    ready     it has compiled, in so many seconds
    map       positions `(items, 2)`, with trustworthiness and the number of neighbours
    failed    one request could not be met, and why
    missing   umap-learn is not installed, and the worker ends

The end of standard input ends the process at once, whatever it is doing: it dies with its parent.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import sys
import threading
import time
import warnings
from typing import IO, Any

import numpy as np

__all__ = ["main", "read", "write"]

MAGIC = b"VGUM"
HEAD = struct.Struct("<4sII")
LARGEST = 1 << 30
NEIGHBOURS = 15
FIRST_EPOCHS = 200
WARM_EPOCHS = 40
WARM_RATE = 0.3


def write(stream: IO[bytes], said: dict[str, Any], numbers: bytes = b"") -> None:
    """One message."""
    words = json.dumps(said).encode()
    stream.write(HEAD.pack(MAGIC, len(words), len(numbers)) + words + numbers)
    stream.flush()


def read(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next message, or None at the end of the stream. Raises ValueError for what is no message."""
    head = _exactly(stream, HEAD.size)
    if head is None:
        return None
    magic, words, numbers = HEAD.unpack(head)
    if magic != MAGIC or words > LARGEST or numbers > LARGEST:
        raise ValueError(f"umap_worker: {head[:4]!r} is no message of ours; something else writes to this pipe.")
    said, data = _exactly(stream, words), _exactly(stream, numbers)
    return None if said is None or data is None else (json.loads(said), data)


def main() -> None:
    """Answer requests on standard input until it ends."""
    answers = _own_output()
    _be_modest()
    requests: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    began = time.monotonic()
    write(answers, {"kind": "loading"})
    warnings.simplefilter("ignore")  # UMAP warns of its own settings; the person at the screen cannot change them
    try:
        from umap import UMAP
    except ImportError as error:
        write(answers, {"kind": "missing", "why": str(error)})
        os._exit(0)  # an orderly end would wait for the thread that listens
    rows = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    _fit(UMAP, rows, rows[:, :2], warm=True, seed=0)
    write(answers, {"kind": "ready", "seconds": round(time.monotonic() - began, 2)})
    while True:
        said, data = requests.get()
        began = time.monotonic()
        try:
            told, positions = _answer(UMAP, said, data)
            told["seconds"] = round(time.monotonic() - began, 3)
            write(answers, said | told, positions)
        except Exception as error:  # the next request may be a better one
            write(answers, said | {"kind": "failed", "why": f"{type(error).__name__}: {error}"})


def _answer(umap: Any, said: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    numbers = np.frombuffer(data, "<f4")
    items, dim = int(said["items"]), int(said["dim"])
    rows = numbers[: items * dim].reshape(items, dim)
    start = numbers[items * dim :].reshape(items, 2)
    found = _fit(umap, rows, start, warm=bool(said["warm"]), seed=int(said.get("seed", 0)))
    from sklearn.manifold import trustworthiness  # comes with umap-learn

    near = min(NEIGHBOURS, (items - 1) // 2)
    trust = float(trustworthiness(rows, found, n_neighbors=near))
    return {"kind": "map", "trustworthiness": trust, "neighbours": near}, found.astype("<f4").tobytes()


def _fit(umap: Any, rows: Any, start: Any, *, warm: bool, seed: int) -> Any:
    settings: dict[str, Any] = {"n_epochs": FIRST_EPOCHS}
    if warm:
        settings = {"n_epochs": WARM_EPOCHS, "learning_rate": WARM_RATE}
    neighbours = min(NEIGHBOURS, len(rows) - 1)
    made = umap(n_neighbors=neighbours, init=np.array(start), random_state=seed, n_jobs=1, **settings)
    return np.asarray(made.fit_transform(np.array(rows)), np.float32)


def _listen(requests: queue.Queue[tuple[dict[str, Any], bytes]]) -> None:
    try:
        while (message := read(sys.stdin.buffer)) is not None:
            requests.put(message)
    finally:
        os._exit(0)  # whoever would read an answer is gone


def _own_output() -> IO[bytes]:
    """The pipe to the parent; what libraries print goes nowhere, so that it cannot be taken for a message."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def _be_modest() -> None:
    """One thread, and behind everything else that wants the processor."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "nice"):
        os.nice(10)


def _exactly(stream: IO[bytes], count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = stream.read(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main()
