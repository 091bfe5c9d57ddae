"""The heat strip in plotly and in Matplotlib: the colours are the numbers, a gap shows the ground."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from vergence_widgets import freeze
from vergence_widgets.draw import matplotlib_pen, plotly_pen
from vergence_widgets.draw.heat import FEW_COLUMNS, FEW_ROWS
from vergence_widgets.panels.layers.heat import NOTHING, STOPS, Over
from vergence_widgets.panels.spec import Axis, Heat, Line, Panel, Plot
from vergence_widgets.theme import THEMES, viridis

COLUMNS, ROWS = 5, 4


def strip(**more) -> Heat:
    values = np.linspace(0, STOPS, COLUMNS * ROWS).reshape(ROWS, COLUMNS).astype(np.uint8)
    values[:, 2] = NOTHING
    steps = np.asarray([10.0, 20, np.nan, 40, 50])
    given = {
        "key": "singular_values", "x": np.asarray([0.0, 15, 25, 35, 45, 50]), "steps": steps,
        "y": np.linspace(0.5, 4.5, ROWS + 1), "values": values, "low": 1e-3, "high": 1.0, "scale": "log",
        "ends": ("≤ 0.001", "1 (log)"),
        "over": (
            Over(
                "ceiling", np.asarray([0.0, 50]), np.asarray([4.0, 4]), "chance", label="ceiling <4>", label_x=48.0,
                label_y=3.5,
            ),
            Over("effective_rank", np.asarray([0.0, 20, 30, 50]), np.asarray([2.0, 3, np.nan, 2.5])),
            Over("rank_of_the_other_run", np.asarray([0.0, 50]), np.asarray([1.0, 3]), color="ghost"),
        ),
    }  # fmt: skip
    return Heat(**(given | more))


def panel(heat: Heat | None = None) -> Panel:
    x = Axis("", 0, 50, (0.0, 50.0), ("0", "50 steps"), quantity="step")
    y = Axis("index", 4.5, 0.5, (1.0, 4.0), ("1", "4"))
    log = Axis("size", 1e-4, 1.0, (1.0, 0.01, 1e-4), ("one", "0.01", "10⁻⁴"), "log")
    curve = Line("<b>now", np.asarray([0.0, 25, 50]), np.asarray([0.5, 0.01, 1e-3]))
    plots = (Plot("strip", x, y, (strip() if heat is None else heat,), 0.5), Plot("curves", x, log, (curve,), 0.5))
    return Panel("spectrum", "of z", "live", step=50, plots=plots)


def decoded(entry: dict[str, str]) -> np.ndarray:
    kind = {"u1": np.uint8, "f4": "<f4"}[entry["dtype"]]
    found = np.frombuffer(base64.b64decode(entry["bdata"]), kind)
    return found.reshape(tuple(map(int, entry["shape"].split(",")))) if "shape" in entry else found


def traces(**more):
    return {trace.get("name"): trace for trace in plotly_pen.describe([panel()], **more)["data"]}


@pytest.mark.parametrize("theme", THEMES)
def test_plotly_colours_are_the_numbers(theme):
    heat = traces(theme=theme)["singular values"]
    np.testing.assert_array_equal(decoded(heat["z"]), strip().values)
    np.testing.assert_array_equal(decoded(heat["x"]), strip().x)
    np.testing.assert_array_equal(decoded(heat["y"]), strip().y)
    assert (heat["zmin"], heat["zmax"]) == (0, NOTHING)
    scale = heat["colorscale"]
    assert scale[0] == [0, viridis(0, THEMES[theme])]
    seen = [stop for stop in scale if stop[1] != "rgba(0,0,0,0)"]
    assert seen[-1][0] == pytest.approx(STOPS / NOTHING, abs=1e-4)
    assert seen[-1][1] == viridis(1, THEMES[theme])
    assert scale[-1] == [1, "rgba(0,0,0,0)"]  # no value: the ground shows


def test_plotly_in_full_says_the_value_on_hover():
    value = decoded(traces()["singular values"]["customdata"])
    known = strip().values != NOTHING
    np.testing.assert_allclose(value[known], 1e-3 ** (1 - strip().values[known] / STOPS), rtol=1e-5)
    assert np.isnan(value[~known]).all()
    assert "customdata" not in traces(most=100)["singular values"]


def test_plotly_takes_it():
    figure = plotly_pen.draw([panel()])
    kinds = [trace.type for trace in figure.data]
    assert kinds.count("heatmap") == 1
    assert figure.layout.yaxis.range == (4.5, 0.5)
    assert figure.layout.yaxis2.type == "log"
    assert figure.layout.yaxis2.range == (-4, 0)


def test_plotly_curves_have_a_rim_and_keep_their_gaps():
    figure = plotly_pen.describe([panel()])
    ranks = [trace for trace in figure["data"] if trace.get("name") == "effective rank"]
    assert [trace["line"]["color"] for trace in ranks] == ["#15181b", "#ffffff"]
    assert ranks[0]["line"]["width"] > ranks[1]["line"]["width"]
    assert np.isnan(decoded(ranks[1]["y"])).any()
    other = next(trace for trace in reversed(figure["data"]) if trace.get("name") == "rank of the other run")
    assert other["line"]["color"] == THEMES["light"].ghost
    ceiling = next(trace for trace in reversed(figure["data"]) if trace.get("name") == "ceiling")
    assert ceiling["line"]["dash"] == "6px,4px"


def test_plotly_words_are_not_markup():
    figure = plotly_pen.describe([panel()])
    said = [note["text"] for note in figure["layout"]["annotations"]]
    assert "ceiling &lt;4&gt;" in said
    assert {"≤ 0.001", "1 (log)"} <= set(said)
    assert any(trace.get("name") == "&lt;b&gt;now" for trace in figure["data"])


def test_a_still_keeps_fewer_cells():
    rng = np.random.default_rng(0)
    large = strip(
        values=rng.integers(0, 256, (64, 120)).astype(np.uint8), x=np.linspace(0, 50, 121), steps=np.arange(120.0),
        y=np.linspace(0.5, 64.5, 65),
    )  # fmt: skip
    figure = plotly_pen.describe([panel(large)], most=60)
    heat = next(trace for trace in figure["data"] if trace["type"] == "heatmap")
    found = decoded(heat["z"])
    down, across = -(-64 // FEW_ROWS), -(-120 // FEW_COLUMNS)
    assert found.shape == (-(-64 // down), -(-120 // across))
    middle = np.minimum(np.arange(0, 64, down) + down // 2, 63)
    np.testing.assert_array_equal(found, large.values[middle][:, np.arange(0, 120, across) + across // 2])
    assert (decoded(heat["x"])[-1], decoded(heat["y"])[-1]) == (50, 64.5)
    assert len(decoded(heat["x"])) == found.shape[1] + 1
    assert freeze.size(heat) < 4500
    assert len([trace for trace in figure["data"] if trace.get("name") == "effective rank"]) == 1


def picture(theme: str) -> np.ndarray:
    bare = panel(strip(over=()))
    data = matplotlib_pen.png([bare], None, theme=theme, columns=1)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("theme", THEMES)
def test_matplotlib_colours_are_the_numbers(theme):
    pixels, tokens = picture(theme), THEMES[theme]
    colour = lambda words: np.asarray([int(words[i : i + 2], 16) for i in (1, 3, 5)])  # noqa: E731
    bare = strip()
    for row in range(ROWS):
        for column in range(COLUMNS):
            value = int(bare.values[row, column])
            wanted = colour(tokens.ground if value == NOTHING else viridis(value / STOPS, tokens))
            # Where the middle of the cell lies on the sheet: the panel begins at 20, the strip at 34 and 26 + 18.
            x = 54 + (bare.x[column] + bare.x[column + 1]) / 100 * (396 - 38)
            y = 8 + 26 + 18 + (row + 0.5) / ROWS * (131 - 18 - 20)
            assert np.abs(pixels[round(y), round(x)].astype(int) - wanted).max() <= 2, (row, column)


def test_matplotlib_writes_the_key_and_the_labels():
    figure = matplotlib_pen.draw([panel()], None, columns=1)
    words = {text.get_text(): text for text in figure.axes[0].texts}
    assert {"≤ 0.001", "1 (log)", "ceiling <4>"} <= set(words)
    assert words["ceiling <4>"].get_color() == "#ffffff"
    assert words["ceiling <4>"].get_path_effects()


def test_a_log_axis_is_even_in_powers_of_ten():
    figure = matplotlib_pen.draw([panel()], None, columns=1)
    places = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    assert places["10⁻⁴"] - places["0.01"] == pytest.approx(places["0.01"] - places["one"], abs=0.01)
    (curve,) = [
        drawn for drawn in figure.axes[0].lines if len(drawn.get_ydata()) == 3 and drawn.get_linewidth() == 1.75
    ]
    assert curve.get_ydata()[1] == pytest.approx(places["0.01"], abs=0.01)
    assert curve.get_ydata()[2] > curve.get_ydata()[1] > curve.get_ydata()[0]
