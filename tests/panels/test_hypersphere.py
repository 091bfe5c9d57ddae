"""The hypersphere panel against the scalars it was made from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.panels import story
from tests.panels.reading import layers, line, plot
from vergence_widgets.panels import hypersphere
from vergence_widgets.panels.spec import Label, Points, Rule, number


@pytest.fixture(scope="module")
def history():
    return story.simclr()


@pytest.fixture(scope="module")
def panel(history):
    return hypersphere.spec(history)


@pytest.fixture(scope="module")
def dots(panel):
    return layers(plot(panel, "plane"), Points)[0]


def test_the_headline_the_last_dot_and_the_history_agree(history, panel, dots):
    uniformity, alignment = history.last("hypersphere/z/uniformity"), history.last("hypersphere/z/alignment")
    assert (dots.x[-1], dots.y[-1], dots.value[-1]) == (alignment, uniformity, 1482)
    trajectory = line(plot(panel, "plane"), "trajectory")
    assert (trajectory.x[-1], trajectory.y[-1]) == (alignment, uniformity)
    assert panel.headline.value == uniformity
    assert (panel.headline.name, panel.headline.text) == ("uniformity", number(uniformity))
    assert panel.headline.reference == "floor −3.94"


def test_every_dot_is_a_measurement(history, dots):
    alignment, uniformity = history.scalar("hypersphere/z/alignment"), history.scalar("hypersphere/z/uniformity")
    for x, y, step in zip(dots.x, dots.y, dots.value, strict=True):
        assert x == alignment.at(int(step))
        assert y == uniformity.at(int(step))


def test_dots_stand_at_even_steps_and_the_foot_says_how_far_apart(panel, dots):
    assert panel.foot_left == ("a dot each 60 steps",)
    assert set(np.diff(dots.value[1:-1])) == {60}
    assert len(dots.value) <= 32


def test_when_every_measurement_has_its_dot_the_foot_says_that():
    panel = hypersphere.spec(story.simclr(90, every=30))
    assert panel.foot_left == ("a dot each measurement",)
    assert layers(plot(panel, "plane"), Points)[0].value.tolist() == [1, 30, 60, 90]


def test_colour_runs_from_step_0_to_now(dots):
    assert (dots.value_low, dots.value_high, dots.value_name) == (0, 1482, "step")


def test_the_floor_of_this_dimension_is_drawn(panel):
    (rule,) = layers(plot(panel, "plane"), Rule)
    assert rule.y == story.UNIFORMITY_FLOOR
    assert rule.label == "floor: uniform on the sphere, d = 128, −3.94"
    assert rule.dash == "floor"


def test_best_is_at_the_low_end(panel):
    best = next(label for label in layers(plot(panel, "plane"), Label) if "best" in label.text)
    assert best.text == "← best"
    assert best.y < story.UNIFORMITY_FLOOR
    assert best.x < 0.1


def test_axes_name_the_quantity_its_range_and_the_cut(panel):
    plane = plot(panel, "plane")
    assert plane.x.name == "alignment, mean ‖z−z⁺‖², 0 to 4, drawn to 0.6"
    assert plane.y.name == "uniformity, log mean exp(−2‖z−z′‖²), −4 to 0"
    assert plane.y.ticks == (-4, -3, -2, -1, 0)


def test_tolerance_with_and_without_labels(panel):
    assert panel.foot_right == ("0 rows left out", "tolerance 0.31")
    assert "tolerance needs labels" in hypersphere.spec(story.simclr(30, labels=False)).foot_right


def test_with_one_view_uniformity_is_drawn_through_time():
    history = story.simclr(30, views=1)
    panel = hypersphere.spec(history)
    assert "alignment needs two views" in panel.foot_left
    assert panel.message.startswith("Alignment needs two views")
    drawn = line(plot(panel, "uniformity"), "uniformity")
    assert drawn.y[-1] == history.last("hypersphere/z/uniformity")
    assert drawn.x[-1] == 30


def test_few_rows_may_lie_under_the_usual_limit():
    history = story.simclr(10)
    scalars = {"alignment": 0.2, "uniformity": -5.3, "uniformity_floor": -3.9}
    history.add_scalars(11, {f"hypersphere/z/{name}": value for name, value in scalars.items()})
    axis = plot(hypersphere.spec(history), "plane").y
    assert axis.low < -5.3
    assert axis.name.endswith("−8.8 to 0")


def test_a_measurement_that_is_not_finite_is_no_dot():
    history = story.simclr(40)
    history.add_scalars(41, {"hypersphere/z/alignment": math.nan, "hypersphere/z/uniformity": math.nan})
    panel = hypersphere.spec(history)
    assert panel.headline.text == "not finite"
    assert panel.headline.value is None
    assert np.isfinite(layers(plot(panel, "plane"), Points)[0].x).all()


def test_alignment_and_uniformity_are_paired_by_step():
    history = story.simclr(40)
    history.add_scalars(41, {"hypersphere/z/uniformity": -3.0})
    history.add_scalars(42, {"hypersphere/z/uniformity": -3.1, "hypersphere/z/alignment": 0.4})
    dots = layers(plot(hypersphere.spec(history), "plane"), Points)[0]
    assert 41 not in dots.value
    assert (dots.x[-1], dots.y[-1]) == (0.4, -3.1)


def test_empty_names_the_place():
    panel = hypersphere.spec(story.simclr(10), place="backbone")
    assert (panel.state, panel.message) == ("empty", "Needs embeddings at backbone.")
    assert panel.unit == "of backbone"


def test_failed_keeps_the_last_good_picture():
    history = story.simclr(40)
    history.add_event("failed", 46, what="metric", name="hypersphere", why="all rows are zero.")
    panel = hypersphere.spec(history)
    assert (panel.state, panel.message) == ("failed", "Failed at step 46: all rows are zero.")
    assert panel.plots[0].key == "plane"
