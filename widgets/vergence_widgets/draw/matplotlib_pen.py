"""The Matplotlib pen: panels as one PNG. Object API only; nothing of the user's kernel is touched."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vergence import errors
from vergence_widgets.draw import bars, cloud, gallery, heat, maps, weights
from vergence_widgets.draw.layout import (
    LEFT,
    RIGHT,
    Box,
    boxes,
    feet,
    finding_lines,
    outlines,
    title_of_run,
    title_of_unit,
    underfill,
    wrap,
)
from vergence_widgets.draw.paper import Anchor, Paper
from vergence_widgets.panels.spec import (
    Axis,
    Bars,
    Bracket,
    Cloud,
    Gallery,
    Heat,
    Label,
    Line,
    Maps,
    Mark,
    Panel,
    Plot,
    Points,
    Ridge,
    Rule,
    Span,
    Weights,
)
from vergence_widgets.theme import CLASSES, OPACITIES, PLOT_HEIGHT, SIZES, STROKES, THEMES, Theme, ThemeName, viridis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "png", "reduced"]

PANEL_WIDTH = 396.0
COLUMN_GAP = 28.0
SIDE = 20.0
KEY_WIDTH = 72.0
LINE = 15.0


def draw(
    panels: Sequence[Panel],
    header: Mapping[str, Any] | None = None,
    *,
    theme: ThemeName = "light",
    columns: int = 3,
    scale: float = 1.0,
    findings: Sequence[str] = (),
) -> Figure:
    """Panels, so many to a row, as a Matplotlib Figure on an Agg canvas.

    scale: px for each px of the layout. findings: lines of words between header and panels.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise errors.MissingExtra("draw.matplotlib_pen.draw", "matplotlib", "widgets") from error

    count = max(1, min(columns, len(panels)))
    rows = max(1, -(-len(panels) // count))
    pitch = 26 + PLOT_HEIGHT + 26 + 15 * max((_foot_lines(panel) for panel in panels), default=1)
    width = 2 * SIDE + count * PANEL_WIDTH + (count - 1) * COLUMN_GAP
    name, rest = title_of_run(header) if header else ("", "")
    one_line = not rest or 2 * SIDE + 11 * len(name) + 7.5 * len(rest) < width
    title = 8.0 if not header else 34.0 if one_line else 52.0
    said = finding_lines(findings, int((width - 2 * SIDE) / 6.2))
    tall = title + LINE * len(said) + (10 if said else 0)
    height = tall + rows * pitch + 8
    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * scale, facecolor=THEMES[theme].ground)
    FigureCanvasAgg(figure)
    paper = Paper(figure, width, height, THEMES[theme], scale)
    if header:
        right = paper.text(SIDE, 18, name, "ink", size=SIZES["large"], bold=True)
        paper.text(right + 14 if one_line else SIDE, 19 if one_line else 37, rest, "ink", size=SIZES["body"])
    for row, (words, kind) in enumerate(said):
        color = {"warning": paper.theme.warning_text, "head": "ink", "detail": "second"}[kind]
        paper.text(SIDE + (14 if kind == "detail" else 0), title + 4 + LINE * row, words, color)
    for index, panel in enumerate(panels):
        _panel(paper, panel, SIDE + index % count * (PANEL_WIDTH + COLUMN_GAP), tall + index // count * pitch)
    return figure


def png(
    panels: Sequence[Panel],
    header: Mapping[str, Any] | None = None,
    *,
    theme: ThemeName = "light",
    columns: int = 3,
    scale: float = 1.0,
    colours: int | None = None,
    findings: Sequence[str] = (),
) -> bytes:
    """The picture as PNG. scale: px for each px of the layout; colours: a palette of so many, for a small file."""
    figure = draw(panels, header, theme=theme, columns=columns, scale=scale, findings=findings)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure", facecolor=figure.get_facecolor())
    return buffer.getvalue() if colours is None else reduced(buffer.getvalue(), colours, theme=theme)


def reduced(picture: bytes, colours: int, *, theme: ThemeName = "light", scale: float = 1.0) -> bytes:
    """A PNG of `png` with a palette of so many colours, and `scale` times as large."""
    from PIL import Image  # comes with Matplotlib

    full = Image.open(io.BytesIO(picture)).convert("RGB")
    if scale != 1.0:
        full = full.resize((round(full.width * scale), round(full.height * scale)), Image.Resampling.LANCZOS)
    found = full.quantize(colours, dither=Image.Dither.NONE).getpalette() or []
    # A palette chosen by area alone would lose the few dots of the sequence: its colours are put in first.
    palette = Image.new("P", (1, 1))
    palette.putpalette((_palette(THEMES[theme]) + found)[: 3 * 256])
    small = io.BytesIO()
    full.quantize(palette=palette, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()


def _palette(theme: Theme) -> list[int]:
    """Every token, every class, and steps through time."""
    classes = CLASSES["dark" if theme.sequence_start else "light"]
    colours = [*theme.colours().values(), *classes, *(viridis(part / 23, theme) for part in range(24))]
    return [int(colour[start : start + 2], 16) for colour in colours for start in (1, 3, 5)]


def _panel(paper: Paper, panel: Panel, left: float, top: float) -> None:
    theme = paper.theme
    right = left + PANEL_WIDTH
    paper.line((left, right), (top, top), theme.rule, STROKES["axis"])
    after = paper.text(left, top + 15, panel.noun, "ink", size=SIZES["body"], bold=True)
    paper.text(after + 8, top + 15, title_of_unit(panel))
    head = panel.headline
    if head is not None:
        wide = paper.text(right, top + 15, head.reference, anchor="end")
        # The reference is set first so that the value can stand before it, whatever its width.
        start = _left_of(paper, right, head.reference)
        words = f"{head.name} {head.text}".strip()
        end = start - 5 if head.reference else wide
        paper.text(end, top + 15, words, "ink", size=SIZES["body"], bold=True, anchor="end")
    body = top + 26
    if panel.state in ("empty", "loading") or not panel.plots:
        for row, words in enumerate(wrap(panel.message or "Nothing to draw yet.", 58)):
            paper.text(left, body + 20 + 18 * row, words, size=SIZES["body"])
    for plot, box in zip(panel.plots, boxes(panel.plots, PLOT_HEIGHT), strict=True):
        placed = Box(body + box.top, body + box.bottom)
        inner = (left, right) if plot.bare else (left + LEFT, right - RIGHT)
        _Plot(paper, plot, left, *inner, placed).draw()
    _foot(paper, panel, left, right, body + PLOT_HEIGHT + 14)


def _left_of(paper: Paper, right: float, words: str) -> float:
    if not words:
        return right
    return right - paper.width(paper.axes.texts[-1])


def _failure_lines(panel: Panel) -> list[str]:
    if panel.state != "failed":
        return []
    return [*wrap(f"✕ {panel.message}", 62), *wrap(panel.after, 62)]


def _foot_lines(panel: Panel) -> int:
    left, right = feet(panel)
    return len(_failure_lines(panel)) + (1 if len(left) + len(right) <= 58 else 2)


def _foot(paper: Paper, panel: Panel, left: float, right: float, top: float) -> None:
    y = top
    for index, words in enumerate(_failure_lines(panel)):
        paper.text(left, y, words, paper.theme.warning_text if index == 0 else "second")
        y += 15
    first, second = feet(panel)
    paper.text(left, y, first)
    if len(first) + len(second) <= 58:
        paper.text(right, y, second, anchor="end")
    else:
        paper.text(left, y + 15, second)


class _Plot:
    """One pair of axes on the paper."""

    def __init__(self, paper: Paper, plot: Plot, edge: float, left: float, right: float, box: Box) -> None:
        self.paper, self.plot, self.theme = paper, plot, paper.theme
        self.edge, self.left, self.right, self.box = edge, left, right, box
        self.clip = (left - 1, box.top - 1, right + 1, box.bottom + 1)

    def x(self, value: Any) -> Any:
        """Data to px."""
        return self.left + _part(self.plot.x, value) * (self.right - self.left)

    def y(self, value: Any) -> Any:
        """Data to px."""
        return self.box.bottom - _part(self.plot.y, value) * self.box.height

    def draw(self) -> None:
        """Axes, then layers in their order; words last, so that nothing is drawn over them."""
        if not self.plot.bare:
            self._axes()
        for layer in self.plot.layers:
            match layer:
                case Line():
                    self._line(layer)
                case Ridge():
                    self._ridge(layer)
                case Points():
                    self._points(layer)
                case Rule():
                    self._rule(layer)
                case Mark():
                    self._mark(layer)
                case Span():
                    self._span(layer)
                case Bracket():
                    self._bracket(layer)
                case Label():
                    anchor: Anchor = layer.anchor
                    self._words(self.x(layer.x), self.y(layer.y), layer.text, layer.color, anchor, layer.bold)
                case Heat():
                    heat.matplotlib(self, layer)
                case Cloud():
                    cloud.matplotlib(self, layer)
                case Maps():
                    maps.matplotlib(self, layer)
                case Bars():
                    bars.matplotlib(self, layer)
                case Gallery():
                    gallery.matplotlib(self, layer)
                case Weights():
                    weights.matplotlib(self, layer)

    def _words(
        self, x: float, y: float, text: str, color: str = "second", anchor: Anchor = "start", bold: bool = False
    ) -> None:
        self.paper.text(x, y, text, color, bold=bold, anchor=anchor, within=(self.left + 2, self.right), halo=True)

    def _axes(self) -> None:
        paper, plot, rule = self.paper, self.plot, self.theme.rule
        if plot.y.name:
            paper.text(self.edge, self.box.top - 12, plot.y.name)
        ridge = any(isinstance(layer, Ridge) for layer in plot.layers)
        if not ridge:
            paper.line((self.left, self.left), (self.box.top, self.box.bottom), rule, STROKES["axis"])
        for tick, words in _ticks(plot.y):
            y = self.y(tick)
            if not ridge:
                paper.line((self.left - 3, self.left), (y, y), rule, STROKES["axis"])
            paper.text(self.left - 6, y, words, anchor="end")
        if not plot.show_x:
            if plot.y.low == 0 and not ridge:
                paper.line((self.left, self.right), (self.box.bottom, self.box.bottom), rule, STROKES["axis"])
            return
        below = self.box.bottom + 4
        paper.line((self.left, self.right), (below, below), rule, STROKES["axis"])
        ticks = _ticks(plot.x)
        ends = self.edge, self.right + RIGHT
        for index, (tick, words) in enumerate(ticks):
            x = self.x(tick)
            paper.line((x, x), (below, below + 3), rule, STROKES["axis"])
            paper.text(x, below + 11, words, anchor="middle", within=ends if index in (0, len(ticks) - 1) else None)
        if plot.x.name:
            paper.text((self.left + self.right) / 2, below + 24, plot.x.name, anchor="middle", within=ends)

    def _line(self, layer: Line) -> None:
        color = getattr(self.theme, layer.color)
        x, y = self.x(layer.x), self.y(layer.y)
        if layer.fill and len(x):
            base = self.y(max(0.0, self.plot.y.low))
            outline_x = np.concatenate((x[:1], x, x[-1:]))
            outline_y = np.concatenate(([base], y, [base]))
            self.paper.area(outline_x, np.nan_to_num(outline_y, nan=base), color, OPACITIES["fill"], self.clip)
        if layer.fill_to:
            for fill_x, fill_y in underfill(self.plot, layer):
                self.paper.area(self.x(fill_x), self.y(fill_y), color, OPACITIES["tint"], self.clip, 1.0)
        order = 3.0 if layer.width >= STROKES["now"] else 2.0
        self.paper.line(x, y, color, layer.width, layer.dash, layer.opacity, self.clip, order)
        if layer.end_dot and len(x) and np.isfinite(y[-1]):
            self.paper.dot(float(x[-1]), float(np.clip(y[-1], self.box.top, self.box.bottom)), 3.5, color)

    def _ridge(self, layer: Ridge) -> None:
        for row in range(len(layer.steps)):
            y = self.y(float(row))
            self.paper.line((self.left, self.right), (y, y), self.theme.hairline, STROKES["guide"], order=1.0)
        count = len(layer.steps)
        for item in outlines(layer):
            order = 2 + 0.1 * (count - item.base)
            color = getattr(self.theme, item.kind)
            base = self.y(item.base)
            x, y = self.x(item.x), self.y(item.y)
            outline = np.concatenate((x[:1], x, x[-1:])), np.concatenate(([base], y, [base]))
            if item.kind == "negative":
                self.paper.area(*outline, self.theme.ground, 0.6, self.clip, order)
            self.paper.area(*outline, color, OPACITIES["ridge"], self.clip, order + 0.02)
            dash = "negative" if item.kind == "negative" else "solid"
            self.paper.line(x, y, color, STROKES["axis"], dash, 1.0, self.clip, order + 0.04)

    def _points(self, layer: Points) -> None:
        span = (layer.value_high - layer.value_low) or 1.0
        for x, y, value in zip(layer.x, layer.y, layer.value, strict=True):
            self.paper.dot(self.x(x), self.y(y), layer.radius, viridis((value - layer.value_low) / span, self.theme))
        if layer.ring_last and len(layer.x):
            x, y = self.x(layer.x[-1]), self.y(layer.y[-1])
            self.paper.dot(x, y, layer.radius + 2, "none", self.theme.ink, STROKES["now"])
            side = -1 if layer.now_side == "left" else 1
            down = 10 if layer.now_below else -10
            self._words(x + 9 * side, y + down, "now", "ink", "end" if side < 0 else "start", bold=True)
        self._key(layer)

    def _key(self, layer: Points) -> None:
        """The colour key with both its ends."""
        right, y = self.right, self.box.top + 18
        if layer.key_at is not None:
            right, y = self.x(layer.key_at[0]), self.y(layer.key_at[1])
        high = f"{layer.value_high:,.0f}"
        paper = self.paper
        paper.text(right, y, high, anchor="end")
        end = _left_of(paper, right, high) - 5
        for index in range(int(KEY_WIDTH)):
            x = end - KEY_WIDTH + index
            colour = viridis(index / (KEY_WIDTH - 1), self.theme)
            paper.area(np.asarray([x, x + 1.5, x + 1.5, x]), np.asarray([y - 3, y - 3, y + 3, y + 3]), colour, 1.0)
        paper.text(end - KEY_WIDTH - 5, y, f"{layer.value_name} {layer.value_low:,.0f}", anchor="end")

    def _rule(self, layer: Rule) -> None:
        y = self.y(layer.y)
        if not self.box.top - 1 <= y <= self.box.bottom + 1:
            return
        self.paper.line((self.left, self.right), (y, y), self.theme.reference, STROKES["reference"], layer.dash)
        place = y + 10 if layer.below else y - 8
        if layer.side == "right":
            self._words(self.right, place, layer.label, anchor="end")
        else:
            self._words(self.left + 6, place, layer.label)

    def _mark(self, layer: Mark) -> None:
        x = self.x(layer.x)
        if layer.kind == "trouble":
            y = self.box.bottom
            corners = np.asarray([x, x + 4.5, x - 4.5]), np.asarray([y - 8, y, y])
            self.paper.area(*corners, self.theme.warning, 1.0, order=4)
        else:
            self.paper.line((x, x), (self.box.top, self.box.bottom), self.theme.rule, STROKES["axis"])
        if layer.label:
            y = self.box.top + 8 if layer.label_y is None else self.y(layer.label_y)
            start = layer.anchor == "start"
            self._words(x + (5 if start else -5), y, layer.label, anchor="start" if start else "end")

    def _span(self, layer: Span) -> None:
        y, low, mid, high = self.y(layer.y), self.x(layer.low), self.x(layer.mid), self.x(layer.high)
        self.paper.line((low, high), (y, y), self.theme.reference, STROKES["reference"], clip=self.clip)
        self.paper.line((mid, mid), (y - 3, y + 3), self.theme.reference, STROKES["axis"], clip=self.clip)
        if layer.side == "left":
            self._words(low - 6, y, layer.label, anchor="end")
        else:
            self._words(high + 6, y, layer.label)

    def _bracket(self, layer: Bracket) -> None:
        x, low, high = self.x(layer.x), self.y(layer.low), self.y(layer.high)
        self.paper.line((x, x), (low, high), self.theme.ink, STROKES["axis"], clip=self.clip)
        if layer.label:
            y = (low + high) / 2 if layer.label_y is None else self.y(layer.label_y)
            self._words(x - 6, y, layer.label, "ink", "end", bold=True)


def _part(axis: Axis, value: Any) -> Any:
    """How far along an axis a value lies, 0 to 1; NaN for what a log axis cannot show."""
    if axis.scale == "log":
        value = np.log(np.where(np.asarray(value) > 0, value, np.nan))
        return (value - math.log(axis.low)) / (math.log(axis.high) - math.log(axis.low))
    return (value - axis.low) / (axis.high - axis.low)


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    labels = axis.tick_labels or tuple(f"{tick:g}".replace("-", "−") for tick in axis.ticks)
    return list(zip(axis.ticks, labels, strict=True))
