"""The plotly pen: panels side by side as one document-quality figure.

`describe` gives the figure as plain JSON and needs no plotly, so a frozen output can be written where
plotly is not installed; `draw` gives the validated `plotly.graph_objects.Figure`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vergence import errors
from vergence_widgets.draw.layout import boxes, feet, finding_lines, title_of_run, title_of_unit, wrap
from vergence_widgets.draw.plotly_plot import EDGE, PlotPen, Sheet, safe
from vergence_widgets.panels.spec import (
    Panel,
)
from vergence_widgets.theme import (
    FONT,
    PLOT_HEIGHT,
    SIZES,
    STROKES,
    THEMES,
    Theme,
    ThemeName,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["describe", "draw"]

COLUMN_GAP = 0.075
"""Between columns, as a share of the width: the tick labels of the next panel stand there."""
HEAD = 52.0
"""px over the plots for the rule, the title and the headline."""
FOOT = 44.0
LINE = 15.0


def draw(
    panels: Sequence[Panel],
    header: Mapping[str, Any] | None = None,
    *,
    theme: ThemeName = "light",
    columns: int = 3,
) -> Figure:
    """Panels as one plotly figure, in reading order, so many to a row."""
    try:
        from plotly.graph_objects import Figure
    except ImportError as error:
        raise errors.MissingExtra("draw.plotly_pen.draw", "plotly", "widgets") from error
    return Figure(describe(panels, header, theme=theme, columns=columns))


def describe(
    panels: Sequence[Panel],
    header: Mapping[str, Any] | None = None,
    *,
    theme: ThemeName = "light",
    columns: int = 3,
    most: int | None = None,
    findings: Sequence[str] = (),
) -> dict[str, Any]:
    """The figure as `{"data", "layout"}`.

    columns: panels to a row; under 320 px a column is too narrow for the words of its panel.
    most: points of one curve at most, for a small file. findings: lines of words between header and panels.
    """
    count = max(1, min(columns, len(panels)))
    rows = max(1, math.ceil(len(panels) / count))
    foot = FOOT + LINE * (max((len(_foot(panel, THEMES[theme])) for panel in panels), default=1) - 1)
    said = finding_lines(findings, {1: 60, 2: 120}.get(count, 180))
    top = HEAD + (0.0 if not header else 34.0 if count > 1 else 50.0) + LINE * len(said)
    pitch = PLOT_HEIGHT + foot + HEAD
    sheet = Sheet(THEMES[theme], most, tall=(rows - 1) * pitch + PLOT_HEIGHT)
    height = top + sheet.tall + foot
    width = (1 - COLUMN_GAP * (count - 1)) / count
    for index, panel in enumerate(panels):
        left = index % count * (width + COLUMN_GAP)
        _panel(sheet, panel, left, left + width, index // count * pitch)
    if header:
        name, rest = title_of_run(header)
        body = f"<span style='font-size:{SIZES['body']}px'>{safe(rest)}</span>"
        joint = "  " if count > 1 else "<br>"  # one column is too narrow for both on one line
        words = f"<b>{safe(name)}</b>{joint}{body}"
        sheet.words(0, 1, words, "ink", size=SIZES["large"], up=top - (16 if count > 1 else 26), left=EDGE)
        sheet.annotations[-1]["align"] = "left"
    for row, (words, kind) in enumerate(said):
        color = {"warning": sheet.theme.warning_text, "head": "ink", "detail": "second"}[kind]
        sheet.words(0, 1, safe(words), color, up=HEAD + LINE * (len(said) - row) - 6, left=EDGE)
    ink = sheet.theme
    layout = {
        "height": height,
        "margin": {"l": 46, "r": 16, "t": top, "b": foot},
        "paper_bgcolor": ink.ground,
        "plot_bgcolor": ink.ground,
        "font": {"family": FONT, "size": SIZES["small"], "color": ink.second},
        "template": _template(ink),
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": ink.ground, "bordercolor": ink.rule, "font": {"color": ink.ink, "size": 11}},
        "shapes": sheet.shapes,
        "annotations": sheet.annotations,
        **sheet.axes,
    }
    return {"data": sheet.traces, "layout": layout}


def _template(theme: Theme) -> dict[str, Any]:
    """What all axes, words and strokes have in common, said once."""
    axis = {
        "tickmode": "array", "ticks": "outside", "ticklen": 3, "tickcolor": theme.rule, "showline": True,
        "linecolor": theme.rule, "linewidth": STROKES["axis"], "showgrid": False, "zeroline": False,
    }  # fmt: skip
    return {
        # Plotly would leave out points that it thinks nearly in line, and a density becomes a tent.
        "data": {"scatter": [{"line": {"simplify": False}}]},
        "layout": {
            "xaxis": axis,
            "yaxis": axis,
            "annotationdefaults": {"showarrow": False, "yanchor": "middle", "borderpad": 0},
            "shapedefaults": {"type": "line", "layer": "below"},
        },
    }


def _panel(sheet: Sheet, panel: Panel, left: float, right: float, down: float) -> None:
    top = sheet.level(down)
    rule = {
        "xref": "paper", "yref": "paper", "yanchor": top, "ysizemode": "pixel", "y0": HEAD - 8,
        "y1": HEAD - 8, "line": {"color": sheet.theme.rule, "width": STROKES["axis"]},
    }  # fmt: skip
    sheet.shapes.append(rule | {"x0": left, "x1": right})
    sheet.shapes.append(rule | {"xanchor": left, "xsizemode": "pixel", "x0": EDGE, "x1": 0})
    unit = f"<span style='font-size:{SIZES['small']}px;color:{sheet.theme.second}'>{safe(title_of_unit(panel))}</span>"
    sheet.words(left, top, f"<b>{panel.noun}</b>  {unit}", "ink", size=SIZES["body"], up=HEAD - 20, left=EDGE)
    if panel.headline is not None:
        head = panel.headline
        value = f"<b>{safe(f'{head.name} {head.text}'.strip())}</b>"
        small = f"<span style='font-size:{SIZES['small']}px;color:{sheet.theme.second}'>{safe(head.reference)}</span>"
        sheet.words(left, top, f"{value} {small}", "ink", size=SIZES["body"], up=HEAD - 38, left=EDGE)
    if not panel.plots:
        for row, words in enumerate(wrap(panel.message or "Nothing to draw yet.", 44)):
            sheet.words(left, top, safe(words), size=SIZES["body"], up=-20.0 - 18 * row, left=EDGE)
    for plot, box in zip(panel.plots, boxes(panel.plots, PLOT_HEIGHT), strict=True):
        sheet.count += 1
        low, high = sheet.level(down + box.bottom), sheet.level(down + box.top)
        PlotPen(sheet, plot, sheet.count, (left, right), (low, high), panel.noun).draw()
    for row, (words, color) in enumerate(_foot(panel, sheet.theme)):
        sheet.words(left, sheet.level(down + PLOT_HEIGHT), safe(words), color, up=-14.0 - LINE * row, left=EDGE)


def _foot(panel: Panel, theme: Theme) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if panel.state == "failed":
        lines += [(words, theme.warning_text) for words in wrap(f"✕ {panel.message}", 54)]
        lines += [(words, "second") for words in wrap(panel.after, 54)]
    return [*lines, *((words, "second") for words in feet(panel) if words)]
