"""The probes panel: five states, its numbers, and what it says about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.panels import story
from tests.panels.reading import layers, line, plot, texts
from vergence_widgets.panels import COMPARES, PANELS, probes
from vergence_widgets.panels.spec import Bars, Panel, Rule

PLACES = ["h", "z", "raw", "untrained_h", "untrained_z"]
COMPARED = [["h", "raw"], ["h", "untrained_h"], ["z", "raw"], ["z", "untrained_z"], ["z", "h"]]
VALUES = {"h": 0.86, "z": 0.71, "raw": 0.42, "untrained_h": 0.55, "untrained_z": 0.31}


def add(
    history: story.Clocked, step: int, *, factors: tuple[str, ...] = ("class", "hue"), first: int = 0,
    values: dict[str, float] | None = None, half: float = 0.05, out: int = 0, refused: dict[str, str] | None = None,
) -> None:  # fmt: skip
    found = VALUES | (values or {})
    shape = (len(factors), 3)
    accuracy = np.full((*shape, 5), np.nan, np.float32)
    for row in range(len(factors)):
        for kind in range(3):
            accuracy[row, kind] = [found.get(place, np.nan) - 0.04 * kind - 0.2 * row for place in PLACES]
    at = {name: accuracy[:, :, PLACES.index(name)] for name in PLACES}
    arrays: dict[str, Any] = {
        "accuracy": accuracy, "half": np.full_like(accuracy, half), "spread": np.full_like(accuracy, 0.02),
        "difference": np.stack([at[a] - at[b] for a, b in COMPARED], axis=2),
        "difference_half": np.full((*shape, len(COMPARED)), half, np.float32),
    }  # fmt: skip
    meta = {
        "factors": list(factors), "kinds": ["linear", "knn", "few"], "places": PLACES, "compared": COMPARED,
        "chance": [0.125] * len(factors), "classes": [8] * len(factors), "asked": [256] * len(factors),
        "fit": [254] * len(factors), "left_out": [2] * len(factors), "rows_left_out": {"h": out},
        "refused": refused or {}, "raw": "3 × 32 × 32 pixels", "first": first, "groups": True, "items": 512,
        "k": 20, "temperature": 0.07, "ridge": 0.3, "draws": 32,
    }  # fmt: skip
    moment = story.BEGAN + step / story.RATE
    history.add_frames(step, {"probes": (arrays, meta)}, moment=moment)
    scalars = {f"probes/{place}/{factors[0]}/linear": found[place] for place in ("h", "z")}
    if step == first:
        scalars |= {f"probes/raw/{factors[0]}/linear": found["raw"], f"probes/chance/{factors[0]}": 0.125}
    history.add_scalars(step, scalars, moment=moment)


def run(last: int = 100, **more: Any) -> story.Clocked:
    history = story.Clocked({"name": "emoji-simclr-07", "total_steps": 200})
    history.add_event("state", 0, moment=story.BEGAN, state="live")
    add(history, 0, values={"h": 0.55, "z": 0.31})
    add(history, last, **more)
    history.now = story.BEGAN + last / story.RATE + 14
    return history


def bars(panel: Panel) -> Bars:
    return layers(plot(panel, "bars"), Bars)[0]


class TestStates:
    def test_empty_says_what_is_lacking(self) -> None:
        blank = story.Clocked({})
        assert probes.spec(blank).state == "empty"
        assert probes.spec(blank).message == "Needs a first step."
        blank.add_scalars(1, {"loss": 1.0})
        assert "reference=(images, labels)" in probes.spec(blank).message
        blank.describe(reference={"items": 9, "factors": {}})
        assert probes.spec(blank).message == "Needs labels of the reference set: reference=(images, labels)."

    def test_empty_says_why_nothing_can_be_probed(self) -> None:
        history = story.simclr(10)
        words = "probes: 0 of 9 classes have two rows to learn from"
        history.add_frames(0, {"probes": ({"none": np.zeros(0)}, {"factors": [], "refused": {"class": words}})})
        panel = probes.spec(history)
        assert (panel.state, panel.message) == ("empty", f"class: {words}")

    def test_loading(self) -> None:
        history = story.Clocked({})
        history.add_event("state", 0, moment=story.BEGAN, state="live")
        assert probes.spec(history).state == "loading"

    def test_live_and_stopped(self) -> None:
        history = run()
        assert probes.spec(history).state == "live"
        assert probes.spec(history, live=False).state == "stopped"
        history.set_state("stopped")
        assert probes.spec(history).state == "stopped"

    def test_failed(self) -> None:
        history = run()
        history.add_event("failed", 120, what="metric", name="probes/reference", why="none of 254 rows can be read")
        panel = probes.spec(history)
        assert panel.state == "failed"
        assert "none of 254 rows" in panel.message
        assert "step 100" in panel.after
        assert panel.plots, "the last good picture stays"


class TestNumbers:
    def test_one_row_for_each_probe_of_the_label_and_one_for_each_other_factor(self) -> None:
        drawn = bars(probes.spec(run()))
        assert drawn.rows == ("class, linear", "class, kNN", "class, 2 each", "hue")
        assert drawn.main == 3
        assert drawn.h == pytest.approx((0.86, 0.82, 0.78, 0.66), abs=1e-6)
        assert drawn.z == pytest.approx((0.71, 0.67, 0.63, 0.51), abs=1e-6)
        assert drawn.raw == pytest.approx((0.42, 0.38, 0.34, 0.22), abs=1e-6)
        assert drawn.untrained == pytest.approx((0.55, 0.51, 0.47, 0.35), abs=1e-6)
        assert drawn.chance == (0.125,) * 4
        assert drawn.said[0] == ("0.86", "0.71")
        assert drawn.first == "untrained encoder"

    def test_headline_and_feet(self) -> None:
        panel = probes.spec(run())
        assert panel.headline is not None
        assert (panel.headline.name, panel.headline.text, panel.headline.reference) == ("class", "0.86", "chance 0.12")
        assert panel.foot_left == ("256 held out, 95 % interval ±0.05",)
        assert panel.foot_right == ("2 of 512 left out", "age 14 s")
        assert "age" not in " ".join(probes.spec(run(), live=False).foot_right)

    def test_the_trend_begins_at_the_untrained_encoder(self) -> None:
        trend = plot(probes.spec(run()), "trend")
        assert line(trend, "h").y.tolist() == [0.55, 0.86]
        assert line(trend, "z").y.tolist() == [0.31, 0.71]
        assert set(line(trend, "raw_input").y.tolist()) == {0.42}
        assert layers(trend, Rule)[0].y == 0.125
        assert (trend.y.low, trend.y.high) == (0.0, 1.0)

    def test_many_factors_are_counted(self) -> None:
        panel = probes.spec(run(factors=("class", *(f"factor {i}" for i in range(9)))))
        assert len(bars(panel).rows) == 7
        assert "5 more in the table" in panel.foot_left
        assert len(panel.table.rows) == 30

    def test_what_is_not_known_is_not_drawn(self) -> None:
        drawn = bars(probes.spec(run(values={"z": np.nan, "raw": np.nan})))
        assert drawn.z[0] is None
        assert drawn.raw[0] is None
        assert drawn.said[0] == ("0.86", "")

    def test_the_table_holds_everything(self) -> None:
        table = probes.spec(run(refused={"price": "labels has dtype torch.float32"})).table
        assert "raw input, 3 × 32 × 32 pixels" in table.columns
        first = dict(zip(table.columns, table.rows[0], strict=True))
        assert first["probe"] == "class, linear (ridge 0.3 on standardised features)"
        assert first["h against raw"] == "better, +0.440 ±0.050"
        assert "32 draws" in table.rows[2][0]
        assert "draws spread 0.020" in table.rows[2][7]
        assert "torch.float32" in table.rows[-1][0]

    def test_a_monitor_attached_late_does_not_say_untrained(self) -> None:
        history = story.Clocked({})
        add(history, 5000, first=5000)
        add(history, 5100, first=5000)
        assert bars(probes.spec(history)).first == "first look, step 5,000"


class TestVerdict:
    @pytest.mark.parametrize(
        ("values", "half", "words"),
        [
            ({"h": 0.41, "raw": 0.48}, 0.05, "class: h worse than raw input, 0.41 against 0.48, ±0.05"),
            (
                {"h": 0.41, "raw": 0.48, "untrained_h": 0.4},
                0.09,
                "class: h no better than raw input, 0.41 against 0.48, ±0.09",
            ),
            ({"h": 0.5, "raw": 0.3}, 0.06, "class: h no better than untrained, 0.50 against 0.55, ±0.06"),
            ({"h": 0.5, "raw": 0.48}, 0.04, "class: h worse than untrained, 0.50 against 0.55, ±0.04"),
            ({}, 0.05, "class: h better than raw input (+0.44), untrained (+0.31)"),
        ],
    )
    def test_the_worst_news_first_and_noise_is_no_news(self, values: dict[str, float], half: float, words: str) -> None:
        panel = probes.spec(run(values=values, half=half))
        assert bars(panel).verdict == words
        assert len(words) < 66

    def test_at_the_first_look_there_is_nothing_to_compare(self) -> None:
        history = story.Clocked({})
        add(history, 0)
        assert bars(probes.spec(history)).verdict.startswith("First look")

    def test_the_summary_names_factors_that_are_read_worse(self) -> None:
        assert "hue, linear: h 0.66, z 0.51, raw input 0.22 (better)" in probes.spec(run()).summary


class TestGhost:
    def test_it_is_named_once_and_drawn_grey(self) -> None:
        other = run(values={"h": 0.6})
        other.describe(name="emoji-simclr-06")
        panel = probes.spec(run(), ghost=other)
        assert probes.NOUN in COMPARES
        assert bars(panel).ghost == pytest.approx((0.6, 0.56, 0.52, 0.4), abs=1e-6)
        assert line(plot(panel, "trend"), "ghost").color == "ghost"
        assert sum("emoji-simclr-06" in text for text in texts(panel)) == 1

    def test_one_that_was_never_probed_is_left_out(self) -> None:
        panel = probes.spec(run(), ghost=story.Clocked({"name": "other"}))
        assert bars(panel).ghost == ()
        assert bars(panel).ghost_name == ""


def test_long_names_are_cut_on_the_picture_and_whole_in_the_table() -> None:
    panel = PANELS["probes"](run(factors=("a rather long name of a class", "another quite long factor")))
    assert all(len(name) <= 14 for name in bars(panel).rows)
    assert "a rather long name of a class" in panel.table.rows[0][0]
