"""Two runs in the same axes, and which panels are shown."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tests.panels import story
from vergence.errors import ArgumentError, UnknownName
from vergence.record.history import History
from vergence_widgets import figure, report
from vergence_widgets.panels import COMPARES, PANELS, every
from vergence_widgets.panels import ghost as other

THREE = ("loss", "similarity", "hypersphere")


def second(last: int = 1000, scale: float = 0.8, floor: float | None = None, name: str = "emoji-simclr-06") -> History:
    """Another run of the same kind, better by a fifth."""
    made = story.simclr(last)
    made.describe(name=name)
    for key in ("loss", "hypersphere/z/alignment"):
        made._columns[key].values *= scale
    if floor is not None:
        made.add_scalars(last, {"loss/floor": floor, "hypersphere/z/uniformity_floor": floor})
    return made


@pytest.fixture(scope="module")
def run() -> History:
    return story.simclr(700)


def layers(panel, key):
    return [layer for plot in panel.plots for layer in plot.layers if getattr(layer, "key", "").startswith(key)]


@pytest.mark.parametrize("noun", THREE)
def test_the_other_run_is_grey_and_thin_and_named_once(run, noun):
    panel = PANELS[noun](run, ghost=second())
    ghosts = layers(panel, "ghost")
    assert ghosts
    for line in ghosts:
        assert (line.color, line.width, line.fill, line.end_dot) == ("ghost", other.WIDTH, False, False)
    texts = [layer.text for plot in panel.plots for layer in plot.layers if hasattr(layer, "text")]
    said = [text for text in (*texts, *panel.foot_left, *panel.foot_right) if "emoji-simclr-06" in text]
    assert len(said) == 1
    assert any("emoji-simclr-06" in column for column in panel.table.columns)
    assert {len(row) for row in panel.table.rows} == {len(panel.table.columns)}


@pytest.mark.parametrize("noun", THREE)
def test_the_run_itself_is_as_it_was(run, noun):
    alone, both = PANELS[noun](run), PANELS[noun](run, ghost=second())
    assert (both.headline, both.step, both.summary, both.ends) == (
        alone.headline, alone.step, alone.summary, alone.ends,
    )  # fmt: skip
    mine = {
        layer.key: layer
        for plot in both.plots
        for layer in plot.layers
        if hasattr(layer, "x") and hasattr(layer, "key")
    }
    for plot in alone.plots:
        for layer in plot.layers:
            if hasattr(layer, "key") and isinstance(getattr(layer, "x", None), np.ndarray):
                np.testing.assert_array_equal(mine[layer.key].y if hasattr(layer, "y") else 0, getattr(layer, "y", 0))


@pytest.mark.parametrize("noun", THREE)
def test_the_axes_hold_both(run, noun):
    panel = PANELS[noun](run, ghost=second(1400, 3.0))
    for plot in panel.plots:
        for layer in plot.layers:
            if getattr(layer, "key", "") == "ghost":
                finite = np.isfinite(layer.y)
                assert plot.x.high >= layer.x[finite].max()
                if noun != "loss":  # of which a few outliers may lie beyond, marked and counted
                    assert plot.y.low <= layer.y[finite].min()
                    assert layer.y[finite].max() <= plot.y.high


def test_the_ghosts_curve_is_its_own_running_mean(run):
    alone = layers(PANELS["loss"](second()), "mean")[0]
    ghost = layers(PANELS["loss"](run, ghost=second()), "ghost")[0]
    np.testing.assert_array_equal(ghost.x, alone.x)
    np.testing.assert_array_equal(ghost.y, alone.y)


def test_cosines_are_compared_at_the_same_step(run):
    its = second()
    panel = PANELS["similarity"](run, ghost=its)
    assert f"step {max(step for step in its.frames('similarity/z') if step <= 700):,}" in " ".join(panel.foot_left)
    early = PANELS["similarity"](run, ghost=story.simclr(100))
    assert "step 100" in " ".join(early.foot_left)


def test_references_stay_those_of_the_run_and_it_says_when_they_differ(run):
    same = PANELS["loss"](run, ghost=story.simclr(700))
    assert not [text for text in same.foot_left if "its" in text]
    panel = PANELS["loss"](run, ghost=second(floor=0.77))
    assert "its floor 0.77" in " ".join(panel.foot_left)
    assert layers(panel, "floor")[0].y[-1] == pytest.approx(story.FLOORS[0.2])
    sphere = PANELS["hypersphere"](run, ghost=second(floor=-3.5))
    assert "its floor −3.50" in " ".join(sphere.foot_left)
    assert layers(sphere, "floor")[0].y == story.UNIFORMITY_FLOOR
    vicreg = story.vicreg()
    vicreg.describe(loss={"name": "VICReg"})
    assert "another objective: VICReg" in " ".join(PANELS["loss"](run, ghost=vicreg).foot_left)


@pytest.mark.parametrize("noun", THREE)
def test_a_run_that_recorded_nothing_says_so_and_spoils_nothing(run, noun):
    panel = PANELS[noun](run, ghost=History({"name": "empty"}))
    assert panel.state == PANELS[noun](run).state
    assert "empty" in " ".join(panel.foot_left)
    assert not layers(panel, "ghost")


def test_one_view_is_compared_through_time():
    panel = PANELS["hypersphere"](story.simclr(200, views=1), ghost=story.simclr(300, views=1))
    assert layers(panel, "ghost")[0].x[-1] == 300
    assert panel.plots[0].x.high >= 300


def test_going_back_shows_the_other_run_up_to_the_same_step(run, page):
    from tests.widgets.conftest import Subject

    opened = page(run, compare=Subject(second()))
    opened.tick()
    frame = opened.seek(300)
    line = layers(opened.publisher.builder.panels["loss"], "ghost")[0]
    assert line.x[-1] == 300
    assert frame["timeline"]["ghost"] == "emoji-simclr-06"


def test_a_figure_compares_where_its_panel_can(run):
    alone, both = figure("loss", run, step=400), figure("loss", run, compare=second(), step=400)
    assert len(both.data) == len(alone.data) + 1
    assert "emoji-simclr-06" in both.to_json()
    assert "emoji-simclr-06" not in alone.to_json()
    single = next((noun for noun in PANELS if noun not in COMPARES), None)
    if single is not None:
        with pytest.raises(ArgumentError, match=r"draws one run\. These compare: hypersphere, loss"):
            figure(single, run, compare=second())


# -- the report ------------------------------------------------------------------------------------


def frames_of(text: str) -> tuple[dict, dict]:
    """The frame and what is held beside it."""
    found = [re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL) for name in ("frame", "held")]
    frame, held = (json.loads(match[1]) for match in found if match)
    return frame, held


def test_a_report_holds_the_way_and_the_other_run(run, tmp_path):
    text = report.write(run, tmp_path / "r.html", compare=second()).read_text(encoding="utf-8")
    frame, held = frames_of(text)
    steps = np.frombuffer(__import__("base64").b64decode(frame["timeline"]["steps"]["$base64"]), "<i4").tolist()
    assert len(steps) == report.MOST_SNAPSHOTS
    assert (steps[0], steps[-1]) == (1, 700)
    assert len(held["past"]) == len(steps) - 1
    gaps = np.diff(steps)
    assert gaps.max() <= 2 * gaps.min()
    for step, panels in zip(steps, held["past"], strict=False):
        assert panels["loss"]["headline"]["value"] == run.scalar("loss").at(step)
        assert panels["loss"]["step"] == step
    assert frame["timeline"]["ghost"] == "emoji-simclr-06"


def test_a_large_report_holds_fewer_steps_of_the_way(run, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_SNAPSHOT_BYTES", 400_000)
    frame, held = frames_of(report.write(run, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert 0 < len(held["past"]) < report.MOST_SNAPSHOTS - 1
    assert len(json.dumps(held["past"])) < 480_000
    assert frame["timeline"]["last"] == 700


def test_names_of_items_and_of_the_other_run_cannot_end_the_script(run, tmp_path):
    made = story.simclr(30)
    pictures = np.zeros((2, 4, 4, 3), np.uint8)
    made.describe({"reference/thumbnails": pictures}, reference={"names": ["</script><b>", "x"]})
    text = report.write(made, tmp_path / "r.html", compare=second(60, name="</script><i>")).read_text(encoding="utf-8")
    assert "</script><b>" not in text
    assert "</script><i>" not in text
    frame, held = frames_of(text)
    assert held["asset"]["names"] == ["</script><b>", "x"]
    assert held["asset"]["png"]["dtype"] == "uint8"
    assert frame["timeline"]["ghost"] == "</script><i>"


# -- the cockpit -----------------------------------------------------------------------------------


@pytest.fixture
def cockpit():
    from vergence_widgets import Cockpit

    opened = []

    def make(*given, **more):
        opened.append(Cockpit(*given, **more))
        return opened[-1]

    yield make
    for shown in opened:
        shown.publisher.close()


def test_a_cockpit_shows_the_panels_that_were_chosen_in_their_order(run, cockpit):
    shown = cockpit(run, panels=("hypersphere", "loss"))
    assert [panel.noun for panel in shown.panels()] == ["hypersphere", "loss"]
    assert shown.publisher.state()["order"] == ["hypersphere", "loss"]
    with pytest.raises(UnknownName, match="similarity"):
        cockpit(run, panels=("loss", "similarty"))
    with pytest.raises(ArgumentError, match="at least one panel"):
        cockpit(run, panels=())


def test_its_still_picture_and_its_report_compare_too(run, cockpit, tmp_path):
    shown = cockpit(run, compare=second())
    assert layers(next(panel for panel in shown.panels() if panel.noun == "loss"), "ghost")
    frame, _ = frames_of(report.write(run, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert frame["timeline"]["ghost"] == "emoji-simclr-06"


def test_what_cannot_be_compared_is_refused_in_words(run, cockpit):
    with pytest.raises(ArgumentError, match="keeps no History"):
        cockpit(run, compare=3)
    with pytest.raises(ArgumentError, match="that is the same run"):
        cockpit(run, compare=run)


def test_a_run_that_had_ended_is_there_to_be_gone_through(cockpit):
    ended = story.simclr(60)
    ended.set_state("finished")
    shown = cockpit(ended)
    shown._ended()
    assert not shown.frozen
    bundle = shown._bundle()
    assert {"application/vnd.jupyter.widget-view+json", "text/plain"} < set(bundle)
    ended.set_state("live")
    ended.set_state("finished")
    shown._ended()
    assert shown.frozen


def test_the_still_picture_shows_the_step_that_was_gone_to(run, cockpit):
    shown = cockpit(run)
    shown.publisher.at = 300
    assert {panel.step for panel in shown.panels() if panel.noun in THREE} == {300}
    assert every(run)["loss"].step == 700
