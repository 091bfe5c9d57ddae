"""The terms of a loss apart, in a small plot under it: what pulls, what pushes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.curves import linear_ticks, thin, tick_text, value_axis
from vergence_widgets.panels.place import LINE, PANEL, Anchor, Places
from vergence_widgets.panels.spec import Axis, Color, Dash, Layer, Line, Plot, nice_limit, number

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["Term", "gather", "keys", "plot"]

ROOM = 23.0
"""px of its share that axis names take."""
MOST_TERMS = 4
FEW = 12
"""A curve of fewer points shows which one is the newest."""
REFERENCES = frozenset({"loss/chance", "loss/floor"})
FORMULAS = {"pull": "−s⁺/τ", "push": "log Σ exp(s/τ)"}
"""What the two terms of a loss over cosines are; said only where the loss has chance "ln ..."."""
STYLES: dict[str, tuple[Color, Dash, float]] = {
    "pull": ("positive", "solid", 1.5),
    "push": ("negative", "negative", 1.5),
}
OTHERS: tuple[tuple[Color, Dash, float], ...] = (
    ("ink", "solid", 1.75),
    ("reference", "solid", 1.25),
    ("ghost", "solid", 1.25),
    ("second", "solid", 0.75),
)


@dataclass(frozen=True)
class Term:
    """One term through time; values are already multiplied by their coefficient."""

    name: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    def at(self, step: int) -> float | None:
        """The newest value not after `step`."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        return float(self.values[index]) if index >= 0 else None


def keys(history: History) -> tuple[str, ...]:
    """The scalars that are terms of the loss, in the order the loss gives them."""
    return tuple(key for key in history.scalar_keys() if key.startswith("loss/") and key not in REFERENCES)


def gather(history: History) -> list[Term]:
    """The terms that were recorded, at most four."""
    found = []
    for key in keys(history)[:MOST_TERMS]:
        series = history.scalar(key)
        if len(series):
            found.append(Term(key.removeprefix("loss/"), series.steps, series.values))
    return found


def share_of(parts: list[Term]) -> float:
    """The part of the panel that the small plot takes: three curves with words need more than two."""
    return 0.0 if not parts else 0.26 if len(parts) < 3 else 0.38


def plot(parts: list[Term], x: Axis, history: History, scaled: Sequence[int] = ()) -> Plot:
    """The small plot: every term with its words and its newest value beside it.

    scaled: steps at which the loss began to mean something else; curves do not run across them.
    """
    curves = [thin(*_apart(part, scaled)) for part in parts]
    words = history.static.get("loss_words") or {}
    pairs = str(words.get("chance", "")).startswith("ln")
    share = share_of(parts)
    height = share * PANEL - ROOM
    y = _axis([values for _, values in curves], "terms, nats" if pairs else "terms, no unit", height)
    places = Places(x, y, height)
    styles = _styles([part.name for part in parts])
    drawn: list[Layer] = []
    if any(part.values[-1] < 0 for part in parts):
        drawn.append(Line("zero", np.asarray([x.low, x.high]), np.zeros(2), "rule", width=0.75))
        places.take_level(0.0, hairline=True)
    for (at, values), part, (color, dash, width) in zip(curves, parts, styles, strict=True):
        # Terms are measured on a cadence: where that is slow, a dot says which point is the newest.
        drawn.append(Line(part.name, at, values, color, dash, width, end_dot=len(part.steps) < FEW))
        places.take_curve(at, values)
    labels = []
    # From the lowest up: its words go into the room under it, the others into the room they leave.
    upwards = sorted(zip(curves, parts, styles, strict=True), key=lambda item: _last(item[0][1]))
    for (at, values), part, (color, _, _) in upwards:
        formula = FORMULAS.get(part.name, "") if pairs else str(words.get(part.name, ""))
        text = ", ".join(piece for piece in (part.name, formula, f"now {number(float(part.values[-1]))}") if piece)
        shade: Color = color if color in ("positive", "negative") else "second"
        label = places.put(text, _spots(at, values, places), shade)
        labels += [label] if label else []
    if extra := hidden_terms(history):
        label = places.put(f"{extra} more not drawn", [(x.high, y.high, "end")], needed=False)
        labels += [label] if label else []
    return Plot("terms", x, y, (*drawn, *labels), share, show_x=False)


def _apart(part: Term, scaled: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A term as a curve that is broken just before each of the steps `scaled`, where it does not change at once."""
    x, y = part.steps.astype(np.float64), part.values
    after = np.searchsorted(x, np.unique(np.asarray(scaled, np.float64)))
    cuts = [index for index in np.unique(after).tolist() if 0 < index < len(x) and x[index] - x[index - 1] > 1]
    return (np.insert(x, cuts, x[cuts] - 0.5), np.insert(y, cuts, np.nan)) if cuts else (x, y)


def hidden_terms(history: History) -> int:
    """How many terms there are beyond those drawn."""
    return max(0, len(keys(history)) - MOST_TERMS)


def _styles(names: list[str]) -> list[tuple[Color, Dash, float]]:
    """Blue and orange mean pairs: only the terms that are about pairs get them."""
    others = iter(OTHERS)
    return [STYLES[name] if name in STYLES else next(others) for name in names]


def _axis(values: list[NDArray[np.float64]], name: str, height: float) -> Axis:
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in values])
    if not len(finite):
        return value_axis(name, 0.0, 1.0, most=3)
    ordered = np.sort(finite)
    top, bottom = float(ordered[-1]), float(ordered[0])
    most, least = (float(ordered[int(share * (len(ordered) - 1))]) for share in (0.97, 0.03))
    usual = max(abs(most), abs(least))
    if usual > 0:
        top, bottom = min(top, 4 * usual), max(bottom, -4 * usual)
    high = _limit(top) if top > 0 else 0.0
    high = high if high > bottom else bottom + 1.0
    # Room for a line of words under the lowest curve.
    room = LINE / height
    low = (min(0.0, bottom) - room * high) / (1 - room)
    ticks = linear_ticks(-nice_limit(-bottom) if bottom < 0 else 0.0, high, 3)
    return Axis(name, low, high, ticks, tick_text(ticks))


def _limit(value: float) -> float:
    """Closer than `nice_limit`: the plot is low, and every pixel of it is wanted."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12) if value <= factor * power)


def _last(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0


def _spots(x: NDArray[np.float64], y: NDArray[np.float64], places: Places) -> list[tuple[float, float, Anchor]]:
    """Beside the curve, first where there is most room."""
    finite = np.flatnonzero(np.isfinite(y))
    if not len(finite):
        return [(0.0, 0.0, "start")]
    left, right = places.at(0, 0)[0], places.at(places.width, 0)[0]
    spots: list[tuple[float, float, Anchor]] = []
    for share in (0.4, 0.08, 0.2, 0.3, 0.5, 0.6):
        at = left + share * (right - left)
        index = finite[min(int(np.searchsorted(x[finite], at)), len(finite) - 1)]
        py = places.px(0, float(y[index]))[1]
        spots += [(at, places.at(0, py + offset)[1], "start") for offset in (10, 8, -9)]
    return spots
