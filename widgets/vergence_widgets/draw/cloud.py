"""Cloud, drawn by plotly and by Matplotlib: a mark per item, names beside their crowds, a scale bar for both axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.place import TALL, text_width
from vergence_widgets.panels.spec import Axis, Cloud
from vergence_widgets.theme import CLASSES, SHAPES, STROKES, Theme

if TYPE_CHECKING:
    from vergence_widgets.draw.matplotlib_pen import _Plot
    from vergence_widgets.draw.paper import Paper
    from vergence_widgets.draw.plotly_plot import PlotPen

__all__ = ["matplotlib", "named", "per_unit", "plotly", "scale_bar"]

RADIUS = 3.0
MANY = 1000
"""More items than this are drawn smaller."""
MOST_LINKS = 150
"""More are a thicket on a small picture."""
GLYPH_ROOM = 12.0
"""px before a name for the shape of its kind."""
SCALE_ROW = 17.0
"""px under the map for the scale bar."""
SHORTEST_STILL = 64
FAR = (0, 12, 24, 38, 54, 72)
"""px from the middle of a crowd at which its name is tried."""
SPOKES = 12
MOST_COVERED = 1
"""Items that a name may cover."""
MOST_LETTERS = 24

SYMBOLS = dict(
    zip(
        SHAPES,
        ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "line-ew", "line-ns"),
        strict=True,
    )
)
GLYPHS = ("●", "■", "▲", "◆", "▼", "✚", "▬", "▮")
"""The shapes as letters, before a name."""
STROKED = ("bar", "pillar")
"""Shapes that plotly draws as a stroke."""
ARM, THICK = 1.25, 0.4
OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)],
    "triangle": [(0, 1.52), (1.316, -0.76), (-1.316, -0.76)],
    "inverted triangle": [(0, -1.52), (1.316, 0.76), (-1.316, 0.76)],
    "diamond": [(0, -1.26), (1.26, 0), (0, 1.26), (-1.26, 0)],
    "cross": [
        (-THICK, -ARM), (THICK, -ARM), (THICK, -THICK), (ARM, -THICK), (ARM, THICK), (THICK, THICK), (THICK, ARM),
        (-THICK, ARM), (-THICK, THICK), (-ARM, THICK), (-ARM, -THICK), (-THICK, -THICK),
    ],
    "bar": [(-1.4, -0.52), (1.4, -0.52), (1.4, 0.52), (-1.4, 0.52)],
    "pillar": [(-0.52, -1.4), (0.52, -1.4), (0.52, 1.4), (-0.52, 1.4)],
}  # fmt: skip
"""Corners around the middle; 1 is the radius of the circle, so that all cover about as much."""

Px = NDArray[np.float64]


# -- what both pens agree on -----------------------------------------------------------------------------


def per_unit(x: Axis, y: Axis, width: float, height: float) -> float:
    """px for 1 on either axis, so that the limits of both are inside."""
    return min(width / (x.high - x.low), height / (y.high - y.low))


def scale_bar(px: float, width: float) -> tuple[float, str]:
    """The length of the scale bar in map units, 1, 2 or 5 times a power of ten, at most a quarter wide; its words."""
    most = max(1e-9, min(90.0, width / 4) / px)
    power = 10.0 ** math.floor(math.log10(most))
    length = float(f"{next(part for part in (5, 2, 1) if part * power <= most * (1 + 1e-9)) * power:.3g}")
    return length, f"{length:g} on both axes"


def named(layer: Cloud, x: Px, y: Px, width: float, height: float) -> dict[int, tuple[float, float]]:
    """Where the name of each coloured kind fits, near the middle of its crowd: the middle of the words, in px.

    x, y: items in px, from the top left of a box `width` by `height`. A kind whose name would cover items or another
    name is not here: the table has it.
    """
    seen = np.isfinite(x) & np.isfinite(y)
    crowds = {kind: seen & (layer.kind == kind) for kind in layer.coloured(len(SHAPES))}
    middles = {kind: (float(np.median(x[own])), float(np.median(y[own]))) for kind, own in crowds.items() if own.any()}
    taken: list[tuple[float, float, float, float]] = []
    found: dict[int, tuple[float, float]] = {}
    for kind in sorted(middles, key=lambda kind: -int(crowds[kind].sum())):
        half = (text_width(short(layer.kinds[kind]), bold=True) + GLYPH_ROOM) / 2 + 2
        best: tuple[int, float, float] | None = None
        for far in FAR:
            for spoke in range(SPOKES if far else 1):
                angle = 2 * math.pi * spoke / SPOKES + math.pi / 2
                # Beside a crowd words need room for half their width, over it for half their height.
                px = middles[kind][0] + (far + half * abs(math.cos(angle)) * bool(far)) * math.cos(angle)
                py = middles[kind][1] - far * math.sin(angle)
                box = (px - half, py - TALL / 2, px + half, py + TALL / 2)
                inside = box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= height
                if not inside or any(_meet(box, other) for other in taken) or _foreign(px, py, kind, middles):
                    continue
                covered = int((seen & (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])).sum())
                if best is None or covered < best[0]:
                    best = (covered, px, py)
            if best is not None and best[0] == 0:
                break
        if best is not None and best[0] <= MOST_COVERED:
            _, px, py = best
            taken.append((px - half, py - TALL / 2, px + half, py + TALL / 2))
            found[kind] = (px, py)
    return found


def short(name: str) -> str:
    """A name that fits beside a crowd."""
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1].rstrip() + "…"


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] + 3 and other[0] < one[2] + 3 and one[1] < other[3] + 2 and other[1] < one[3] + 2


def _foreign(px: float, py: float, kind: int, middles: dict[int, tuple[float, float]]) -> bool:
    """Nearer to the middle of another crowd: it would be read as that one's name."""
    away = {other: math.hypot(px - at[0], py - at[1]) for other, at in middles.items()}
    return min(away.values()) < away[kind] - 6


def _marks(layer: Cloud, theme: Theme) -> list[tuple[str, str, str, NDArray[np.bool_]]]:
    """(name, colour, shape, items) of every kind, what has no colour of its own first, so that it lies below."""
    seen = np.isfinite(layer.x) & np.isfinite(layer.y)
    own = layer.coloured(len(SHAPES))
    colours = _colours(theme)
    grey = seen & ~np.isin(layer.kind, own)
    found = [("", theme.ghost, "circle", grey)] if grey.any() else []
    for slot, kind in enumerate(own):
        found.append((layer.kinds[kind], colours[slot], SHAPES[slot], seen & (layer.kind == kind)))
    return found


def _colours(theme: Theme) -> tuple[str, ...]:
    return CLASSES["dark" if theme.sequence_start else "light"]


def _broken_links(layer: Cloud) -> tuple[Px, Px]:
    pairs = layer.links
    gap = np.full(len(pairs), np.nan)
    x, y = (np.stack([values[pairs[:, 0]], values[pairs[:, 1]], gap], 1).ravel() for values in (layer.x, layer.y))
    whole = np.repeat(np.isfinite(x.reshape(-1, 3)[:, :2]).all(1), 3)
    return np.where(whole, x, np.nan), np.where(whole, y, np.nan)


# -- plotly --------------------------------------------------------------------------------------------


def plotly(pen: PlotPen, layer: Cloud) -> None:
    """On plotly axes that keep one scale, whatever the width of the page."""
    from vergence_widgets.draw.plotly_plot import USUAL_WIDTH, safe

    x_axis, y_axis = pen.plot.x, pen.plot.y
    height = (pen.up[1] - pen.up[0]) * pen.sheet.tall
    px = per_unit(x_axis, y_axis, USUAL_WIDTH, height - SCALE_ROW)
    low = y_axis.low - SCALE_ROW / px
    pen.sheet.axes[f"yaxis{pen.y[1:]}"] |= {"range": [low, y_axis.high], "scaleanchor": pen.x, "scaleratio": 1}
    keep = np.ones(len(layer.x), bool)
    if pen.sheet.most is not None:  # a still of a few hundred px
        some = min(len(keep), max(SHORTEST_STILL, 2 * pen.sheet.most))
        keep[:] = False
        keep[np.arange(some) * len(keep) // max(1, some)] = True
    elif len(layer.links):
        line = {"color": pen.theme.ghost, "width": STROKES["guide"]}
        pen._trace(*_broken_links(layer), hoverinfo="skip", line=line, opacity=0.4, name="links")
    size = 2 * (RADIUS if len(keep) <= MANY else 2.0)
    for name, colour, shape, items in _marks(layer, pen.theme):
        own = items & keep
        if not own.any():
            continue
        marker: dict[str, Any] = {"symbol": SYMBOLS[shape], "size": size, "color": colour}
        if shape in STROKED:
            marker |= {"size": round(1.3 * size, 1), "line": {"color": colour, "width": round(0.45 * size, 1)}}
        known: dict[str, Any] = {"name": safe(name or (layer.tried and "others") or "items"), "marker": marker}
        known |= {"hoverinfo": "name"} if pen.sheet.most is not None else _hover(layer, name, own, safe)
        pen._trace(layer.x[own], layer.y[own], mode="markers", **known)
    # Names are placed at the usual width; a wider page only gives them more room.
    half = USUAL_WIDTH / px / 2
    places = named(layer, (layer.x + half) * px, (y_axis.high - layer.y) * px, USUAL_WIDTH, height - SCALE_ROW)
    for kind_, (at_x, at_y) in places.items():
        slot = layer.coloured(len(SHAPES)).index(kind_)
        words = short(layer.kinds[kind_])
        pen._words(at_x / px - half, y_axis.high - at_y / px, words, "ink", "middle", True, veil=True)
        colour = _colours(pen.theme)[slot]
        glyph = f"<span style='color:{colour}'>{GLYPHS[slot]}</span> "
        pen.sheet.annotations[-1]["text"] = glyph + pen.sheet.annotations[-1]["text"]
    length, words = scale_bar(px, USUAL_WIDTH)
    left, under = x_axis.low, low + 6 / px
    pen._stroke(left, left + length, under, under, pen.theme.second, STROKES["axis"])
    for end in (left, left + length):
        pen._stroke(end, end, under - 3 / px, under + 3 / px, pen.theme.second, STROKES["axis"])
    pen._words(left + length, under, words, "second", "start", False, shift=(6, 0))


def _hover(layer: Cloud, kind: str, own: NDArray[np.bool_], safe: Callable[[str], str]) -> dict[str, Any]:
    """What is said of an item under the pointer: its name, its kind, where it is."""
    place = "%{x:.2f}, %{y:.2f}<extra></extra>"
    if not layer.names:
        return {"hovertemplate": f"{safe(kind)}<br>{place}" if kind else place}
    told = []
    for index in np.flatnonzero(own).tolist():
        of = int(layer.kind[index])
        told.append(safe(layer.names[index] + (f" ({layer.kinds[of]})" if of >= 0 else "")))
    return {"text": told, "hovertemplate": f"<b>%{{text}}</b><br>{place}"}


# -- Matplotlib ------------------------------------------------------------------------------------------


def matplotlib(pen: _Plot, layer: Cloud) -> None:
    """On paper."""
    paper, theme = pen.paper, pen.theme
    left, top, width = pen.left, pen.box.top, pen.right - pen.left
    height = pen.box.height - SCALE_ROW
    px = per_unit(pen.plot.x, pen.plot.y, width, height)
    middle = (pen.plot.x.low + pen.plot.x.high) / 2, (pen.plot.y.low + pen.plot.y.high) / 2

    def across(values: Px) -> Px:
        return width / 2 + (values - middle[0]) * px

    def down(values: Px) -> Px:
        return height / 2 - (values - middle[1]) * px

    if 0 < len(layer.links) <= MOST_LINKS:
        link_x, link_y = _broken_links(layer)
        paper.line(left + across(link_x), top + down(link_y), theme.ghost, STROKES["guide"], opacity=0.4, order=1.5)
    radius = RADIUS if len(layer.x) <= MANY else 2.0
    for _, colour, shape, items in _marks(layer, theme):
        _scatter(paper, left + across(layer.x[items]), top + down(layer.y[items]), radius, shape, colour)
    for kind, (at_x, at_y) in named(layer, across(layer.x), down(layer.y), width, height).items():
        slot = layer.coloured(len(SHAPES)).index(kind)
        words = short(layer.kinds[kind])
        end = paper.text(
            left + at_x + GLYPH_ROOM / 2, top + at_y, words, "ink", bold=True, anchor="middle",
            within=(left + GLYPH_ROOM, left + width), halo=True,
        )  # fmt: skip
        start = end - paper.width(paper.axes.texts[-1])
        at = np.asarray([start - GLYPH_ROOM / 2 - 1])
        _scatter(paper, at, np.asarray([top + at_y]), RADIUS + 0.6, SHAPES[slot], _colours(theme)[slot])
    length, words = scale_bar(px, width)
    under = pen.box.bottom - 6
    first, last = left + 4, left + 4 + length * px
    paper.line((first, last), (under, under), theme.second, STROKES["axis"])
    for tip in (first, last):
        paper.line((tip, tip), (under - 3, under + 3), theme.second, STROKES["axis"])
    paper.text(last + 6, under, words)


def _scatter(paper: Paper, x: Px, y: Px, radius: float, shape: str, colour: str) -> None:
    from matplotlib.path import Path

    corners = OUTLINES.get(shape)
    marker: Any = "o"
    reach = 1.0
    if corners is not None:
        marker = Path([*corners, corners[0]], closed=True)
        reach = max(max(abs(a), abs(b)) for a, b in corners)
    # Matplotlib wants an area in points, and scales a path of ours so that it is 1 wide.
    paper.axes.scatter(x, y, s=(2 * radius * reach) ** 2, c=colour, marker=marker, linewidths=0, zorder=3)
