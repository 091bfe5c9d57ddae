"""The projection panel against the frames it was made from."""

from __future__ import annotations

import numpy as np
import pytest

from tests.panels import mapped, story
from tests.panels.reading import layers, plot
from vergence_widgets.panels import CHOOSES, PANELS, every, projection
from vergence_widgets.panels.map_kinds import MOST_ROWS
from vergence_widgets.panels.spec import Cloud, fixed, number


@pytest.fixture(scope="module")
def history():
    return mapped.history()


@pytest.fixture(scope="module")
def panel(history):
    return projection.spec(history)


def cloud(panel) -> Cloud:
    return layers(plot(panel, "map"), Cloud)[0]


def test_it_is_a_panel_that_can_be_asked_for_another_picture():
    assert PANELS["projection"] is projection.spec
    assert "projection" in CHOOSES


def test_the_items_the_headline_and_the_history_agree(history, panel):
    frame = history.frame("projection/z")
    assert np.array_equal(cloud(panel).x, frame.arrays["x"].astype(float))
    assert np.array_equal(cloud(panel).y, frame.arrays["y"].astype(float))
    assert panel.step == frame.step == 100
    assert panel.headline.value == frame.meta["trustworthiness"]
    assert (panel.headline.name, panel.headline.text) == ("trust", fixed(panel.headline.value))
    assert panel.headline.reference == "at most 1"
    assert panel.unit == "PCA of z"
    assert panel.state == "live"


def test_the_foot_says_age_movement_and_what_is_not_drawn(history, panel):
    shift = history.frame("projection/z").meta["shift"]
    assert panel.foot_left == ("age 2.1 s", f"median shift {number(shift)}")
    assert panel.foot_right == ("60 drawn, 0 left out",)
    assert projection.spec(mapped.history(0)).foot_left[1] == "first map"


def test_items_that_are_left_out_are_counted_and_have_no_place():
    panel = projection.spec(mapped.history(left_out=4))
    assert panel.foot_right == ("56 drawn, 4 left out",)
    assert np.isnan(cloud(panel).x[:4]).all()


def test_both_axes_are_symmetric_and_every_map_of_the_run_fits(history, panel):
    drawn = plot(panel, "map")
    assert drawn.bare
    for name, axis in (("x", drawn.x), ("y", drawn.y)):
        assert axis.low == -axis.high
        most = max(
            np.abs(history.frame("projection/z", step).arrays[name]).max() for step in history.frames("projection/z")
        )
        assert most <= axis.high <= 2 * most
    assert "% of the variance" in drawn.x.name


def test_a_collapse_shrinks_on_the_map_for_the_limits_stay():
    import torch
    from torch import nn

    from vergence.training.measures.base import Snapshot
    from vergence.training.measures.projection import Projection
    from vergence.training.reference import Reference

    made = mapped.history(places=("z",))
    before = plot(projection.spec(made), "map").x
    measure = Projection(Reference(nn.Identity(), mapped.embeddings(100)))
    for step, share in ((120, 0.1), (140, 0.001)):
        rows = share * mapped.embeddings(100) + torch.ones(8)
        found = measure.measure(Snapshot(step, {"z": rows}), "z", {})
        made.add_frames(step, found.frames)
        made.add_scalars(step, found.scalars)
    after = projection.spec(made)
    assert plot(after, "map").x.high == before.high
    assert np.abs(cloud(after).x).max() < 0.01 * before.high


@pytest.mark.parametrize(
    ("value", "limit"), [(0.55, 0.6), (0.61, 0.8), (1.01, 1.5), (11.2, 15.0), (0, 1.0), (float("nan"), 1.0)]
)
def test_limits_are_round_and_move_rarely(value, limit):
    assert projection._limit(value) == limit


# -- kinds -------------------------------------------------------------------------------------------------


def test_colours_stand_for_the_label_first(history, panel):
    drawn = cloud(panel)
    assert drawn.kinds == mapped.GROUPS
    assert drawn.kind.tolist() == [item % 3 for item in range(60)]
    assert drawn.kind.dtype == np.int32
    assert (drawn.tried, drawn.choices) == ("group", ("group", "artist"))


def test_another_factor_can_be_asked_for(history):
    drawn = cloud(projection.spec(history, options={"colour": "artist"}))
    assert (drawn.tried, drawn.kinds) == ("artist", ("Noto", "Twemoji"))
    assert cloud(projection.spec(history, options={"colour": "nothing"})).tried == "group"


def test_items_of_one_group_are_linked(panel):
    assert cloud(panel).links.tolist() == [[2 * pair, 2 * pair + 1] for pair in range(30)]


def test_without_labels_items_are_of_no_kind_and_it_is_said():
    panel = projection.spec(mapped.history(labels=False))
    drawn = cloud(panel)
    assert (drawn.kind == -1).all()
    assert drawn.kinds == drawn.choices == ()
    assert panel.foot_right == ("no labels", "60 drawn, 0 left out")
    assert panel.table.rows[0][:2] == ("all items", "60")


def test_labels_below_zero_are_of_no_kind_and_ids_without_a_name_are_numbers():
    made = mapped.history()
    made.arrays["reference/factor/group"] = np.asarray([-1, -2, 7] * 20)
    drawn = cloud(projection.spec(made))
    assert drawn.kinds == ("7",)
    assert drawn.kind[:3].tolist() == [-1, -1, 0]


def test_of_many_kinds_the_largest_have_a_colour():
    kinds = np.repeat(np.arange(10), np.arange(1, 11)).astype(np.int32)
    zeros = np.zeros(len(kinds))
    many = Cloud("map", zeros, zeros, kinds, tuple("abcdefghij"), np.zeros((0, 2), np.int32))
    assert many.coloured() == (2, 3, 4, 5, 6, 7, 8, 9)
    few = Cloud("map", zeros, zeros, np.minimum(kinds, 2), ("a", "b", "c"), np.zeros((0, 2), np.int32))
    assert few.coloured() == (0, 1, 2)


def test_the_table_has_a_row_for_each_kind(panel):
    x, kind = cloud(panel).x, cloud(panel).kind
    assert panel.table.columns == ("group", "items", "middle, axis 1", "middle, axis 2", "spread")
    rows = {row[0]: row for row in panel.table.rows}
    assert set(rows) == set(mapped.GROUPS)
    assert rows["faces"][1] == "20"
    assert rows["faces"][2] == number(float(x[kind == 0].mean()))


def test_a_table_of_very_many_kinds_is_cut_and_counted():
    made = mapped.history()
    made.arrays["reference/factor/group"] = np.arange(60)
    rows = projection.spec(made).table.rows
    assert len(rows) == MOST_ROWS + 1
    assert rows[-1][:2] == ("40 others", "40")


def test_names_of_items_are_for_finished_figures(history):
    assert cloud(projection.spec(history)).names == ()
    assert cloud(projection.spec(history, live=False)).names[1] == "item 1 <i>"


def test_what_is_said_has_the_neighbours(panel):
    assert "with 15 neighbours" in panel.summary
    assert "never rescaled" in panel.summary
    assert "the 15 nearest" in panel.ends[1]


# -- states ------------------------------------------------------------------------------------------------


def test_empty_says_what_it_needs():
    panel = projection.spec(story.simclr(10))
    assert panel.state == "empty"
    assert panel.message == "Needs a reference set: items that are embedded again and again."


def test_loading_before_the_first_step():
    made = story.Clocked({})
    made.add_event("state", 0, moment=story.BEGAN, state="live")
    assert projection.spec(made).state == "loading"


def test_stopped_gives_no_age():
    made = mapped.history()
    made.set_state("stopped")
    panel = projection.spec(made)
    assert panel.state == "stopped"
    assert panel.foot_left == (f"median shift {number(made.frame('projection/z').meta['shift'])}",)


def test_failed_says_why_and_keeps_the_last_map():
    made = mapped.history()
    made.add_event("failed", 120, what="metric", name="projection/z", why="projection: 1 of 60 rows have a direction.")
    panel = projection.spec(made)
    assert panel.state == "failed"
    assert "1 of 60 rows" in panel.message
    assert cloud(panel).x.shape == (60,)


def test_h_is_shown_where_there_is_no_z_and_it_is_said():
    panel = projection.spec(mapped.history(places=("h",)), place="z")
    assert panel.unit == "PCA of h; there is no map of z"
    assert panel.state == "live"


def test_late_is_told():
    made = mapped.history()
    made.now += 100
    assert projection.spec(made).late.startswith("age ")


# -- UMAP --------------------------------------------------------------------------------------------------

UMAP = {"method": "umap"}


def test_umap_is_drawn_where_there_is_one():
    panel = projection.spec(mapped.with_umap(mapped.history()), options=UMAP)
    assert panel.unit == "UMAP of z"
    assert (panel.step, panel.headline.text) == (90, "0.98")
    assert plot(panel, "map").x.high == 15
    assert plot(panel, "map").x.name == "map axis 1"
    assert "collapse does not show" in panel.ends[0]
    assert projection.spec(mapped.with_umap(mapped.history())).unit == "PCA of z"


def test_umap_loads_in_its_own_process_and_says_how_far_it_is():
    panel = projection.spec(mapped.worker_said(mapped.history(), "loading", about=13.0), options=UMAP)
    assert panel.state == "loading"
    assert panel.message == "UMAP compiles in its own process, 9 of about 13 s."
    assert panel.progress == (9.0, 13.0)
    assert panel.after == "Training is not held up."


def test_before_and_after_compiling():
    panel = projection.spec(mapped.history(), options=UMAP)
    assert (panel.state, panel.message) == ("loading", "UMAP begins at the next look at the reference set.")
    panel = projection.spec(mapped.worker_said(mapped.history(), "ready"), options=UMAP)
    assert panel.message == "UMAP makes its first map in its own process."


def test_where_umap_cannot_be_had_the_linear_map_is_shown_and_why():
    why = "UMAP needs umap-learn, which is not installed. Type: pip install 'vergence[projection]'"
    panel = projection.spec(mapped.worker_said(mapped.history(), "failed", why=why), options=UMAP)
    assert (panel.state, panel.unit) == ("live", "PCA of z")
    assert "pip install 'vergence[projection]'" in panel.message
    assert why in panel.summary


def test_a_run_that_is_over_has_no_umap_to_wait_for():
    made = mapped.history()
    made.set_state("finished")
    panel = projection.spec(made, options=UMAP)
    assert panel.unit == "PCA of z"
    assert panel.message == "No UMAP map was made in this run."


def test_it_works_among_all_panels_and_at_an_earlier_step(history):
    from vergence.record.until import Until

    panels = every(history, options={"projection": {"colour": "artist"}})
    assert cloud(panels["projection"]).tried == "artist"
    early = projection.spec(Until(history, 45))
    assert early.step == 40
    assert np.array_equal(cloud(early).x, history.frame("projection/z", 40).arrays["x"].astype(float))
