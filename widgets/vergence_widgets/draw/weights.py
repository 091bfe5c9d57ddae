"""Weights on paper: no slider, so the line says which temperatures are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vergence_widgets.draw.matplotlib_pen import _Plot
    from vergence_widgets.draw.plotly_plot import PlotPen
    from vergence_widgets.panels.spec import Weights

__all__ = ["matplotlib", "plotly"]


def plotly(pen: PlotPen, layer: Weights) -> None:
    """The words at the left edge of the panel."""
    from vergence_widgets.draw.plotly_plot import EDGE, safe

    pen.sheet.words(pen.across[0], (pen.up[0] + pen.up[1]) / 2, safe(layer.said), left=EDGE)


def matplotlib(pen: _Plot, layer: Weights) -> None:
    """The same."""
    pen.paper.text(pen.left, (pen.box.top + pen.box.bottom) / 2, layer.said)
