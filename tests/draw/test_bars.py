"""Bars: both Python pens draw what the spec says, in the room there is."""

from __future__ import annotations

import base64
import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.panels.test_probes import bars, run
from vergence_widgets.draw import matplotlib_pen, plotly_pen
from vergence_widgets.draw.bars import AXIS, HEAD, LINE, _fitting, row_places
from vergence_widgets.figure import figure
from vergence_widgets.freeze import size
from vergence_widgets.panels import probes
from vergence_widgets.theme import THEMES

GONE = {"word": "gone", "against": "best", "base": 0.9, "half": 0.05, "step": 20}
LOST = {"standing": {"h": [GONE, None]}, "since": {"h": [40, None]}, "head_drops": [True, False]}


def decoded(entry: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["bdata"]), "<f4")


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7])
def test_rows_stand_apart_and_inside(count):
    places = row_places(count, 190.0)
    for one, other in itertools.pairwise(places):
        assert one.z + one.bar < other.h
        assert one.stop <= other.start + 0.01 or not one.two_lines
    assert places[0].start >= HEAD
    assert places[-1].z + places[-1].bar <= 190 - AXIS


@pytest.mark.parametrize(("count", "tall"), [(9, 190.0), (14, 257.0)])
def test_rows_under_three_lines_stand_apart_and_inside(count, tall):
    places = row_places(count, tall, 3)
    for one, other in itertools.pairwise(places):
        assert one.stop <= other.start + 0.01
        assert other.h - one.h >= 11
    assert places[0].start >= HEAD + 2 * LINE - 0.01
    assert places[-1].z + places[-1].bar <= tall - AXIS


def test_both_pens_draw_all_lines_and_the_best_so_far():
    panel = probes.spec(run(values={"h": 0.2}, more=LOST, best=(0.9, 20)))
    found = plotly_pen.describe([panel])
    told = str(found)
    for words in bars(panel).words:
        assert words in told
    trace = next(trace for trace in found["data"] if trace.get("name") == "best so far")
    assert decoded(trace["x"])[1] == np.float32(0.9)
    with_best = picture(matplotlib_pen.png([panel]))
    layer = replace(bars(panel), best=(None,) * 4)
    without = replace(panel, plots=(replace(panel.plots[0], layers=(layer,)), panel.plots[1]))
    assert (with_best != picture(matplotlib_pen.png([without]))).any()


@pytest.mark.parametrize(("room", "wanted"), [(300, "a run"), (32, "a run"), (31, "a r…"), (20, ""), (-50, "")])
def test_a_name_takes_the_room_there_is(room, wanted):
    assert _fitting("a run", room) == wanted
    assert len(_fitting("x" * 40, 1000)) == 20


def test_plotly_draws_every_number():
    panel = probes.spec(run(), ghost=run(values={"h": 0.6}))
    drawn = bars(panel)
    found = plotly_pen.describe([panel])["data"]
    for name, values in (("h", drawn.h), ("z", drawn.z)):
        trace = next(trace for trace in found if trace["type"] == "bar" and trace["name"] == name)
        np.testing.assert_array_equal(decoded(trace["x"]), np.asarray(values, "<f4"))
    for name, values in (("raw", drawn.raw), ("first", drawn.untrained), ("chance", drawn.chance)):
        trace = next(trace for trace in found if trace.get("name") == name)
        at = decoded(trace["x"])[::3]
        # The first stroke is the key's.
        np.testing.assert_array_equal(at[1:], np.asarray(values, "<f4"))
    texts = [text for trace in found for text in trace.get("text", [])]
    for row, said in zip(drawn.rows, drawn.said, strict=True):
        assert row in texts or f"<b>{row}</b>" in texts
        assert f"<b>{said[0]}</b>" in texts
        assert said[1] in texts


def test_names_that_hold_markup_are_words():
    panel = probes.spec(run(factors=("<b>x", "<i>y")))
    told = str(plotly_pen.describe([panel]))
    assert "<b>x" not in told.replace("<b>&lt;b&gt;x", "")
    assert "&lt;i&gt;y" in told


def test_plotly_takes_it_and_it_is_small():
    panel = probes.spec(run())
    assert size(plotly_pen.describe([panel], most=100)) < 20_000
    assert figure("probes", run()).layout.paper_bgcolor == THEMES["light"].ground


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_matplotlib_draws_two_bars_as_long_as_the_numbers(theme):
    one = probes.spec(run())
    longer = replace(bars(one), h=(1.0, *bars(one).h[1:]))
    other = replace(one, plots=(replace(one.plots[0], layers=(longer,)), one.plots[1]))
    first, second = (picture(matplotlib_pen.png([panel], theme=theme)) for panel in (one, other))
    assert first.shape == second.shape
    changed = np.argwhere((first != second).any(2))
    assert len(changed) > 20
    wide = np.ptp(changed[:, 1])
    # From 0.86 to 1 of an axis that takes 1 / 1.5 of 396 px.
    assert 0.14 * 396 / 1.5 * 0.7 < wide < 0.14 * 396 / 1.5 * 1.4


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_what_is_not_known_draws_nothing():
    panel = probes.spec(run(values={"z": np.nan, "raw": np.nan, "untrained_h": np.nan}))
    found = plotly_pen.describe([panel])["data"]
    names = {trace.get("name") for trace in found}
    assert {"z", "raw", "first"}.isdisjoint(
        {trace.get("name") for trace in found if trace["type"] == "bar"} | (names - {"z"})
    )
    assert matplotlib_pen.png([panel])
