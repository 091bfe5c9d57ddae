"""Where words go, so that they cover neither a line nor other words.

Pens draw at their real size; places are chosen at the size a panel has in the usual window, in
pixels, on a coarse grid of what is already taken. It is a choice among a few candidates, not a search.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Axis, Color, Label

__all__ = ["LINE", "PANEL", "TALL", "WIDTH", "Places", "text_width"]

WIDTH = 320.0
"""Inner width in px of a plot for which places are chosen: a panel in three columns at 1,280 px."""
PANEL = 262.0
"""Height in px of all plots of a panel together (`theme.PLOT_HEIGHT`; a test compares them)."""
LINE = 14.0
"""Height in px of a line of words."""
TALL = 12.0
"""px that the letters themselves need."""
_CELL = 3.0
_CHARACTER = 6.1

Anchor = Literal["start", "middle", "end"]


def text_width(text: str, bold: bool = False) -> float:
    """About how many px a text of 11 px takes."""
    return _CHARACTER * len(text) * (1.08 if bold else 1.0)


class Places:
    """The room of one plot: what is taken, and where words still fit.

    x, y: its axes; height: px between the ends of the y axis.
    """

    def __init__(self, x: Axis, y: Axis, height: float, width: float = WIDTH) -> None:
        self.height = height
        self.width = width
        # On a log axis everything below counts in powers of ten.
        self._logs = x.scale == "log", y.scale == "log"
        self._left = math.log10(x.low) if self._logs[0] else x.low
        self._top = math.log10(y.high) if self._logs[1] else y.high
        right = math.log10(x.high) if self._logs[0] else x.high
        bottom = math.log10(y.low) if self._logs[1] else y.low
        self._x_scale = width / ((right - self._left) or 1.0)
        self._y_scale = height / ((self._top - bottom) or 1.0)
        shape = (int(height / _CELL) + 2, int(width / _CELL) + 2)
        self._lines = np.zeros(shape, bool)
        self._words = np.zeros(shape, bool)
        self._hairlines = np.zeros(shape, bool)

    def px(self, x: float, y: float) -> tuple[float, float]:
        """Pixels from the top left corner."""
        across, up = (math.log10(one) if log else one for one, log in zip((x, y), self._logs, strict=True))
        return (across - self._left) * self._x_scale, (self._top - up) * self._y_scale

    def at(self, px: float, py: float) -> tuple[float, float]:
        """Data coordinates of a pixel."""
        across, up = self._left + px / self._x_scale, self._top - py / self._y_scale
        return 10**across if self._logs[0] else across, 10**up if self._logs[1] else up

    def take_curve(self, x: NDArray[Any], y: NDArray[Any]) -> None:
        """Words should not cover this curve; NaN breaks it."""
        if len(x) == 0:
            return
        across, up = (
            np.log10(np.where(np.asarray(one) > 0, one, np.nan)) if log else np.asarray(one, np.float64)
            for one, log in zip((x, y), self._logs, strict=True)
        )
        px = (across - self._left) * self._x_scale
        py = (self._top - up) * self._y_scale
        if len(px) > 1:
            length = np.nan_to_num(np.maximum(np.abs(np.diff(px)), np.abs(np.diff(py))), nan=1e-9)
            along = np.concatenate(([0.0], np.cumsum(np.minimum(length, 4 * self.width) + 1e-9)))
            sample = np.linspace(0.0, along[-1], min(3000, int(along[-1] / 2) + 2))
            px, py = np.interp(sample, along, px), np.interp(sample, along, py)
        inside = (px > -2) & (px < self.width + 2) & (py > -2) & (py < self.height + 2)
        rows = (np.clip(py[inside], 0, self.height) / _CELL).astype(np.int64)
        columns = (np.clip(px[inside], 0, self.width) / _CELL).astype(np.int64)
        self._lines[rows, columns] = True

    def take_level(self, y: float, *, hairline: bool = False) -> None:
        """Words should not cover a horizontal line; over a hairline they may stand."""
        row = int(self.px(self.at(0, 0)[0], y)[1] / _CELL)
        if 0 <= row < len(self._lines):
            (self._hairlines if hairline else self._lines)[row] = True

    def take_upright(self, x: float) -> None:
        """Words had better not cover a vertical hairline, but may."""
        column = int(self.px(x, self.at(0, 0)[1])[0] / _CELL)
        if 0 <= column < self._lines.shape[1]:
            self._hairlines[:, column] = True

    def take_box(self, left: float, top: float, right: float, bottom: float) -> None:
        """Room in px that is taken by words or a key."""
        rows, columns = self._cells(left, top, right, bottom)
        self._words[rows, columns] = True

    def cost(self, left: float, top: float, right: float, bottom: float) -> float:
        """How much a box in px would cover: 0 is free, below 1 only hairlines are behind it."""
        rows, columns = self._cells(left, top, right, bottom)
        words = int(np.count_nonzero(self._words[rows, columns]))
        hairlines = int(np.count_nonzero(self._hairlines[rows, columns]))
        return int(np.count_nonzero(self._lines[rows, columns])) + 20 * words + 0.01 * hairlines

    def box(self, x: float, y: float, width: float, anchor: Anchor) -> tuple[float, float, float, float]:
        """The box of words whose middle line is at `y`, moved inside the plot as pens move them."""
        px, py = self.px(x, y)
        left = px - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        left = min(max(left, 0.0), max(0.0, self.width - width))
        top = min(max(py - TALL / 2, 0.0), self.height - TALL)
        return left, top, left + width, top + TALL

    def put(
        self,
        text: str,
        candidates: Iterable[tuple[float, float, Anchor]],
        color: Color = "second",
        *,
        bold: bool = False,
        needed: bool = True,
    ) -> Label | None:
        """The words at the first free candidate (x, y, anchor), else at the cheapest one.

        Not `needed`: None rather than words on top of something.
        """
        width = text_width(text, bold)
        best: tuple[float, float, Anchor, tuple[float, float, float, float]] | None = None
        for x, y, anchor in candidates:
            box = self.box(x, y, width, anchor)
            cost = self.cost(*box)
            if best is None or cost < best[0]:
                best = (cost, x, anchor, box)
            if cost == 0:
                break
        if best is None or (best[0] >= 1 and not needed):
            return None
        _, x, anchor, box = best
        self.take_box(*box)
        return Label(float(x), self.at(0, box[1] + TALL / 2)[1], text, color, anchor, bold)

    def _cells(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
        return (
            slice(max(0, int(top / _CELL)), max(1, int(bottom / _CELL) + 1)),
            slice(max(0, int(left / _CELL)), max(1, int(right / _CELL) + 1)),
        )
