"""The timeline from the kernel's side: where one can go, what is answered, and what it costs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.panels import story
from vergence.record.history import History
from vergence.record.until import Until
from vergence_widgets.building import TICK_SECONDS, Builder
from vergence_widgets.draw.packed import inline
from vergence_widgets.panels import PANELS, every
from vergence_widgets.timeline import MOST_EVENTS, MOST_STEPS, events, recorded_steps, timeline

THREE = ("loss", "similarity", "hypersphere")


@pytest.fixture
def run() -> History:
    return story.simclr(700)


def shown(panel) -> tuple:
    """What a reader reads of a panel, of a message or of a spec."""
    plain = panel if isinstance(panel, dict) else inline({"panel": panel})["panel"]
    return plain["step"], plain["state"], plain["headline"], plain["foot_left"], plain["table"], plain["summary"]


# -- where one can go ------------------------------------------------------------------------------


def test_every_recorded_frame_can_be_gone_to(run):
    steps = recorded_steps(run)
    assert steps.tolist() == sorted({step for kind in run.frame_kinds() for step in run.frames(kind)} | {700})
    assert steps.dtype == np.int32


def test_a_record_of_numbers_alone_has_the_steps_of_its_loss():
    history = History()
    for step in (3, 5, 9):
        history.add_scalars(step, {"loss": 1.0})
    assert recorded_steps(history).tolist() == [3, 5, 9]
    assert recorded_steps(History()).tolist() == []


def test_a_long_record_has_a_bounded_number_of_places_with_both_ends():
    history = History()
    for step in range(1, 9001):
        history.add_scalars(step, {"loss": 1.0})
    steps = recorded_steps(history)
    assert len(steps) <= MOST_STEPS
    assert (steps[0], steps[-1]) == (1, 9000)


def test_changes_failures_marks_and_pauses_are_events_in_order(run):
    run.add_event("mark", 300, what="closed", text="the rest of the batch was left out")
    run.add_event("failed", 350, what="metric", name="probes", why="no labels")
    run.add_event("state", 400, state="paused")
    run.add_event("control", 410, name="lr", state="refused", why="too large")
    found = events(run)
    assert [(entry["step"], entry["kind"]) for entry in found] == [
        (300, "mark"), (350, "failed"), (400, "state"), (620, "control"),
    ]  # fmt: skip
    assert found[-1]["label"] == "τ 0.5 → 0.2"
    assert found[1]["label"] == "probes: no labels"


def test_of_very_many_events_the_newest_stay_and_what_went_wrong(run):
    run.add_event("failed", 5, what="metric", name="probes", why="x" * 500)
    for step in range(10, 10 + 2 * MOST_EVENTS):
        run.add_event("control", step, name="lr", label=f"lr 0 → {step}", state="applied")
    found = events(run)
    assert len(found) == MOST_EVENTS + 1
    assert (found[0]["kind"], len(found[0]["label"]) <= 60) == ("failed", True)
    assert found[-1]["step"] == 620


def test_what_a_page_already_knows_is_not_told_again(run):
    assert {"steps", "events"} <= timeline(run, at=None, whole=True).keys()
    assert not {"steps", "events", "first"} & timeline(run, at=None, whole=False).keys()


# -- seeking ---------------------------------------------------------------------------------------


def test_every_panel_shows_the_step_that_was_asked_for_while_the_header_goes_on(run, page):
    opened = page(run)
    opened.tick()
    for step in (300, 12, 620, 1):
        frame = opened.seek(step)
        past = every(Until(run, step), live=False)
        assert frame["timeline"]["at"] == step
        for noun in THREE:
            panel = opened.publisher.builder.panels[noun]
            assert shown(panel) == shown(past[noun]), noun
        assert frame["header"]["step"] == 700
        assert frame["header"]["state"] == "live"


def test_live_goes_on_behind_it_and_returns(run, page):
    opened = page(run)
    opened.tick()
    opened.seek(100)
    run.add_scalars(701, {"loss": 1.25})
    frame = opened.tick()
    assert frame is not None
    assert frame["panels"] == {}, "panels of the past stand still"
    assert (frame["header"]["step"], frame["timeline"]["last"], frame["timeline"]["at"]) == (701, 701, 100)
    frame = opened.seek(None)
    assert frame["timeline"]["at"] is None
    assert frame["panels"]["loss"]["headline"]["value"] == 1.25
    assert frame["panels"]["loss"]["state"] == "live"


def test_only_the_newest_wish_is_answered(run, page):
    opened = page(run)
    opened.tick()
    for step in range(100, 200):
        opened.say("seek", step=step)
    before = len(opened.messages)
    opened.tick(0.01)
    frames = [message for message in opened.messages[before:] if message["type"] == "frame"]
    assert [frame["timeline"]["at"] for frame in frames] == [199]


def test_a_seek_is_answered_to_a_page_that_has_not_drawn_yet(run, page):
    opened = page(run)
    opened.tick()
    opened.publisher._seq += 5
    assert opened.seek(60)["timeline"]["at"] == 60


@pytest.mark.parametrize(("asked", "at"), [(-5, 0), (10_000, 700), (61, 61)])
def test_a_step_beyond_the_record_is_the_nearest_end_and_says_what_was_asked(run, page, asked, at):
    opened = page(run)
    frame = opened.seek(asked)
    assert (frame["timeline"]["at"], frame["timeline"]["asked"]) == (at, asked)


def test_a_panel_that_is_the_same_there_is_not_sent_again(run, page):
    opened = page(run)
    opened.tick()
    opened.seek(302)
    frame = opened.seek(303)  # the loss has a value at every step, the others at every sixth
    assert set(frame["panels"]) == {"loss"}


def test_two_views_share_the_place(run, page):
    opened = page(run)
    opened.say("ready", view="w")
    opened.tick()
    opened.say("seek", view="w", step=90)
    frame = opened.tick()
    assert frame is not None
    assert frame["timeline"]["at"] == 90


def test_another_record_begins_at_its_newest_step(run, page):
    opened = page(run)
    opened.seek(90)
    opened.publisher.subject.history = story.simclr(80)
    frame = opened.tick()
    assert frame is not None
    assert (frame["timeline"]["at"], frame["timeline"]["last"]) == (None, 80)


# -- what is built ---------------------------------------------------------------------------------


def test_a_panel_is_built_again_only_when_its_data_changed(run):
    builder = Builder("z", THREE)
    assert builder.build(run, shown=THREE, all_at_once=True) == set(THREE)
    assert builder.build(run, shown=THREE) == set()
    run.add_scalars(701, {"loss": 1.0})
    assert builder.build(run, shown=THREE) == {"loss"}
    run.add_scalars(702, {"hypersphere/z/uniformity": -1.0, "hypersphere/z/alignment": 0.1})
    assert builder.build(run, shown=THREE) == {"hypersphere"}
    run.add_event("control", 702, name="lr", label="lr 1 → 2", state="applied")
    assert builder.build(run, shown=THREE, all_at_once=True) == set(THREE)


def test_what_is_due_is_built_over_several_ticks_the_longest_waiting_first(run, monkeypatch):
    builder = Builder("z", THREE)
    builder.build(run, shown=THREE, all_at_once=True)
    for noun in THREE:
        builder.seconds[noun] = 2 * TICK_SECONDS
    seen = []
    for step in (701, 702, 703):
        run.add_scalars(step, {"loss": 1.0, "similarity/z/auc": 0.5, "hypersphere/z/uniformity": -1.0})
        new = builder.build(run, shown=THREE)
        assert len(new) == 1
        builder.seconds = dict.fromkeys(THREE, 2 * TICK_SECONDS)
        builder._built_at[next(iter(new))] += step
        seen += new
        assert builder.behind
    assert set(seen) == set(THREE)


@pytest.mark.parametrize("state", ["live", "paused"])
def test_training_is_given_way_to_and_a_run_that_waits_is_drawn_whole(run, page, state):
    run.set_state(state)
    opened = page(run, nouns=THREE)
    opened.tick()
    publisher = opened.publisher
    publisher.builder.seconds = dict.fromkeys(THREE, 2 * TICK_SECONDS)
    run.add_scalars(701, {"loss": 1.0, "similarity/z/auc": 0.5, "hypersphere/z/uniformity": -1.0})
    frame = opened.tick()
    assert frame is not None
    assert len(frame["panels"]) == (1 if state == "live" else 3)
    publisher.confirmations.paint = 0.2
    assert publisher._rest() == pytest.approx(2.0 if state == "live" else 0.25)


def test_a_hidden_panel_is_not_built_until_it_is_shown(run, page):
    opened = page(run)
    opened.say("layout", shown=["loss"])
    frame = opened.tick()
    assert frame is not None
    assert set(frame["panels"]) == {"loss"}
    assert set(opened.publisher.builder.panels) == {"loss"}
    assert frame["order"] == list(PANELS)
    opened.say("layout", shown=["loss", "hypersphere"])
    frame = opened.tick(0.01)
    assert frame is not None
    assert set(frame["panels"]) == {"hypersphere"}


def test_what_one_of_two_views_shows_is_built(run, page):
    opened = page(run)
    opened.say("ready", view="w")
    opened.say("layout", shown=["loss"])
    opened.say("layout", view="w", shown=["similarity"])
    frame = opened.tick()
    assert frame is not None
    assert set(frame["panels"]) == {"loss", "similarity"}
    opened.say("gone", view="w")
    run.add_scalars(701, {"loss": 1.0, "similarity/z/auc": 1.0})
    frame = opened.tick()
    assert frame is not None
    assert set(frame["panels"]) == {"loss"}


def test_a_wish_is_kept_passed_on_and_shown_at_once(run, page, monkeypatch):
    from vergence_widgets import panels, publisher

    asked = []

    def spec(history, *, place="z", live=True, options=None):
        asked.append(dict(options or {}))
        return dataclasses.replace(PANELS["loss"](history), noun="projection")

    class Looks:
        def __init__(self):
            self.wishes = {}

    looks = Looks()
    monkeypatch.setitem(panels.PANELS, "projection", spec)
    monkeypatch.setattr(panels, "CHOOSES", frozenset({"projection"}))
    monkeypatch.setattr(publisher, "CHOOSES", frozenset({"projection"}))
    opened = page(run, nouns=("loss", "projection"))
    opened.publisher.subject.observer = type("Observer", (), {"looks": looks})()
    opened.tick()
    opened.say("option", noun="projection", name="method", value="umap")
    frame = opened.tick(0.01)
    assert frame is not None
    assert set(frame["panels"]) == {"projection"}
    assert asked[-1] == {"method": "umap"}
    assert looks.wishes == {"projection": {"method": "umap"}}
    opened.say("option", noun="loss", name="method", value="umap")
    assert opened.publisher.options == {"projection": {"method": "umap"}}
