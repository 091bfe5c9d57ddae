"""The run directory: what is recorded is what is read, at any moment, also while files are packed."""

from __future__ import annotations

import json
import math

import hypothesis.strategies as st
import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp

import vergence
from tests.record.written import recorded, saved
from vergence.record import store as store_module
from vergence.record.history import History

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
