"""The similarity panel against the frames it was made from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.panels import story
from tests.panels.reading import layers, line, plot, words_in
from vergence_widgets.panels import density, similarity
from vergence_widgets.panels.spec import Ridge, Span

AREA = 2 / 512
counts_of_pairs = arrays(np.int64, 512, elements=st.integers(0, 1000)).filter(lambda counts: counts.sum() > 0)


@pytest.fixture(scope="module")
def history():
    return story.simclr()


@pytest.fixture(scope="module")
def panel(history):
    return similarity.spec(history)


def slow_density(counts, kernel):
    """Every count as a bell at its bin, with mirror images beyond -1 and 1; the bells are cut at 3.5 deviations."""
    reach = math.ceil(3.5 * kernel / AREA)
    weights = [math.exp(-0.5 * (offset * AREA / kernel) ** 2) for offset in range(-reach, reach + 1)]
    found = np.zeros(512)
    for source in np.flatnonzero(counts):
        for offset, weight in zip(range(-reach, reach + 1), weights, strict=True):
            place = source + offset
            place = -1 - place if place < 0 else 1023 - place if place > 511 else place
            found[place] += counts[source] * weight / sum(weights)
    return found / (counts.sum() * AREA)


@given(counts_of_pairs)
def test_the_area_under_a_density_is_one(counts):
    assert density.density(counts).sum() * AREA == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kernel", [AREA, 0.02, 0.1])
def test_the_density_is_the_slow_loop(kernel):
    counts = np.random.default_rng(1).integers(0, 5, 512)
    counts[[0, 511]] = 90
    np.testing.assert_allclose(density.density(counts, kernel), slow_density(counts, kernel), rtol=1e-9)


def test_the_kernel_is_the_rule_of_thumb():
    rng = np.random.default_rng(0)
    counts = np.histogram(rng.normal(0.2, 0.1, 5000), np.linspace(-1, 1, 513))[0]
    assert density.smoothing(counts) == pytest.approx(0.9 * 0.1 * 5000**-0.2, rel=0.05)
    assert density.smoothing(np.bincount([511], minlength=512)) == AREA


def test_what_is_drawn_now_is_the_density_of_the_newest_counts(history, panel):
    frame = history.frame("similarity/z")
    now = plot(panel, "density")
    for name in ("positive", "negative", "false_negative"):
        drawn = line(now, name)
        np.testing.assert_array_equal(drawn.x, density.CENTRES)
        np.testing.assert_array_equal(drawn.y, density.density(frame.arrays[name]))
    assert panel.step == frame.step == 1482


def test_positives_and_negatives_differ_by_more_than_colour(panel):
    now = plot(panel, "density")
    positive, negative, same = (line(now, name) for name in ("positive", "negative", "false_negative"))
    assert (positive.color, positive.dash) == ("positive", "solid")
    assert (negative.color, negative.dash) == ("negative", "negative")
    assert same.width < negative.width
    assert not same.fill


def test_the_headline_is_the_auc_with_its_chance(history, panel):
    assert (panel.headline.name, panel.headline.text, panel.headline.reference) == ("AUC", "0.998", "chance 0.5")
    assert panel.headline.value == history.frame("similarity/z").meta["auc"]


def test_each_curve_has_its_name_and_mean(panel):
    texts = words_in(plot(panel, "density"))
    assert "positives 0.86" in texts
    assert "negatives 0.11" in texts
    assert "same label 0.44" in texts
    assert "overlap 0.04" in texts


def test_the_mean_of_the_false_negatives_is_said_where_there_is_room():
    history = story.simclr(30)
    apart = story.at(30) | {"positive": 0.95, "negative": -0.3, "negative_spread": 0.05}
    story.add_similarity(history, 31, np.random.default_rng(0), state=apart)
    assert "same label 0.04" in words_in(plot(similarity.spec(history), "density"))


def test_random_rows_are_the_reference_for_cosines(panel):
    (span,) = layers(plot(panel, "density"), Span)
    assert (span.low, span.mid, span.high) == (-1 / math.sqrt(128), 0, 1 / math.sqrt(128))
    assert span.label == "random rows, 0 ± 0.09"


def test_counts_of_what_is_drawn(panel):
    assert panel.foot_left == ("65,280 of 130,560 negatives drawn",)
    assert panel.foot_right == ("0 rows left out", "12.4 % share a label")


def test_without_labels_it_says_what_it_needs():
    panel = similarity.spec(story.simclr(30, labels=False))
    assert "same label: needs labels" in panel.foot_right
    assert not any("same label" in text for text in words_in(plot(panel, "density")))


def test_rows_that_were_left_out_are_counted():
    history = story.simclr(30)
    story.add_similarity(history, 31, np.random.default_rng(0), out=3)
    assert "3 of 512 rows left out" in similarity.spec(history).foot_right


def test_the_ridge_has_the_newest_row_on_top_and_the_first_at_the_bottom(history, panel):
    (ridge,) = layers(plot(panel, "ridge"), Ridge)
    assert ridge.steps[0] == 1482
    assert ridge.steps[-1] == 1
    assert list(ridge.steps) == sorted(ridge.steps, reverse=True)
    assert 5 <= len(ridge.steps) <= 9
    newest = density.density(history.frame("similarity/z").arrays["positive"]).reshape(-1, 4).mean(axis=1)
    np.testing.assert_allclose(ridge.positive[0], newest)
    np.testing.assert_allclose(ridge.positive.sum(axis=1) * 4 * AREA, 1)


def test_rows_of_the_ridge_are_evenly_spaced_and_do_not_slide():
    steps = tuple(range(5, 1500, 5))
    before, after = density.rows_at(steps), density.rows_at((*steps, 1500, 1505))
    assert before == (1495, 1200, 1000, 800, 600, 400, 200, 5)
    assert after == (1505, 1400, 1200, 1000, 800, 600, 400, 200, 5)


@given(st.sets(st.integers(1, 10**6), min_size=1, max_size=400))
def test_there_are_at_most_nine_rows_and_both_ends_are_among_them(steps):
    known = tuple(sorted(steps))
    rows = density.rows_at(known)
    assert len(rows) <= 9
    assert rows[0] == known[-1]
    assert rows[-1] == known[0]
    assert set(rows) <= steps
    assert list(rows) == sorted(set(rows), reverse=True)


def test_the_newest_row_stays_in_its_place_as_rows_are_added():
    heights = []
    for last in (1, 7, 40, 200):
        panel = similarity.spec(story.simclr(last))
        axis, (ridge,) = plot(panel, "ridge").y, layers(plot(panel, "ridge"), Ridge)
        base = len(ridge.steps) - 1
        heights.append((axis.high - base) / (axis.high - axis.low))
    assert heights == pytest.approx([heights[0]] * 4)


def test_a_peak_that_is_cut_says_how_tall_it_is():
    history = story.simclr(30)
    tall = story.at(30) | {"positive": 0.5, "positive_spread": 0.0001, "negative": -0.2, "negative_spread": 0.3}
    story.add_similarity(history, 31, np.random.default_rng(0), state=tall)
    now = plot(similarity.spec(history), "density")
    peak = line(now, "positive").y.max()
    assert peak > now.y.high
    assert f"positives 0.50, peak {peak:.0f} cut ↑" in words_in(now)


def test_collapse_fits_in_the_frame_and_the_negatives_are_still_named():
    history = story.simclr(30)
    collapsed = {"positive": 0.9998, "positive_spread": 1e-4, "negative": 0.9997, "negative_spread": 1e-4}
    story.add_similarity(history, 31, np.random.default_rng(0), state=story.at(30) | collapsed, labels=False)
    now = plot(similarity.spec(history), "density")
    assert line(now, "negative").y.max() <= now.y.high
    assert "negatives 1.00" in words_in(now)


def test_a_mean_near_zero_is_written_as_zero():
    history = story.simclr(30)
    tiny = story.at(30) | {"negative": -2e-6, "negative_spread": 0.1}
    story.add_similarity(history, 31, np.random.default_rng(0), state=tiny)
    assert "negatives 0.00" in words_in(plot(similarity.spec(history), "density"))


def test_one_view_has_no_positives_and_says_so():
    panel = similarity.spec(story.simclr(30, views=1))
    assert panel.state == "live"
    assert panel.headline.name == "negatives"
    assert panel.headline.reference == "random rows 0"
    assert "no positive pairs" in panel.foot_left


def test_a_place_that_was_not_measured_says_what_it_needs():
    panel = similarity.spec(story.simclr(30), place="h")
    assert panel.state == "empty"
    assert "at h" in panel.message


def test_failed_until_the_next_good_frame():
    history = story.simclr(30)
    history.add_event("failed", 31, what="metric", name="similarity", why="3 of 512 rows of z are not finite")
    failed = similarity.spec(history)
    assert failed.state == "failed"
    assert failed.message == "Failed at step 31: 3 of 512 rows of z are not finite."
    assert "last good numbers are from step 30" in failed.after
    assert failed.plots  # the last good frame stays reachable
    story.add_similarity(history, 33, np.random.default_rng(0))
    assert similarity.spec(history).state == "live"


def test_failed_before_anything_was_measured():
    history = story.Clocked({"total_steps": None})
    history.add_event("state", 0, state="live")
    history.add_event("failed", 1, what="metric", name="similarity", why="ZeroRows: every row is zero")
    failed = similarity.spec(history)
    assert failed.state == "failed"
    assert "no good numbers yet" in failed.after


def test_a_failure_of_another_panel_is_none_of_ours():
    history = story.simclr(30)
    history.add_event("failed", 31, what="metric", name="hypersphere", why="why")
    history.add_event("failed", 31, what="store", name="similarity", why="the disk is full")
    assert similarity.spec(history).state == "live"


def test_late_after_three_cadences_and_not_before():
    history = story.simclr(120)
    history.now += 3.0
    assert similarity.spec(history).late == ""
    history.now += 6.0
    assert similarity.spec(history).late == "age 9.1 s"
    history.set_state("paused")
    assert similarity.spec(history).late == ""


def test_frames_that_are_thinned_away_meanwhile_are_only_missing(history, monkeypatch):
    real = type(history).frame

    def gone(self, kind, step=None):
        if step is not None and step < 500:
            raise ValueError(step)
        return real(self, kind, step)

    monkeypatch.setattr(type(history), "frame", gone)
    (ridge,) = layers(plot(similarity.spec(history), "ridge"), Ridge)
    assert min(ridge.steps) >= 500
