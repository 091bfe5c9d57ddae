"""One panel as a finished plotly figure: for a paper, a slide, a report of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vergence import errors
from vergence_widgets.draw import plotly_pen
from vergence_widgets.panels import CHOOSES, COMPARES, PANELS
from vergence_widgets.theme import THEMES, ThemeName
from vergence_widgets.timeline import past

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from vergence.record.history import History

__all__ = ["figure"]


def figure(
    noun: str,
    history: History,
    *,
    place: str = "z",
    theme: ThemeName = "light",
    step: int | None = None,
    compare: History | None = None,
    **options: str | float,
) -> Figure:
    """The panel `noun` of a History as a plotly Figure.

        vergence_widgets.figure("loss", run.history).write_html("loss.html")
        vergence_widgets.figure("temperature", run.history, temperature=0.05)

    noun: a panel: "loss", "similarity", "spectrum" and so on.
    history: of a Run, a Monitor, or an opened run directory.
    place: whose embeddings: "z", "h" or a name of yours.
    theme: "light" or "dark".
    step: the panel as it was at that step; None for the newest.
    compare: another History, drawn thin and grey in the same axes.
    options: what a reader chooses in the cockpit: `temperature=0.05` for the weights at that temperature too,
        `method="umap"` and `colour="artist"` for the map, `item="3"` and `show` for attention.

    Raises UnknownName for a noun or theme that does not exist, ArgumentError for a panel that cannot compare or has no
    choices, MissingExtra without plotly.
    """
    if noun not in PANELS:
        raise errors.UnknownName("figure", noun, PANELS, "panel")
    if theme not in THEMES:
        raise errors.UnknownName("figure", theme, THEMES, "theme")
    more: dict[str, Any] = {}
    if compare is not None:
        if noun not in COMPARES:
            raise errors.ArgumentError(
                f"figure({noun!r}, compare=...): this panel draws one run. "
                f"These compare: {', '.join(sorted(COMPARES))}."
            )
        more["ghost"] = past(compare, step)
    if options:
        if noun not in CHOOSES:
            given = ", ".join(f"{name}=..." for name in options)
            raise errors.ArgumentError(
                f"figure({noun!r}, {given}): this panel has one picture. "
                f"These have choices: {', '.join(sorted(CHOOSES))}."
            )
        more["options"] = {name: str(value) for name, value in options.items()}
    panel = PANELS[noun](past(history, step), place=place, live=False, **more)
    return plotly_pen.draw([panel], None, theme=theme)
