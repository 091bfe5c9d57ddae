"""The attention panel against the frames it was made from."""

from __future__ import annotations

import numpy as np
import pytest

from tests.panels import attending, story
from tests.panels.reading import layers, line, plot, texts
from vergence_widgets.panels import attention, every
from vergence_widgets.panels.attention_maps import DIFFERENCE, share_text
from vergence_widgets.panels.spec import Axis, Label, Line, Maps, Rule


@pytest.fixture(scope="module")
def history():
    return attending.vit()


@pytest.fixture(scope="module")
def panel(history):
    return attention.spec(history)


def grid(panel) -> Maps:
    return layers(plot(panel, "maps"), Maps)[0]


def shares(layer: Maps) -> np.ndarray:
    if layer.signed:
        return (layer.levels.astype(float) - 128) / 127 * layer.scale[:, None]
    return layer.levels / 255 * layer.scale[:, None]


def stored(frame, place: int) -> np.ndarray:
    rows = frame.arrays["rows"][place] / 255 * frame.arrays["rows_scale"][place][..., None]
    return rows.reshape(-1, rows.shape[-1])


# -- what is drawn is the frame ----------------------------------------------------------------------------


def test_the_maps_are_the_frames_rows_of_the_first_item(history, panel):
    frame = history.frame("attention")
    np.testing.assert_allclose(shares(grid(panel)), stored(frame, 0))
    layer = grid(panel)
    assert (layer.heads, layer.layers, layer.grid, layer.prefix) == (6, ("1", "2", "3", "4"), (8, 8), 1)
    assert panel.step == frame.step == 1482


def test_the_full_maps_of_the_item_come_along(history, panel):
    frame, layer = history.frame("attention"), grid(panel)
    np.testing.assert_array_equal(layer.full, frame.arrays["full"][0].reshape(24, -1))
    np.testing.assert_array_equal(layer.full_scale, frame.arrays["full_scale"][0].reshape(24, 65))
    np.testing.assert_array_equal(layer.full.reshape(24, 65, 65)[:, 0], layer.levels)


def test_another_item_on_request_and_an_unknown_one_is_the_first(history):
    frame = history.frame("attention")
    chosen = grid(attention.spec(history, options={"item": "12"}))
    np.testing.assert_allclose(shares(chosen), stored(frame, 2))
    assert chosen.item == "12"
    assert chosen.items == ("37", "5", "12", "40")
    assert chosen.full.shape == (0, 0)
    assert chosen.caption[0] == "image 12"
    np.testing.assert_array_equal(chosen.picture, history.arrays["reference/thumbnails"][12])
    assert grid(attention.spec(history, options={"item": "no number"})).item == "37"


def test_the_difference_to_the_untrained_model_has_both_ends_and_is_signed(history):
    panel = attention.spec(history, options={"show": DIFFERENCE})
    layer = grid(panel)
    less = stored(history.frame("attention"), 0) - stored(history.frame("attention", 0), 0)
    assert layer.signed
    np.testing.assert_allclose(shares(layer), less, atol=float(np.abs(less).max()) / 200)
    assert layer.ends == ("less", "more vs untrained")
    now, then = (history.frame("attention", step) for step in (1482, 0))
    full, before = (f.arrays["full"][0] / 255 * f.arrays["full_scale"][0][..., None] for f in (now, then))
    drawn = (layer.full.reshape(24, 65, 65).astype(float) - 128) / 127 * layer.full_scale[..., None]
    np.testing.assert_allclose(
        drawn, (full - before).reshape(24, 65, 65), atol=float(np.abs(full - before).max()) / 200
    )
    assert layer.rollout.size == 0


def test_before_the_second_look_there_is_no_difference():
    history = attending.vit(1)
    attending.add(history, 1)
    assert DIFFERENCE in grid(attention.spec(history)).shows
    first = story.Clocked({"total_steps": None})
    attending.add(first, 0)
    layer = grid(attention.spec(first, options={"show": DIFFERENCE}))
    assert layer.shows == ("now",)
    assert not layer.signed


def test_of_one_item_at_a_time_another_can_still_be_asked_for(history):
    later = attending.vit(600)
    arrays, meta = attending.attention(601, items=1)
    later.add_frames(601, {"attention": (arrays, {**meta, "choices": [37, 5, 12, 40]})})
    layer = grid(attention.spec(later, options={"item": "12"}))
    assert (layer.item, layer.items) == ("37", ("37", "5", "12", "40"))
    assert grid(attention.spec(later, options={"show": DIFFERENCE})).signed


# -- numbers and base lines --------------------------------------------------------------------------------


def test_headline_table_and_curves_agree_with_the_frame(history, panel):
    entropy = history.frame("attention").arrays["entropy"]
    assert panel.headline.value == pytest.approx(float(entropy.mean()), rel=1e-6)
    assert (panel.headline.name, panel.headline.reference) == ("entropy", "of 1")
    for number in range(1, 5):
        curve = line(plot(panel, "entropy"), f"layer_{number}")
        assert curve.y[-1] == pytest.approx(float(entropy[number - 1].mean()), rel=1e-6)
        assert curve.x[-1] == 1482
    rows = {(row[0], row[1]): row[2:] for row in panel.table.rows}
    assert rows[("3", "2")][0] == f"{entropy[2, 1]:.2f}"
    assert len(panel.table.rows) == 24 + 2
    assert rows[("even", "all")] == ("1.00", "3.90", "0.015")
    assert rows[("untrained", "all")][0] == f"{history.frame('attention', 0).arrays['entropy'].mean():.2f}"


def test_even_attention_and_the_untrained_model_are_drawn_with_their_values(history, panel):
    rules = {rule.key: rule for rule in layers(plot(panel, "entropy"), Rule)}
    assert (rules["even"].y, rules["even"].label) == (1.0, "even, 1")
    untrained = float(history.frame("attention", 0).arrays["entropy"].mean())
    assert rules["untrained"].y == pytest.approx(untrained, rel=1e-6)
    assert rules["untrained"].label == f"untrained, {share_text(untrained)}"


def test_first_and_last_layer_are_named_where_there_is_room(panel):
    assert "layer 4" in [label.text for label in layers(plot(panel, "entropy"), Label)]


def test_a_cut_axis_says_so(panel):
    axis: Axis = plot(panel, "entropy").y
    assert axis.low == 0.8
    assert axis.name == "entropy by layer, drawn from 0.8"
    low = attending.vit(100)
    low.add_scalars(101, {"attention/entropy/4": 0.3})
    assert plot(attention.spec(low), "entropy").y.name == "entropy by layer"


def test_foot_counts_items_tokens_and_sinks(panel):
    assert panel.foot_left == ("maps: 0 to own max", "4 items", "65 tokens")
    assert panel.foot_right[0].startswith("0 sinks, mass ≤ 0.")


def test_sinks_are_counted_and_their_kinds_named():
    history = attending.vit(100)
    arrays, meta = attending.attention(101)
    arrays["sink_count"][:2, 0] = 1
    history.add_frames(101, {"attention": (arrays, {**meta, "sink_kinds": ["no-op"]})})
    assert attention.spec(history).foot_right[0].startswith("2 sinks: no-op, mass ≤ ")


def test_what_is_not_drawn_is_said():
    history = attending.vit(100)
    arrays, meta = attending.attention(101)
    words = "2 of 6 layers not drawn: cross attention"
    history.add_frames(101, {"attention": (arrays, {**meta, "not_drawn": [words], "full_bytes": 15_000_000})})
    panel = attention.spec(history)
    assert words in panel.foot_right
    assert grid(panel).refused == "full maps would take 15 MB"
    history.add_frames(102, {"attention": (arrays, {**meta, "whole": False})})
    assert grid(attention.spec(history)).refused.startswith("only the mean row")


@pytest.mark.parametrize(
    ("shape", "unit"),
    [
        ({"layers": 1, "heads": 1, "grid": (2, 2)}, "CLS row, 1 layer × 1 head"),
        ({"layers": 24, "heads": 16, "full": False}, "CLS row, 24 layers × 16 heads"),
        ({"layers": 6, "heads": 12, "grid": (1, 12), "prefix": 0}, "mean row, 6 layers × 12 heads"),
    ],
)
def test_any_number_of_layers_and_heads(shape, unit):
    panel = attention.spec(attending.vit(100, pictures=False, **shape))
    assert panel.unit == unit
    assert panel.state == "live"
    layer = grid(panel)
    assert layer.picture.shape == (0, 0, 3)
    assert len(layer.levels) == shape["layers"] * shape["heads"]
    for words in texts(panel):
        assert not {"nan", "NaN", "inf", "None"} & set(words.split())


def test_a_head_that_a_layer_does_not_have_is_none():
    history = attending.vit(100)
    arrays, meta = attending.attention(101)
    for name in ("entropy", "distance", "sink_mass", "sink_count"):
        arrays[name][1, 5] = np.nan
    arrays["rows_scale"][:, 1, 5] = np.nan
    history.add_frames(101, {"attention": (arrays, {**meta, "heads": [6, 5, 6, 6]})})
    panel = attention.spec(history)
    assert np.isnan(grid(panel).scale[11])
    assert ("2", "6") not in {(row[0], row[1]) for row in panel.table.rows}
    assert np.isfinite(panel.headline.value)


# -- states ------------------------------------------------------------------------------------------------


def test_empty_says_what_it_needs():
    panel = attention.spec(story.simclr(20))
    assert panel.state == "empty"
    assert panel.message.startswith("Needs a model with attention and a reference set")


def test_a_model_without_attention_is_empty_and_says_why():
    history = story.simclr(20)
    why = "This model has no attention that can be seen: it is made of convolutions."
    history.describe(attention={"why": why})
    panel = attention.spec(history)
    assert (panel.state, panel.message) == ("empty", why)


def test_a_first_look_that_failed_is_said():
    history = story.simclr(20)
    history.add_event("mark", 0, what="attention", text="Attention could not be seen at step 0: out of temper")
    assert attention.spec(history).message == "Attention could not be seen at step 0: out of temper"


def test_loading_before_the_first_step():
    history = story.Clocked({"total_steps": None})
    history.add_event("state", 0, moment=story.BEGAN, state="live")
    panel = attention.spec(history)
    assert panel.state == "loading"
    assert "Training is not held up" in panel.message


def test_live_stopped_failed_and_late():
    history = attending.vit(300)
    assert attention.spec(history).state == "live"
    assert attention.spec(history, live=False).state == "stopped"
    history.add_event("mark", 301, what="attention", text="Attention could not be seen at step 301: no")
    assert "not seen since" in attention.spec(history).foot_right
    history.now += 200
    assert attention.spec(history).late.startswith("age ")
    history.add_event("failed", 302, what="metric", name="attention/maps", why="it broke.")
    failed = attention.spec(history)
    assert (failed.state, failed.message) == ("failed", "Failed at step 302: it broke.")
    assert failed.plots[0].bare
    history.add_event("state", 303, state="finished")
    assert attention.spec(history).state == "failed"


def test_it_is_one_of_the_panels_and_is_given_its_options(history):
    found = every(history, options={"attention": {"item": "5"}})["attention"]
    assert grid(found).item == "5"


def test_both_ends_are_said(panel):
    assert panel.ends[0].startswith("Entropy near 0")
    assert panel.ends[1].startswith("Entropy 1")
    assert "At step 1,482: mean entropy 0.93 of 1" in panel.summary


def test_of_very_many_layers_every_second_curve_is_drawn_and_the_last():
    drawn = plot(attention.spec(attending.vit(100, layers=24, heads=2, full=False)), "entropy")
    assert [curve.key for curve in layers(drawn, Line)] == [f"layer_{n}" for n in range(2, 25, 2)]


@pytest.mark.parametrize(
    ("value", "text"), [(0.61, "0.61"), (0.9949, "0.995"), (0.99999, "1.00"), (1.0, "1.00"), (None, "unknown")]
)
def test_what_is_nearly_even_is_not_called_even(value, text):
    assert share_text(value) == text
