"""The map on plotly and on paper: every item, one scale on both axes, names that cover nothing."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.panels import mapped
from vergence_widgets.draw import cloud, matplotlib_pen, plotly_pen
from vergence_widgets.freeze import size
from vergence_widgets.panels import projection
from vergence_widgets.panels.spec import Axis, Cloud, Panel, Plot
from vergence_widgets.theme import CLASSES, SHAPES, THEMES


@pytest.fixture(scope="module")
def panel():
    return projection.spec(mapped.history(), live=False)


def decoded(entry: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["bdata"]), "<f4")


def marks(figure: dict) -> list[dict]:
    return [trace for trace in figure["data"] if trace["mode"] == "markers"]


def many(items: int, kinds: int) -> Panel:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, items))
    names = tuple(f"kind {index}" for index in range(kinds))
    layer = Cloud("map", x, y, (np.arange(items) % max(1, kinds)).astype(np.int32), names, np.zeros((0, 2), np.int32))
    axis = Axis("map axis", -1.0, 1.0, (-1.0, 0.0, 1.0))
    return Panel("projection", "PCA of z", "live", plots=(Plot("map", axis, axis, (layer,), bare=True),))


# -- plotly ------------------------------------------------------------------------------------------------


def test_plotly_draws_every_item_where_it_is(panel):
    layer = panel.plots[0].layers[0]
    drawn = marks(plotly_pen.describe([panel]))
    assert [trace["name"] for trace in drawn] == [
        "faces", "hearts &lt;b&gt;&amp;&lt;/b&gt; co", "plants",
    ]  # fmt: skip
    for kind, trace in enumerate(drawn):
        assert np.array_equal(decoded(trace["x"]), layer.x[layer.kind == kind].astype("<f4"))
        assert np.array_equal(decoded(trace["y"]), layer.y[layer.kind == kind].astype("<f4"))
        assert trace["marker"]["color"] == CLASSES["light"][kind]
        assert trace["marker"]["symbol"] == cloud.SYMBOLS[SHAPES[kind]]


def test_plotly_says_who_an_item_is_and_names_are_no_markup(panel):
    trace = marks(plotly_pen.describe([panel]))[1]
    assert trace["text"][0] == "item 1 &lt;i&gt; (hearts &lt;b&gt;&amp;&lt;/b&gt; co)"
    assert len(trace["text"]) == 20
    assert "<script" not in str(trace)


def test_plotly_has_one_scale_for_both_axes(panel):
    layout = plotly_pen.describe([panel, panel])["layout"]
    for number in ("", "2"):
        assert layout[f"yaxis{number}"]["scaleanchor"] == f"x{number}"
        assert layout[f"yaxis{number}"]["scaleratio"] == 1
        assert layout[f"yaxis{number}"]["range"][0] < panel.plots[0].y.low, "room for the scale bar"
    plotly_pen.draw([panel, panel])


def test_plotly_links_what_shows_the_same(panel):
    links = next(trace for trace in plotly_pen.describe([panel])["data"] if trace.get("name") == "links")
    layer = panel.plots[0].layers[0]
    x = decoded(links["x"]).reshape(-1, 3)
    assert np.array_equal(x[:, 0], layer.x[layer.links[:, 0]].astype("<f4"))
    assert np.isnan(x[:, 2]).all()


def test_a_still_is_small_and_thinned_evenly():
    figure = plotly_pen.describe([many(4096, 8)], most=100)
    counts = [len(decoded(trace["x"])) for trace in marks(figure)]
    assert sum(counts) == 200
    assert min(counts) > 15
    assert not any("text" in trace for trace in figure["data"])
    assert size(figure) < 14_000


def test_more_kinds_than_colours_are_grey_and_hover_says_which():
    drawn = marks(plotly_pen.describe([many(110, 11)]))
    assert drawn[0]["marker"]["color"] == THEMES["light"].ghost
    assert drawn[0]["name"] == "items"
    assert len(decoded(drawn[0]["x"])) == 30
    assert [trace["name"] for trace in drawn[1:]] == [f"kind {index}" for index in range(8)]


def test_items_that_are_not_finite_are_drawn_nowhere():
    panel = projection.spec(mapped.history(left_out=4), live=False)
    drawn = marks(plotly_pen.describe([panel]))
    assert sum(len(decoded(trace["x"])) for trace in drawn) == 56
    matplotlib_pen.draw([panel])


# -- Matplotlib --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
def test_paper_has_every_item_in_its_colour_on_one_scale(panel, theme):
    figure = matplotlib_pen.draw([panel], theme=theme)
    layer = panel.plots[0].layers[0]
    crowds = [item for item in figure.axes[0].collections if len(item.get_offsets()) > 1]
    assert len(crowds) == 3
    for kind, crowd in enumerate(crowds):
        own = layer.kind == kind
        px = np.asarray(crowd.get_offsets())
        across = np.polyfit(layer.x[own], px[:, 0], 1)[0]
        down = np.polyfit(layer.y[own], px[:, 1], 1)[0]
        assert across == pytest.approx(-down)
        colour = tuple(round(255 * part) for part in crowd.get_facecolor()[0][:3])
        assert "#{:02x}{:02x}{:02x}".format(*colour) == CLASSES[theme][kind]


def test_every_shape_is_drawn_and_they_differ():
    figure = matplotlib_pen.draw([many(80, 8)])
    crowds = [item for item in figure.axes[0].collections if len(item.get_offsets()) > 1]
    outlines = {crowd.get_paths()[0].vertices.round(3).tobytes() for crowd in crowds}
    assert len(outlines) == len(SHAPES)


def test_the_scale_bar_is_as_long_as_it_says(panel):
    figure = matplotlib_pen.draw([panel])
    words = next(text for text in figure.axes[0].texts if "on both axes" in text.get_text())
    length = float(words.get_text().split()[0])
    crowd = next(item for item in figure.axes[0].collections if len(item.get_offsets()) > 1)
    layer = panel.plots[0].layers[0]
    px = np.polyfit(layer.x[layer.kind == 0], np.asarray(crowd.get_offsets())[:, 0], 1)[0]
    y = words.get_position()[1]
    bars = [line for line in figure.axes[0].lines if list(line.get_ydata()) == [y, y]]
    assert [np.ptp(bar.get_xdata()) for bar in bars] == pytest.approx([length * px])


# -- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("px", "words"), [(100, "0.5 on both axes"), (8, "10 on both axes"), (2000, "0.02 on both axes")]
)
def test_the_scale_bar_is_round_and_at_most_a_quarter(px, words):
    length, said = cloud.scale_bar(px, 320)
    assert said == words
    assert length * px <= 80


def test_names_stand_by_their_crowds_and_cover_nothing():
    rng = np.random.default_rng(0)
    kind = (np.arange(240) % 3).astype(np.int32)
    middles = np.asarray([[80, 60], [240, 80], [160, 180]])
    x, y = (middles[kind] + rng.normal(size=(240, 2)) * 15).T
    layer = Cloud("map", x, y, kind, ("faces", "hearts", "plants"), np.zeros((0, 2), np.int32))
    found = cloud.named(layer, x, y, 320, 240)
    assert set(found) == {0, 1, 2}
    for index, (px, py) in found.items():
        away = np.linalg.norm(middles - (px, py), axis=1)
        assert away.argmin() == index
        half = 3.2 * len(layer.kinds[index])
        covered = (np.abs(x - px) < half) & (np.abs(y - py) < 6)
        assert covered.sum() <= 1
        assert half <= px <= 320 - half


def test_a_name_without_room_is_left_out():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 320, 4000), rng.uniform(0, 240, 4000)
    layer = Cloud("map", x, y, (np.arange(4000) % 2).astype(np.int32), ("faces", "hearts"), np.zeros((0, 2), np.int32))
    assert cloud.named(layer, x, y, 320, 240) == {}


def test_a_long_name_is_cut():
    assert cloud.short("a" * 30) == "a" * 23 + "…"
