"""The spectrum panel against the frames and scalars it was made from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.panels import story
from tests.panels.reading import layers, line, plot, words_in
from vergence.metrics import isotropic
from vergence.record.until import Until
from vergence_widgets.panels import spectrum
from vergence_widgets.panels.columns import MOST_COLUMNS, chosen, gather
from vergence_widgets.panels.layers.heat import NOTHING, STOPS, Over
from vergence_widgets.panels.spec import Heat, Label, Mark


def record(steps, *, place="z", **more) -> story.Clocked:
    history = story.Clocked({"name": "small", "total_steps": None})
    history.add_event("state", 0, moment=story.BEGAN, state="live")
    for step in steps:
        story.add_spectrum(history, step, place=place, moment=story.BEGAN + step / story.RATE, **more)
    history.now = story.BEGAN + max(steps, default=0) / story.RATE + 0.1
    return history


@pytest.fixture(scope="module")
def history():
    return story.simclr()


@pytest.fixture(scope="module")
def panel(history):
    return spectrum.spec(history)


def heat(panel) -> Heat:
    (found,) = layers(plot(panel, "strip"), Heat)
    return found


def over(panel, key: str) -> Over:
    return next(curve for curve in heat(panel).over if curve.key == key)


def test_the_headline_the_line_and_the_history_agree(history, panel):
    rank = history.last("spectrum/z/rank")
    assert (panel.headline.name, panel.headline.text, panel.headline.value) == ("rank", "24", rank)
    assert panel.headline.reference == "ceiling 124"
    ranks = over(panel, "effective_rank")
    assert (ranks.x[-1], ranks.y[-1]) == (1482, rank)
    series = history.scalar("spectrum/z/rank")
    for step, value in zip(ranks.x, ranks.y, strict=True):
        assert value == series.at(int(step))


def test_the_curve_now_is_the_newest_frame(history, panel):
    frame = history.frame("spectrum/z")
    drawn = line(plot(panel, "curves"), "z_now")
    singular = frame.arrays["singular"].astype(float)
    shown = singular > frame.meta["floor"]
    np.testing.assert_array_equal(drawn.y[shown], singular[shown])
    assert np.isnan(drawn.y[~shown]).all()
    np.testing.assert_array_equal(drawn.x, np.arange(1, 129))
    np.testing.assert_array_equal(line(plot(panel, "curves"), "isotropic").y, frame.arrays["ceiling"].astype(float))
    assert line(plot(panel, "curves"), "isotropic").dash == "chance"


def test_every_colour_is_a_measured_value(history, panel):
    strip = heat(panel)
    assert (strip.low, strip.high, strip.scale, strip.ends) == (1e-3, 1, "log", ("≤ 0.001", "1 (log)"))
    assert strip.values.shape == (64, len(strip.steps))
    for column in range(0, len(strip.steps), 17):
        singular = history.frame("spectrum/z", int(strip.steps[column])).arrays["singular"].astype(float)
        # Two values to a row, averaged in their logarithm.
        logs = np.log10(np.maximum(singular, 3e-7)).reshape(64, 2).mean(1)
        wanted = STOPS * np.clip((logs + 3) / 3, 0, 1)
        assert np.abs(strip.values[:, column] - wanted).max() <= 0.51


def test_columns_lie_around_their_steps_and_end_at_the_newest(panel):
    strip = heat(panel)
    assert len(strip.x) == len(strip.steps) + 1
    assert (strip.x[0], strip.x[-1]) == (strip.steps[0], strip.steps[-1]) == (1, 1482)
    assert (np.diff(strip.x) >= 0).all()
    assert ((strip.x[:-1] <= strip.steps) & (strip.steps <= strip.x[1:])).all()
    assert len(strip.steps) <= MOST_COLUMNS + 1


def test_rank_and_index_share_an_axis_that_begins_at_the_top(panel):
    axis = plot(panel, "strip").y
    assert (axis.low, axis.high) == (128.5, 0.5)
    assert axis.ticks == (1, 64, 128)
    assert (heat(panel).y[0], heat(panel).y[-1]) == (0.5, 128.5)


def test_the_ceiling_is_a_dashed_line_with_its_value(panel):
    ceiling = over(panel, "ceiling")
    assert ceiling.dash == "chance"
    assert ceiling.label == "ceiling 124"
    assert set(ceiling.y.tolist()) == {isotropic(512, 128).rank}


def test_the_past_is_what_was_before_the_newest_change(history, panel):
    past = line(plot(panel, "curves"), "past")
    np.testing.assert_array_equal(past.y, history.frame("spectrum/z", 1200).arrays["singular"].astype(float))
    assert "step 1,200: rank 61" in words_in(plot(panel, "curves"))
    assert past.color == "ghost"
    first = spectrum.spec(story.simclr(300))
    assert any(words.startswith("step 1") for words in words_in(plot(first, "curves")))


def test_control_changes_are_marks_on_the_strip(panel):
    assert [mark.x for mark in layers(plot(panel, "strip"), Mark)] == [620, 1204]
    words = [curve.label for curve in heat(panel).over if curve.key.startswith("change_")]
    assert words == ["τ 0.5 → 0.2", "lr 0.03 → 0.06"]


def test_every_place_has_its_curve_its_name_and_its_row(history, panel):
    curves = plot(panel, "curves")
    np.testing.assert_array_equal(
        line(curves, "h_now").y, history.frame("spectrum/h").arrays["singular"][:128].astype(float)
    )
    assert any(words == "h" or words.startswith(("h ", "h,")) for words in words_in(curves))
    assert [row[0] for row in panel.table.rows] == ["z", "h"]
    z = dict(zip(panel.table.columns, panel.table.rows[0], strict=True))
    assert (z["N"], z["d"], z["rank"], z["left out"]) == ("512", "128", "24.00", "0")
    cells = panel.table.rows[0]
    assert cells[5:7] == ("24.00", "123.68")
    assert "102.20" in cells  # the ceiling of participation stands beside it


def test_the_foot_says_the_sample_and_what_the_picture_does_not(panel):
    assert panel.foot_left[:3] == ("N = 512", "d = 128", "0 left out")
    assert panel.foot_left[3].endswith("of 128 σ under 10⁻⁴")
    assert panel.foot_right == ("participation 14, ceiling 102", "std 0.98 of 1", "|corr| 0.05")


def test_named_modules_of_the_reference_set():
    history = record(range(0, 90, 10), place="layer4", rank=12, dim=64, source="reference", rows=200)
    panel = spectrum.spec(history, place="layer4")
    assert panel.unit == "singular values of layer4"
    assert panel.foot_left[0] == "reference set, N = 200"
    assert panel.table.rows[0][2] == "reference set"
    history.add_event("failed", 95, what="metric", name="module/layer4", why="it is gone.")
    assert spectrum.spec(history, place="layer4").state == "failed"
    assert spectrum.spec(history, place="layer4").noun == "spectrum"


def test_a_run_without_z_shows_h():
    history = record(range(1, 50, 7), place="h", rank=9)
    assert spectrum.spec(history).unit == "singular values of h"
    assert spectrum.spec(history, place="other").state == "empty"


def test_another_number_of_rows_is_another_ceiling():
    history = record(range(1, 200, 5), rank=30, rows=512)
    for step in range(201, 400, 5):
        story.add_spectrum(history, step, rank=30, rows=64)
    panel = spectrum.spec(history)
    ceiling = over(panel, "ceiling")
    assert sorted(set(ceiling.y.tolist())) == pytest.approx(sorted({isotropic(n, 128).rank for n in (512, 64)}))
    assert panel.headline.reference == "ceiling 59"
    assert any("N = 512" in words for words in words_in(plot(panel, "curves")) if words.startswith("step 1"))
    strip = heat(panel)
    assert (strip.values[33:, -1] == NOTHING).all()  # 64 rows have 64 singular values
    assert (strip.values[33:, 0] != NOTHING).all()


def test_a_gap_in_the_record_is_a_gap():
    history = record([*range(1, 200, 5), *range(500, 700, 5)], rank=30)
    panel = spectrum.spec(history)
    strip = heat(panel)
    (gap,) = np.flatnonzero(np.isnan(strip.steps))
    assert (strip.values[:, gap] == NOTHING).all()
    assert strip.x[gap] < 205
    assert strip.x[gap + 1] > 495
    assert np.isnan(over(panel, "effective_rank").y).any()


@pytest.mark.parametrize("count", [1, 2, 119, 121, 399])
def test_columns_are_few_and_keep_the_first_and_the_newest(count):
    steps = tuple(range(3, 3 + 7 * count, 7))
    kept = chosen(steps)
    assert kept[0] == steps[0]
    assert kept[-1] == steps[-1]
    assert len(kept) <= MOST_COLUMNS + 1
    assert set(kept) <= set(steps)
    found = gather(record(steps[:30], rank=5), "spectrum/z")
    assert not np.isnan(found.steps).any()
    assert (np.diff(found.edges) > 0).any()


def test_thinned_columns_have_no_gaps_between_them():
    found = gather(record(range(0, 1500, 5), rank=5), "spectrum/z")
    assert not np.isnan(found.steps).any()
    assert len(found.steps) <= MOST_COLUMNS + 1


def test_what_half_precision_hides_is_nothing_and_counted():
    history = record(range(1, 40, 5), rank=4)
    frame = history.frame("spectrum/z")
    history.add_frames(41, {"spectrum/z": (frame.arrays, frame.meta | {"floor": 2e-3})})
    story_values = {name: history.last(f"spectrum/z/{name}") for name in ("rank", "participation", "std", "ceiling")}
    history.add_scalars(41, {f"spectrum/z/{name}": value for name, value in story_values.items()})
    panel = spectrum.spec(history)
    hidden = int((frame.arrays["singular"] <= 2e-3).sum())
    assert panel.foot_left[3] == f"{hidden} of 128 σ under rounding"
    assert np.isnan(line(plot(panel, "curves"), "z_now").y).sum() == hidden
    assert (heat(panel).values[-1, -1], heat(panel).values[-1, 0]) == (NOTHING, 0)


def test_rows_that_were_drawn_or_left_out_are_said():
    history = record([1, 2], rank=9, rows=500, out=12)
    assert spectrum.spec(history).foot_left[:3] == ("N = 500", "d = 128", "12 left out")
    frame = history.frame("spectrum/z")
    history.add_frames(3, {"spectrum/z": (frame.arrays, frame.meta | {"rows_total": 2060})})
    assert spectrum.spec(history).foot_left[0] == "N = 500 of 2,048 drawn"


def test_a_ghost_is_grey_and_named_with_its_number_of_rows(history):
    other = record(range(1, 900, 9), rank=50, rows=256)
    other.static["name"] = "run <06>"
    panel = spectrum.spec(history, ghost=other)
    curve = line(plot(panel, "curves"), "other_run")
    np.testing.assert_array_equal(curve.y, other.frame("spectrum/z").arrays["singular"].astype(float))
    assert curve.color == "ghost"
    assert any(words.startswith("run <06>, N = 256") for words in words_in(plot(panel, "curves")))
    ranks = over(panel, "rank_of_the_other_run")
    assert ranks.color == "ghost"
    assert ranks.y[-1] == other.last("spectrum/z/rank")
    assert panel.table.rows[-1][0] == "z of run <06>"
    assert panel.headline.value == history.last("spectrum/z/rank")
    assert spectrum.spec(history, ghost=story.own_loop(5)).headline == spectrum.spec(history).headline


def test_at_an_earlier_step_nothing_later_is_seen(history):
    panel = spectrum.spec(Until(history, 700))
    assert panel.step == 696
    assert panel.headline.value == history.scalar("spectrum/z/rank").at(696)
    assert heat(panel).steps[-1] == 696
    assert over(panel, "effective_rank").x[-1] == 696


def test_a_wide_place_beside_a_narrow_one_says_where_it_goes_on():
    history = record(range(1, 30, 3), rank=20, dim=64, rows=256)
    story.add_spectrum(history, 28, place="h", rank=30, dim=256, rows=256)
    curves = plot(spectrum.spec(history), "curves")
    assert len(line(curves, "h_now").x) == 64
    assert any(words.startswith("h") for words in words_in(curves))


@pytest.mark.parametrize(("rank", "text"), [(3.42, "3.4"), (9.96, "10"), (24.2, "24"), (1024.0, "1,024")])
def test_ranks_are_said_as_precisely_as_they_are_known(rank, text):
    assert spectrum.said(rank) == text


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 100, 127, 128, 500])
def test_any_width_can_be_drawn(dim):
    panel = spectrum.spec(record([1, 5, 9], rank=min(dim, 3), dim=dim, rows=64))
    assert panel.state == "live"
    for drawn in panel.plots:
        assert len(set(drawn.x.ticks)) == len(drawn.x.ticks)
        for tick in (*drawn.x.ticks, *drawn.y.ticks):
            assert math.isfinite(tick)


def test_five_states():
    assert spectrum.spec(story.Clocked({})).message == "Needs a first step."
    started = story.Clocked({})
    started.add_event("state", 0, moment=story.BEGAN - 2, state="live")
    loading = spectrum.spec(started)
    assert (loading.state, loading.message.split(".")[0]) == ("loading", "Measuring the first batch of z")
    assert spectrum.spec(story.own_loop(20)).message == "Needs embeddings at z."
    history = story.simclr(60)
    assert spectrum.spec(history).state == "live"
    assert spectrum.spec(history, live=False).state == "stopped"
    history.add_event("failed", 66, what="metric", name="spectrum/z", why="all rows are zero.")
    failed = spectrum.spec(history)
    assert (failed.state, failed.message) == ("failed", "Failed at step 66: all rows are zero.")
    assert [drawn.key for drawn in failed.plots] == ["strip", "curves"]
    history.now += 60
    assert spectrum.spec(story.simclr(60)).late == ""


def test_late_says_its_age():
    history = record(range(1, 50, 5), rank=5)
    history.now += 60
    assert spectrum.spec(history).late == "age 60 s"


def test_words_keep_clear_of_one_another(panel):
    labels = layers(plot(panel, "curves"), Label)
    assert len({(label.x, label.y) for label in labels}) == len(labels)
    assert "ceiling: isotropic, same N and d" in [label.text for label in labels]
