"""The still picture that replaces a live cockpit, so that a saved notebook shows what was on screen.

JupyterLab draws the plotly part without a kernel, GitHub and everything else the PNG or the text. With all eight
panels there is room for the PNG alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
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
_PICTURES = ((64, 1.0), (32, 1.0), (16, 1.0), (64, 0.6), (32, 0.6), (16, 0.6), (8, 0.5))
"""Colours and size of the PNG, from good to coarse."""


def still(
    panels: Sequence[Panel],
    header: Mapping[str, Any],
    *,
    theme: ThemeName = "light",
    width: int | None = None,
    findings: Sequence[str] = (),
) -> dict[str, Any]:
    """A mime bundle: plotly JSON, PNG as base64, and words. At most `MOST_BYTES` in a saved notebook.

    width: px of the output it replaces, where known; it decides how many panels stand side by side.
    findings: what is wrong, as lines of words (`panels.findings.lines`).
    The plotly part has every panel, and a PNG of full size beside it, or is left out: JupyterLab draws it over the
    PNG as soon as the pointer comes, and no panel may vanish then. All eight panels do not fit twice; report.html has
    them with their numbers.
    A part that cannot be made (Matplotlib absent, or too large) is left out; the words are always there.
    """
    columns = 2 if width is None else 3 if width >= 1400 else 2 if width >= 760 else 1
    bundle: dict[str, Any] = {"text/plain": text(panels, header, findings)}
    pictures = _Pictures(panels, header, theme, columns, findings)
    for most in _POINTS:
        drawn = plotly_pen.describe(panels, header, theme=theme, columns=columns, most=most, findings=findings)
        figure = _kept(drawn)
        found = bundle | {"application/vnd.plotly.v1+json": figure}
        if size(found) < MOST_BYTES and size(found) + pictures.smallest_whole() < MOST_BYTES:
            bundle = found
            break
    # What plotly did not need makes the PNG better.
    left = MOST_BYTES - size(bundle)
    encoded = next((encoded for encoded in pictures if len(encoded) + 64 < left), None)
    if encoded is not None:
        bundle["image/png"] = encoded
    return bundle


class _Pictures:
    """The PNG as base64, from good to coarse, each made when it is asked for; none without Matplotlib."""

    def __init__(
        self,
        panels: Sequence[Panel],
        header: Mapping[str, Any],
        theme: ThemeName,
        columns: int,
        findings: Sequence[str] = (),
    ) -> None:
        self._theme: ThemeName = theme
        self._made: dict[tuple[int, float], str] = {}
        try:
            self._whole = matplotlib_pen.png(panels, header, theme=theme, columns=columns, findings=findings)
        except errors.MissingExtra:
            self._whole = b""

    def __iter__(self) -> Iterator[str]:
        return iter([]) if not self._whole else (self._encoded(*form) for form in _PICTURES)

    def smallest_whole(self) -> int:
        """Bytes of the coarsest one that is not made smaller."""
        last = [form for form in _PICTURES if form[1] == 1.0][-1]
        return len(self._encoded(*last)) + 64 if self._whole else 0

    def _encoded(self, colours: int, scale: float) -> str:
        form = colours, scale
        if form not in self._made:
            reduced = matplotlib_pen.reduced(self._whole, colours, theme=self._theme, scale=scale)
            self._made[form] = base64.b64encode(reduced).decode("ascii")
        return self._made[form]


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


def text(panels: Sequence[Panel], header: Mapping[str, Any], findings: Sequence[str] = ()) -> str:
    """The run, what is wrong, and each panel in one line of words."""
    name, rest = title_of_run(header)
    parts = [part for part in (*rest.split("    "), header.get("saved")) if part]
    lines = [f"{name}: {', '.join(parts)}", *findings]
    for panel in panels:
        said = " ".join(part for part in (panel.summary, panel.message, panel.after) if part)
        lines.append(f"{panel.noun}: {said or 'nothing measured'}")
    return "\n".join(lines)


def size(value: Any) -> int:
    """Bytes in a saved notebook: JSON there is indented, at this depth by six more spaces a line."""
    written = json.dumps(value, indent=1, ensure_ascii=False)
    return len(written.encode()) + 6 * written.count("\n")
