"""Whoever reads a run directory sees everything once, whenever it looks."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import vergence
from tests.record.written import recorded, saved, until
from vergence import errors
from vergence.record import attach as attach_module
from vergence.record import store as store_module
from vergence.record.attach import Tail
from vergence.record.history import History


def test_a_torn_last_line_waits_for_its_end_and_a_strange_line_is_passed_over(tmp_path):
    history = History({"name": "torn"})
    store = saved(history, tmp_path)
    history.add_scalars(1, {"loss": 1.0})
    store.close()
    whole = b'{"step": 2, "time": 1.0, "loss": 2.0}\n'
    path = tmp_path / "scalars.jsonl"
    with path.open("ab") as file:
        file.write(b'[1]\n{"loss": 9.0}\n{"step": "x", "time": 1, "loss": 9}\nnot json\n' + whole[:20])
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"kind": "notice"}\n{"kind": "notice", "step": 2, "time": 1.0, "data": 7}\n')
    tail = Tail(tmp_path)
    assert tail.history.scalar("loss").steps.tolist() == [1]
    with path.open("ab") as file:
        file.write(whole[20:])
    assert tail.poll()
    assert tail.history.scalar("loss").values.tolist() == [1.0, 2.0]
    assert not tail.poll()


@pytest.mark.parametrize("begin", [0, 7, 40])
def test_a_reader_that_begins_midway_sees_everything_once(tmp_path, begin):
    history = History({"name": "midway"})
    store = saved(history, tmp_path)
    tail = None
    for step in range(1, 41):
        history.add_scalars(step, {"loss": float(step)})
        history.add_frames(step, {"map": ({"x": np.array([step])}, {})})
        history.add_event("notice", step, text=str(step))
        if step % 3 == 0:
            store.flush()
            if tail is not None:
                tail.poll()
        if step == begin or (tail is None and step > begin):
            store.flush()
            tail = Tail(tmp_path)
    store.close()
    tail = tail or Tail(tmp_path)
    tail.poll()
    assert recorded(tail.history) == recorded(history)


def test_static_entries_written_twice_within_a_clock_tick_are_seen(tmp_path):
    history = History({"name": "first"})
    store = saved(history, tmp_path)
    store.flush()
    tail = Tail(tmp_path)
    for number in range(20):
        history.describe(name=f"name-{number}")
        store.flush()
        tail.poll()
        assert tail.history.name == f"name-{number}"
    store.close()


def test_a_reader_that_polls_while_files_are_packed_sees_every_frame_once(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "COMPACT_AT", 12)
    monkeypatch.setattr(store_module, "COMPACT_KEEP", 3)
    history = History({"name": "race"}, frame_limit=10_000)
    store = saved(history, tmp_path)
    store.flush()
    tail = Tail(tmp_path)
    added: list[int] = []
    add_frames = tail.history.add_frames
    monkeypatch.setattr(
        tail.history, "add_frames", lambda step, *rest, **more: (added.append(step), add_frames(step, *rest, **more))
    )
    done, wrong = threading.Event(), []

    def follow() -> None:
        try:
            while not done.is_set():
                tail.poll()
        except Exception as error:
            wrong.append(error)

    reader = threading.Thread(target=follow)
    reader.start()
    try:
        for step in range(1, 301):
            history.add_frames(step, {"map": ({"x": np.array([step])}, {})})
            store.flush()
    finally:
        done.set()
        reader.join(30)
    store.close()
    tail.poll()
    assert wrong == []
    assert sorted(added) == list(range(1, 301))


def test_a_folder_without_a_run_is_named_with_those_beside_it(tmp_path):
    saved(History(), tmp_path / "2026-01-01-emoji").close()
    with pytest.raises(errors.StoreError, match=r"no run\.json there.*Runs beside it: 2026-01-01-emoji"):
        vergence.open(tmp_path / "2026-01-02-emoji")


def test_a_run_json_that_was_edited_is_an_error_with_its_path(tmp_path):
    saved(History(), tmp_path).close()
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(errors.StoreError, match=r"run\.json cannot be read: .* Was it edited by hand\?"):
        vergence.open(tmp_path, follow=False)


def test_entries_reach_the_disk_within_a_second_by_themselves(tmp_path):
    history = History({"name": "alone"})
    store = saved(history, tmp_path)
    try:
        history.add_event("notice", 1, text="x")
        history.add_scalars(1, {"loss": 1.0})
        limit = time.monotonic() + 2
        while time.monotonic() < limit and not (tmp_path / "scalars.jsonl").exists():
            time.sleep(0.02)
        with vergence.open(tmp_path) as opened:  # follows by itself
            history.add_scalars(2, {"loss": 2.0})
            while time.monotonic() < limit and opened.history.last_step < 2:
                time.sleep(0.02)
            assert opened.history.last("loss") == 2.0
            assert opened.history.events("notice")[0].data == {"text": "x"}
    finally:
        store.close()


def test_a_reader_says_once_that_it_cannot_read_and_goes_on_when_it_can(tmp_path):
    history = History({"name": "before"})
    store = saved(history, tmp_path)
    store.flush()
    whole = (tmp_path / "run.json").read_text()
    with vergence.open(tmp_path) as opened:
        (tmp_path / "run.json").write_text("{")
        until(lambda: bool(opened.history.events("failed")))
        history.add_scalars(1, {"loss": 1.0})
        store.flush()
        time.sleep(0.6)
        assert len(opened.history.events("failed")) == 1
        (tmp_path / "run.json").write_text(whole.replace("before", "after"))
        until(lambda: opened.name == "after" and opened.history.last_step == 1)
    store.close()


def test_a_read_that_failed_for_a_moment_is_made_up_for(tmp_path, monkeypatch):
    history = History({"name": "before"})
    store = saved(history, tmp_path)
    store.flush()
    tail = Tail(tmp_path)
    history.describe({"pixels": np.ones(3)}, name="after")
    store.flush()
    store.close()
    with monkeypatch.context() as patch:
        patch.setattr(
            attach_module.Path, "read_bytes", lambda path: (_ for _ in ()).throw(OSError(5, "Input/output error"))
        )
        with pytest.raises(errors.StoreError, match="Input/output error"):
            tail.poll()
    with monkeypatch.context() as patch:
        patch.setattr(attach_module, "load_file", lambda path: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(errors.StoreError, match="Was its copy cut short"):
            tail.poll()
    tail.poll()
    assert tail.history.name == "after"
    assert tail.history.arrays["pixels"].tolist() == [1.0, 1.0, 1.0]
