"""One panel as a finished plotly figure: for a paper, a slide, a report of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vergence import errors
from vergence_widgets.draw import plotly_pen
from vergence_widgets.panels import PANELS
from vergence_widgets.theme import THEMES, ThemeName

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from vergence.record.history import History

__all__ = ["figure"]


def figure(noun: str, history: History, *, place: str = "z", theme: ThemeName = "light") -> Figure:
    """The panel `noun` of a History as a plotly Figure.

        vergence_widgets.figure("loss", run.history).write_html("loss.html")

    noun: "loss", "similarity" or "hypersphere".
    history: of a Run, a Monitor, or an opened run directory.
    place: whose embeddings: "z", "h" or a name of yours.
    theme: "light" or "dark".

    Raises UnknownName for a noun or theme that does not exist, MissingExtra without plotly.
    """
    if noun not in PANELS:
        raise errors.UnknownName("figure", noun, PANELS, "panel")
    if theme not in THEMES:
        raise errors.UnknownName("figure", theme, THEMES, "theme")
    panel = PANELS[noun](history, place=place, live=False)
    return plotly_pen.draw([panel], None, theme=theme)
