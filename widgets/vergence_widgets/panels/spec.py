"""What a panel is, before anyone draws it.

A panel is a *spec*: titles, axes with units and limits, layers of data, reference lines with their
values, marks, notes, a state. It is a pure function of a History, it holds no kernel and no browser,
and three pens draw it (`vergence_widgets.draw`): the browser, plotly and Matplotlib.

Limits are chosen here, as a pure function of the data that moves rarely (`nice_limit`: by doubling),
so all pens show the same picture and no axis jitters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.layers import Bars, Cloud, Gallery, Heat, Maps, Weights

__all__ = [
    "Axis",
    "Bars",
    "Bracket",
    "Cloud",
    "Color",
    "Dash",
    "Gallery",
    "Headline",
    "Heat",
    "Label",
    "Layer",
    "Line",
    "Maps",
    "Mark",
    "Panel",
    "Plot",
    "Points",
    "Ridge",
    "Rule",
    "Span",
    "State",
    "Table",
    "Weights",
    "fixed",
    "nice_limit",
    "number",
]

Array = NDArray[np.float64]
State = Literal["empty", "loading", "live", "stopped", "failed"]
Color = Literal["ink", "second", "ghost", "reference", "positive", "negative", "rule"]
"""Names of tokens in `theme`; `positive` and `negative` mean pairs and nothing else."""
Dash = Literal["solid", "chance", "floor", "negative"]
"""chance: 6 4, floor: 1 3, negative: 5 3 (see `theme.DASHES`)."""


@dataclass(frozen=True)
class Axis:
    """One axis: what it measures, in what unit, from where to where."""

    name: str
    low: float
    high: float
    ticks: tuple[float, ...]
    tick_labels: tuple[str, ...] | None = None
    scale: Literal["linear", "log"] = "linear"
    quantity: str = ""
    """What is shared with other panels: axes with the same quantity ("step", "cosine") share one crosshair."""


@dataclass(frozen=True)
class Line:
    """A curve. NaN in `y` is a gap in the record and is drawn as one, never bridged."""

    key: str
    x: Array
    y: Array
    color: Color = "ink"
    dash: Dash = "solid"
    width: float = 1.75
    opacity: float = 1.0
    fill: bool = False
    """Fill down to the axis, as for a histogram."""
    end_dot: bool = False
    """A dot on the last point, at full opacity."""
    label: str = ""
    fill_to: str = ""
    """Key of another line of the same plot: the space between the two is tinted faintly."""


@dataclass(frozen=True)
class Rule:
    """A horizontal reference line with its label: chance, floor, ceiling."""

    key: str
    y: float
    label: str
    dash: Dash = "chance"
    side: Literal["left", "right"] = "right"
    below: bool = False


@dataclass(frozen=True)
class Mark:
    """A vertical hairline at `x`: a control change ("lr 0.03 → 0.06") or something that went wrong."""

    x: float
    label: str
    kind: Literal["control", "trouble"] = "control"
    label_y: float | None = None
    """Where the middle of the label stands, in data coordinates (None: at the top of the plot)."""
    anchor: Literal["start", "end"] = "start"
    """start: the label stands right of the hairline; end: left of it."""


@dataclass(frozen=True)
class Points:
    """Dots coloured by `value` on viridis (a step), from `value_low` to `value_high`."""

    key: str
    x: Array
    y: Array
    value: Array
    value_low: float
    value_high: float
    value_name: str
    radius: float = 3.0
    ring_last: bool = True
    """Draw a ring around the last point and call it "now"."""
    now_side: Literal["left", "right"] = "left"
    """On which side of the ring "now" stands ..."""
    now_below: bool = False
    """... and whether a line under it instead of over it."""
    key_at: tuple[float, float] | None = None
    """Where the right end of the colour key stands, in data coordinates (None: top right of the plot)."""


@dataclass(frozen=True)
class Span:
    """A horizontal whisker from `low` to `high` around `mid` at height `y`: "random rows, 0 ± 0.09"."""

    key: str
    low: float
    mid: float
    high: float
    y: float
    label: str
    side: Literal["left", "right"] = "left"
    """On which side of the whisker its label stands."""


@dataclass(frozen=True)
class Bracket:
    """A vertical stroke at `x` from `low` to `high` with its length in words: "1.56 nats" above the floor."""

    key: str
    x: float
    low: float
    high: float
    label: str
    label_y: float | None = None
    """Where the middle of the label stands, left of the stroke (None: half way up)."""


@dataclass(frozen=True)
class Label:
    """Words at a place in data coordinates: `y` is the middle of the text. Pens keep them inside the plot."""

    x: float
    y: float
    text: str
    color: Color = "second"
    anchor: Literal["start", "middle", "end"] = "start"
    bold: bool = False


@dataclass(frozen=True)
class Ridge:
    """Densities through time: one row per step, newest first, two curves a row on the same `x`.

    The y axis of its plot counts rows: row `i` (0 is the newest) stands on `len(steps) - 1 - i`, and a
    density of `peak` reaches `overlap` rows up; what is taller is cut there.
    """

    key: str
    x: Array
    steps: tuple[int, ...]
    positive: NDArray[np.float64]
    """(rows, len(x)), density."""
    negative: NDArray[np.float64]
    """(rows, len(x)), density."""
    peak: float
    """The density that is drawn at full row height."""
    overlap: float = 2.0
    """Full row height, in rows."""


Layer = Line | Rule | Mark | Points | Span | Bracket | Label | Ridge | Heat | Cloud | Maps | Bars | Gallery | Weights


@dataclass(frozen=True)
class Plot:
    """One pair of axes. `share` is its part of the panel's plot height (262 px)."""

    key: str
    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    share: float = 1.0
    show_x: bool = True
    bare: bool = False
    """No axes: its one layer fills the whole box."""


@dataclass(frozen=True)
class Headline:
    """Name, value, reference: "uniformity −3.23, floor −3.94". `value` is the raw number behind the text."""

    name: str
    text: str
    reference: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """The same numbers as rows, for screen readers and for people who want numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Panel:
    """A panel as it should be drawn now."""

    noun: str
    unit: str
    state: State
    step: int | None = None
    """The step its newest data are from."""
    headline: Headline | None = None
    plots: tuple[Plot, ...] = ()
    foot_left: tuple[str, ...] = ()
    foot_right: tuple[str, ...] = ()
    ends: tuple[str, str] = ("", "")
    """What low and what high mean, one sentence each."""
    message: str = ""
    """What an empty, loading or failed panel says; for a failed one the cause in words."""
    after: str = ""
    """Failed: what happens next."""
    progress: tuple[float, float] | None = None
    """Loading: done so far, of about how many."""
    summary: str = ""
    """One line of text that says what the picture shows."""
    table: Table = field(default_factory=lambda: Table((), ()))
    late: str = ""
    """"" or the age in words when the data are older than three cadences."""

    def with_state(self, state: State, message: str = "", after: str = "") -> Panel:
        """The same panel in another state; what was drawn stays reachable."""
        return replace(self, state=state, message=message, after=after)


SMALLEST = 1e-9
"""What is smaller is written as 0: the floor of NT-Xent at a low temperature is 9e-16, which is nothing."""


def nice_limit(value: float) -> float:
    """The smallest of 1, 2, 4, 6, 8 times a power of ten that is not below `value`: a limit that moves rarely."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    for factor in (1, 2, 4, 6, 8, 10):
        if value <= factor * power * (1 + 1e-12):
            return float(f"{factor * power:.12g}")
    return float(f"{10 * power:.12g}")


def number(value: float | None, digits: int = 2) -> str:
    """A number for people: `−3.23`, `1,482`, `0.0021`; "not finite" where there is none to show."""
    if value is None:
        return "unknown"
    if not math.isfinite(value):
        return "not finite"
    if abs(value) < SMALLEST:
        text = f"{0:.{digits}f}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    elif abs(value) < 10.0**-digits:
        text = f"{value:.2g}"
    else:
        text = f"{value:.{digits}f}"
    return text.replace("-", "−")


def fixed(value: float | None, digits: int = 2) -> str:
    """A number whose size is known, such as a cosine: always so many digits, and nothing is written as −0.00."""
    if value is None or not math.isfinite(value):
        return number(value, digits)
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
