"""Heat, drawn by plotly and by Matplotlib: colours as one picture, curves over it with a rim."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.layers.heat import NOTHING, STOPS, Over
from vergence_widgets.panels.spec import Heat
from vergence_widgets.theme import DASHES, SIZES, STROKES, VIRIDIS, Theme, viridis

if TYPE_CHECKING:
    from vergence_widgets.draw.matplotlib_pen import _Plot
    from vergence_widgets.draw.plotly_plot import PlotPen

__all__ = ["RIM", "WHITE", "matplotlib", "plotly"]

WHITE = "#ffffff"
RIM = "#15181b"
"""Around white curves and words: the two ends of the sequence are dark and light, and both must show."""
RIM_OPACITY = 0.55
KEY_WIDTH = 48
KEY_UP = 12.0
"""px from the strip to the middle of its colour key."""
FEW_COLUMNS = 48
FEW_ROWS = 22


# -- plotly --------------------------------------------------------------------------------------------


def plotly(pen: PlotPen, layer: Heat) -> None:
    """On plotly axes."""
    from vergence_widgets.draw.plotly_plot import numbers

    x, y, values = (layer.x, layer.y, layer.values) if pen.sheet.most is None else _thinned(layer)
    height = pen.up[1] + KEY_UP / pen.sheet.tall
    stops = len(VIRIDIS) - 1
    share = STOPS / NOTHING
    scale = [[round(share * stop / stops, 4), viridis(stop / stops, pen.theme)] for stop in range(stops + 1)]
    scale += [[round(share, 4) + 1e-4, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]]
    right = 6.5 * len(layer.ends[1]) + 5
    across = pen.across[1] - pen.across[0]
    trace: dict[str, Any] = {
        "type": "heatmap", "xaxis": pen.x, "yaxis": pen.y, "x": numbers(x), "y": numbers(y), "name": _name(layer.key),
        "z": {"dtype": "u1", "bdata": base64.b64encode(values.tobytes()).decode("ascii"), "shape": _shape(values)},
        "zmin": 0, "zmax": NOTHING, "zsmooth": False, "colorscale": scale,
        "hovertemplate": "step %{x:,.0f}<br>index %{y:.0f}<extra></extra>",
        "colorbar": {
            "orientation": "h", "lenmode": "pixels", "len": KEY_WIDTH, "thickness": 6, "xpad": 0, "ypad": 0,
            "xanchor": "right", "yanchor": "middle", "showticklabels": False, "ticks": "", "outlinewidth": 0,
            "x": round(pen.across[1] - right / 320 * across, 4), "y": round(height, 4),
        },
    }  # fmt: skip
    if pen.sheet.most is None:
        trace["customdata"] = {"dtype": "f4", "bdata": _values(layer), "shape": _shape(values)}
        trace["hovertemplate"] = "step %{x:,.0f}<br>index %{y:.0f}<br>%{customdata:.3~g}<extra></extra>"
    pen.sheet.traces.append(trace)
    pen.sheet.words(pen.across[1], pen.up[1], layer.ends[1], anchor="right", up=KEY_UP)
    pen.sheet.words(pen.across[1], pen.up[1], layer.ends[0], anchor="right", up=KEY_UP, left=-(right + KEY_WIDTH + 5))
    for curve in layer.over:
        _plotly_curve(pen, curve, numbers)


def _plotly_curve(pen: PlotPen, curve: Over, numbers: Any) -> None:
    from vergence_widgets.draw.plotly_plot import safe, thinned

    x, y = thinned(curve.x, curve.y, pen.sheet.most and max(24, pen.sheet.most // 3))

    pattern = DASHES[curve.dash]
    dash = "solid" if pattern is None else ",".join(f"{part:g}px" for part in pattern)
    color, width = _stroke(curve, pen.theme)
    base: dict[str, Any] = {"type": "scatter", "mode": "lines", "xaxis": pen.x, "yaxis": pen.y, "connectgaps": False}
    base |= {"x": numbers(x), "y": numbers(y), "name": _name(curve.key)}
    rim = {"color": RIM, "width": width + 1.5, "dash": dash}
    if pen.sheet.most is None and len(x):  # a still has to be small, and shows the rim in its PNG
        pen.sheet.traces.append(base | {"line": rim, "opacity": RIM_OPACITY, "hoverinfo": "skip"})
    hover = f"step %{{x:,}}<br>{_name(curve.key)} %{{y:.4~g}}<extra></extra>"
    if len(x):
        line = {"color": color, "width": width, "dash": dash}
        pen.sheet.traces.append(base | {"line": line, "hovertemplate": hover})
    if curve.label:
        pen.sheet.annotations.append(
            {
                "xref": pen.x, "yref": pen.y, "x": curve.label_x, "y": curve.label_y, "xanchor": "right",
                "text": safe(curve.label), "font": {"color": WHITE, "size": SIZES["small"]},
                "bgcolor": "rgba(21,24,27,0.5)",
            }
        )  # fmt: skip


def _thinned(layer: Heat) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
    """Fewer columns and rows, for a small still: each the middle one of those it stands for."""
    rows, columns = layer.values.shape
    down, across = max(1, -(-rows // FEW_ROWS)), max(1, -(-columns // FEW_COLUMNS))
    row, column = np.arange(0, rows, down), np.arange(0, columns, across)
    middle = np.minimum(row + down // 2, rows - 1), np.minimum(column + across // 2, columns - 1)
    values = np.ascontiguousarray(layer.values[np.ix_(*middle)])
    return np.append(layer.x[column], layer.x[-1]), np.append(layer.y[row], layer.y[-1]), values


def _values(layer: Heat) -> str:
    """What the colours stand for, as plotly reads it."""
    part = np.where(layer.values == NOTHING, np.nan, layer.values / STOPS)
    log = layer.scale == "log"
    value = layer.low * (layer.high / layer.low) ** part if log else layer.low + (layer.high - layer.low) * part
    return base64.b64encode(value.astype("<f4").tobytes()).decode("ascii")


def _shape(values: NDArray[Any]) -> str:
    return ", ".join(map(str, values.shape))


# -- Matplotlib ----------------------------------------------------------------------------------------


def matplotlib(pen: _Plot, layer: Heat) -> None:
    """On paper."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patheffects import withStroke

    paper, theme = pen.paper, pen.theme
    colours = ListedColormap([viridis(stop / STOPS, theme) for stop in range(STOPS + 1)])
    shown = np.ma.masked_equal(layer.values, NOTHING)
    paper.axes.pcolormesh(
        pen.x(layer.x), pen.y(layer.y), shown, cmap=colours, vmin=0, vmax=STOPS, shading="flat", antialiased=False,
        linewidth=0, rasterized=True, zorder=1.2,
    )  # fmt: skip
    _matplotlib_key(pen, layer)
    for curve in layer.over:
        color, width = _stroke(curve, theme)
        x, y = pen.x(curve.x), pen.y(curve.y)
        paper.line(x, y, RIM, width + 1.5, "solid" if curve.dash == "solid" else curve.dash, RIM_OPACITY, pen.clip, 2.5)
        paper.line(x, y, color, width, curve.dash, 1.0, pen.clip, 2.6)
        if curve.label:
            paper.text(
                pen.x(curve.label_x), pen.y(curve.label_y), curve.label, WHITE, anchor="end",
                within=(pen.left + 2, pen.right),
            )  # fmt: skip
            paper.axes.texts[-1].set_path_effects([withStroke(linewidth=2.5, foreground=RIM, alpha=RIM_OPACITY)])


def _matplotlib_key(pen: _Plot, layer: Heat) -> None:
    """The colour key with both its ends, over the strip at its right."""
    paper, y = pen.paper, pen.box.top - KEY_UP
    paper.text(pen.right, y, layer.ends[1], anchor="end")
    end = pen.right - paper.width(paper.axes.texts[-1]) - 5
    for index in range(KEY_WIDTH):
        x = end - KEY_WIDTH + index
        colour = viridis(index / (KEY_WIDTH - 1), pen.theme)
        paper.area(np.asarray([x, x + 1.5, x + 1.5, x]), np.asarray([y - 3, y - 3, y + 3, y + 3]), colour, 1.0)
    paper.text(end - KEY_WIDTH - 5, y, layer.ends[0], anchor="end")


def _stroke(curve: Over, theme: Theme) -> tuple[str, float]:
    """Colour and width: the other run is thin and grey."""
    if curve.color == "ghost":
        return theme.ghost, STROKES["past"]
    return WHITE, STROKES["past"] if curve.dash == "chance" else STROKES["now"]


def _name(key: str) -> str:
    return key.replace("_", " ")
