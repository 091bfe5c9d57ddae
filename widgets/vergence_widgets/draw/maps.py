"""Maps, drawn by plotly and by Matplotlib: a picture of the item, a grid of small maps, rollout, entropies."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.draw.maps_layout import KEY_WIDTH, Cell, Laid, lay, pooled, shares
from vergence_widgets.panels.spec import Maps
from vergence_widgets.theme import Theme, diverging, viridis

if TYPE_CHECKING:
    from vergence_widgets.draw.matplotlib_pen import _Plot
    from vergence_widgets.draw.plotly_plot import PlotPen

__all__ = ["matplotlib", "plotly"]

WIDE = 350.0
"""px of a panel for which plotly's picture is laid out; it stretches with the page."""
MOST_TRACES = 160
"""Maps with a trace of their own, so that each says its numbers; more are one trace."""


# -- plotly ------------------------------------------------------------------------------------------------


def plotly(pen: PlotPen, layer: Maps) -> None:
    """On plotly axes, which become px from the top left corner."""
    sheet = pen.sheet
    tall = (pen.up[1] - pen.up[0]) * sheet.tall
    laid = lay(layer, WIDE, tall)
    name = pen.x.removeprefix("x")
    sheet.axes[f"xaxis{name}"]["range"] = [0, WIDE]
    sheet.axes[f"yaxis{name}"]["range"] = [tall, 0]
    if sheet.most is None and laid.count <= MOST_TRACES:
        _each(pen, layer, laid)
    else:
        _together(pen, layer, laid)
    _key(pen, layer, laid)
    if layer.picture.size:
        found = _uri(layer.picture)
        image = {"source": found, "xref": pen.x, "yref": pen.y, "x": laid.picture[0], "y": laid.picture[1]}
        size = {"sizex": laid.picture[2], "sizey": laid.picture[2], "sizing": "stretch"}
        if found:
            sheet.axes.setdefault("images", []).append(image | size)
    for words in laid.words:
        pen._words(words.x, words.y, words.text, words.color, words.anchor, words.bold)


def _each(pen: PlotPen, layer: Maps, laid: Laid) -> None:
    for cell in laid.cells:
        _one(pen, layer, cell)


def _one(pen: PlotPen, layer: Maps, cell: Cell) -> None:
    """A map as a trace of its own, with the numbers themselves: hovering says them."""
    rows, columns = layer.grid
    values = shares(layer, cell.index)
    if values is None:
        return
    values = values[layer.prefix :].reshape(rows, columns)
    top = float(np.abs(values).max()) or 1.0
    where = "rollout" if cell.index < 0 else f"layer {layer.layers[cell.row]}, head {cell.column + 1}"
    said = "change %{z:.4f}" if layer.signed else "attention %{z:.4f}"
    _heat(
        pen, values.astype(np.float32), "f4", cell.left, cell.top, cell.wide / columns, cell.tall / rows,
        zmin=-top if layer.signed else 0.0, zmax=top, colorscale=_scale(pen.theme, layer.signed), name=where,
        hovertemplate=f"{where}<br>{said}<extra></extra>",
    )  # fmt: skip


def _together(pen: PlotPen, layer: Maps, laid: Laid) -> None:
    """All maps as one small trace of bytes: 0 is the ground between them."""
    most = None if pen.sheet.most is None else 40 * pen.sheet.most
    atlas, rows, columns = pooled(layer, laid, most)
    dx, dy = laid.pitch_x / columns, laid.pitch_y / rows
    first = laid.cells[0]
    stops = [(1 + 254 * stop / 8) / 255 for stop in range(9)]
    colours = [colour for _, colour in _scale(pen.theme, layer.signed)]
    ground: list[list[Any]] = [[0, pen.theme.ground], [round(stops[0], 4), pen.theme.ground]]
    scale = ground + [[round(stop, 4), colour] for stop, colour in zip(stops, colours, strict=True)]
    _heat(
        pen, atlas, "u1", first.left, first.top, dx, dy, zmin=0, zmax=255, colorscale=scale, hoverinfo="skip",
        name="maps",
    )  # fmt: skip
    if laid.cells[-1].index < 0:
        _one(pen, layer, laid.cells[-1])


def _key(pen: PlotPen, layer: Maps, laid: Laid) -> None:
    ramp = np.arange(24, dtype=np.uint8)[None]
    x, y = laid.key
    dx = KEY_WIDTH / ramp.shape[1]
    colours = _scale(pen.theme, layer.signed)
    _heat(pen, ramp, "u1", x, y, dx, 7.0, zmin=0, zmax=23, colorscale=colours, hoverinfo="skip", name="key")


def _heat(
    pen: PlotPen, values: NDArray[Any], kind: str, left: float, top: float, dx: float, dy: float, **more: Any
) -> None:
    data = np.ascontiguousarray(values, dtype="<f4" if kind == "f4" else "u1").tobytes()
    shape = f"{values.shape[0]}, {values.shape[1]}"
    z = {"dtype": kind, "bdata": base64.b64encode(data).decode("ascii"), "shape": shape}
    place = {"x0": round(left + dx / 2, 2), "dx": round(dx, 4), "y0": round(top + dy / 2, 2), "dy": round(dy, 4)}
    trace = {"type": "heatmap", "xaxis": pen.x, "yaxis": pen.y, "z": z, "showscale": False}
    pen.sheet.traces.append(trace | place | more)


def _scale(theme: Theme, signed: bool) -> list[list[Any]]:
    """Nine even stops."""
    return [[stop / 8, diverging(stop / 4 - 1, theme) if signed else viridis(stop / 8, theme)] for stop in range(9)]


def _uri(picture: NDArray[np.uint8]) -> str:
    """A PNG as text; "" where there is nothing to write one with."""
    try:
        from PIL import Image  # comes with Matplotlib
    except ImportError:
        return ""
    import io

    buffer = io.BytesIO()
    Image.fromarray(picture).quantize(64).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


# -- Matplotlib --------------------------------------------------------------------------------------------


def matplotlib(pen: _Plot, layer: Maps) -> None:
    """On paper: one image of the whole box, two px for each px of the layout."""
    wide, tall = pen.right - pen.left, pen.box.height
    laid = lay(layer, wide, tall)
    fine = 2
    ground = np.frombuffer(bytes.fromhex(pen.theme.ground[1:]), np.uint8)
    sheet = np.tile(ground, (round(fine * tall), round(fine * wide), 1))
    colours = _table(pen.theme, layer.signed)
    rows, columns = layer.grid
    for cell in laid.cells:
        values = shares(layer, cell.index)
        if values is None:
            continue
        top = float(np.abs(values[layer.prefix :]).max()) or 1.0
        part = values[layer.prefix :].reshape(rows, columns) / top
        index = np.rint((part + 1) * 127.5 if layer.signed else part * 255).astype(np.int64)
        box = fine * cell.left, fine * cell.top, fine * cell.wide, fine * cell.tall
        _stamp(sheet, colours[index.clip(0, 255)], *box)
    x, y = laid.key
    _stamp(sheet, colours[None], fine * x, fine * y, fine * KEY_WIDTH, fine * 7)
    if layer.picture.size:
        left, top, side = laid.picture
        _stamp(sheet, layer.picture, fine * left, fine * top, fine * side, fine * side)
    extent = (pen.left, pen.right, pen.box.bottom, pen.box.top)
    pen.paper.axes.imshow(sheet, extent=extent, aspect="auto", interpolation="nearest", zorder=1)
    for words in laid.words:
        anchor, bold = words.anchor, words.bold
        pen.paper.text(pen.left + words.x, pen.box.top + words.y, words.text, words.color, anchor=anchor, bold=bold)


def _table(theme: Theme, signed: bool) -> NDArray[np.uint8]:
    colours = [diverging(i / 127.5 - 1, theme) if signed else viridis(i / 255, theme) for i in range(256)]
    return np.frombuffer(bytes.fromhex("".join(colour[1:] for colour in colours)), np.uint8).reshape(256, 3)


def _stamp(sheet: NDArray[np.uint8], picture: NDArray[Any], left: float, top: float, wide: float, tall: float) -> None:
    """Paint a picture into a box of the sheet, the nearest pixel of it for each."""
    x0, y0, x1, y1 = (round(edge) for edge in (left, top, left + wide, top + tall))
    x1, y1 = min(x1, sheet.shape[1]), min(y1, sheet.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    across = (np.arange(x1 - x0) * picture.shape[1] // max(1, round(wide))).clip(0, picture.shape[1] - 1)
    down = (np.arange(y1 - y0) * picture.shape[0] // max(1, round(tall))).clip(0, picture.shape[0] - 1)
    sheet[y0:y1, x0:x1] = picture[down[:, None], across]
