"""Until against a History that was really cut there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import story
from vergence import errors
from vergence.record.history import History
from vergence.record.until import Until
from vergence_widgets.panels import every

KEYS = ("loss", "similarity/z/auc", "spectrum/h/rank")
KINDS = ("similarity/z", "projection/h")

entry = st.one_of(
    st.tuples(st.just("scalars"), st.sampled_from(KEYS), st.floats(-5, 5)),
    st.tuples(st.just("frame"), st.sampled_from(KINDS), st.floats(-5, 5)),
    st.tuples(st.just("event"), st.sampled_from(("control", "state", "failed", "mark")), st.floats(0, 1)),
)


def written(entries: list[tuple[int, tuple[str, str, float]]], until: int | None = None, **limits: int) -> History:
    """Entries in their order, each at its step; with `until` those after it never came."""
    history = History({"name": "cut"}, **limits)
    history.describe({"reference/groups": np.arange(3)}, total_steps=90)
    for moment, (step, (what, name, value)) in enumerate(entries):
        if until is not None and step > until:
            break
        at = 1000.0 + moment
        if what == "scalars":
            history.add_scalars(step, {name: value}, moment=at)
        elif what == "frame":
            history.add_frames(step, {name: ({"x": np.full(3, value)}, {"v": value})}, moment=at)
        else:
            history.add_event(name, step, moment=at, value=value)
    return history


def steady(draws: list[tuple[int, tuple[str, str, float]]]) -> list[tuple[int, tuple[str, str, float]]]:
    """Gaps as ascending steps."""
    step, found = 0, []
    for gap, what in draws:
        step += gap
        found.append((step, what))
    return found


def read(history: History) -> dict[str, object]:
    """Everything a panel may ask."""
    return {
        "static": history.static,
        "name": history.name,
        "last_step": history.last_step,
        "scalars": {
            key: (history.scalar(key).steps.tolist(), history.scalar(key).values.tolist(), history.last(key))
            for key in history.scalar_keys()
        },
        "frames": {
            kind: [
                (frame.step, frame.time, frame.meta, frame.arrays["x"].tolist())
                for frame in (history.frame(kind, step) for step in history.frames(kind))
            ]
            for kind in history.frame_kinds()
        },
        "newest": {kind: history.frame(kind).step for kind in history.frame_kinds()},
        "events": history.events(),
        "marks": history.events("mark"),
        "arrays": {name: array.tolist() for name, array in history.arrays.items()},
    }


@given(st.lists(st.tuples(st.integers(0, 4), entry), max_size=40).map(steady), st.integers(-1, 120))
def test_it_reads_like_a_history_that_was_cut_there(entries, step):
    whole = written(entries)
    assert read(Until(whole, step)) == read(written(entries, step))


@given(st.lists(st.tuples(st.integers(1, 3), entry), min_size=30, max_size=90).map(steady), st.integers(0, 200))
@settings(max_examples=50)
def test_of_a_thinned_history_it_shows_what_is_left_and_says_so(entries, step):
    whole = written(entries, scalar_limit=6, frame_limit=5)
    past, cut = Until(whole, step), written(entries, step)
    for key in past.scalar_keys():
        assert set(past.scalar(key).steps.tolist()) <= set(cut.scalar(key).steps.tolist())
        assert past.scalar(key).stride == whole.scalar(key).stride
        assert past.scalar(key).steps.tolist() == [at for at in whole.scalar(key).steps.tolist() if at <= step]
    for kind in past.frame_kinds():
        assert past.frame_stride(kind) == whole.frame_stride(kind)
        assert set(past.frames(kind)) <= set(cut.frames(kind))
    assert past.last_step <= step


@given(st.lists(st.tuples(st.integers(0, 4), entry), max_size=30).map(steady), st.integers(0, 80), st.integers(0, 80))
def test_the_past_of_the_past_is_the_earlier_of_the_two(entries, first, second):
    whole = written(entries)
    assert read(Until(Until(whole, first), second)) == read(Until(whole, min(first, second)))


def test_it_is_stopped_and_its_clock_stands_at_its_newest_entry():
    history = History()
    history.add_event("state", 0, moment=10.0, state="live")
    history.add_frames(4, {"similarity/z": ({"x": np.zeros(1)}, {})}, moment=14.0)
    history.add_frames(9, {"similarity/z": ({"x": np.zeros(1)}, {})}, moment=19.0)
    past = Until(history, 6)
    assert past.state == "stopped"
    assert past.clock() == 14.0
    assert Until(history, 3).clock() == 10.0
    assert Until(history, 3).frames("similarity/z") == ()


def test_the_record_behind_it_may_grow():
    history = written([(1, ("scalars", "loss", 1.0))])
    past = Until(history, 2)
    history.add_scalars(2, {"loss": 2.0})
    history.add_scalars(3, {"loss": 3.0})
    assert past.scalar("loss").values.tolist() == [1.0, 2.0]
    assert past.last_step == 2


def test_what_was_not_there_yet_is_named():
    history = written([(1, ("frame", "similarity/z", 1.0)), (5, ("frame", "similarity/z", 2.0))])
    with pytest.raises(errors.ArgumentError, match=r"as it was at step 3\. Its newest frame is from step 1"):
        Until(history, 3).frame("similarity/z", 5)
    with pytest.raises(errors.UnknownName, match="similarity/z"):
        Until(history, 0).frame("similarity/z")


def test_nothing_can_be_written_into_it():
    past = Until(written([(1, ("scalars", "loss", 1.0))]), 1)
    calls = [
        lambda: past.describe(name="x"),
        lambda: past.add_scalars(1, {"loss": 1.0}),
        lambda: past.add_frames(1, {}),
        lambda: past.add_event("mark", 1),
        lambda: past.set_state("live"),
    ]
    for call in calls:
        with pytest.raises(errors.StateError, match="cannot be written"):
            call()


@pytest.mark.parametrize("step", [0, 1, 90, 619, 620, 700, 1203, 1300, 1482])
def test_panels_of_the_past_are_those_of_a_run_that_went_no_further(step):
    """The words of the loss too: before its change the temperature was another one."""
    whole = story.simclr()
    found = every(Until(whole, step), live=False)
    for noun, panel in every(replayed(whole, step), live=False).items():
        assert told(found[noun]) == told(panel), noun


def replayed(whole: History, until: int) -> History:
    """A run of the same story that stopped there."""
    words = {"chance": "ln 511", "floor": "τ 0.5" if until < 620 else "τ 0.2"}
    history = History(whole.static | {"loss_words": words})
    for key in whole.scalar_keys():
        series = whole.scalar(key)
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
            if step <= until:
                history.add_scalars(step, {key: value})
    for kind in whole.frame_kinds():
        for frame in (whole.frame(kind, step) for step in whole.frames(kind) if step <= until):
            history.add_frames(frame.step, {kind: (frame.arrays, frame.meta)}, moment=frame.time)
    for event in whole.events():
        if event.step <= until:
            history.add_event(event.kind, event.step, moment=event.time, **event.data)
    history.add_event("state", until, state="stopped")
    return history


def told(panel):
    return (
        panel.state, panel.step, panel.headline, panel.foot_left, panel.foot_right, panel.summary, panel.table,
        panel.late, [[type(layer) for layer in plot.layers] for plot in panel.plots],
        [layer.label for plot in panel.plots for layer in plot.layers if getattr(layer, "label", "")],
    )  # fmt: skip
