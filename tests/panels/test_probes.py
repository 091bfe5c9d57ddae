"""The probes panel: five states, its numbers, and what it says about them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from tests.panels import story
from tests.panels.reading import layers, line, plot, texts
from vergence_widgets.panels import COMPARES, PANELS, probes
from vergence_widgets.panels.probes_words import listed
from vergence_widgets.panels.spec import Bars, Panel, Rule

PLACES = ["h", "z", "raw", "untrained_h", "untrained_z"]
COMPARED = [["h", "raw"], ["h", "untrained_h"], ["z", "raw"], ["z", "untrained_z"], ["z", "h"]]
VALUES = {"h": 0.86, "z": 0.71, "raw": 0.42, "untrained_h": 0.55, "untrained_z": 0.31}


def add(
    history: story.Clocked, step: int, *, factors: tuple[str, ...] = ("class", "hue"), first: int = 0,
    values: dict[str, float] | None = None, half: float = 0.05, out: int = 0, refused: dict[str, str] | None = None,
    more: dict[str, Any] | None = None, best: tuple[float, int] | None = None,
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
    if best is not None:
        arrays |= {"best": np.full((*shape, 2), best[0], np.float32), "best_step": np.full((*shape, 2), best[1])}
    meta = {
        "factors": list(factors), "kinds": ["linear", "knn", "few"], "places": PLACES, "compared": COMPARED,
        "chance": [0.125] * len(factors), "classes": [8] * len(factors), "asked": [256] * len(factors),
        "fit": [254] * len(factors), "left_out": [2] * len(factors), "rows_left_out": {"h": out},
        "refused": refused or {}, "raw": "3 × 32 × 32 pixels", "first": first, "groups": True, "items": 512,
        "k": 20, "temperature": 0.07, "ridge": 0.3, "draws": 32,
    } | (more or {})  # fmt: skip
    moment = story.BEGAN + step / story.RATE
    history.add_frames(step, {"probes": (arrays, meta)}, moment=moment)
    scalars = {
        f"probes/{place}/{factor}/linear": float(accuracy[row, 0, PLACES.index(place)])
        for row, factor in enumerate(factors)
        for place in (("h", "z", "raw") if step == first else ("h", "z"))
    }
    if step == first:
        scalars |= {f"probes/chance/{factor}": 0.125 for factor in factors}
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
        assert line(trend, "h").y.tolist() == pytest.approx([0.55, 0.86])
        assert line(trend, "z").y.tolist() == pytest.approx([0.31, 0.71])
        assert line(trend, "raw_input").y.tolist() == pytest.approx([0.42, 0.42])
        assert layers(trend, Rule)[0].y == 0.125
        assert (trend.y.low, trend.y.high) == (0.0, 1.0)

    def test_ten_factors_have_a_bar_each_and_the_trend_stays(self) -> None:
        panel = probes.spec(run(factors=("class", *(f"bit {i}" for i in range(8)))))
        assert bars(panel).rows == ("class", *(f"bit {i}" for i in range(8)))
        assert bars(panel).main == 1
        assert [each.key for each in panel.plots] == ["bars", "trend"]
        assert len(panel.table.rows) == 27

    def test_more_factors_take_the_place_of_the_trend(self) -> None:
        panel = probes.spec(run(factors=("class", *(f"factor {i}" for i in range(12)))))
        assert len(bars(panel).rows) == 13
        (only,) = panel.plots
        assert only.share == 1
        assert only.y.low == probes.WHOLE

    def test_what_has_no_room_is_counted_and_what_is_said_something_of_is_drawn(self) -> None:
        names = ("class", *(f"factor {i}" for i in range(39)))
        lost = {"word": "gone", "against": "raw", "base": 0.9, "half": 0.05, "step": None}
        standing = [None] * 39 + [lost]
        panel = probes.spec(run(factors=names, more={"standing": {"h": standing}, "head_drops": [False] * 40}))
        rows = bars(panel).rows
        assert len(rows) == probes.most_rows(probes.WHOLE, 3)
        assert rows[0] == "class"
        assert rows[-1] == "factor 38"
        assert f"{40 - len(rows)} more in the table" in panel.foot_left
        assert len(panel.table.rows) == 120

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
        assert bars(panel).words[0] == words
        assert len(words) < 66

    def test_at_the_first_look_there_is_nothing_to_compare(self) -> None:
        history = story.Clocked({})
        add(history, 0)
        assert bars(probes.spec(history)).words[0].startswith("First look")

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


def stands(word: str, **more: Any) -> dict[str, Any]:
    return {"word": word, "against": "", "base": None, "half": None, "step": None} | more


def told(*standings: dict[str, Any], drops: tuple[bool, ...] | None = None, since: int | None = None) -> dict[str, Any]:
    """What is recorded of each factor."""
    count = len(standings)
    lost = [since if one["word"] in ("gone", "suppressed") else None for one in standings]
    return {
        "standing": {"h": list(standings), "z": [stands("kept")] * count}, "since": {"h": lost, "z": [None] * count},
        "head_drops": list(drops or (False,) * count),
    }  # fmt: skip


BITS = tuple(f"bit {i}" for i in range(8))


class TestWords:
    def test_what_is_gone_comes_first_with_its_numbers_and_since_when(self) -> None:
        gone = stands("gone", against="raw", base=0.97, half=0.06)
        more = told(gone, *[stands("kept")] * 8, drops=(True, *[False] * 8), since=40)
        panel = probes.spec(run(factors=("digit", *BITS), values={"h": 0.12}, more=more))
        assert bars(panel).words == (
            "gone: digit 0.12, raw input 0.97 ±0.06, since step 40",
            "kept: bit 0 to 7",
            "the head drops digit (h 0.12, z 0.71)",
        )
        assert "holds at once" in panel.ends[1]
        cells = dict(zip(panel.table.columns, panel.table.rows[0], strict=True))
        assert cells["h stands"] == "gone: 0.12 against 0.97 of the raw input, ±0.06, since step 40"
        assert panel.summary.startswith("At step 100: gone: digit 0.12")

    def test_what_was_better_once_is_said_with_its_step(self) -> None:
        lost = stands("suppressed", against="best", base=0.91, half=0.07, step=20)
        panel = probes.spec(run(values={"h": 0.4}, more=told(lost, lost, since=60), best=(0.91, 20)))
        assert bars(panel).words[0] == "suppressed: hue 0.20, was 0.91 at step 20 ±0.07, since step 60"
        assert bars(panel).words[1] == "suppressed: class, hue"
        assert bars(panel).best[0] == pytest.approx(0.91)
        assert probes.spec(run(best=(0.88, 20), half=0.05)).plots[0].layers[0].best[0] is None, "within the interval"

    def test_the_trend_shows_what_is_lost(self) -> None:
        lost = stands("suppressed", against="best", base=0.91, half=0.07, step=20)
        trend = plot(probes.spec(run(more=told(stands("learned"), lost))), "trend")
        assert trend.y.name.startswith("hue, linear probe")
        assert line(trend, "h").y.tolist() == pytest.approx([0.35, 0.66])

    def test_nothing_lost_is_the_label_and_the_others_by_word(self) -> None:
        more = told(stands("learned"), stands("absent"), stands("below", against="raw", base=0.9, half=0.02))
        words = bars(probes.spec(run(factors=("class", "noise", "hue"), more=more))).words
        assert words == (
            "class: h better than raw input (+0.44), untrained (+0.31)",
            "a little below: hue. learned: class. not found: noise",
            "the head hands on what h has, as far as can be told",
        )

    def test_lines_are_as_many_at_every_look(self) -> None:
        history = story.Clocked({})
        add(history, 0)
        assert len(bars(probes.spec(history)).words) == 3
        assert len(bars(probes.spec(run(more=told(stands("kept"), stands("kept"))))).words) == 3
        assert len(bars(probes.spec(run(factors=("class",)))).words) == 1

    def test_words_are_as_sure_as_the_record_asks_for(self) -> None:
        at_first = bars(probes.spec(run(values={"h": 0.5, "raw": 0.56, "untrained_h": 0.4}))).words[0]
        assert at_first == "class: h worse than raw input, 0.50 against 0.56, ±0.05"
        wide = bars(probes.spec(run(values={"h": 0.5, "raw": 0.56, "untrained_h": 0.4}, more={"wide": 1.4}))).words[0]
        assert wide == "class: h no better than raw input, 0.50 against 0.56, ±0.07"

    def test_lines_have_room_whatever_the_names(self) -> None:
        names = tuple(f"a rather long name of factor number {i}" for i in range(12))
        lost = stands("suppressed", against="best", base=0.91, half=0.07, step=123_456)
        words = [lost, *[stands(w) for w in ("gone", "below", "learned", "kept", "absent", "learned", "kept")]]
        more = told(*words, *[stands("kept")] * 4, drops=(True,) * 12, since=123_456)
        for one in bars(probes.spec(run(factors=names, more=more))).words:
            assert len(one) <= 82

    @pytest.mark.parametrize(
        ("names", "room", "wanted"),
        [
            (BITS, 40, "bit 0 to 7"),
            (("bit 0", "bit 2", "bit 3"), 40, "bit 0, bit 2, bit 3"),
            (("digit", *BITS, "hue"), 40, "digit, bit 0 to 7, hue"),
            (("a", "b", "c", "d"), 9, "a, 3 more"),
            (("one", "two"), 3, "one, 1 more"),
            ((), 10, ""),
        ],
    )
    def test_names_in_a_row(self, names: tuple[str, ...], room: int, wanted: str) -> None:
        assert listed(names, room) == wanted


class TestAmounts:
    MORE: ClassVar[dict[str, Any]] = {"measure": ["accuracy", "R²"], "chance": [0.125, 0.0]}

    def test_r2_is_named_and_what_is_below_nothing_is_written(self) -> None:
        panel = probes.spec(run(factors=("class", "size"), values={"h": 0.15}, more=self.MORE))
        drawn = bars(panel)
        assert drawn.rows[-1] == "size, R²"
        assert drawn.h[-1] == 0
        assert drawn.said[-1][0] == "−0.05"
        assert drawn.chance == (0.125, 0.125, 0.125, 0.0)
        assert panel.unit == "held-out accuracy, R²"
        assert [row[0] for row in panel.table.rows[3:]] == [
            "size, R², linear (ridge chosen by leaving out)", "size, R², kNN (k 20, T 0.07)",
        ]  # fmt: skip

    def test_amounts_alone(self) -> None:
        panel = probes.spec(run(factors=("size",), more={"measure": ["R²"], "chance": [0.0]}))
        assert panel.headline is not None
        assert (panel.headline.name, panel.headline.reference) == ("size R²", "chance 0.00")
        assert bars(panel).rows == ("size, linear", "size, kNN")
        assert panel.unit == "held-out R²"
        assert plot(panel, "trend").y.name.startswith("size, R²")

    def test_a_subclass_says_whose(self) -> None:
        panel = probes.spec(run(factors=("class", "breed"), more={"within": ["", "class"]}))
        assert panel.table.rows[3][0] == "breed, linear (ridge 0.3 on standardised features), within class"


def test_a_record_without_standings_is_drawn() -> None:
    panel = probes.spec(run())
    assert bars(panel).words == ("class: h better than raw input (+0.44), untrained (+0.31)", "", "")
    assert bars(panel).best == (None,) * 4
