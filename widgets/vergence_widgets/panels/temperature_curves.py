"""The plots of the temperature panel: weight against similarity, where the push comes from, and both through time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels import marks
from vergence_widgets.panels.curves import break_gaps, step_axis, thin, value_axis
from vergence_widgets.panels.place import WIDTH, Anchor, Places, text_width
from vergence_widgets.panels.spec import Axis, Color, Label, Layer, Line, Plot, Rule, nice_limit

if TYPE_CHECKING:
    from vergence.record.history import History
    from vergence_widgets.panels.temperature import Shared

__all__ = ["BAR_SHARE", "push", "through_time", "weight"]

BAR_SHARE = 0.125
"""Of the panel's height, for the slider."""
SHARES = {"weight": 0.4, "push": 0.28, "time": 0.32}
"""Of what the slider leaves."""
HEIGHTS = {"weight": 60.0, "push": 28.0, "time": 35.0}
"""px between the ends of each y axis, where it has least."""
LEAST, MOST = 0.01, 1000.0
"""Ends of the axis of weights."""
CUT = 3.0
"""A push more than so many times as tall as the negatives themselves is cut, or these would be a flat line."""
MOST_POINTS = 200
THIN = 1.25
COSINES = (-1.0, -0.5, 0.0, 0.5, 1.0)
NUMBERS: tuple[tuple[str, str, Color, float], ...] = (
    ("coupling", "q", "reference", THIN),
    ("entropy_share", "entropy", "second", THIN),
    ("share_hardest", "hardest 1 %", "ink", 1.75),
)
"""Scalar, name, colour and width of what is drawn through time."""


def weight(now: Shared, preview: Shared | None, bar: float) -> Plot:
    """Mean weight of the negatives at each similarity; 1 is what all would have if they counted alike."""
    x = Axis("", -1.0, 1.0, COSINES, quantity="cosine")
    y = Axis("weight of a negative, 1 is even (log, from 0.01)", LEAST, MOST, (0.1, 10.0), ("0.1", "10"), "log")
    places = Places(x, y, HEIGHTS["weight"])
    places.take_level(1.0)
    drawn: list[Layer] = [Rule("even", 1.0, "all alike, 1", "chance", "left", below=True)]
    places.take_box(0, places.px(0, 1.0)[1] + 2, 78, places.px(0, 1.0)[1] + 16)
    labels: list[Label | None] = []
    for shared, key, width in _both(now, preview):
        across, up = _known(shared.weight, shared.counts)
        # What weighs less than a hundredth of the even share moves nothing; the line ends there.
        up = np.where(up >= LEAST, up, np.nan)
        drawn.append(Line(key, across, up, "ink" if key == "now" else "second", width=width, end_dot=key == "now"))
        places.take_curve(across, np.minimum(up, MOST))
    for shared, key, _ in _both(now, preview):
        across, up = _known(shared.weight, shared.counts)
        name = "now" if shared.temperature is None else f"τ {shared.temperature:g}"
        labels.append(_beside(name, across, np.clip(up, LEAST, MOST), places, bold=key == "now"))
    drawn += [label for label in labels if label is not None]
    return Plot("weight", x, y, tuple(drawn), SHARES["weight"] * (1 - bar), show_x=False)


def push(now: Shared, preview: Shared | None, bar: float) -> Plot:
    """Where the negatives lie, and where their push comes from."""
    negatives = _density(now.counts / max(1.0, float(now.counts.sum())))
    found = [(key, _density(shared.push), width) for shared, key, width in _both(now, preview)]
    tallest = max([float(negatives.max()), float(found[-1][1].max())])
    high = nice_limit(1.05 * min(tallest, CUT * float(negatives.max()) or 1.0))
    x = Axis("", -1.0, 1.0, COSINES, ("−1", "−0.5", "0", "0.5", "1, cosine"), quantity="cosine")
    y = value_axis("density: negatives dashed, their push solid", 0.0, high, most=3)
    places = Places(x, y, HEIGHTS["push"])
    middles = _middles(len(negatives))
    drawn: list[Layer] = [Line("negatives", middles, negatives, "negative", "negative", 1.5, fill=True)]
    places.take_curve(middles, np.minimum(negatives, high))
    for key, curve, width in found:
        drawn.append(Line(f"push_{key}", middles, curve, "ink" if key == "now" else "second", width=width))
        places.take_curve(middles, np.minimum(curve, high))
    label = _aside("negatives", middles, np.minimum(negatives, high), places)
    drawn += [label] if label else []
    return Plot("push", x, y, tuple(drawn), SHARES["push"] * (1 - bar))


def through_time(history: History, bar: float) -> Plot:
    """The three numbers through time, each from 0 to 1, with the changes of controls."""
    every = [(history.scalar(f"temperature/z/{key}"), key, name, color, width) for key, name, color, width in NUMBERS]
    last = max((float(series.steps[-1]) for series, *_ in every if len(series)), default=1.0)
    x = step_axis(last, history.static.get("total_steps"))
    y = value_axis("through time: hardest 1 %, entropy / ln n, q", 0.0, 1.0, most=3)
    places = Places(x, y, HEIGHTS["time"])
    drawn: list[Layer] = []
    curves = []
    for series, key, name, color, width in every:
        if not len(series):
            continue
        curve = break_gaps(series.steps, series.values, series.stride)
        across, up = thin(curve.x, curve.y, MOST_POINTS)
        drawn.append(Line(key, across, up, color, width=width, end_dot=key == "share_hardest"))
        places.take_curve(across, up)
        curves.append((name, across, up))
    # What a control did is said nowhere else, so its words come first.
    drawn += marks.layers(marks.applied(history), places, x)
    for name, across, up in curves:
        label = _beside(name, across, up, places)
        drawn += [label] if label else []
    return Plot("time", x, y, tuple(drawn), SHARES["time"] * (1 - bar))


def _both(now: Shared, preview: Shared | None) -> list[tuple[Shared, str, float]]:
    """What is only tried, and on top of it what is in force."""
    found = [(now, "now", 1.75)]
    return found if preview is None else [(preview, "preview", THIN), *found]


def _middles(bins: int) -> NDArray[np.float64]:
    return (np.arange(bins) + 0.5) * 2 / bins - 1


def _known(values: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The bins that hold a negative: between two of them there is nothing to weigh."""
    held = counts > 0
    return _middles(len(values))[held], values[held]


def _density(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(shares * len(shares) / 2)


def _beside(
    text: str, x: NDArray[np.float64], y: NDArray[np.float64], places: Places, *, bold: bool = False
) -> Label | None:
    """Words over or under a curve, near its newest or highest end where there is room."""
    seen = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    spots: list[tuple[float, float, Anchor]] = []
    for share in (1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.15) if len(seen) else ():
        index = seen[int(share * (len(seen) - 1))]
        px, py = places.px(float(x[index]), float(y[index]))
        if share == 1.0 and px + 9 + text_width(text, bold) <= WIDTH:
            spots.append((*places.at(px + 9, py), "start"))
        for drop in (-9.0, 9.0, -16.0, 16.0):
            if 5 <= py + drop <= places.height - 5:
                spots += [(*places.at(px - 5, py + drop), "end"), (*places.at(px + 6, py + drop), "start")]
    return places.put(text, spots, "ink" if bold else "second", bold=bold, needed=False) if spots else None


def _aside(text: str, x: NDArray[np.float64], y: NDArray[np.float64], places: Places) -> Label | None:
    """Words left of a hump, or right of it."""
    high = np.flatnonzero(y > 0.05 * max(float(y.max()), 1e-12))
    if not len(high):
        return None
    left, right = (places.px(float(x[edge]), 0.0)[0] for edge in (high[0], high[-1]))
    downs = (places.height - 14, places.height - 24, 8.0)
    spots: list[tuple[float, float, Anchor]] = [
        *((*places.at(left - away, down), "end") for away in (6, 18, 36) for down in downs),
        *((*places.at(right + away, down), "start") for away in (6, 18, 36) for down in downs),
    ]
    return places.put(text, spots, "negative", needed=False)
