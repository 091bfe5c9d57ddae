"""History: bounded in memory, even in time, safe to read while it is written."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from vergence import errors
from vergence.record.history import History


def grown(limit: int, entries: int) -> History:
    history = History(scalar_limit=limit, frame_limit=limit)
    for step in range(1, entries + 1):
        history.add_scalars(step, {"loss": float(step)})
    return history


@pytest.mark.parametrize("entries", [1, 99, 100])
def test_below_the_limit_every_value_is_kept(entries):
    series = grown(100, entries).scalar("loss")
    assert series.steps.tolist() == list(range(1, entries + 1))
    assert series.stride == 1


@pytest.mark.parametrize("entries", [101, 150, 1_000, 25_000])
def test_past_the_limit_the_newer_half_is_whole_and_the_older_part_even(entries):
    series = grown(100, entries).scalar("loss")
    gaps = np.diff(series.steps)
    assert len(series) <= 100
    assert series.steps[0] == 1
    assert series.steps[-1] == entries
    assert (series.values == series.steps).all()
    assert series.stride > 1
    # sparse entries one stride apart, one gap of at most a stride between them and the whole part
    whole = len(gaps) - int(np.flatnonzero(gaps != 1)[-1]) - 1
    assert whole >= 36
    sparse = gaps[: len(gaps) - whole - 1]
    assert (sparse == series.stride).all()
    assert gaps[len(sparse)] <= series.stride
    # the beginning is not forgotten: the sparse part holds about as many entries as its share of the limit
    assert len(sparse) >= 15


def test_the_whole_run_stays_visible_after_many_thinnings():
    series = grown(64, 20_000).scalar("loss")
    early = series.steps[series.steps <= 10_000]
    assert len(early) >= 8, "half of the run has no points left"


@pytest.mark.parametrize("limit", [4, 5, 7])
def test_the_smallest_limits_work(limit):
    series = grown(limit, 500).scalar("loss")
    assert len(series) <= limit
    assert series.steps[0] == 1
    assert series.steps[-1] == 500


def test_frames_are_thinned_in_the_same_way():
    history = History(frame_limit=40)
    for step in range(1, 2_001):
        history.add_frames(step, {"map": ({"x": np.array([step])}, {})})
    steps = np.array(history.frames("map"))
    gaps = np.diff(steps)
    assert len(steps) <= 40
    assert steps[0] == 1
    assert steps[-1] == 2_000
    assert (gaps[:6] == history.frame_stride("map")).all()
    assert (gaps[-14:] == 1).all()
    assert history.frame("map", int(steps[3])).arrays["x"][0] == steps[3]


def test_a_limit_that_cannot_work_is_refused():
    with pytest.raises(errors.ArgumentError, match=r"scalar_limit is 2 .* at least 4"):
        History(scalar_limit=2)


def test_what_is_not_finite_is_a_gap():
    history = History()
    for step, value in enumerate((1.0, float("nan"), float("inf"), 2.0), 1):
        history.add_scalars(step, {"loss": value})
    assert np.isnan(history.scalar("loss").values).tolist() == [False, True, True, False]


def test_a_value_is_in_force_until_the_next():
    history = History()
    history.add_scalars(3, {"learning_rate": 0.1})
    history.add_scalars(7, {"learning_rate": 0.2})
    series = history.scalar("learning_rate")
    assert [series.at(step) for step in (2, 3, 6, 7, 99)] == [None, 0.1, 0.1, 0.2, 0.2]
    assert history.last("learning_rate") == series.last == 0.2


def test_what_was_never_recorded_is_empty_or_named():
    history = History()
    history.add_frames(5, {"similarity/z": ({}, {})})
    assert len(history.scalar("loss")) == 0
    assert history.last("loss") is None
    assert history.scalar("loss").at(3) is None
    with pytest.raises(errors.UnknownName, match=r"Did you mean 'similarity/z'\?"):
        history.frame("similarity/x")
    with pytest.raises(errors.ArgumentError, match=r"no frame at step 6\. There are 1, from step 5 to 5"):
        history.frame("similarity/z", 6)


def test_the_same_state_again_is_no_event():
    history = History()
    history.set_state("live")
    history.set_state("live")
    history.set_state("paused", "for a look")
    assert [event.data["state"] for event in history.events("state")] == ["live", "paused"]
    with pytest.raises(errors.UnknownName, match=r"Did you mean 'stopped'\?"):
        history.set_state("stoped")


def test_a_listener_that_raises_is_logged_and_the_others_are_told(caplog):
    history, told = History(), []
    history.listen(lambda event: 1 / 0)
    end = history.listen(told.append)
    with caplog.at_level(logging.WARNING, "vergence"):
        history.add_event("notice", 3, text="hello")
    end()
    history.add_event("notice", 4, text="nobody hears")
    assert [event.step for event in told] == [3]
    assert "ZeroDivisionError" in caplog.text


def test_static_entries_may_have_any_name():
    history = History()
    history.describe({"thumbnails": np.zeros(2)}, name="a", arrays="not an array", self=1)
    assert history.static == {"name": "a", "arrays": "not an array", "self": 1}
    assert list(history.arrays) == ["thumbnails"]


def test_readers_on_other_threads_never_see_half_an_entry():
    history = History(scalar_limit=64, frame_limit=8)
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            series = history.scalar("loss")
            if not ((series.values == series.steps).all() and (np.diff(series.steps) > 0).all()):
                wrong.append(series)
            kinds = history.frame_kinds()
            if kinds and history.frame(kinds[0]).arrays["x"][0] != history.frame(kinds[0]).step:
                history.frames(kinds[0])
            history.events("notice")
            repr(history)

    readers = [threading.Thread(target=read) for _ in range(3)]
    try:
        for reader in readers:
            reader.start()
        for step in range(1, 4_000):
            history.add_scalars(step, {"loss": float(step), "other": 1.0})
            if step % 5 == 0:
                history.add_frames(step, {"map": ({"x": np.array([step])}, {})})
                history.add_event("notice", step, text="x")
    finally:
        done.set()
        for reader in readers:
            reader.join(10)
    assert wrong == []
    assert history.last("loss") == 3_999


MEMORY = textwrap.dedent(
    """
    import resource, sys
    import numpy as np
    from vergence.record.history import History

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6

    every_step = ["loss"]
    measured = ["loss/pull", "loss/push"] + [
        f"{kind}/{place}/{key}"
        for place in ("z", "h", "reference")
        for kind, keys in (
            ("similarity", ("positive_mean", "negative_mean", "auc", "overlap")),
            ("hypersphere", ("alignment", "uniformity", "uniformity_floor", "tolerance")),
        )
        for key in keys
    ]
    before = resident()
    history = History()
    sizes = []
    for step in range(1, 100_001):
        history.add_scalars(step, {"loss": 1.0})
        if step % 4 == 0:  # four measurements a second at sixteen steps a second
            history.add_scalars(step, dict.fromkeys(measured, 0.5))
            for place in ("z", "h"):
                arrays = {name: np.zeros(512, np.int64) for name in ("positive", "negative", "false_negative")}
                arrays |= {name: np.zeros(9) for name in ("positive_quantiles", "negative_quantiles")}
                history.add_frames(step, {f"similarity/{place}": (arrays, {"auc": 0.9})})
        if step in (80_000, 100_000):
            sizes.append(resident() - before)
    print(*sizes)
    """
)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_thousand_steps_fit_and_do_not_grow_any_more():
    out = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=120
    ).stdout.split()
    at_80_000, at_100_000 = map(float, out)
    assert at_100_000 <= 200, f"{at_100_000:.0f} MB"
    assert at_100_000 <= at_80_000 + 6, f"still growing: {at_80_000:.0f} MB, then {at_100_000:.0f} MB"
