"""The still picture and single figures."""

from __future__ import annotations

import base64
import io
import json
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image
from plotly.graph_objects import Figure

import vergence_widgets
from tests.panels import story
from vergence.errors import MissingExtra, UnknownName
from vergence_widgets import freeze
from vergence_widgets.draw import matplotlib_pen
from vergence_widgets.panels import every

HEADER = {"name": "emoji-07", "method": "SimCLR", "state": "finished", "step": 1482, "total": 2000}
PLOTLY = "application/vnd.plotly.v1+json"


def decoded(entry: dict[str, str]) -> np.ndarray:
    assert entry["dtype"] == "f4"
    return np.frombuffer(base64.b64decode(entry["bdata"]), "<f4")


def busy() -> story.Clocked:
    """Much to draw: many changes, one beside the other, and a floor that moves with them."""
    history = story.simclr(1482)
    for step in range(300, 1400, 20):
        label = f"lr {step / 1000:.3g} → {step / 900:.3g}"
        history.add_event("control", step, name="learning_rate", old=step, new=step, label=label, state="applied")
    return history


FEW = ("loss", "similarity", "hypersphere")
"""So many panels fit twice, as plotly and as PNG."""


@pytest.fixture(scope="module")
def panels():
    return list(every(story.simclr(), live=False, nouns=FEW).values())


@pytest.fixture(scope="module")
def bundle(panels):
    return freeze.still(panels, HEADER)


def test_it_holds_plotly_png_and_words(bundle):
    assert set(bundle) == {PLOTLY, "image/png", "text/plain"}
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).format == "PNG"
    assert bundle["text/plain"].splitlines()[0] == "emoji-07: SimCLR, finished, step 1,482 of 2,000"
    assert [line.split(":")[0] for line in bundle["text/plain"].splitlines()[1:]] == list(FEW)


def test_plotly_takes_it(bundle):
    Figure({key: bundle[PLOTLY][key] for key in ("data", "layout")})
    assert set(bundle[PLOTLY]) == {"data", "layout", "config"}


def test_it_is_json_as_it_stands(bundle):
    assert json.loads(json.dumps(bundle, allow_nan=False)) == bundle


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("history", [story.simclr, busy, story.vicreg, story.own_loop])
def test_it_is_small_and_whole(history, theme):
    few = freeze.still(list(every(history(), nouns=FEW).values()), HEADER, theme=theme)
    assert freeze.size(few) <= freeze.MOST_BYTES
    assert len(few) == 3
    whole = freeze.still(list(every(history()).values()), HEADER, theme=theme)
    assert freeze.size(whole) <= freeze.MOST_BYTES
    assert {"image/png", "text/plain"} <= set(whole)


@pytest.mark.parametrize(("most", "parts"), [(30_000, 2), (2_000, 1)])
def test_what_does_not_fit_is_left_out_and_the_words_stay(monkeypatch, panels, most, parts):
    monkeypatch.setattr(freeze, "MOST_BYTES", most)
    found = freeze.still(panels, HEADER)
    assert "text/plain" in found
    assert len(found) == parts
    assert freeze.size(found) <= most


def test_the_newest_point_survives_thinning(panels, bundle):
    raw = next(trace for trace in bundle[PLOTLY]["data"] if trace.get("name") == "raw")
    assert decoded(raw["x"])[-1] == 1482
    assert decoded(raw["y"])[-1] == np.float32(panels[0].headline.value)


def test_the_size_is_that_of_a_saved_notebook(bundle):
    output = nbformat.v4.new_output("display_data", bundle)
    cells = [[nbformat.v4.new_code_cell("Cockpit(run)", id="one", outputs=[])]]
    cells.append([nbformat.v4.new_code_cell("Cockpit(run)", id="one", outputs=[output])])
    without, with_it = (len(nbformat.writes(nbformat.v4.new_notebook(cells=cell)).encode()) for cell in cells)
    assert with_it - without == pytest.approx(freeze.size(bundle), rel=0.05)


@pytest.mark.parametrize(("width", "columns"), [(1480, 3), (1280, 2), (880, 2), (500, 1), (None, 2)])
def test_the_width_of_the_output_decides_how_many_stand_side_by_side(panels, width, columns):
    layout = freeze.still(panels, HEADER, width=width)[PLOTLY]["layout"]
    titles = [note["x"] for note in layout["annotations"] if any(f"<b>{noun}</b>" in note["text"] for noun in FEW)]
    assert (len(titles), len(set(titles))) == (len(FEW), columns)


@pytest.mark.parametrize("most", [100_000, 80_000, 60_000, 40_000])
def test_the_plotly_part_has_every_panel_or_is_not_there(monkeypatch, panels, most):
    """JupyterLab draws it over the PNG when the pointer comes: no panel may vanish then."""
    monkeypatch.setattr(freeze, "MOST_BYTES", most)
    found = freeze.still(panels, HEADER)
    assert freeze.size(found) <= most
    assert "image/png" in found
    if PLOTLY in found:
        titles = [note["text"] for note in found[PLOTLY]["layout"]["annotations"]]
        assert all(any(f"<b>{noun}</b>" in title for title in titles) for noun in FEW)
    assert (PLOTLY in found) == (most > 60_000)


def test_without_matplotlib_the_rest_is_kept(monkeypatch, panels):
    def absent(*_args, **_kwargs):
        raise MissingExtra("png", "matplotlib", "widgets")

    monkeypatch.setattr(matplotlib_pen, "png", absent)
    assert set(freeze.still(panels, HEADER)) == {PLOTLY, "text/plain"}


def test_before_the_first_step_there_is_a_picture_that_says_so():
    found = freeze.still(list(every(story.Clocked({"total_steps": None})).values()), {"name": "new", "state": "idle"})
    assert "loss: Needs a first step." in found["text/plain"]


@pytest.mark.parametrize("noun", ["loss", "similarity", "hypersphere"])
def test_a_figure_of_one_panel(noun):
    figure = vergence_widgets.figure(noun, story.simclr(300))
    assert isinstance(figure, Figure)
    assert any(noun in (note.text or "") for note in figure.layout.annotations)
    assert "step 300" in " ".join(note.text for note in figure.layout.annotations)


def test_a_figure_that_does_not_exist_offers_the_nearest():
    with pytest.raises(UnknownName, match="'similarity'"):
        vergence_widgets.figure("similarities", story.simclr(3))
    with pytest.raises(UnknownName, match="theme"):
        vergence_widgets.figure("loss", story.simclr(3), theme="sepia")


def test_a_figure_without_plotly_gives_the_line_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtra, match="pip install"):
        vergence_widgets.figure("loss", story.simclr(3))
