"""The still picture that replaces a live cockpit, so that a saved notebook shows what was on screen.

JupyterLab draws the plotly part without a kernel, GitHub and everything else the PNG or the text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from vergence import errors
from vergence_widgets.draw import matplotlib_pen, plotly_pen
from vergence_widgets.draw.layout import title_of_run
from vergence_widgets.panels.spec import Panel
from vergence_widgets.theme import ThemeName

__all__ = ["MOST_BYTES", "size", "still", "text"]

MOST_BYTES = 100_000
"""Of a still picture altogether: a saved notebook stays small enough for git."""
_POINTS = (150, 100, 60, 30)
"""Points of one curve, from good to sparse, until the picture is small enough."""
_COLOURS = (64, 32, 16)


def still(
    panels: Sequence[Panel],
    header: Mapping[str, Any],
    *,
    theme: ThemeName = "light",
    width: int | None = None,
) -> dict[str, Any]:
    """A mime bundle: plotly JSON, PNG as base64, and words. At most `MOST_BYTES` in a saved notebook.

    width: px of the output it replaces, where known; it decides how many panels stand side by side.
    A part that cannot be made (Matplotlib absent, or too large) is left out; the words are always there.
    """
    columns = 2 if width is None else 3 if width >= 1400 else 2 if width >= 760 else 1
    bundle: dict[str, Any] = {"text/plain": text(panels, header)}
    left = MOST_BYTES - size(bundle)
    for most in _POINTS:
        figure = plotly_pen.describe(panels, header, theme=theme, columns=columns, most=most)
        if size(figure) < 0.6 * left:
            bundle["application/vnd.plotly.v1+json"] = _kept(figure)
            break
    left = MOST_BYTES - size(bundle)
    for colours in _COLOURS:
        try:
            picture = matplotlib_pen.png(panels, header, theme=theme, columns=columns, colours=colours)
        except errors.MissingExtra:
            break
        encoded = base64.b64encode(picture).decode("ascii")
        if len(encoded) + 64 < left:
            bundle["image/png"] = encoded
            break
    return bundle


def _kept(figure: dict[str, Any]) -> dict[str, Any]:
    """The figure as a notebook should keep it.

    JupyterLab's plotly renderer shows the PNG until the pointer passes over it, then draws the figure, takes a
    snapshot of the page (150 kB and more) and puts that in the place of our PNG, in the saved file too. The
    snapshot goes by way of an SVG image; one character that XML does not allow, in an annotation that nobody
    sees, and there is none. The button that would do the same by hand is taken off: the PNG is beside it.
    """
    unseen = {"text": "\x01", "x": 0, "y": 0, "xref": "paper", "yref": "paper", "showarrow": False, "opacity": 0}
    layout = figure["layout"]
    annotations = [*layout.get("annotations", []), unseen | {"font": {"size": 1}}]
    config = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["toImage"]}
    return figure | {"layout": layout | {"annotations": annotations}, "config": config}


def text(panels: Sequence[Panel], header: Mapping[str, Any]) -> str:
    """The run and each panel in one line of words."""
    name, rest = title_of_run(header)
    parts = [part for part in (*rest.split("    "), header.get("saved")) if part]
    lines = [f"{name}: {', '.join(parts)}"]
    for panel in panels:
        said = " ".join(part for part in (panel.summary, panel.message, panel.after) if part)
        lines.append(f"{panel.noun}: {said or 'nothing measured'}")
    return "\n".join(lines)


def size(value: Any) -> int:
    """Bytes in a saved notebook: JSON there is indented, at this depth by six more spaces a line."""
    written = json.dumps(value, indent=1, ensure_ascii=False)
    return len(written.encode()) + 6 * written.count("\n")
