"""A full disk, a folder that cannot be written, a killed process: the run goes on and the record stays whole."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import vergence
from vergence.record import store as store_module
from vergence.record.attach import Tail
from vergence.record.history import History
from vergence.record.store import Store


def saved(history: History, folder: Path) -> Store:
    store = Store(folder)
    store.attach(history)
    return store


def events(history: History, what: str) -> list[str]:
    return [str(e.data.get("why") or e.data.get("text")) for e in history.events() if e.data.get("what") == what]


def test_a_disk_that_fills_in_the_middle_of_a_line_tears_nothing_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.0)
    history = History({"name": "full"})
    store = saved(history, tmp_path)
    history.add_scalars(1, {"loss": 1.0})
    assert store.flush()
    tail = Tail(tmp_path)

    write, seen_while_torn = os.write, []

    def half(handle: int, blob: bytes) -> int:
        if len(blob) > 60:
            return write(handle, blob[:60])
        tail.poll()  # a reader in another process looks at the worst moment
        seen_while_torn.append(tail.history.last_step)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(store_module.os, "write", half)
        for step in range(2, 12):
            history.add_scalars(step, {"loss": float(step)})
        assert not store.flush()
        lines = (tmp_path / "scalars.jsonl").read_bytes()
        assert lines.endswith(b"}\n")
        assert [json.loads(line)["step"] for line in lines.splitlines()] == [1]
        assert not store.flush()
    assert seen_while_torn
    assert len(events(history, "store")) == 1, "one event for one stretch of trouble"
    assert events(history, "store")[0].startswith("not saved since step 11: No space left on device")
    assert "tried again every 0 s; free some space" in events(history, "store")[0]

    history.add_scalars(12, {"loss": 12.0})
    assert store.flush()
    assert store.failed_since is None
    assert events(history, "store")[-1] == "Saving again; nothing was lost since step 11."
    store.close()
    tail.poll()
    for reader in (tail.history, vergence.open(tmp_path, follow=False).history):
        assert reader.scalar("loss").steps.tolist() == list(range(1, 13))
        assert events(reader, "store")[-1].startswith("Saving again")


def test_frames_wait_too_and_those_that_do_not_fit_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "FRAMES_WAITING", 10)
    monkeypatch.setattr(store_module, "LINES_WAITING", 8)
    history = History()
    store = saved(history, tmp_path)
    assert store.flush()

    def full(path: Path, blob: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        patch.setattr(store_module.os, "open", lambda *rest: full(tmp_path, b""))
        for step in range(1, 15):
            history.add_frames(step, {"map": ({"x": np.array([step])}, {})})
            history.add_scalars(step, {"loss": 1.0})
            store.flush()
    assert store.flush()
    store.close()
    opened = vergence.open(tmp_path, follow=False).history
    assert opened.frames("map") == tuple(range(5, 15))
    assert opened.scalar("loss").steps.tolist() == list(range(1, 9))
    assert events(history, "store")[-1] == "Saving again; 10 entries were lost since step 1."
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_cannot_be_made_is_said_and_nothing_is_raised(tmp_path):
    (tmp_path / "file").write_text("in the way")
    history = History({"name": "nowhere"})
    store = saved(history, tmp_path / "file" / "run")
    history.add_scalars(3, {"loss": 1.0})
    assert not store.flush()
    store.close()
    assert len(events(history, "store")) == 1
    assert "Not a directory" in events(history, "store")[0]
    assert str(tmp_path / "file" / "run") in events(history, "store")[0]
    assert history.last("loss") == 1.0


def test_an_error_nobody_thought_of_does_not_end_the_writing_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "FLUSH_SECONDS", 0.02)
    history = History()
    store = saved(history, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_plain", lambda value: 1 / 0)
        history.add_scalars(1, {"loss": 1.0})
        _until(lambda: bool(events(history, "store")))
    assert "not saved since step 1: division by zero" in events(history, "store")[0]
    _until(lambda: len(events(history, "store")) == 2)
    store.close()
    assert vergence.open(tmp_path, follow=False).history.last("loss") == 1.0


def _until(true: object) -> None:
    limit = time.monotonic() + 5
    while not true():  # type: ignore[operator]
        assert time.monotonic() < limit
        time.sleep(0.01)


LIMITED = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from vergence.record import store as store_module
    from vergence.record.history import History
    from vergence.record.store import Store

    store_module.RETRY_SECONDS = 0.0
    history = History({"name": "limited"})
    store = Store(Path(sys.argv[1]))
    store.attach(history)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    for step in range(1, 1_001):
        history.add_scalars(step, {"loss": 1.0 / step})
        if step % 100 == 0:
            store.flush()
    assert store.failed_since is not None
    whole = (Path(sys.argv[1]) / "scalars.jsonl").read_bytes()
    assert whole.endswith(b"}\\n") and len(whole) < 20_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    store.close()
    print([event.data.get("why") or event.data.get("text") for event in history.events()])
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE there")
def test_a_file_that_may_not_grow_is_completed_once_it_may(tmp_path):
    ran = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "File too large" in ran.stdout
    assert "Saving again; nothing was lost" in ran.stdout
    history = vergence.open(tmp_path, follow=False).history
    assert history.scalar("loss").steps.tolist() == list(range(1, 1_001))
    assert history.last("loss") == 0.001


FAST = textwrap.dedent(
    """
    import os, socket, sys, time
    from pathlib import Path
    import numpy as np
    from vergence.record.history import History
    from vergence.record.store import Store

    history = History({"name": "fast", "pid": os.getpid(), "host": socket.gethostname()})
    Store(Path(sys.argv[1])).attach(history)
    history.set_state("live")
    step = 0
    while True:
        step += 1
        history.add_scalars(step, {"loss": 1.0 / step, "similarity/z/auc": 0.9})
        if step % 20 == 0:
            history.add_frames(step, {"map": ({"x": np.full(4096, step)}, {})})
            history.add_event("notice", step, text="still here")
        if step % 100 == 0:
            print(step, time.time(), flush=True)
        time.sleep(0.0002)
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_process_leaves_all_but_its_last_two_seconds(tmp_path):
    with subprocess.Popen([sys.executable, "-c", FAST, str(tmp_path)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            told: list[tuple[int, float]] = []
            live, looked = None, 0.0
            while not told or told[-1][1] < told[0][1] + 4.3:
                step, moment = running.stdout.readline().split()
                told.append((int(step), float(moment)))
                if time.time() < told[0][1] + 2 or time.time() < looked + 0.1:
                    continue
                # Whenever it were killed, no more than two seconds would be missing.
                looked = time.time()
                due = max(step for step, moment in told if moment <= looked - 2)
                live = live or Tail(tmp_path)
                live.poll()
                assert live.history.last_step >= due
            assert live is not None
            assert live.history.state == "live"
            killed = time.time()
            running.send_signal(signal.SIGKILL)
            _until(lambda: _zombie(running.pid))
            # Nobody has waited for the process, so its id is still taken: it counts as gone all the same.
            history = Tail(tmp_path).history
        finally:
            running.kill()
    assert history.state == "stopped"
    assert history.events("state")[-1].data["note"] == "the training process ended without closing the run"
    live.poll()
    assert live.history.state == "stopped"
    assert Tail(tmp_path).history.state == "stopped"

    due = max(step for step, moment in told if moment <= killed - 2)
    steps = history.scalar("loss").steps
    assert due > 1_000, "the child was too slow to prove anything"
    assert steps.tolist() == list(range(1, len(steps) + 1))
    assert steps[-1] >= due
    assert history.frames("map")[-1] >= due - 20
    assert history.frame("map").arrays["x"].tolist() == [history.frames("map")[-1]] * 4096
    assert history.events("notice")[-1].step >= due - 20


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


ENDS = """
import sys
with open(sys.argv[1], "ab") as events:
    sys.stdin.readline()
    events.write(b'{"step": 0, "time": 2.0, "kind": "state", "data": {"state": "finished", "note": ""}}' + bytes([10]))
"""


def test_a_process_that_ends_between_two_looks_is_finished_and_not_gone(tmp_path, monkeypatch):
    """What it wrote last is there before it is gone, so there is no false alarm, not even for a moment."""
    with subprocess.Popen(
        [sys.executable, "-c", ENDS, str(tmp_path / "events.jsonl")], stdin=subprocess.PIPE, text=True
    ) as running:
        history = History({"name": "ends", "pid": running.pid, "host": socket.gethostname()})
        store = saved(history, tmp_path)
        history.set_state("live")
        store.close()
        tail = Tail(tmp_path)
        assert tail.history.state == "live"

        def end_at_the_worst_moment() -> None:
            Tail._events(tail)
            if running.poll() is None:
                running.communicate("\n", timeout=30)

        monkeypatch.setattr(tail, "_events", end_at_the_worst_moment)
        tail.poll()
        monkeypatch.undo()
        tail.poll()
    assert [event.data["state"] for event in tail.history.events("state")] == ["live", "finished"]
