"""The loss panel against the History it was made from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.panels import story
from tests.panels.reading import layers, line, plot, words_in
from vergence_widgets.panels import loss
from vergence_widgets.panels.spec import Bracket, Label, Mark, Rule, number


@pytest.fixture(scope="module")
def history():
    return story.simclr()


@pytest.fixture(scope="module")
def panel(history):
    return loss.spec(history)


@pytest.fixture(scope="module")
def main(panel):
    return plot(panel, "loss")


def test_the_headline_the_last_drawn_point_and_the_history_agree(history, panel, main):
    last = history.scalar("loss").values[-1]
    raw = line(main, "raw")
    assert raw.y[-1] == last
    assert raw.x[-1] == 1482 == panel.step
    assert raw.end_dot
    assert panel.headline.value == last
    assert panel.headline.text == number(last)


def test_every_drawn_raw_point_is_in_the_history(history, main):
    series = history.scalar("loss")
    raw = line(main, "raw")
    recorded = dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
    assert all(recorded[int(x)] == y for x, y in zip(raw.x, raw.y, strict=True))
    assert len(raw.x) <= 600


def test_chance_is_a_line_with_its_words_and_value(main):
    (rule,) = layers(main, Rule)
    assert rule.y == pytest.approx(math.log(511))
    assert rule.label == "chance, ln 511 = 6.24"
    assert rule.dash == "chance"


def test_the_floor_changes_at_the_very_step_the_temperature_does(main):
    floor = line(main, "floor")
    assert floor.dash == "floor"
    assert floor.x.tolist() == [1, 619, 620, 1482]
    assert floor.y.tolist() == [story.FLOORS[0.5]] * 2 + [story.FLOORS[0.2]] * 2


def test_each_stretch_of_the_floor_says_its_temperature(main):
    texts = words_in(main)
    assert "floor at τ 0.5, 4.26" in texts
    assert "floor at τ 0.2, 1.57" in texts


def test_the_distance_to_the_floor_is_drawn_and_said(history, panel, main):
    last = history.scalar("loss").values[-1]
    (bracket,) = layers(main, Bracket)
    assert (bracket.x, bracket.low, bracket.high) == (1482, story.FLOORS[0.2], last)
    above = number(last - story.FLOORS[0.2])
    assert bracket.label == f"{above} nats"
    assert panel.headline.reference == f"now, {above} above floor 1.57"


def test_changes_are_marks_with_their_words_and_refused_ones_are_not():
    history = story.simclr(300)
    history.add_event("control", 100, name="temperature", old=0.5, new=0.4, label="τ 0.5 → 0.4", state="applied")
    history.add_event("control", 120, name="temperature", old=0.4, new=-1, label="τ 0.4 → -1", state="refused")
    marks = layers(plot(loss.spec(history), "loss"), Mark)
    assert [(mark.x, mark.label, mark.kind) for mark in marks] == [(100, "τ 0.5 → 0.4", "control")]


def test_a_slider_that_was_dragged_has_a_hairline_for_every_change_and_words_once():
    history = story.simclr(300)
    for index in range(8):
        old, new = 0.5 - 0.03 * index, 0.5 - 0.03 * (index + 1)
        label = f"τ {old:.2g} → {new:.2g}"
        history.add_event(
            "control", 100 + 2 * index, name="temperature", old=old, new=new, label=label, state="applied"
        )
    marks = layers(plot(loss.spec(history), "loss"), Mark)
    assert [mark.x for mark in marks] == [100 + 2 * index for index in range(8)]
    assert [mark.label for mark in marks if mark.label] == ["τ 0.5 → 0.26"]


def test_the_mean_does_not_slope_across_a_change_of_scale(main):
    mean = line(main, "mean")
    before, after = mean.y[mean.x < 620][-1], mean.y[mean.x >= 620]
    assert before > 4.5
    assert after.max() < 3.2


def test_the_mean_is_the_mean_of_the_stated_number_of_steps(history, panel, main):
    assert panel.foot_left == ("raw faint, mean of 25 steps",)
    values = history.scalar("loss").values
    mean = line(main, "mean")
    for x, y in zip(mean.x.tolist(), mean.y.tolist(), strict=True):
        if x == 1482 or 700 < x < 1190:
            assert y == pytest.approx(values[int(x) - 25 : int(x)].mean())


def test_terms_stand_apart_and_sum_to_the_loss_of_the_step(history, panel):
    small = plot(panel, "terms")
    pull, push = line(small, "pull"), line(small, "push")
    assert (pull.color, pull.dash) == ("positive", "solid")
    assert (push.color, push.dash) == ("negative", "negative")
    assert pull.y[-1] == history.last("loss/pull")
    assert push.y[-1] == history.last("loss/push")
    texts = " | ".join(words_in(small))
    assert f"pull, −s⁺/τ, now {number(pull.y[-1])}" in texts
    assert f"push, log Σ exp(s/τ), now {number(push.y[-1])}" in texts


def test_terms_do_not_run_across_a_change_of_scale():
    history = story.simclr(700, every=40)  # measured at 600 and 640, changed at 620
    pull = line(plot(loss.spec(history), "terms"), "pull")
    between = pull.y[(pull.x > 600) & (pull.x < 640)]
    assert between.size == 1
    assert np.isnan(between).all()


def test_terms_that_are_not_about_pairs_are_not_blue_or_orange():
    small = plot(loss.spec(story.vicreg()), "terms")
    names = ("invariance", "variance", "covariance")
    assert {line(small, name).color for name in names} == {"ink", "reference", "ghost"}
    for name in names:
        assert any(text.startswith(f"{name}, now ") for text in words_in(small))


def test_a_loss_without_negatives_has_its_own_references():
    panel = loss.spec(story.vicreg())
    main = plot(panel, "loss")
    assert "collapse, 24.75" in words_in(main)
    assert "floor, decorrelated, 0.00" in words_in(main)
    assert main.y.name == "loss, no unit"
    assert "all rows coincide" in panel.ends[1]


def test_an_unknown_objective_is_called_that():
    panel = loss.spec(story.own_loop())
    assert panel.headline.reference == "no reference: unknown objective"
    assert panel.unit == "no unit"
    assert len(panel.plots) == 1


def test_what_is_not_finite_or_not_recorded_is_a_gap_a_count_and_a_mark():
    panel = loss.spec(story.own_loop())
    main = plot(panel, "loss")
    for curve in (line(main, "raw"), line(main, "mean")):
        assert np.isnan(curve.y[(curve.x >= 150) & (curve.x < 190)]).all()
        assert np.isnan(curve.y[(curve.x >= 150) & (curve.x < 190)]).size
        assert np.isnan(curve.y[(curve.x >= 260) & (curve.x < 275)]).all()
    assert panel.foot_right == ("40 not recorded", "15 of 360 not finite")
    assert [mark.x for mark in layers(main, Mark) if mark.kind == "trouble"] == [260]


def test_zero_is_printed(panel):
    assert panel.foot_right == ("0 of 1,482 not finite",)


def test_a_newest_step_that_is_not_finite_says_so():
    history = story.simclr(100)
    history.add_scalars(101, {"loss": math.inf})
    panel = loss.spec(history)
    before = number(history.scalar("loss").values[-2])
    assert panel.headline.text == "not finite"
    assert panel.headline.reference == f"now, last finite {before}"
    assert panel.headline.value is None


def test_an_explosion_is_cut_and_the_axis_says_so():
    history = story.simclr(100)
    history.add_scalars(101, {"loss": 2e6})
    history.add_scalars(102, {"loss": 5.0})
    panel = loss.spec(history)
    axis = plot(panel, "loss").y
    assert axis.high <= 10
    assert axis.name == f"loss, nats, up to 2,000,000, drawn to {axis.high:g}"
    assert panel.foot_right[0] == "1 beyond the frame"


def test_a_floor_that_is_out_of_date_is_not_shown_as_current():
    history = story.simclr(600)
    history.add_event("control", 601, name="temperature", old=0.5, new=0.2, label="τ 0.5 → 0.2", state="applied")
    history.add_scalars(601, {"loss": 2.6})
    assert loss.spec(history).headline.reference == "now, floor at τ 0.2 not measured yet"
    history.add_scalars(602, {"loss": 2.6, "loss/pull": -4.0, "loss/push": 6.6, "loss/floor": 1.5662})
    assert loss.spec(history).headline.reference == "now, 1.03 above floor 1.57"
    assert line(plot(loss.spec(history), "loss"), "floor").x.tolist() == [1, 600, 601, 602]


def test_below_the_floor_is_said_in_words():
    history = story.simclr(100)
    history.add_scalars(101, {"loss": 4.0})
    assert loss.spec(history).headline.reference == "now, 0.26 below floor 4.26"


def test_a_last_small_batch_moves_chance_and_floor_for_its_step():
    history = story.Clocked({"total_steps": None})
    history.describe(loss_words={"chance": "ln 511", "floor": "τ 0.5"})
    history.add_event("state", 0, state="live")
    for step in range(1, 61):
        small = step % 20 == 0
        scale = {"loss/chance": 5.33 if small else story.CHANCE, "loss/floor": 3.4 if small else 4.26}
        history.add_scalars(step, {"loss": 4.4 if small else 5.0} | scale)
    main = plot(loss.spec(history), "loss")
    chance = line(main, "chance")
    assert chance.y[chance.x == 40].tolist() == [5.33, 5.33]
    assert chance.y[-1] == 5.33


def test_few_labels_of_the_floor_when_it_is_a_schedule():
    history = story.Clocked({"total_steps": None})
    history.describe(loss_words={"chance": "ln 511", "floor": "τ 0.3"})
    history.add_event("state", 0, state="live")
    for step in range(1, 301):
        history.add_scalars(step, {"loss": 5.0, "loss/chance": story.CHANCE, "loss/floor": 4.2 - step / 200})
    labels = [label.text for label in layers(plot(loss.spec(history), "loss"), Label)]
    assert sum(text.startswith("floor") for text in labels) <= 4


@pytest.mark.parametrize(
    ("state", "expected"),
    [("live", "live"), ("paused", "stopped"), ("stopped", "stopped"), ("finished", "stopped"), ("failed", "stopped")],
)
def test_states_of_a_drawn_panel(state, expected):
    history = story.simclr(20)
    history.set_state(state)
    assert loss.spec(history).state == expected
    assert loss.spec(history, live=False).state == "stopped"


def test_before_the_first_step():
    history = story.Clocked({"total_steps": 10})
    empty = loss.spec(history)
    assert (empty.state, empty.message) == ("empty", "Needs a first step.")
    history.add_event("state", 0, moment=history.now, state="live")
    history.now += 3.2
    loading = loss.spec(history)
    assert loading.state == "loading"
    assert loading.message == "Waiting for the first step. 3.2 s so far. Training is not held up."


def test_a_loop_that_hands_over_no_loss_is_told_how():
    history = story.Clocked({"total_steps": None})
    history.add_event("state", 0, state="live")
    history.add_scalars(3, {"learning_rate": 0.1})
    panel = loss.spec(history)
    assert panel.state == "empty"
    assert "loss=loss" in panel.message


def test_terms_that_could_not_be_measured_are_named_while_the_loss_goes_on():
    history = story.simclr(50)
    history.add_event("failed", 51, what="metric", name="loss", why="3 of 512 rows of z are not finite")
    history.add_scalars(60, {"loss": 5.0})
    panel = loss.spec(history)
    assert panel.state == "live"
    assert "terms failed at step 51" in panel.foot_right


def test_a_loss_that_stands_still_becomes_late():
    history = story.simclr(120)
    assert loss.spec(history).late == ""
    history.now += 60
    assert loss.spec(history).late == "age 60 s"


def test_the_table_has_the_same_numbers(history, panel):
    assert panel.table.columns == ("step", "loss", "mean of 25", "chance", "floor", "pull", "push")
    last = panel.table.rows[-1]
    assert last[:2] == ("1,482", number(history.scalar("loss").values[-1]))
    assert last[3:5] == ("6.24", "1.57")
    assert len(panel.table.rows) == 9
