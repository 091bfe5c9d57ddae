"""Gallery, drawn by plotly and by Matplotlib."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Gallery

if TYPE_CHECKING:
    from vergence_widgets.draw.matplotlib_pen import _Plot
    from vergence_widgets.draw.plotly_plot import PlotPen

__all__ = ["coarse", "fitted", "matplotlib", "plotly", "said"]

TITLE, TILE, GAP, UNDER = 13.0, 32.0, 2.0, 14.0
"""px: of the title, of a picture, between the two of a pair, from the pictures to the numbers."""
MOST_CELL = 104.0
SMALL = 16
"""px of a picture in a file that has to be small."""
COLOURS = 32
"""Of a row of pairs there."""
USUAL = 400.0
"""px of a plot, where plotly takes no px."""

Tiles = NDArray[np.uint8]


def said(words: tuple[str, str]) -> str:
    """Cosine then and now: `0.82 → 0.31`."""
    return words[0] if not words[1] else f"{words[1].removeprefix('was ')} → {words[0]}"


def plotly(pen: PlotPen, layer: Gallery) -> None:
    """On plotly axes: one image, one stroke and one trace of words for each row of pairs."""
    height = pen.sheet.tall * (pen.up[1] - pen.up[0])
    down, across = 1 / height, 1 / USUAL  # of the axes, from 0 to 1, for each px
    pen._words(0, 1 - 6 * down, layer.title, layer.kind, "start", False)
    if layer.empty:
        pen._words(0, 1 - (TITLE + 16) * down, layer.empty, "second", "start", False)
    count = len(layer.now)
    if not count:
        return
    cell = USUAL / max(5, count)
    top, pair = 1 - (TITLE + 1) * down, 2 * TILE + GAP
    lefts = np.arange(count) * cell * across
    source = _source(layer, cell, pen.theme.ground, small=pen.sheet.most is not None)
    if source:
        place = {"xref": pen.x, "yref": pen.y, "x": 0, "y": round(top, 4), "source": source, "layer": "below"}
        size = {"sizex": round(((count - 1) * cell + pair) * across, 4), "sizey": round(TILE * down, 4)}
        pen.sheet.axes.setdefault("images", []).append(place | size | {"sizing": "stretch"})
    else:
        marks = [words for pair_of in layer.marks for words in pair_of]
        middles = np.stack([lefts + TILE / 2 * across, lefts + (1.5 * TILE + GAP) * across], axis=1).ravel()
        _texts(pen, middles, top - TILE / 2 * down, marks, "center")
    under = np.full(3 * count, top - (TILE + 2.5) * down)
    ends = np.stack([lefts, lefts + pair * across, np.full(count, np.nan)], axis=1).ravel()
    dash = {} if layer.kind == "positive" else {"dash": "5px,3px"}
    line = {"color": getattr(pen.theme, layer.kind), "width": 2.0} | dash
    pen._trace(ends, under, line=line, hoverinfo="skip", cliponaxis=False)
    numbers = [said(words) for words in layer.said]
    _texts(pen, lefts - 3 * across, top - (TILE + UNDER - 4) * down, numbers, "right")
    if pen.sheet.most is not None:
        return  # a small file names no rows; the table of the panel does
    told = [f"{text}<br>{_safe(a)}<br>{_safe(b)}" for text, (a, b) in zip(numbers, layer.words, strict=True)]
    pen._trace(
        lefts + TILE * across, np.full(count, top - TILE / 2 * down), mode="markers", name=layer.key,
        marker={"size": TILE, "opacity": 0}, hovertext=told, hoverinfo="text",
    )  # fmt: skip


def _texts(pen: PlotPen, x: NDArray[np.floating], y: float, words: list[str], side: str) -> None:
    pen._trace(
        x, np.full(len(x), y), mode="text", text=[_safe(one) for one in words], textposition=f"middle {side}",
        hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip


def matplotlib(pen: _Plot, layer: Gallery) -> None:
    """On paper."""
    paper, theme = pen.paper, pen.theme
    top = pen.box.top
    paper.text(pen.left, top + 6, layer.title, layer.kind)
    if layer.empty:
        paper.text(pen.left, top + TITLE + 16, layer.empty)
    cell = min(MOST_CELL, (pen.right - pen.left) / max(5, len(layer.now)))
    for index in range(len(layer.now)):
        left, y = pen.left + index * cell, top + TITLE + 1
        for side, tiles in enumerate((layer.first, layer.second)):
            x = left + side * (TILE + GAP)
            if tiles.size:
                wide, high = fitted(tiles.shape[2], tiles.shape[1], TILE)
                paper.axes.imshow(
                    coarse(tiles[index : index + 1])[0], extent=(x, x + wide, y + high, y), interpolation="nearest",
                    aspect="auto", zorder=2,
                )  # fmt: skip
            else:
                paper.text(x + TILE / 2, y + TILE / 2, layer.marks[index][side], anchor="middle")
        dash = "solid" if layer.kind == "positive" else "negative"
        under = y + TILE + 2.5
        paper.line((left, left + 2 * TILE + GAP), (under, under), getattr(theme, layer.kind), 2.0, dash)
        paper.text(left, y + TILE + UNDER - 4, said(layer.said[index]), "ink")


def coarse(tiles: Tiles, most: int = SMALL) -> Tiles:
    """(pictures, height, width, 3) with sides of at most `most` px, each the mean of what it stands for."""
    times = -(-max(tiles.shape[1:3]) // most) if tiles.size else 1
    if times <= 1:
        return tiles
    high, wide = (tiles.shape[1] // times) * times, (tiles.shape[2] // times) * times
    parts = tiles[:, :high, :wide].reshape(len(tiles), high // times, times, wide // times, times, 3)
    return np.asarray(parts.mean((2, 4)).round(), np.uint8)


def _source(layer: Gallery, cell: float, ground: str, *, small: bool) -> str:
    """All pairs of a row in one PNG, as text; "" where there are no pictures or nothing to write one with."""
    if not layer.first.size or not layer.second.size:
        return ""
    try:
        from PIL import Image  # comes with Matplotlib
    except ImportError:
        return ""
    side = SMALL if small else max(SMALL, *layer.first.shape[1:3], *layer.second.shape[1:3])
    px = side / TILE
    wide = round((len(layer.now) - 1) * cell * px) + round((2 * TILE + GAP) * px)
    sheet = Image.new("RGB", (wide, side), ground)
    for index in range(len(layer.now)):
        for number, tiles in enumerate((layer.first, layer.second)):
            left = round((index * cell + number * (TILE + GAP)) * px)
            picture = Image.fromarray(coarse(tiles[index : index + 1], side)[0])
            size = fitted(picture.width, picture.height, side)
            sheet.paste(picture.resize(size, Image.Resampling.NEAREST), (left, 0))
    buffer = io.BytesIO()
    (sheet.quantize(COLOURS) if small else sheet).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def fitted(width: int, height: int, tile: float) -> tuple[int, int]:
    """How large a picture is drawn on a tile: by whole numbers if it is small, so that it stays sharp."""
    times = tile / max(1, width, height)
    whole = float(int(times)) if times >= 1 else times
    return max(1, round(width * whole)), max(1, round(height * whole))


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
