"""The temperature panel against the frames and scalars it was made from."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.panels import story, weighing
from tests.panels.reading import layers, line, plot, words_in
from vergence import losses, metrics
from vergence.errors import ArgumentError
from vergence_widgets.draw.packed import pack
from vergence_widgets.panels import one, temperature
from vergence_widgets.panels.spec import Label, Mark, Rule, Weights

LEVELS = 65534


@pytest.fixture(scope="module")
def history() -> story.Clocked:
    return weighing.run()


@pytest.fixture(scope="module")
def panel(history: story.Clocked) -> Any:
    return temperature.spec(history)


class Flat(losses.NTXent):
    """Every negative weighs the same, whatever the temperature."""

    name = "Flat"

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor:
        found = super().pair_weights(*views, **more)
        return found.clamp(max=0) + (found > 0) * 1e-3


class Decoupled(losses.NTXent):
    """Every anchor pushes in full."""

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor:
        found = super().pair_weights(*views, **more)
        push = found.clamp(min=0)
        return found.clamp(max=0) + push / push.sum(1, keepdim=True)


def test_the_numbers_are_the_records(history: story.Clocked, panel: Any) -> None:
    frame = history.frame("temperature/z")
    assert panel.headline.name == "hardest 1 % take"
    assert panel.headline.value == history.last("temperature/z/share_hardest") == frame.meta["share_hardest"]
    assert panel.headline.text == temperature.percent(panel.headline.value)
    assert panel.headline.reference == "even 1.2 %"
    entropy, q = history.last("temperature/z/entropy"), history.last("temperature/z/coupling")
    assert panel.foot_left == (f"entropy {entropy:.2f} of {math.log(254):.2f}", f"q {q:.2f}")
    assert panel.foot_right == ("32 of 256 anchors", "254 negatives each")
    assert panel.unit == "τ 0.1"
    assert panel.summary.startswith("At step 240 at temperature 0.1: hardest 1 % take ")


def test_weight_stands_against_similarity_and_1_is_even(history: story.Clocked, panel: Any) -> None:
    frame = history.frame("temperature/z")
    drawn = line(plot(panel, "weight"), "now")
    held = np.flatnonzero(frame.arrays["counts"])
    np.testing.assert_allclose(drawn.x, (held + 0.5) / 32 - 1)
    weights = frame.arrays["weight"][held]
    np.testing.assert_allclose(drawn.y, np.where(weights >= 0.01, weights, np.nan))
    # Weights of a softmax are a straight line in their logarithm, of slope 1/T.
    middle = np.isfinite(drawn.y) & (frame.arrays["counts"][held] > 40)
    slope = np.polyfit(drawn.x[middle], np.log(drawn.y[middle]), 1)[0]
    assert slope == pytest.approx(1 / 0.1, rel=0.06)
    axis = plot(panel, "weight").y
    assert (axis.scale, axis.low, axis.high) == ("log", 0.01, 1000.0)
    (rule,) = layers(plot(panel, "weight"), Rule)
    assert (rule.y, rule.label) == (1.0, "all alike, 1")


def test_the_densities_have_area_1(history: story.Clocked, panel: Any) -> None:
    drawn = plot(panel, "push")
    for key in ("negatives", "push_now"):
        curve = line(drawn, key)
        assert float(curve.y.sum()) / 32 == pytest.approx(1, abs=1e-5)
    assert (drawn.x.low, drawn.x.high, drawn.x.quantity) == (-1.0, 1.0, "cosine")
    assert line(drawn, "negatives").color == "negative"


def test_the_curves_through_time_end_at_the_numbers_and_carry_the_change(history: story.Clocked, panel: Any) -> None:
    drawn = plot(panel, "time")
    for key in ("share_hardest", "entropy_share", "coupling"):
        series = history.scalar(f"temperature/z/{key}")
        curve = line(drawn, key)
        assert (curve.x[-1], curve.y[-1]) == (series.steps[-1], series.values[-1])
    assert [mark.x for mark in layers(drawn, Mark)] == [120.0]
    named = {label.text for label in layers(drawn, Label)}
    assert {"entropy", "hardest 1 %"} <= named


def test_a_change_is_named_where_there_is_room() -> None:
    (mark,) = layers(plot(temperature.spec(weighing.run(every=6)), "time"), Mark)
    assert (mark.x, mark.label) == (120.0, "τ 0.5 → 0.1")


@pytest.mark.parametrize("tau", [0.02, 0.1, 1.0])
def test_another_temperature_is_what_the_metric_says_of_the_same_cosines(history: story.Clocked, tau: float) -> None:
    frame = history.frame("temperature/z")
    found = temperature.spec(history, options={"temperature": str(tau)})
    steps = np.concatenate([frame.arrays["positives"], frame.arrays["negatives"]], 1)
    cosines = torch.from_numpy(steps.astype(np.float64) / LEVELS * 2 - 1)
    positive = (torch.arange(steps.shape[1]) < 1).expand_as(cosines)
    true = metrics.temperature(cosines, positive, temperature=tau)
    drawn = line(plot(found, "weight"), "preview")
    held = true.counts.numpy() > 0
    weights = true.weight.numpy()[held]
    np.testing.assert_allclose(drawn.y, np.where(weights >= 0.01, weights, np.nan), rtol=1e-9)
    np.testing.assert_allclose(line(plot(found, "push"), "push_preview").y, true.push.numpy() * 32, rtol=1e-9)
    (bar,) = layers(plot(found, "bar"), Weights)
    assert bar.preview == tau
    assert f"τ {tau:g}, hardest 1 % take {temperature.percent(true.share_hardest)}" in bar.said
    assert f"at temperature {tau:g}: hardest 1 %" in found.summary
    assert len(found.table.columns) == 6
    if tau == 0.1:  # the one in force
        np.testing.assert_allclose(drawn.y, line(plot(found, "weight"), "now").y, rtol=1e-5)


def test_colder_is_steeper_and_takes_more_for_the_hardest(history: story.Clocked) -> None:
    frame = history.frame("temperature/z")
    found = [temperature.shared_at(frame, tau) for tau in (0.02, 0.1, 0.5, 5.0)]
    assert [one.share_hardest for one in found] == sorted((one.share_hardest for one in found), reverse=True)
    assert [one.entropy for one in found] == sorted(one.entropy for one in found)
    assert found[-1].entropy == pytest.approx(math.log(254), abs=0.01)


@pytest.mark.parametrize("asked", ["cold", "0", "-1", "nan", "inf"])
def test_a_temperature_that_is_none_is_refused(history: story.Clocked, asked: str) -> None:
    with pytest.raises(ArgumentError, match=r"must be a number above 0, for example 0\.05"):
        temperature.spec(history, options={"temperature": asked})


def test_the_slider_has_the_range_of_its_control(history: story.Clocked, panel: Any) -> None:
    (bar,) = layers(plot(panel, "bar"), Weights)
    assert (bar.low, bar.high, bar.temperature, bar.control, bar.preview) == (0.01, 1.0, 0.1, "temperature", None)
    without = weighing.run(12)
    without.describe(controls=[])
    (bar,) = layers(plot(temperature.spec(without), "bar"), Weights)
    assert (bar.low, bar.high, bar.control) == (0.01, 1.0, "")
    hot = weighing.run(12, loss=losses.NTXent(temperature=3.0))
    assert layers(plot(temperature.spec(hot), "bar"), Weights)[0].high == 3.0


def test_cosines_travel_as_two_bytes(panel: Any) -> None:
    message, buffers = pack({"panel": panel})
    entry = message["panel"]["plots"][0]["layers"][0]
    assert entry["type"] == "weights"
    assert (entry["negatives"]["dtype"], entry["negatives"]["shape"]) == ("uint16", [32, 254])
    assert len(buffers[entry["negatives"]["$buffer"]]) == 2 * 32 * 254
    json.dumps(message)


def test_a_loss_whose_weights_are_no_softmax_has_no_slider() -> None:
    panel = temperature.spec(weighing.run(12, loss=Flat()), options={"temperature": "0.05"})
    assert [one.key for one in panel.plots] == ["weight", "push", "time"]
    assert sum(one.share for one in panel.plots) == pytest.approx(1)
    assert panel.unit == "weights of Flat"
    assert panel.foot_left == (f"entropy {math.log(254):.2f} of {math.log(254):.2f}",)
    drawn = line(plot(panel, "weight"), "now")
    np.testing.assert_allclose(drawn.y, 1, rtol=1e-5)
    assert "now" in words_in(plot(panel, "weight"))


def test_a_loss_without_the_positive_below_says_that_q_is_not_in_it() -> None:
    panel = temperature.spec(weighing.run(60, loss=Decoupled(temperature=0.1)))
    assert panel.foot_left[1].endswith(", not in this loss")


def test_drawn_negatives_are_counted() -> None:
    panel = temperature.spec(weighing.run(12, batch=400))
    assert panel.foot_right == ("32 of 512 anchors", "510 of 798 negatives")


def test_rows_left_out_are_counted() -> None:
    def views(step: int, batch: int) -> tuple[Tensor, Tensor]:
        a, b = weighing.embedded(step, batch)
        a[3] = 0
        return a, b

    assert "1 rows left out" in temperature.spec(weighing.run(12, views=views)).foot_right


def test_the_table_sums_to_everything(history: story.Clocked, panel: Any) -> None:
    counts = history.frame("temperature/z").arrays["counts"]
    assert sum(int(row[1].replace(",", "")) for row in panel.table.rows) == counts.sum()
    assert panel.table.columns == ("cosine", "negatives", "weight, 1 is even", "part of the push")


def test_five_states() -> None:
    empty = temperature.spec(story.own_loop())
    assert (empty.state, empty.message) == ("empty", temperature.NEEDS)
    told = weighing.run(12, loss=losses.VICReg())
    assert temperature.spec(told).message == "VICReg is no function of cosines, so no pair has a weight."
    loading = story.Clocked()
    loading.add_event("state", 0, moment=story.BEGAN, state="live")
    assert temperature.spec(loading).state == "loading"
    assert temperature.spec(weighing.run(12)).state == "live"
    assert temperature.spec(weighing.run(12, state="finished")).state == "stopped"
    assert temperature.spec(weighing.run(12), live=False).state == "stopped"
    failed = weighing.run(12)
    failed.add_event("failed", 14, what="metric", name="temperature/z", why="0 of 8 samples have a direction.")
    panel = temperature.spec(failed)
    assert (panel.state, panel.message) == ("failed", "Failed at step 14: 0 of 8 samples have a direction.")
    assert panel.plots


def test_every_place_has_the_same_panel(history: story.Clocked, panel: Any) -> None:
    assert temperature.spec(history, place="h").summary == panel.summary


def test_an_option_reaches_it_by_its_noun(history: story.Clocked) -> None:
    found = one("temperature", history, "z", True, None, {"temperature": "0.3"})
    assert line(plot(found, "weight"), "preview").color == "second"
