"""Fewer points, gaps, running means, limits and ticks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vergence_widgets.panels import curves

values_with_holes = arrays(np.float64, st.integers(601, 4000), elements=st.floats(-1e6, 1e6) | st.just(math.nan))


def slow_mean(values, window, at, restarts):
    found = []
    for index in at:
        begin = max(0, index - window + 1, *[edge for edge in restarts if edge <= index])
        part = [value for value in values[begin : index + 1] if math.isfinite(value)]
        found.append(math.nan if not math.isfinite(values[index]) else sum(part) / len(part))
    return np.asarray(found)


@given(values_with_holes)
def test_thinning_keeps_extremes_both_ends_and_every_hole(y):
    x = np.arange(len(y), dtype=np.float64)
    few_x, few_y = curves.thin(x, y)
    assert len(few_x) <= curves.MOST
    assert (np.diff(few_x) > 0).all()
    np.testing.assert_array_equal(few_y, y[few_x.astype(int)])
    assert few_x[0] == 0
    assert few_x[-1] == len(y) - 1
    if np.isfinite(y).any():
        assert np.nanmax(few_y) == np.nanmax(y)
        assert np.nanmin(few_y) == np.nanmin(y)
    assert np.isnan(few_y).any() == np.isnan(y).any()


def test_a_hole_between_two_kept_points_stays_a_hole():
    y = np.sin(np.arange(5000) / 50)
    y[2000:2300] = np.nan
    x, kept = curves.thin(np.arange(5000.0), y)
    between = kept[(x > 2000) & (x < 2299)]
    assert len(between)
    assert np.isnan(between).all()


def test_few_points_are_left_alone():
    x, y = np.arange(600.0), np.ones(600)
    assert curves.thin(x, y)[1] is y


def test_a_gap_in_the_record_is_never_bridged():
    steps = np.asarray([1, 2, 3, 4, 50, 51, 52])
    curve = curves.break_gaps(steps, np.ones(7))
    assert curve.x.tolist() == [1, 2, 3, 4, 5, 50, 51, 52]
    assert math.isnan(curve.y[4])
    assert curve.after == (5,)
    assert curve.lost == 45


def test_thinning_of_old_entries_is_no_gap():
    steps = np.concatenate([np.arange(0, 400, 4), np.arange(400, 1000)])
    assert curves.break_gaps(steps, np.ones(len(steps)), stride=4).after == ()
    assert curves.break_gaps(steps, np.ones(len(steps)), stride=1).after != ()


def test_a_loop_that_counts_in_tens_has_no_gaps():
    assert curves.break_gaps(np.arange(10, 500, 10), np.ones(49)).after == ()


@given(
    arrays(np.float64, st.integers(1, 300), elements=st.floats(-100, 100) | st.just(math.nan)),
    st.integers(1, 60),
    st.lists(st.integers(1, 299), max_size=3),
)
def test_the_running_mean_is_the_slow_loop(values, window, restarts):
    at = np.unique(np.linspace(0, len(values) - 1, 25).astype(np.int64))
    edges = [edge for edge in restarts if edge < len(values)]
    fast = curves.running_mean(values, window, at, edges)
    np.testing.assert_allclose(fast, slow_mean(values, window, at, [0, *edges]), rtol=1e-9, atol=1e-9)


def test_one_explosion_does_not_spoil_later_means():
    values = np.ones(1000)
    values[100] = 1e30
    assert curves.running_mean(values, 25, np.asarray([999]))[0] == 1.0


@pytest.mark.parametrize(("count", "width"), [(1, 5), (250, 5), (1482, 25), (2500, 50), (100_000, 1000)])
def test_the_mean_takes_about_one_in_fifty(count, width):
    assert curves.window_for(count) == width


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(3, 6))
def test_ticks_are_few_round_and_inside(low, span, most):
    high = low + span
    ticks = curves.linear_ticks(low, high, most)
    assert 1 <= len(ticks) <= most
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in ticks)


@pytest.mark.parametrize("last", [1, 3, 7, 99, 100, 101, 1482, 1500, 1501, 99_999])
def test_the_step_axis_holds_the_last_step_and_says_steps_once(last):
    axis = curves.step_axis(last)
    assert last <= axis.high <= max(4, 2 * last)
    assert len(axis.ticks) >= 2
    assert axis.tick_labels is not None
    assert [label.endswith(" steps") for label in axis.tick_labels] == [False] * (len(axis.ticks) - 1) + [True]


def test_the_step_axis_moves_rarely():
    limits = {curves.step_axis(last).high for last in range(100, 10_001)}
    assert len(limits) <= 16


def test_the_step_axis_does_not_pass_the_end_of_the_run():
    assert curves.step_axis(1250, 1400).high == 1400
    assert curves.step_axis(1482, 2000).high == 1500
    assert curves.step_axis(2100, 2000).high == 3000  # a run that went on past what was asked for


def test_tick_labels_have_a_real_minus_and_thousands():
    assert curves.tick_text((-0.5, 0.0, 1500.0)) == ("−0.5", "0", "1,500")
