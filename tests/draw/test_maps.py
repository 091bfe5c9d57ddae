"""Attention maps on plotly axes and on paper: the numbers of the spec, in a picture that stays small."""

from __future__ import annotations

import base64
import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.panels import attending
from vergence_widgets.draw import matplotlib_pen, plotly_pen
from vergence_widgets.draw.maps_layout import lay, pooled, shares
from vergence_widgets.freeze import size
from vergence_widgets.panels import attention
from vergence_widgets.panels.attention_maps import DIFFERENCE
from vergence_widgets.panels.spec import Maps, Panel
from vergence_widgets.theme import DIVERGING, THEMES, diverging, viridis

SHAPES = {
    "4 x 6": {},
    "1 x 1": {"layers": 1, "heads": 1, "grid": (4, 4)},
    "12 x 12": {"layers": 12, "heads": 12, "grid": (14, 14), "full": False},
    "24 x 16": {"layers": 24, "heads": 16, "full": False},
    "words": {"layers": 6, "heads": 12, "grid": (1, 12), "prefix": 0, "pictures": False},
}


@pytest.fixture(scope="module", params=SHAPES)
def panel(request) -> Panel:
    return attention.spec(attending.vit(600, every=300, **SHAPES[request.param]))


@pytest.fixture(scope="module")
def change() -> Panel:
    return attention.spec(attending.vit(600, every=300), options={"show": DIFFERENCE})


def maps(panel: Panel) -> Maps:
    (layer,) = panel.plots[0].layers
    assert isinstance(layer, Maps)
    return layer


def decoded(trace) -> np.ndarray:
    z = trace["z"]
    shape = tuple(map(int, z["shape"].split(", ")))
    return np.frombuffer(base64.b64decode(z["bdata"]), {"f4": "<f4", "u1": "u1"}[z["dtype"]]).reshape(shape)


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


# -- the layout --------------------------------------------------------------------------------------------


def test_nothing_lies_on_anything_else_and_nothing_outside(panel):
    laid = lay(maps(panel), 396, 190)
    boxes = [(cell.left, cell.top, cell.left + cell.wide, cell.top + cell.tall) for cell in laid.cells]
    for i, a in enumerate(boxes):
        assert 0 <= a[0] < a[2] <= 396
        assert 0 <= a[1] < a[3] <= 190
        for b in boxes[i + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    numbers = sorted({round(word.y, 3) for word in laid.words if word.text in maps(panel).said})
    assert all(b - a >= 11 for a, b in itertools.pairwise(numbers))


def test_of_too_many_layers_every_second_is_drawn_and_it_is_said():
    layer = maps(attention.spec(attending.vit(300, every=300, layers=24, heads=16, full=False)))
    laid = lay(layer, 396, 190)
    assert laid.rows == tuple(range(0, 24, 2))
    said = " ".join(word.text for word in laid.words)
    assert "12 of 24 layers" in said


# -- plotly ------------------------------------------------------------------------------------------------


def test_plotly_has_the_numbers_of_every_map():
    layer = maps(found := attention.spec(attending.vit(600, every=300)))
    figure = plotly_pen.describe([found])
    traces = {trace["name"]: trace for trace in figure["data"] if trace["type"] == "heatmap"}
    for row in range(4):
        for head in range(6):
            values = shares(layer, row * 6 + head)
            drawn = decoded(traces[f"layer {row + 1}, head {head + 1}"])
            np.testing.assert_allclose(drawn.ravel(), values[1:], rtol=1e-6)
    np.testing.assert_allclose(decoded(traces["rollout"]).ravel(), shares(layer, -1)[1:], rtol=1e-6)
    assert "attention %{z" in traces["layer 1, head 1"]["hovertemplate"]


def test_plotly_takes_every_shape_and_says_every_word(panel):
    figure = plotly_pen.draw([panel], {"name": "run", "method": "SimCLR"})
    said = [note.text for note in figure.layout.annotations]
    assert "entropy" in said
    assert set(maps(panel).said[:1]) <= set(said)
    assert figure.layout.xaxis.visible is False


def test_a_change_is_drawn_around_nothing_with_both_ends_named(change):
    figure = plotly_pen.describe([change])
    trace = next(trace for trace in figure["data"] if trace.get("name") == "layer 2, head 1")
    assert trace["zmin"] == -trace["zmax"]
    assert trace["colorscale"][4][1] == diverging(0.0)
    said = [note["text"] for note in figure["layout"]["annotations"]]
    assert {"less", "more", "untrained"} <= {word for note in said for word in note.split()}
    blue, orange = (0, 114, 178), (230, 159, 0)
    for low, _, high in DIVERGING.values():
        for end in (low, high):
            assert min(np.abs(np.subtract(end, one)).sum() for one in (blue, orange)) > 90


@pytest.mark.parametrize("shape", SHAPES)
def test_a_still_stays_small(shape):
    panel = attention.spec(attending.vit(1482, **SHAPES[shape]))
    assert size(plotly_pen.describe([panel], most=60)) < 36_000
    assert len(matplotlib_pen.png([panel], colours=32)) < 24_000


def test_a_still_has_all_maps_in_one_trace_of_bytes():
    layer = maps(found := attention.spec(attending.vit(600, every=300)))
    figure = plotly_pen.describe([found], most=150)
    sheet = decoded(next(trace for trace in figure["data"] if trace.get("name") == "maps"))
    assert sheet.shape == (4 * 9, 6 * 9)
    values = shares(layer, 8)[1:].reshape(8, 8)
    np.testing.assert_allclose(sheet[9:17, 18:26], np.rint(1 + 254 * values / values.max()), atol=1)
    assert not sheet[8].any()


def test_larger_maps_are_means_of_neighbours():
    layer = maps(attention.spec(attending.vit(300, every=300, layers=12, heads=12, grid=(14, 14), full=False)))
    laid = lay(layer, 350, 190)
    sheet, rows, columns = pooled(layer, laid, 9300)
    assert sheet.size <= 9300
    assert (rows, columns) == (8, 8)
    values = shares(layer, 0)[1:].reshape(7, 2, 7, 2).mean((1, 3))
    np.testing.assert_allclose(sheet[:7, :7], np.rint(1 + 254 * values / values.max()), atol=1)


# -- Matplotlib --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_paper_shows_each_map_in_its_colours(theme):
    found = attention.spec(attending.vit(600, every=300))
    layer = maps(found)
    drawn = picture(matplotlib_pen.png([found], theme=theme, scale=2))
    laid = lay(layer, matplotlib_pen.PANEL_WIDTH, 0.73 * 262)
    for cell in laid.cells:
        values = shares(layer, cell.index)[1:].reshape(8, 8)
        for row, column in ((0, 0), (3, 4), (7, 7)):
            x = 2 * (20 + cell.left + (column + 0.5) * cell.wide / 8)
            y = 2 * (8 + 26 + cell.top + (row + 0.5) * cell.tall / 8)
            colour = viridis(float(values[row, column] / values.max()), THEMES[theme])
            wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
            assert np.abs(drawn[int(y), int(x)] - wanted).max() <= 6, (cell, row, column)


def test_paper_takes_every_shape(panel):
    data = matplotlib_pen.png([panel], theme="dark")
    assert picture(data).std() > 5


def test_a_head_that_is_not_there_is_left_open():
    history = attending.vit(300, every=300)
    arrays, meta = attending.attention(301)
    arrays["rows_scale"][:, 1, 5] = np.nan
    history.add_frames(301, {"attention": (arrays, {**meta, "heads": [6, 5, 6, 6]})})
    found = attention.spec(history)
    names = [trace.get("name") for trace in plotly_pen.describe([found])["data"]]
    assert "layer 2, head 6" not in names
    assert "layer 2, head 5" in names
    cell = next(cell for cell in lay(maps(found), matplotlib_pen.PANEL_WIDTH, 0.73 * 262).cells if cell.index == 11)
    drawn = picture(matplotlib_pen.png([found]))
    assert drawn[int(34 + cell.top + cell.tall / 2), int(20 + cell.left + cell.wide / 2)].tolist() == [255, 255, 255]


# -- the scale of changes ----------------------------------------------------------------------------------


def test_the_browser_has_the_same_stops():
    source = (Path(__file__).parents[2] / "widgets" / "front" / "src" / "theme.ts").read_text()
    for name, stops in DIVERGING.items():
        written = ", ".join(f"[{r}, {g}, {b}]" for r, g, b in stops)
        assert re.search(rf"{name}: \[{re.escape(written)}\]", source), name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_less_and_more_differ_from_nothing_and_in_grey_they_are_alike(theme):
    low, middle, high = (np.asarray(stop) @ (0.299, 0.587, 0.114) for stop in DIVERGING[theme])
    assert abs(low - middle) > 90
    assert abs(high - middle) > 90
    assert diverging(2.0, THEMES[theme]) == diverging(1.0, THEMES[theme])
