"""A sheet for the Matplotlib pen, measured in px from its top left corner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.theme import DASHES, SIZES, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Anchor", "Paper"]

Anchor = Literal["start", "middle", "end"]
ALIGN = {"start": "left", "middle": "center", "end": "right"}
FONT = "DejaVu Sans"
"""Comes with Matplotlib, so the picture is the same everywhere and no font is missed aloud."""


class Paper:
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
