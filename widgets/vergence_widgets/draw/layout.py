"""What the Python pens agree on: margins of a plot in px, outlines of filled curves, words of a title."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Line, Panel, Plot, Ridge

__all__ = [
    "LEFT",
    "RIGHT",
    "Box",
    "Outline",
    "boxes",
    "feet",
    "finding_lines",
    "outlines",
    "title_of_run",
    "title_of_unit",
    "underfill",
    "wrap",
]

Floats = NDArray[np.float64]

LEFT = 34.0
RIGHT = 4.0
NAME_ROOM = 18.0
GAP = 5.0
TICK_ROOM = 20.0
X_NAME_ROOM = 14.0


@dataclass(frozen=True)
class Box:
    """The ends of a plot's axes in px from the top of the panel's plots."""

    top: float
    bottom: float

    @property
    def height(self) -> float:
        """px between the ends of the y axis."""
        return self.bottom - self.top


def boxes(plots: tuple[Plot, ...], height: float) -> list[Box]:
    """Divide `height` px among plots by their shares; axis names and ticks take room inside each share.

    A bare plot has neither, and its box is the whole share.
    """
    found = []
    at = 0.0
    for plot in plots:
        part = plot.share * height
        if plot.bare:
            found.append(Box(at, at + part))
            at += part
            continue
        top = NAME_ROOM if plot.y.name else GAP
        bottom = (TICK_ROOM if plot.show_x else GAP) + (X_NAME_ROOM if plot.show_x and plot.x.name else 0.0)
        found.append(Box(at + top, at + part - bottom))
        at += part
    return found


@dataclass(frozen=True)
class Outline:
    """One curve of a ridge as drawn: its top edge, and the baseline it stands on."""

    kind: str
    step: int
    base: float
    x: Floats
    y: Floats


def outlines(ridge: Ridge) -> Iterator[Outline]:
    """Rows from the oldest (at the bottom, drawn first on top of nothing) to the newest; tails left out."""
    count = len(ridge.steps)
    for index in range(count):
        base = float(count - 1 - index)
        for kind, rows in (("negative", ridge.negative), ("positive", ridge.positive)):
            heights = np.minimum(rows[index] / ridge.peak, 1.0)
            seen = np.flatnonzero(heights > 0.004)
            if len(seen) == 0:
                continue
            part = slice(int(seen[0]), int(seen[-1]) + 1)
            yield Outline(kind, ridge.steps[index], base, ridge.x[part], base + heights[part] * ridge.overlap)


def underfill(plot: Plot, line: Line) -> list[tuple[Floats, Floats]]:
    """Closed outlines of what lies between a line and its `fill_to` line, one for each unbroken stretch."""
    other = next((layer for layer in plot.layers if isinstance(layer, Line) and layer.key == line.fill_to), None)
    if other is None:
        return []
    known = np.isfinite(other.y)
    if not known.any():
        return []
    found = []
    for part in _unbroken(line.y):
        x = line.x[part]
        inside = (other.x > x[0]) & (other.x < x[-1]) & known
        low_x = np.concatenate((x[:1], other.x[inside], x[-1:]))
        low_y = np.interp(low_x, other.x[known], other.y[known])
        found.append((np.concatenate((x, low_x[::-1])), np.concatenate((line.y[part], low_y[::-1]))))
    return found


def title_of_unit(panel: Panel) -> str:
    """The small words after the noun; a panel that is not live says which step it shows."""
    live = panel.state in ("live", "empty", "loading")
    return panel.unit if live or panel.step is None else f"{panel.unit}, step {panel.step:,}"


def feet(panel: Panel) -> tuple[str, str]:
    """The foot line, left and right; a late panel gives its age first."""
    left = (panel.late, *panel.foot_left) if panel.late else panel.foot_left
    return "    ".join(left), "    ".join(panel.foot_right)


def title_of_run(header: Mapping[str, Any]) -> tuple[str, str]:
    """Name, and method, state and step in words."""
    step, total = header.get("step"), header.get("total")
    parts = [str(header.get("method") or "")]
    if header.get("state"):
        parts.append(str(header["state"]))
    if step is not None:
        parts.append(f"step {int(step):,}" + (f" of {int(total):,}" if total else ""))
    return str(header.get("name") or "unnamed"), "    ".join(part for part in parts if part)


MOST_FINDING_LINES = 14


def finding_lines(findings: Sequence[str], characters: int) -> list[tuple[str, str]]:
    """What `panels.findings.lines` says, wrapped: words, and how they are set: "warning", "head" or "detail".

    Long lists are cut here and say so; the words of a still picture and of a report have all of them.
    """
    found: list[tuple[str, str]] = []
    for words in findings:
        sign = words.startswith(("Warning", "Failure"))
        kind = "detail" if words.startswith(" ") else "warning" if sign else "head"
        found += [(line, kind) for line in wrap(f"▲ {words}" if sign else words.strip(), characters)]
    if len(found) > MOST_FINDING_LINES:
        more = len(found) - MOST_FINDING_LINES + 1
        found = [*found[: MOST_FINDING_LINES - 1], (f"{more} more lines in the report", "detail")]
    return found


def wrap(text: str, characters: int) -> list[str]:
    """Lines of at most so many characters."""
    return textwrap.wrap(text, max(16, characters)) or [""]


def _unbroken(y: Floats) -> list[slice]:
    finite = np.concatenate(([False], np.isfinite(y), [False]))
    edges = np.flatnonzero(finite[1:] != finite[:-1]).tolist()
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]
