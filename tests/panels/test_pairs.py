"""The pairs panel: five states, what is on each list, and what is said where a list is empty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.panels import story
from tests.panels.reading import layers
from vergence_widgets.panels import PANELS, pairs
from vergence_widgets.panels.spec import Gallery, Panel

LISTS = ("positives", "negatives", "duplicates", "false_negatives")


def add(
    history: story.Clocked, step: int, *, source: str = "fixed", counts: dict[str, int] | None = None,
    pictures: bool = True, labels: bool = True, views: int = 2, **more: Any,
) -> None:  # fmt: skip
    rng = np.random.default_rng(step)
    arrays: dict[str, Any] = {}
    shown = {"positives": 5, "negatives": 5, "duplicates": 0, "false_negatives": 3} | (counts or {})
    for name, count in shown.items():
        if count < 0:
            continue
        side = (8, 8, 3) if pictures else (0, 0, 3)
        arrays |= {
            f"{name}_now": (0.31 + 0.1 * np.arange(count)).astype(np.float32),
            f"{name}_then": np.full(count, 0.82 if source == "fixed" else np.nan, np.float32),
            f"{name}_view": np.tile(np.asarray([0, 1], np.int32), (count, 1)),
            f"{name}_row": np.stack([np.arange(count), np.arange(count) + 7], 1).astype(np.int32),
            f"{name}_label": np.full((count, 2), 1 if labels else -1, np.int64),
            f"{name}_first": rng.integers(0, 256, (count, *side), dtype=np.uint8),
            f"{name}_second": rng.integers(0, 256, (count, *side), dtype=np.uint8),
        }
    criterion = {"duplicates": "inputs nearer than 0.15 of the usual distance", "false_negatives": "same label"}
    meta = {
        "source": source, "pairs": 256, "of_batch": 512, "views": views, "then": 1 if source == "fixed" else None,
        "positive_mean": 0.86, "negative_mean": 0.11, "positive_mean_then": 0.93 if source == "fixed" else None,
        "negative_mean_then": 0.9 if source == "fixed" else None, "pairs_positive": 256, "pairs_negative": 65_280,
        "rows": 512, "rows_left_out": 0, "labels": labels,
        "why": "" if source == "fixed" else "no model was handed over",
        "lists": {
            name: {"of": 65_280, "found": count, "criterion": criterion.get(name, "lowest")}
            for name, count in shown.items() if count >= 0
        },
    }  # fmt: skip
    history.add_frames(step, {"pairs/z": (arrays, meta | more)}, moment=story.BEGAN + step / story.RATE)


def run(**more: Any) -> story.Clocked:
    history = story.simclr(60)
    history.describe(label_names=["food <b>", "animals"])
    add(history, 60, **more)
    return history


def gallery(panel: Panel, key: str) -> Gallery:
    return next(layer for one in panel.plots for layer in layers(one, Gallery) if layer.key == key)


class TestStates:
    def test_empty_and_loading(self) -> None:
        assert pairs.spec(story.Clocked({})).message == "Needs a first step."
        history = story.simclr(10)
        assert pairs.spec(history).state == "empty"
        assert "inputs=(x1, x2)" in pairs.spec(history).message
        begun = story.Clocked({})
        begun.add_event("state", 0, moment=story.BEGAN, state="live")
        assert pairs.spec(begun).state == "loading"

    def test_live_stopped_failed(self) -> None:
        history = run()
        assert pairs.spec(history).state == "live"
        assert pairs.spec(history, live=False).state == "stopped"
        history.add_event("failed", 70, what="metric", name="pairs/z", why="1 row with a direction")
        failed = pairs.spec(history)
        assert (failed.state, len(failed.plots)) == ("failed", 4)


class TestLists:
    def test_four_rows_in_one_height(self) -> None:
        panel = pairs.spec(run())
        assert [one.key for one in panel.plots] == list(LISTS)
        assert all(one.bare and one.share == 0.25 for one in panel.plots)
        assert [gallery(panel, name).kind for name in LISTS] == ["positive", "negative", "negative", "negative"]

    def test_numbers_pictures_and_words_are_those_of_the_frame(self) -> None:
        history = run()
        frame = history.frame("pairs/z")
        worst = gallery(pairs.spec(history), "positives")
        assert worst.now == pytest.approx(frame.arrays["positives_now"].tolist())
        assert worst.then == pytest.approx([0.82] * 5)
        assert worst.said[0] == ("0.31", "was 0.82")
        assert np.array_equal(worst.first, frame.arrays["positives_first"])
        assert np.array_equal(worst.second, frame.arrays["positives_second"])
        assert worst.words[2] == ("view 1, row 2, animals", "view 2, row 9, animals")
        assert worst.title == "worst positives: mean 0.86, was 0.93"
        assert gallery(pairs.spec(history), "negatives").title == "hardest negatives, other labels: mean 0.11, was 0.90"
        assert gallery(pairs.spec(history), "false_negatives").title.endswith("same label: 3 of 65,280")

    def test_an_empty_list_says_none_with_its_criterion(self) -> None:
        assert gallery(pairs.spec(run()), "duplicates").empty == (
            "none of 65,280: inputs nearer than 0.15 of the usual distance"
        )
        none = gallery(pairs.spec(run(counts={"duplicates": -1})), "duplicates")
        assert none.empty == "needs what the model saw: m.step(z1, z2, inputs=(x1, x2))"

    def test_one_view(self) -> None:
        panel = pairs.spec(
            run(
                views=1,
                labels=False,
                counts={"positives": 0, "false_negatives": 0},
                pairs_positive=0,
                positive_mean=None,
            )
        )
        assert gallery(panel, "positives").empty == "none: one view has no positives"
        assert gallery(panel, "false_negatives").empty == "needs labels, or positives to compare with"
        assert panel.headline is not None
        assert (panel.headline.name, panel.headline.reference) == ("negatives", "random rows 0")

    def test_the_batch_at_hand_has_no_past(self) -> None:
        panel = pairs.spec(run(source="batch"))
        assert gallery(panel, "positives").said[0] == ("0.31", "")
        assert gallery(panel, "positives").then == (None,) * 5
        assert panel.foot_left == ("first 256 of 512 in this batch, no past: no model was handed over",)
        assert panel.unit == "in this batch"

    def test_without_pictures_rows_are_numbers(self) -> None:
        panel = pairs.spec(run(pictures=False))
        assert gallery(panel, "positives").marks[1] == ("1", "8")
        assert not any("saw them" in words for words in panel.foot_right)

    def test_labels_without_names_and_without_labels(self) -> None:
        history = run()
        history.describe(label_names=None)
        assert gallery(pairs.spec(history), "positives").words[0][0] == "view 1, row 0, label 1"
        assert gallery(pairs.spec(run(labels=False)), "positives").words[0][0] == "view 1, row 0"


def test_headline_feet_and_table() -> None:
    panel = PANELS["pairs"](run())
    assert panel.headline is not None
    assert (panel.headline.name, panel.headline.text, panel.headline.reference) == (
        "positives",
        "0.86",
        "negatives 0.11",
    )
    assert panel.foot_left == ("256 pairs of step 1, embedded at rest",)
    assert panel.foot_right == ("as the model saw them, range stretched", "0 rows left out")
    assert panel.table.columns[4] == "cosine at step 1"
    assert panel.table.rows[0][:5] == (
        "worst positives", "view 1, row 0, animals", "view 2, row 7, animals", "0.31", "0.82"
    )  # fmt: skip
    assert len(panel.table.rows) == 13
