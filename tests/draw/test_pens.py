"""The two Python pens draw what the spec says: every curve, every word, nothing on top of anything."""

from __future__ import annotations

import base64
import io
import itertools
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from tests.panels import story
from tests.panels.reading import layers, plot, texts, words_in
from vergence.errors import MissingExtra
from vergence_widgets.draw import layout, matplotlib_pen, plotly_pen
from vergence_widgets.panels import every
from vergence_widgets.panels.spec import Line, Panel, Ridge
from vergence_widgets.theme import THEMES

STORIES = {
    "simclr": story.simclr,
    "early": lambda: story.simclr(3, every=1),
    "middle": lambda: story.simclr(640),
    "vicreg": story.vicreg,
    "own loop": story.own_loop,
    "one view": lambda: story.simclr(300, views=1),
    "nothing": lambda: story.Clocked({"total_steps": None}),
}
HEADER = {"name": "emoji <07> & co", "method": "SimCLR", "state": "stopped", "step": 1482, "total": 2000}


def failed() -> story.Clocked:
    history = story.simclr(200)
    history.add_event("failed", 202, what="metric", name="similarity", why="3 of 512 rows of z are not finite")
    return history


@pytest.fixture(scope="module")
def panels() -> list[Panel]:
    return list(every(story.simclr(), live=False).values())


@pytest.fixture(scope="module", params=[*STORIES, "failed"])
def drawn(request) -> list[Panel]:
    return list(every(STORIES.get(request.param, failed)()).values())


def plain(text: str) -> str:
    text = re.sub(r"<[^>]+>", "", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def decoded(entry: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["bdata"]), "<f4")


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# -- plotly ------------------------------------------------------------------------------------------


def test_plotly_takes_every_story(drawn):
    figure = plotly_pen.draw(drawn, HEADER, columns=2)
    assert figure.layout.paper_bgcolor == THEMES["light"].ground


def test_plotly_has_every_word_of_the_spec(drawn):
    figure = plotly_pen.describe(drawn, HEADER)
    said = " | ".join(plain(note["text"]) for note in figure["layout"]["annotations"])
    for panel in drawn:
        assert panel.noun in said
        for one in panel.plots:
            for words in words_in(one):
                assert words in said
            assert not one.y.name or one.y.name in said
        for words in (*panel.foot_left, *panel.foot_right):
            assert words in said
        if panel.headline:
            assert f"{panel.headline.name} {panel.headline.text}".strip() in said
            assert panel.headline.reference in said
        if panel.state == "failed":
            assert "✕" in said
            assert panel.message.split()[0] in said


def test_plotly_draws_the_numbers_of_the_spec(panels):
    figure = plotly_pen.describe(panels)
    for panel in panels:
        for one in panel.plots:
            for line in layers(one, Line):
                name = line.key.replace("_", " ")
                trace = next(trace for trace in figure["data"] if trace.get("name") == name)
                np.testing.assert_array_equal(decoded(trace["x"]), line.x.astype("<f4"))
                np.testing.assert_array_equal(decoded(trace["y"]), line.y.astype("<f4"))


def test_plotly_leaves_a_gap_a_gap():
    figure = plotly_pen.describe([every(story.own_loop())["loss"]], most=100)
    raw = next(trace for trace in figure["data"] if trace.get("name") == "raw")
    assert np.isnan(decoded(raw["y"])).any()
    assert raw["connectgaps"] is False


def test_plotly_has_no_grid_and_fixed_limits(panels):
    figure = plotly_pen.draw(panels)
    for name in figure.to_plotly_json()["layout"]:
        if name.startswith(("xaxis", "yaxis")):
            assert len(figure.layout[name].range) == 2
            shared = figure.layout.template.layout[name[:5]]
            assert shared.showgrid is False
            assert shared.zeroline is False


def test_plotly_dashes_are_those_of_the_tokens(panels):
    figure = plotly_pen.describe(panels)
    dashes = {trace.get("name"): trace["line"]["dash"] for trace in figure["data"] if "dash" in trace.get("line", {})}
    assert dashes["negative"] == dashes["push"] == "5px,3px"
    assert dashes["floor"] == "1px,3px"
    assert dashes["positive"] == dashes["pull"] == "solid"


def test_the_users_words_are_not_markup():
    figure = plotly_pen.describe([], {"name": "<b>bold</b> & <script>"})
    assert "&lt;script&gt;" in figure["layout"]["annotations"][0]["text"]


@pytest.mark.parametrize("theme", THEMES)
def test_both_themes_stand_on_their_own_ground(panels, theme):
    tokens = THEMES[theme]
    assert plotly_pen.describe(panels, theme=theme)["layout"]["plot_bgcolor"] == tokens.ground
    corner = picture(matplotlib_pen.png(panels, HEADER, theme=theme))[0, 0]
    assert "#" + "".join(f"{value:02x}" for value in corner) == tokens.ground


# -- Matplotlib --------------------------------------------------------------------------------------


def word_boxes(panels, **settings):
    """Every text of the picture with its box in px."""
    figure = matplotlib_pen.draw(panels, HEADER, **settings)
    renderer = figure.canvas.get_renderer()
    found = []
    for text in figure.axes[0].texts:
        if text.get_text().strip():
            box = text.get_window_extent(renderer)
            found.append((text.get_text(), (box.x0, box.y0, box.x1, box.y1)))
    return figure, found


def clashes(figure, boxes) -> list[tuple[str, ...]]:
    """Words that stand on other words, and words that are cut off."""
    width, height = figure.get_size_inches() * figure.dpi
    cut = [(words,) for words, box in boxes if box[0] < 0 or box[2] > width or box[1] < 0 or box[3] > height]
    return cut + [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if a[0] < b[2] - 2 and b[0] < a[2] - 2 and a[1] < b[3] - 4 and b[1] < a[3] - 4
    ]


def test_every_word_is_there_and_none_stands_on_another_or_is_cut_off(drawn):
    figure, boxes = word_boxes(drawn, columns=2)
    assert clashes(figure, boxes) == []
    said = " | ".join(words for words, _ in boxes)
    for panel in drawn:
        for one in panel.plots:
            for words in words_in(one):
                assert words in said
        for words in (*panel.foot_left, *panel.foot_right):
            assert words in said


@pytest.mark.parametrize("columns", [1, 3])
def test_words_fit_however_many_panels_stand_side_by_side(panels, columns):
    assert clashes(*word_boxes(panels, columns=columns)) == []


def test_no_words_are_smaller_than_11_px(panels):
    figure = matplotlib_pen.draw(panels, HEADER)
    sizes = {text.get_fontsize() for text in figure.axes[0].texts}
    assert sizes == {11, 13, 16}


def test_positives_are_blue_and_negatives_orange_in_the_pixels(panels):
    pixels = picture(matplotlib_pen.png(panels, HEADER))
    tokens = THEMES["light"]
    for colour in (tokens.positive, tokens.negative):
        wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        assert (pixels == wanted).all(axis=2).any()


def test_few_colours_keep_the_sequence(panels):
    """A palette by area would turn the dots grey."""
    yellow = np.abs(picture(matplotlib_pen.png(panels, HEADER, colours=32)).astype(int) - [253, 231, 37]).max(axis=2)
    assert (yellow < 12).sum() > 20


def test_scale_makes_the_picture_larger(panels):
    one, two = (picture(matplotlib_pen.png(panels, HEADER, scale=scale)).shape for scale in (1, 2))
    assert two[:2] == (2 * one[0], 2 * one[1])


def test_the_users_settings_do_not_reach_the_picture(panels):
    plain_picture = matplotlib_pen.png(panels, HEADER)
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "axes.facecolor": "red", "text.color": "red"}):
        assert (picture(matplotlib_pen.png(panels, HEADER)) == picture(plain_picture)).all()


def test_no_panels_is_an_empty_sheet():
    assert picture(matplotlib_pen.png([], HEADER)).size
    assert plotly_pen.describe([], HEADER)["data"] == []


# -- both --------------------------------------------------------------------------------------------


def test_rows_of_a_ridge_are_cut_at_their_height(panels):
    ridge = layers(plot(panels[1], "ridge"), Ridge)[0]
    for outline in layout.outlines(ridge):
        assert (outline.y >= outline.base).all()
        assert outline.y.max() <= outline.base + ridge.overlap + 1e-12


def test_the_tint_lies_between_the_mean_and_the_floor(panels):
    main = plot(panels[0], "loss")
    mean = next(line for line in layers(main, Line) if line.fill_to)
    (outline,) = layout.underfill(main, mean)
    assert outline[0].min() == mean.x[0]
    assert outline[1].min() == pytest.approx(story.FLOORS[0.2])


def test_a_stopped_panel_says_which_step_it_shows(panels):
    assert layout.title_of_unit(panels[0]) == "nats per anchor, step 1,482"


def test_nothing_is_drawn_that_the_spec_does_not_say(panels):
    """Words in the picture that are in no spec: the title of the run, step numbers, and "now" at the ring."""
    _, boxes = word_boxes(panels)
    known = " | ".join([*(words for panel in panels for words in texts(panel)), *map(layout.title_of_unit, panels)])
    known += " | ".join([*layout.title_of_run(HEADER), *(" ".join(layout.feet(panel)) for panel in panels)])
    extra = {words for words, _ in boxes if words not in known}
    names = {f"{panel.headline.name} {panel.headline.text}".strip() for panel in panels if panel.headline}
    assert extra - names <= {"now", "step 0", "loss", "similarity", "hypersphere"} | {
        "    ".join(side) for panel in panels for side in (panel.foot_left, panel.foot_right)
    }


@pytest.mark.parametrize(
    ("module", "pen"), [("plotly.graph_objects", plotly_pen), ("matplotlib.figure", matplotlib_pen)]
)
def test_an_absent_library_gives_the_line_to_type(monkeypatch, module, pen, panels):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"pip install 'vergence\[widgets\]'"):
        pen.draw(panels)


def test_pens_load_no_pyplot_and_specs_no_drawing_library():
    script = """
import sys
import vergence_widgets.panels, vergence_widgets.report, vergence_widgets.freeze, vergence_widgets.draw.packed
heavy = {"plotly", "matplotlib", "anywidget", "ipywidgets", "IPython", "PIL"} & set(sys.modules)
from vergence_widgets.draw import matplotlib_pen
matplotlib_pen.draw([], {})
print(sorted(heavy), "matplotlib.pyplot" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[] False"
