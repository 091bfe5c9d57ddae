"""The run directory: what is recorded is what is read, at any moment, also while files are packed."""

from __future__ import annotations

import json
import math
import threading
import time
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp

import vergence
from vergence import errors
from vergence.record import store as store_module
from vergence.record.attach import Tail
from vergence.record.history import History
from vergence.record.store import Store

names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
arrays = hnp.arrays(
    st.sampled_from(["?", "<i1", "<u2", "<i8", "<f2", "<f4", ">f8", "<f8"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
scalar_key = names.filter(lambda key: key not in ("step", "time", "not_finite"))
entry = st.one_of(
    st.tuples(st.just("scalars"), st.dictionaries(scalar_key, numbers, min_size=1, max_size=3)),
    st.tuples(
        st.just("frames"),
        st.dictionaries(
            names, st.tuples(st.dictionaries(names.filter(lambda n: ":" not in n), arrays, max_size=2),
                             st.dictionaries(names, plain, max_size=2)), min_size=1, max_size=2,
        ),
    ),
    st.tuples(st.just("event"), st.tuples(names, st.dictionaries(names.filter(lambda n: n != "moment"), plain))),
    st.tuples(st.just("static"), st.tuples(st.dictionaries(names, arrays, max_size=2),
                                           st.dictionaries(names, plain, max_size=2))),
)  # fmt: skip


def saved(history: History, folder: Any, **more: Any) -> Store:
    store = Store(folder, **more)
    store.attach(history)
    return store


def recorded(history: History) -> dict[str, Any]:
    """Everything a History holds, comparable: NaN equal to NaN, arrays as lists with their type and shape."""
    return {
        "static": history.static,
        "arrays": {name: _array(array) for name, array in history.arrays.items()},
        "scalars": {key: _series(history, key) for key in history.scalar_keys()},
        "frames": {
            kind: [
                (step, frame.time, {name: _array(array) for name, array in frame.arrays.items()}, frame.meta)
                for step, frame in ((step, history.frame(kind, step)) for step in history.frames(kind))
            ]
            for kind in history.frame_kinds()
        },
        "events": [(event.step, event.time, event.kind, event.data) for event in history.events()],
        "last_step": history.last_step,
    }


def _series(history: History, key: str) -> list[tuple[int, str]]:
    series = history.scalar(key)
    return [(int(step), repr(float(value))) for step, value in zip(series.steps, series.values, strict=True)]


def _array(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    array = np.asarray(array)
    native = array.astype(array.dtype.newbyteorder("="))
    return str(native.dtype), array.shape, native.tobytes()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(entry, max_size=12))
def test_a_history_reads_back_equal(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("run")
    history = History({"name": "round"})
    store = saved(history, folder)
    try:
        for step, (what, content) in enumerate(entries, 1):
            if what == "scalars":
                history.add_scalars(step, content)
            elif what == "frames":
                history.add_frames(step, content)
            elif what == "event":
                kind, data = content
                history.add_event(kind, step, **data)
            else:
                history.describe(content[0], **content[1])
    finally:
        store.close()
    with vergence.open(folder, follow=False) as opened:
        assert recorded(opened.history) == recorded(history)


def test_what_json_cannot_hold_becomes_text(tmp_path):
    history = History({"started": np.float64("nan")})
    store = saved(history, tmp_path)
    history.add_event("control", 1, new=math.inf, path=tmp_path, count=np.int64(3))
    store.close()
    data = vergence.open(tmp_path, follow=False).history.events("control")[0].data
    assert data == {"new": "inf", "path": str(tmp_path), "count": 3}


def test_an_array_the_format_cannot_hold_is_named_and_the_rest_is_saved(tmp_path):
    history = History()
    store = saved(history, tmp_path)
    history.describe({"labels": np.array(["cat", "dog"]), "pixels": np.zeros(3)})
    for step in (1, 2):
        history.add_frames(step, {"map": ({"x": np.ones(2), "who": np.array([None, 1])}, {})})
    store.close()
    opened = vergence.open(tmp_path, follow=False).history
    assert list(opened.arrays) == ["pixels"]
    assert list(opened.frame("map").arrays) == ["x"]
    notes = [event.data["text"] for event in opened.events("notice")]
    assert len(notes) == 2
    assert "'labels' has dtype <U3, which a run directory cannot hold" in notes[0]
    assert "'who' has dtype object" in notes[1]


def test_pandas_reads_the_scalars(tmp_path):
    history = History()
    store = saved(history, tmp_path)
    for step, loss in enumerate((3.0, float("nan"), 1.0), 1):
        history.add_scalars(step, {"loss": loss})
    store.close()
    table = pd.read_json(tmp_path / "scalars.jsonl", lines=True)
    assert table["step"].tolist() == [1, 2, 3]
    assert table["loss"].isna().tolist() == [False, True, False]
    assert table["not_finite"][1] == {"loss": "nan"}
    json.loads((tmp_path / "run.json").read_bytes())


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


def test_packing_loses_and_doubles_no_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "COMPACT_AT", 20)
    monkeypatch.setattr(store_module, "COMPACT_KEEP", 5)
    history = History({"name": "packed"}, frame_limit=10_000)
    store = saved(history, tmp_path)
    for step in range(1, 101):
        history.add_frames(step, {"a/z": ({"x": np.array([step])}, {"n": step}), "b": ({}, {})}, moment=float(step))
        store.flush()
    store.close()
    files = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert len(files) < 30
    assert any(name.startswith("pack-") for name in files)
    held = [
        (kind, frame.step) for path in (tmp_path / "frames").iterdir() for kind, frame in store_module.read_frames(path)
    ]
    assert len(held) == len(set(held)) == 200
    assert recorded(vergence.open(tmp_path, follow=False).history) == recorded(history)


def test_a_pack_beside_its_singles_doubles_nothing(tmp_path, monkeypatch):
    """As a process leaves it that was killed between writing the pack and removing what is in it."""
    monkeypatch.setattr(store_module, "COMPACT_AT", 4)
    monkeypatch.setattr(store_module, "COMPACT_KEEP", 1)
    history = History({"name": "killed"})
    store = saved(history, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(store_module.Path, "unlink", lambda path, missing_ok=False: None)
        for step in range(1, 7):
            history.add_frames(step, {"map": ({"x": np.array([step])}, {})})
            store.flush()
        store.close()
    names = {path.name for path in (tmp_path / "frames").iterdir()}
    assert {"00000001.safetensors", "pack-00000001-00000003.safetensors"} <= names
    opened = vergence.open(tmp_path, follow=False).history
    assert recorded(opened)["frames"] == recorded(history)["frames"]


def test_a_strange_file_among_the_frames_stops_neither_writer_nor_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "COMPACT_AT", 4)
    monkeypatch.setattr(store_module, "COMPACT_KEEP", 1)
    history = History()
    store = saved(history, tmp_path)
    store.flush()
    (tmp_path / "frames" / "00000000.safetensors").write_bytes(b"cut")
    store_module._replace(tmp_path / "frames" / "weights.safetensors", store_module.to_safetensors({"w": np.ones(2)}))
    for step in range(1, 9):
        history.add_frames(step, {"map": ({}, {})})
        assert store.flush()
    store.close()
    assert vergence.open(tmp_path, follow=False).history.frames("map") == tuple(range(1, 9))
    assert (tmp_path / "frames" / "00000000.safetensors").read_bytes() == b"cut"


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


def test_past_the_cap_frames_stay_in_memory_and_scalars_are_saved(tmp_path):
    history = History()
    store = saved(history, tmp_path, cap_bytes=3_000)
    for step in range(1, 31):
        history.add_frames(step, {"map": ({"x": np.zeros(64)}, {})})
        history.add_scalars(step, {"loss": float(step)})
        store.flush()
    store.close()
    opened = vergence.open(tmp_path, follow=False).history
    assert 0 < len(opened.frames("map")) < 30
    assert len(history.frames("map")) == 30
    assert len(opened.scalar("loss")) == 30
    notes = [event.data["text"] for event in opened.events("notice")]
    assert len(notes) == 1
    assert "its cap. Later frames stay in memory" in notes[0]
    assert "save_cap_bytes=" in notes[0]


def test_a_closed_store_gathers_nothing(tmp_path):
    history = History()
    store = saved(history, tmp_path)
    store.close()
    size = (tmp_path / "run.json").stat().st_size
    history.add_scalars(1, {"loss": 1.0})
    history.add_frames(1, {"map": ({}, {})})
    assert store.flush()
    assert store._lines["scalars.jsonl"] == []
    assert (tmp_path / "run.json").stat().st_size == size
    assert vergence.open(tmp_path, follow=False).history.last_step == 0


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
