"""A bare plot has no axes: its one layer fills the whole box, in both Python pens."""

from __future__ import annotations

import numpy as np
import pytest

from vergence_widgets.draw import layout, matplotlib_pen, plotly_pen
from vergence_widgets.panels.spec import Axis, Line, Panel, Plot

ACROSS = Axis("never said", 0.0, 10.0, (0.0, 5.0, 10.0), ("low", "half", "high"))
CURVE = Line("curve", np.asarray([0.0, 10.0]), np.asarray([0.0, 1.0]), end_dot=True)
BARE = Plot("picture", ACROSS, Axis("unsaid", 0.0, 1.0, (0.0, 1.0)), (CURVE,), share=0.75, bare=True)
UNDER = Plot("under", ACROSS, Axis("named", 0.0, 1.0, (0.0, 1.0)), (CURVE,), share=0.25)
PANEL = Panel("attention", "", "live", plots=(BARE, UNDER))


def test_its_box_is_its_whole_share():
    bare, under = layout.boxes((BARE, UNDER), 200.0)
    assert (bare.top, bare.bottom) == (0.0, 150.0)
    assert under.top > 150.0
    assert under.bottom < 200.0


def test_plotly_shows_no_axis_and_keeps_the_limits():
    figure = plotly_pen.describe([PANEL])["layout"]
    for name in ("xaxis", "yaxis"):
        assert figure[name]["visible"] is False
        assert "ticktext" not in figure[name]
    assert figure["xaxis"]["range"] == [0.0, 10.0]
    assert figure["xaxis2"]["ticktext"] == ["low", "half", "high"]
    said = [note["text"] for note in figure["annotations"]]
    assert "unsaid" not in said
    assert "named" in said
    top, bottom = figure["yaxis"]["domain"][1], figure["yaxis"]["domain"][0]
    assert top == pytest.approx(1.0)
    assert bottom == pytest.approx(0.25, abs=1e-3)
    plotly_pen.draw([PANEL])


def test_matplotlib_gives_it_the_whole_width_and_no_words():
    figure = matplotlib_pen.draw([PANEL])
    said = [text.get_text() for text in figure.axes[0].texts]
    assert "unsaid" not in said
    assert said.count("half") == 1
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 1.75]
    spans = [float(curve.get_xdata()[1] - curve.get_xdata()[0]) for curve in curves]
    assert spans[0] == matplotlib_pen.PANEL_WIDTH
    assert spans[1] < spans[0]
