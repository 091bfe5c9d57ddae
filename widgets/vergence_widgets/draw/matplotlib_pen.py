"""The Matplotlib pen: panels as one PNG. Object API only; nothing of the user's kernel is touched."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vergence import errors
from vergence_widgets.draw.layout import (
    LEFT,
    RIGHT,
    Box,
    boxes,
    feet,
    outlines,
    title_of_run,
    title_of_unit,
    underfill,
    wrap,
)
from vergence_widgets.panels.spec import (
    Axis,
    Bracket,
    Label,
    Line,
    Mark,
    Panel,
    Plot,
    Points,
    Ridge,
    Rule,
    Span,
)
from vergence_widgets.theme import DASHES, OPACITIES, PLOT_HEIGHT, SIZES, STROKES, THEMES, Theme, ThemeName, viridis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "png"]

PANEL_WIDTH = 396.0
COLUMN_GAP = 28.0
SIDE = 20.0
FONT = "DejaVu Sans"
"""Comes with Matplotlib, so the picture is the same everywhere and no font is missed aloud."""
KEY_WIDTH = 72.0
Anchor = Literal["start", "middle", "end"]
ALIGN = {"start": "left", "middle": "center", "end": "right"}


def draw(
    panels: Sequence[Panel],
    header: Mapping[str, Any] | None = None,
    *,
    theme: ThemeName = "light",
    scale: float = 1.0,
) -> Figure:
    """Panels side by side as a Matplotlib Figure on an Agg canvas. scale: px for each px of the layout."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise errors.MissingExtra("draw.matplotlib_pen.draw", "matplotlib", "widgets") from error

    tall = 34.0 if header else 8.0
    width = 2 * SIDE + len(panels) * PANEL_WIDTH + max(0, len(panels) - 1) * COLUMN_GAP
    height = tall + 8 + 20 + PLOT_HEIGHT + 20 + 15 * max((_foot_lines(panel) for panel in panels), default=1) + 6
    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * scale, facecolor=THEMES[theme].ground)
    FigureCanvasAgg(figure)
    paper = _Paper(figure, width, height, THEMES[theme], scale)
    if header:
        name, rest = title_of_run(header)
        right = paper.text(SIDE, 18, name, "ink", size=SIZES["large"], bold=True)
        paper.text(right + 14, 19, rest, "ink", size=SIZES["body"])
    for index, panel in enumerate(panels):
        _panel(paper, panel, SIDE + index * (PANEL_WIDTH + COLUMN_GAP), tall)
    return figure


def png(
    panels: Sequence[Panel],
    header: Mapping[str, Any] | None = None,
    *,
    theme: ThemeName = "light",
    scale: float = 1.0,
    colours: int | None = None,
) -> bytes:
    """The picture as PNG. scale: px for each px of the layout; colours: a palette of so many, for a small file."""
    figure = draw(panels, header, theme=theme, scale=scale)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure", facecolor=figure.get_facecolor())
    if colours is None:
        return buffer.getvalue()
    from PIL import Image  # comes with Matplotlib

    small = io.BytesIO()
    flat = Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    flat.save(small, format="PNG", optimize=True)
    return small.getvalue()


class _Paper:
    """A sheet measured in px from its top left corner, with the few strokes that panels need."""

    def __init__(self, figure: Figure, width: float, height: float, theme: Theme, scale: float) -> None:
        self.theme = theme
        self._scale = scale
        self.axes = figure.add_axes((0, 0, 1, 1), frameon=False)
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self.axes.set_axis_off()
        self._renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]

    def line(
        self,
        x: Sequence[float] | NDArray[Any],
        y: Sequence[float] | NDArray[Any],
        color: str,
        width: float,
        dash: str = "solid",
        opacity: float = 1.0,
        clip: tuple[float, float, float, float] | None = None,
        order: float = 2.0,
    ) -> None:
        """A polyline in px; NaN breaks it."""
        from matplotlib.lines import Line2D

        pattern = DASHES[dash]
        # Matplotlib multiplies dashes by the width; tokens are px.
        style: Any = "-" if pattern is None else (0, tuple(part / width for part in pattern))
        round_dots = dash == "floor"
        drawn = Line2D(
            list(x), list(y), color=color, linewidth=width, linestyle=style, alpha=opacity, zorder=order,
            solid_joinstyle="round", dash_capstyle="round" if round_dots else "butt", solid_capstyle="butt",
        )  # fmt: skip
        self.axes.add_line(drawn)
        self._clip(drawn, clip)

    def area(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        color: str,
        opacity: float,
        clip: tuple[float, float, float, float] | None = None,
        order: float = 1.5,
    ) -> None:
        """A filled outline in px."""
        from matplotlib.patches import Polygon

        shape = Polygon(np.column_stack((x, y)), closed=True, facecolor=color, alpha=opacity, linewidth=0, zorder=order)
        self.axes.add_patch(shape)
        self._clip(shape, clip)

    def dot(self, x: float, y: float, radius: float, fill: str, edge: str = "none", width: float = 0.0) -> None:
        """A disc or a ring in px."""
        from matplotlib.patches import Circle

        self.axes.add_patch(Circle((x, y), radius, facecolor=fill, edgecolor=edge, linewidth=width, zorder=4))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        color: str = "second",
        *,
        size: float = SIZES["small"],
        bold: bool = False,
        anchor: Anchor = "start",
        within: tuple[float, float] | None = None,
        halo: bool = False,
    ) -> float:
        """Words with the middle of their line at `y`; returns where they end. `within`: kept between these px."""
        from matplotlib.patheffects import withStroke

        ink = color if color.startswith("#") else self.theme.text(color)
        item = self.axes.text(
            x, y, words, color=ink, fontsize=size, fontfamily=FONT, fontweight="bold" if bold else "normal",
            ha=ALIGN[anchor], va="center_baseline", parse_math=False, usetex=False, zorder=5,
        )  # fmt: skip
        if halo:
            item.set_path_effects([withStroke(linewidth=3, foreground=self.theme.ground)])
        wide = self.width(item)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        if within is not None:
            moved = min(max(left, within[0]), max(within[0], within[1] - wide))
            item.set_x(x + moved - left)
            left = moved
        return float(left + wide)

    def width(self, item: Any) -> float:
        """How wide words are, in px of the layout. Hinting makes this depend on the scale they are drawn at."""
        return float(item.get_window_extent(self._renderer).width / self._scale)

    def _clip(self, item: Any, clip: tuple[float, float, float, float] | None) -> None:
        if clip is None:
            return
        from matplotlib.patches import Rectangle

        left, top, right, bottom = clip
        item.set_clip_path(Rectangle((left, top), right - left, bottom - top, transform=self.axes.transData))


def _panel(paper: _Paper, panel: Panel, left: float, top: float) -> None:
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
        paper.text(start - 5 if head.reference else wide, top + 15, words, "ink", size=SIZES["body"], bold=True, anchor="end")
    body = top + 26
    if panel.state in ("empty", "loading") or not panel.plots:
        for row, words in enumerate(wrap(panel.message or "Nothing to draw yet.", 58)):
            paper.text(left, body + 20 + 18 * row, words, size=SIZES["body"])
    for plot, box in zip(panel.plots, boxes(panel.plots, PLOT_HEIGHT), strict=True):
        placed = Box(body + box.top, body + box.bottom)
        _Plot(paper, plot, left, left + LEFT, right - RIGHT, placed).draw()
    _foot(paper, panel, left, right, body + PLOT_HEIGHT + 14)


def _left_of(paper: _Paper, right: float, words: str) -> float:
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


def _foot(paper: _Paper, panel: Panel, left: float, right: float, top: float) -> None:
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

    def __init__(self, paper: _Paper, plot: Plot, edge: float, left: float, right: float, box: Box) -> None:
        self.paper, self.plot, self.theme = paper, plot, paper.theme
        self.edge, self.left, self.right, self.box = edge, left, right, box
        self.clip = (left - 1, box.top - 1, right + 1, box.bottom + 1)

    def x(self, value: Any) -> Any:
        """Data to px."""
        axis = self.plot.x
        return self.left + (value - axis.low) / (axis.high - axis.low) * (self.right - self.left)

    def y(self, value: Any) -> Any:
        """Data to px."""
        axis = self.plot.y
        return self.box.bottom - (value - axis.low) / (axis.high - axis.low) * self.box.height

    def draw(self) -> None:
        """Axes, then layers in their order; words last, so that nothing is drawn over them."""
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
        ticks = list(_ticks(plot.x))
        for index, (tick, words) in enumerate(ticks):
            x = self.x(tick)
            paper.line((x, x), (below, below + 3), rule, STROKES["axis"])
            last = index == len(ticks) - 1
            paper.text(x, below + 11, words, anchor="middle", within=(self.edge, self.right + RIGHT) if last or not index else None)
        if plot.x.name:
            paper.text((self.left + self.right) / 2, below + 24, plot.x.name, anchor="middle", within=(self.edge, self.right + RIGHT))

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
            self.paper.area(np.asarray([x, x + 4.5, x - 4.5]), np.asarray([y - 8, y, y]), self.theme.warning, 1.0, order=4)
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


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    labels = axis.tick_labels or tuple(f"{tick:g}".replace("-", "−") for tick in axis.ticks)
    return list(zip(axis.ticks, labels, strict=True))
