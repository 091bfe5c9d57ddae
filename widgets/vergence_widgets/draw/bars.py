"""Bars, drawn by plotly and by Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vergence_widgets.panels.spec import Bars, fixed
from vergence_widgets.theme import STROKES

if TYPE_CHECKING:
    from vergence_widgets.draw.matplotlib_pen import _Plot
    from vergence_widgets.draw.plotly_plot import PlotPen

__all__ = ["RowPlace", "matplotlib", "plotly", "row_places"]

HEAD, AXIS, LINE, MOST_PITCH, TWO_LINES = 37.0, 20.0, 14.0, 36.0, 24.0
"""px over the rows with one line of words, under them, of each further line, from row to row at most, and from which on
a row has two lines of values."""
LIGHT = 0.42
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS, KEY = 8.0, 24.0
"""px from the top to the middle of the first line of words, and of the key under one line."""
CHARACTER = 6.4
"""px of a letter, about: plotly does not tell."""
USUAL = 350.0
"""px of a plot, where plotly takes no px."""
MOST_LETTERS = 20
"""Of the name of the run that is compared."""
SWATCHES = 46.0
"""px at the right of the key for h and z."""
BEST = "best"
"""What an open bar is called in the key."""


@dataclass(frozen=True)
class RowPlace:
    """Where one row stands, in px from the top: tops of its two bars, height of one, ends of its ticks."""

    h: float
    z: float
    bar: float
    start: float
    stop: float

    @property
    def middle(self) -> float:
        """Between the two bars."""
        return self.h + self.bar + 0.5

    @property
    def two_lines(self) -> bool:
        """Whether both values have a line of their own."""
        return self.stop - self.start >= TWO_LINES


def row_places(count: int, tall: float, lines: int = 1) -> list[RowPlace]:
    """Where `count` rows stand in a plot `tall` px high, under so many lines of words."""
    head = HEAD + LINE * (lines - 1)
    pitch = min(MOST_PITCH, (tall - head - AXIS) / max(1, count))
    bar = min(9.0, max(3.0, (pitch - 8) / 2))
    # Where rows are low, ticks are no longer than the bars, or those of two rows would be one.
    beyond = min(4.0, max(1.0, (pitch - 2 * bar - 1) / 2))
    tops = [head + row * pitch + beyond for row in range(count)]
    return [RowPlace(top, top + bar + 1, bar, top - beyond, top + 2 * bar + beyond) for top in tops]


def _key_at(layer: Bars) -> float:
    return KEY + LINE * (len(layer.words) - 1)


def _fitting(name: str, room: float) -> str:
    """As much of a name as has room, in px; "" where there is none for its first letters."""
    most = min(MOST_LETTERS, int(room / CHARACTER))
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…" if most > 3 else ""


def _open_bars(layer: Bars, places: Sequence[RowPlace]) -> list[list[tuple[float, float]]]:
    """From the end of h to its best so far, where that is further: three sides of a rectangle."""
    found = []
    for best, now, place in zip(layer.best, layer.h, places, strict=False):
        if best is not None and now is not None:
            top, low = place.h, place.h + place.bar
            found.append([(now, top), (best, top), (best, low), (now, low)])
    return found


def _named(layer: Bars) -> list[tuple[str, str]]:
    """The kinds of tick there are, with what they are called."""
    kinds = (
        ("chance", "chance", layer.chance),
        ("raw", "raw input", layer.raw),
        ("first", layer.first, layer.untrained),
    )
    return [(kind, name) for kind, name, values in kinds if any(value is not None for value in values)]


def plotly(pen: PlotPen, layer: Bars) -> None:
    """On plotly axes. Strokes and words of one kind are one trace: shapes and annotations take far more room."""
    tall, left, right = pen.plot.y.low, pen.plot.x.low, pen.plot.x.high
    places = row_places(len(layer.rows), tall, len(layer.words))
    key_at = _key_at(layer)
    px = (right - left) / USUAL
    for line, told in enumerate(layer.words):
        if told:
            pen._words(left, WORDS + LINE * line, told, "ink" if line == 0 else "second", "start", False)
    for name, values, opacity in (("h", layer.h, 1.0), ("z", layer.z, LIGHT)):
        tops = [place.h if name == "h" else place.z for place in places]
        _plotly_bars(pen, name, layer.rows, values, tops, places[0].bar, opacity)
    ticks: dict[str, list[tuple[float, float, float]]] = {"chance": [], "raw": [], "first": []}
    at = left + 4 * px
    key: list[tuple[float, float, str]] = []
    for kind, name in _named(layer):
        ticks[kind].append((at, key_at - 5, key_at + 5))
        key.append((at + 6 * px, key_at, name))
        at += (CHARACTER * len(name) + 20) * px
    for kind, values in (("chance", layer.chance), ("raw", layer.raw), ("first", layer.untrained)):
        ticks[kind] += [(v, p.start, p.stop) for v, p in zip(values, places, strict=True) if v is not None]
    if opened := _open_bars(layer, places):
        _strokes(pen, opened, pen.theme.second, "best so far")
        box = [(at, key_at - 4), (at + 8 * px, key_at - 4), (at + 8 * px, key_at + 4), (at, key_at + 4)]
        _strokes(pen, [box], pen.theme.second, "best key")
        key.append((at + 11 * px, key_at, BEST))
        at += (CHARACTER * len(BEST) + 22) * px
    lines = [(v, p.h - 2, p.h + p.bar) for v, p in zip(layer.ghost, places, strict=False) if v is not None]
    if lines:
        _strokes(pen, [[(0, y0), (x, y0), (x, y1)] for x, y0, y1 in lines], pen.theme.ghost, "ghost")
    if name := _fitting(layer.ghost_name, (right - at) / px - SWATCHES - 13):
        _strokes(pen, [[(at, key_at), (at + 10 * px, key_at)]], pen.theme.ghost, "ghost key")
        key.append((at + 13 * px, key_at, name))
    # On a dark bar a dark tick is seen by the ground on either side of it.
    veiled = [[(x, start), (x, stop)] for kind in ("raw", "first") for x, start, stop in ticks[kind]]
    if veiled:
        _strokes(pen, veiled, pen.theme.ground, "", 4.5)
    for kind, found in ticks.items():
        _plotly_ticks(pen, kind, found)
    said = [line for words, place in zip(layer.said, places, strict=True) for line in _values(right, px, words, place)]
    axis = tall - AXIS
    strokes = [[(0.0, axis), (1.0, axis)], *([(tick, axis), (tick, axis + 3)] for tick in TICKS)]
    _strokes(pen, strokes, pen.theme.rule, "axis", STROKES["axis"])
    names = [(-8 * px, place.middle, name) for name, place in zip(layer.rows, places, strict=True)]
    _texts(pen, [*names[: layer.main], *(line[:3] for line in said if line[3])], "left", bold=True)
    plain = [*names[layer.main :], *(line[:3] for line in said if not line[3])]
    _texts(pen, [*plain, (-8 * px, axis + 9, pen.plot.x.name), (right, key_at, "h, z")], "left")
    _texts(pen, key, "right")
    _texts(pen, [(tick, axis + 9, f"{tick:g}") for tick in TICKS], "center")


def _plotly_bars(
    pen: PlotPen, name: str, rows: Sequence[str], values: Sequence[float | None], tops: list[float], bar: float,
    opacity: float,
) -> None:  # fmt: skip
    known = [row for row, value in enumerate(values) if value is not None]
    if not known:
        return
    from vergence_widgets.draw.plotly_plot import numbers  # which imports this module

    pen.sheet.traces.append(
        {
            "type": "bar", "orientation": "h", "name": name, "xaxis": pen.x, "yaxis": pen.y,
            "x": numbers([values[row] or 0.0 for row in known]), "y": numbers([tops[row] + bar / 2 for row in known]),
            "width": bar, "offset": -bar / 2, "opacity": opacity,
            "marker": {"color": pen.theme.second, "line": {"width": 0}},
            "hovertext": [_safe(f"{rows[row]}, {name} {fixed(values[row], 3)}") for row in known], "hoverinfo": "text",
        }
    )  # fmt: skip


def _plotly_ticks(pen: PlotPen, kind: str, found: list[tuple[float, float, float]]) -> None:
    if not found:
        return
    theme = pen.theme
    parts = [[(x, start), (x, stop)] for x, start, stop in found]
    dash = {"chance": "1px,3px", "raw": "solid", "first": "4px,2px"}[kind]
    _strokes(pen, parts, theme.reference if kind == "chance" else theme.ink, kind, STROKES["reference"], dash)
    if kind == "first":
        marker = {"size": 5, "color": theme.ground, "line": {"color": theme.ink, "width": 1.25}}
        x, y = [x for x, _, _ in found], [start for _, start, _ in found]
        pen._trace(x, y, mode="markers", marker=marker, hoverinfo="skip", cliponaxis=False)


def _strokes(
    pen: PlotPen, parts: Sequence[Sequence[tuple[float, float]]], color: str, name: str,
    width: float = STROKES["past"], dash: str = "solid",
) -> None:  # fmt: skip
    """Several polylines as one trace."""
    points = [point for part in parts for point in (*part, (np.nan, np.nan))][:-1]
    line = {"color": color, "width": width} | ({} if dash == "solid" else {"dash": dash})
    more = {"hovertemplate": f"{name} %{{x:.3f}}<extra></extra>"} if name in ("chance", "raw", "first") else {}
    x, y = [x for x, _ in points], [y for _, y in points]
    pen._trace(x, y, line=line, cliponaxis=False, **({"name": name} if name else {}), **(more or {"hoverinfo": "skip"}))


def _texts(pen: PlotPen, lines: Sequence[tuple[float, float, str]], side: str, *, bold: bool = False) -> None:
    """Words at points, as one trace. side: on which side of its point each stands."""
    if not lines:
        return
    texts = [f"<b>{_safe(words)}</b>" if bold else _safe(words) for _, _, words in lines]
    font = {"textfont": {"color": pen.theme.ink}} if bold else {}
    pen._trace(
        [x for x, _, _ in lines], [y for _, y, _ in lines], mode="text", text=texts, hoverinfo="skip",
        textposition=f"middle {side}", cliponaxis=False, **font,
    )  # fmt: skip


def matplotlib(pen: _Plot, layer: Bars) -> None:
    """On paper."""
    paper, theme = pen.paper, pen.theme
    tall = pen.plot.y.low
    key_at = _key_at(layer)
    for line, told in enumerate(layer.words):
        paper.text(pen.left, pen.y(WORDS + LINE * line), told, "ink" if line == 0 else "second")
    at = pen.left + 4
    for kind, name in _named(layer):
        _paper_tick(pen, kind, at, pen.y(key_at) - 5, pen.y(key_at) + 5)
        at = paper.text(at + 6, pen.y(key_at), name) + 14
    places = row_places(len(layer.rows), tall, len(layer.words))
    opened = _open_bars(layer, places)
    if opened:
        box = np.asarray([at, at + 8, at + 8, at, at]), pen.y(key_at) + np.asarray([-4, -4, 4, 4, -4])
        paper.line(*box, theme.second, STROKES["axis"])
        at = paper.text(at + 12, pen.y(key_at), BEST) + 14
    if name := _fitting(layer.ghost_name, pen.right - SWATCHES - at - 14):
        paper.line((at, at + 10), (pen.y(key_at), pen.y(key_at)), theme.ghost, STROKES["past"])
        paper.text(at + 14, pen.y(key_at), name)
    for name, back, opacity in (("h", 30, 1.0), ("z", 7, LIGHT)):
        x, y = pen.right - back, pen.y(key_at)
        paper.text(x, y, name)
        corners = np.asarray([x - 11, x - 3, x - 3, x - 11]), np.asarray([y - 4, y - 4, y + 4, y + 4])
        paper.area(*corners, theme.second, opacity)
    for part in opened:
        across, down = (np.asarray([corner[axis] for corner in part]) for axis in (0, 1))
        paper.line(pen.x(across), pen.y(down), theme.second, STROKES["axis"])
    for row, place in enumerate(places):
        main = row < layer.main
        name = layer.rows[row]
        paper.text(pen.x(0) - 8, pen.y(place.middle), name, "ink" if main else "second", bold=main, anchor="end")
        for value, top, opacity in ((layer.h[row], place.h, 1.0), (layer.z[row], place.z, LIGHT)):
            if value is not None:
                x, y = (
                    pen.x(np.asarray([0, value, value, 0])),
                    pen.y(np.asarray([top, top, top + place.bar, top + place.bar])),
                )
                paper.area(x, y, theme.second, opacity)
        if row < len(layer.ghost) and (value := layer.ghost[row]) is not None:
            x, y = (
                pen.x(np.asarray([0, value, value])),
                pen.y(np.asarray([place.h - 2, place.h - 2, place.h + place.bar])),
            )
            paper.line(x, y, theme.ghost, STROKES["past"])
        for kind, values in (("chance", layer.chance), ("raw", layer.raw), ("first", layer.untrained)):
            if (value := values[row]) is not None:
                _paper_tick(pen, kind, pen.x(value), pen.y(place.start), pen.y(place.stop))
        for x, y, words, bold in _values(pen.right, 1.0, layer.said[row], place):
            paper.text(x, pen.y(y), words, "ink" if bold else "second", bold=bold, anchor="end")
    axis = pen.y(tall - AXIS)
    paper.line((pen.x(0), pen.x(1)), (axis, axis), theme.rule, STROKES["axis"])
    for tick in TICKS:
        paper.line((pen.x(tick), pen.x(tick)), (axis, axis + 3), theme.rule, STROKES["axis"])
        paper.text(pen.x(tick), axis + 10, f"{tick:g}", anchor="middle")
    paper.text(pen.x(0) - 8, axis + 10, pen.plot.x.name, anchor="end")


def _paper_tick(pen: _Plot, kind: str, x: float, start: float, stop: float) -> None:
    theme = pen.theme
    if kind == "chance":
        pen.paper.line((x, x), (start, stop), theme.reference, STROKES["reference"], "floor", order=3.0)
        return
    pen.paper.line((x, x), (start, stop), theme.ground, 4.5, order=3.0)
    dash = "solid" if kind == "raw" else "negative"
    pen.paper.line((x, x), (start, stop), theme.ink, STROKES["reference"], dash, order=3.1)
    if kind == "first":
        pen.paper.dot(x, start, 2.5, theme.ground, theme.ink, 1.25)


def _values(right: float, px: float, said: tuple[str, str], place: RowPlace) -> list[tuple[float, float, str, bool]]:
    """h and z in words at the end of a row: on two lines, or side by side where rows are low."""
    h, z = said
    if place.two_lines and z:
        lines = [
            (right - 2 * px, place.h + place.bar / 2 - 1, h, True),
            (right - 2 * px, place.z + place.bar / 2 + 1, z, False),
        ]
    else:
        lines = [(right - (32 if z else 2) * px, place.middle, h, True), (right - 2 * px, place.middle, z, False)]
    return [line for line in lines if line[2]]


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
