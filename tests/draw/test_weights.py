"""The temperature panel on paper: no slider, both temperatures in words and as lines."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.panels import weighing
from tests.panels.reading import line, plot
from tests.panels.story import Clocked
from vergence.errors import ArgumentError
from vergence_widgets.draw import matplotlib_pen, plotly_pen
from vergence_widgets.figure import figure
from vergence_widgets.freeze import size
from vergence_widgets.panels import temperature
from vergence_widgets.theme import THEMES


@pytest.fixture(scope="module")
def history() -> Clocked:
    return weighing.run(state="finished")


def decoded(entry: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["bdata"]), "<f4")


def test_plotly_draws_both_temperatures_and_says_which(history: Clocked) -> None:
    panel = temperature.spec(history, options={"temperature": "0.05"})
    found = plotly_pen.describe([panel])
    named = [trace for trace in found["data"] if trace.get("name") in ("now", "preview")]
    assert [trace["name"] for trace in named] == ["preview", "now"]
    for trace in named:
        drawn = line(plot(panel, "weight"), trace["name"])
        np.testing.assert_array_equal(decoded(trace["y"]), drawn.y.astype("<f4"))
        assert trace["line"]["color"] == THEMES["light"].ink or trace["name"] == "preview"
    texts = [str(entry["text"]) for entry in found["layout"]["annotations"]]
    assert any(text.startswith("τ 0.1; thin: τ 0.05, hardest 1 % take ") for text in texts)


def test_a_figure_takes_the_temperature(history: Clocked) -> None:
    names = {trace.name for trace in figure("temperature", history, temperature=0.05).data}
    assert {"now", "preview", "push preview"} <= names
    assert "preview" not in {trace.name for trace in figure("temperature", history).data}
    with pytest.raises(ArgumentError, match=r"temperature is '-1\.0'"):
        figure("temperature", history, temperature=-1.0)
    with pytest.raises(ArgumentError, match=r"figure\('loss', temperature=\.\.\.\): this panel has one picture"):
        figure("loss", history, temperature=0.05)


def test_it_is_small_without_its_cosines(history: Clocked) -> None:
    assert size(plotly_pen.describe([temperature.spec(history)], most=100)) < 20_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_matplotlib_draws_the_line_of_the_preview(history: Clocked, theme: str) -> None:
    panels = [temperature.spec(history, options=options) for options in (None, {"temperature": "0.02"})]
    pictures = [io.BytesIO(matplotlib_pen.png([panel], theme=theme)) for panel in panels]  # type: ignore[arg-type]
    plain, both = (np.asarray(Image.open(picture)) for picture in pictures)
    assert plain.shape == both.shape
    changed = np.argwhere((plain != both).any(2))
    assert len(changed) > 300
    # Words at the slider's place, and lines in the plots of cosines; nothing through time, nothing in the foot.
    assert changed[:, 0].min() < 60
    assert changed[:, 0].max() < 26 + 262 * (0.125 + 0.875 * 0.68) + 8
