"""hypersphere: alignment against uniformity, the path of the run in that plane, and the floor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels import ghost as other
from vergence_widgets.panels.curves import step_axis, thin, value_axis
from vergence_widgets.panels.place import LINE, WIDTH, Anchor, Places, text_width
from vergence_widgets.panels.spec import (
    Axis,
    Headline,
    Label,
    Layer,
    Line,
    Panel,
    Plot,
    Points,
    Rule,
    Table,
    nice_limit,
    number,
)
from vergence_widgets.panels.state import late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import History, Series

__all__ = ["NOUN", "spec"]

NOUN = "hypersphere"
HEIGHT = 208.0
"""px between the ends of the uniformity axis."""
LOWEST = -4.4
"""Under the floor of every dimension with room for the words there; fewer than 11 rows can go lower."""
MOST_DOTS = 28
DOT_STEPS = (1, 2, 5, 10, 20, 25, 50, 60, 100, 200, 250, 500, 600)
KEY_WIDTH = 72.0
ENDS = (
    "Left and down is good: views of one sample agree, and rows spread over the sphere.",
    "Up and left is collapse: all rows alike. Right: views of one sample disagree.",
)
UNIFORMITY = "uniformity, log mean exp(−2‖z−z′‖²), −4 to 0"


def spec(history: History, *, place: str = "z", live: bool = True, ghost: History | None = None) -> Panel:
    """The hypersphere panel of a History.

    place: whose rows: "z", "h" or a name of yours.
    live: False for a picture of the past (a report, a frozen output).
    ghost: another run, whose path is drawn thin and grey; the floor stays that of `history`.
    """
    prefix = f"{NOUN}/{place}"
    uniformity = history.scalar(f"{prefix}/uniformity")
    if not len(uniformity):
        needs = f"Needs embeddings at {place}." if history.last_step else "Needs a first step."
        blank = Panel(NOUN, f"of {place}", "empty", ends=ENDS)
        return waiting(history, blank, needs, f"Measuring the first batch of {place}.", place=place)
    alignment = history.scalar(f"{prefix}/alignment")
    floor = history.scalar(f"{prefix}/uniformity_floor").last
    tolerance = history.scalar(f"{prefix}/tolerance").last
    frame = newest_frame(history, f"similarity/{place}")
    meta: dict[str, Any] = frame.meta if frame is not None else {}
    dim = meta.get("dim") or (history.static.get("dim") if place == "z" else None)
    last = int(uniformity.steps[-1])
    steps, x, y = _pairs(alignment, uniformity)
    shadow = _shadow(ghost, prefix)
    if len(steps):
        plot, every = _plane(steps, x, y, floor, dim, last, shadow)
        said = f"a dot each {every:,} steps" if every else "a dot each measurement"
    else:
        plot = _through_time(uniformity, floor, dim, history, ghost, prefix)
        said = "alignment needs two views"
    value = float(uniformity.values[-1])
    panel = Panel(
        NOUN,
        f"of {place}",
        "live",
        step=last,
        headline=Headline(
            "uniformity", number(value), "no reference" if floor is None else f"floor {number(floor)}",
            value if math.isfinite(value) else None,
        ),
        plots=(plot,),
        foot_left=(said, *_compared(ghost, prefix, floor, plot)),
        foot_right=_foot_right(meta, tolerance),
        ends=ENDS,
        message="" if len(steps) else "Alignment needs two views; this run hands over one.",
        summary=_summary(last, value, floor, x, tolerance),
        table=_table(alignment, uniformity, history.scalar(f"{prefix}/tolerance"), ghost, prefix),
        late=late_after(history, f"similarity/{place}", last),
    )  # fmt: skip
    return settle(history, panel, live=live, good_step=last, place=place)


def _pairs(alignment: Series, uniformity: Series) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Alignment and uniformity of the steps that have both."""
    if len(alignment) == len(uniformity) and bool((alignment.steps == uniformity.steps).all()):
        return uniformity.steps, alignment.values, uniformity.values
    steps, first, second = np.intersect1d(alignment.steps, uniformity.steps, assume_unique=True, return_indices=True)
    return steps, alignment.values[first], uniformity.values[second]


def _shadow(ghost: History | None, prefix: str) -> tuple[History, NDArray[np.float64], NDArray[np.float64]] | None:
    """The path of the run that is compared; None where it has none."""
    if ghost is None:
        return None
    _, x, y = _pairs(ghost.scalar(f"{prefix}/alignment"), ghost.scalar(f"{prefix}/uniformity"))
    finite = np.isfinite(x) & np.isfinite(y)
    return (ghost, x, y) if finite.any() else None


def _compared(ghost: History | None, prefix: str, floor: float | None, plot: Plot) -> tuple[str, ...]:
    if ghost is None:
        return ()
    its = ghost.last(f"{prefix}/uniformity")
    words = "not measured" if its is None else other.differs(floor, ghost.last(f"{prefix}/uniformity_floor"), "floor")
    drawn = any(isinstance(layer, Label) and ghost.name.startswith(layer.text.rstrip("…")) for layer in plot.layers)
    return other.named(ghost, words, drawn=drawn)


def _plane(
    steps: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    floor: float | None,
    dim: int | None,
    last: int,
    shadow: tuple[History, NDArray[np.float64], NDArray[np.float64]] | None,
) -> tuple[Plot, int]:
    """The plane: the path as a thin line, a dot at even steps, the newest one ringed; and the distance of dots.

    The distance is 0 when every measurement has its dot.
    """
    every, chosen = _dots(steps, last)
    path_x, path_y = _path(x, y)
    finite = np.isfinite(x) & np.isfinite(y)
    both_x, both_y = x[finite], y[finite]
    if shadow is not None:
        its = np.isfinite(shadow[1]) & np.isfinite(shadow[2])
        both_x, both_y = np.concatenate((both_x, shadow[1][its])), np.concatenate((both_y, shadow[2][its]))
    reach = nice_limit(float(both_x.max()) * 1.02) if len(both_x) else 1.0
    high = min(4.0, max(0.1, reach))
    drawn_to = "0 to 4" if high >= 4 else f"0 to 4, drawn to {number(high, 1)}"
    x_axis = value_axis(f"alignment, mean ‖z−z⁺‖², {drawn_to}", 0.0, high)
    y_axis = _uniformity_axis(both_y)
    places = Places(x_axis, y_axis, HEIGHT)
    places.take_curve(path_x, path_y)
    drawn: list[Layer] = []
    if shadow is not None:
        shadow_x, shadow_y = _path(shadow[1], shadow[2])
        places.take_curve(shadow_x, shadow_y)
        drawn.append(Line("ghost", shadow_x, shadow_y, "ghost", width=other.WIDTH))
    drawn.append(Line("trajectory", path_x, path_y, "rule", width=1.0))
    if floor is not None:
        drawn += _floor(floor, dim, places)
        py = places.px(0.0, floor)[1]
        drawn.append(Label(*places.at(6, py + 10), "← best", "ink", bold=True))
        places.take_box(0, py + 3, text_width("← best", bold=True) + 10, py + 17)
    chosen = chosen[finite[chosen]]
    if len(chosen):
        drawn += _dots_layers(steps, x, y, chosen, places, last)
    if shadow is not None:
        drawn += other.beside(*shadow, places)
    return Plot("plane", x_axis, y_axis, tuple(drawn)), every if len(chosen) < len(steps) else 0


def _dots_layers(
    steps: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    chosen: NDArray[np.int64],
    places: Places,
    last: int,
) -> list[Layer]:
    for index in chosen.tolist():
        px, py = places.px(x[index], y[index])
        places.take_box(px - 3, py - 3, px + 3, py + 3)
    newest, first = int(chosen[-1]), int(chosen[0])
    now_x, now_y = places.px(x[newest], y[newest])
    side, below = _now_place(now_x, now_y, places)
    label = _first_label(steps, x, y, first, places) if first != newest else None
    key_at = _key_place(places, last)
    found: list[Layer] = [
        Points(
            "dots", x[chosen], y[chosen], steps[chosen].astype(np.float64), 0.0, float(last), "step",
            now_side="right" if side > 0 else "left", now_below=below, key_at=key_at,
        )
    ]  # fmt: skip
    return [*found, label] if label else found


def _first_label(
    steps: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64], first: int, places: Places
) -> Label | None:
    """Where the run came from, beside its first dot."""
    words = f"step {int(steps[first]):,}" + (", rows alike" if y[first] > -0.5 else "")
    px, py = places.px(float(x[first]), float(y[first]))
    spots: list[tuple[float, float, Anchor]] = []
    for drop in (0.0, 14.0, -14.0):
        spots += [(*places.at(px + 9, py + drop), "start"), (*places.at(px - 9, py + drop), "end")]
    return places.put(words, spots, needed=False)


def _now_place(px: float, py: float, places: Places) -> tuple[int, bool]:
    """The corner of the ring where "now" covers least."""
    wide = text_width("now", bold=True)
    best: tuple[float, int, bool] | None = None
    for below in (False, True):
        for side in (-1, 1):
            left = px - 9 - wide if side < 0 else px + 9
            top = py + 3 if below else py - 3 - LINE
            if left < 0 or left + wide > places.width or top < 0 or top + LINE > places.height:
                continue
            cost = places.cost(left, top + 2, left + wide, top + LINE - 2)
            if best is None or cost < best[0]:
                best = (cost, side, below)
    if best is None:
        return (1, False)
    _, side, below = best
    left = px - 9 - wide if side < 0 else px + 9
    top = py + 3 if below else py - 3 - LINE
    places.take_box(left, top, left + wide, top + LINE)
    return side, below


def _key_place(places: Places, last: int) -> tuple[float, float]:
    """The right end of the colour key: top right, or where it covers least."""
    wide = text_width("step 0") + KEY_WIDTH + text_width(f"{last:,}") + 8
    boxes = [(right, middle) for middle in (18.0, 40.0, 70.0, 110.0, 150.0) for right in (WIDTH, WIDTH - 90)]
    costs = [places.cost(right - wide, middle - 8, right, middle + 8) for right, middle in boxes]
    right, middle = boxes[costs.index(min(costs))]
    places.take_box(right - wide, middle - 8, right, middle + 8)
    return places.at(right, middle)


def _floor(floor: float, dim: int | None, places: Places) -> list[Layer]:
    text = f"floor: uniform on the sphere, d = {dim:,}, {number(floor)}" if dim else f"floor, {number(floor)}"
    places.take_level(floor)
    py = places.px(0, floor)[1]
    places.take_box(WIDTH - text_width(text), py + 3, WIDTH, py + 17)
    return [Rule("floor", floor, text, "floor", "right", below=True)]


def _uniformity_axis(y: NDArray[np.float64]) -> Axis:
    low = LOWEST
    while len(y) and float(y.min()) < low:
        low *= 2  # few rows: they can lie further apart than a uniform cloud
    name = UNIFORMITY if low == LOWEST else UNIFORMITY.replace("−4", number(low, 1))
    ticks = (-4.0, -3.0, -2.0, -1.0, 0.0) if low == LOWEST else (low, low / 2, 0.0)
    return Axis(name, low, 0.0, ticks, tuple(number(tick, 0 if low == LOWEST else 1) for tick in ticks))


def _through_time(
    uniformity: Series, floor: float | None, dim: int | None, history: History, ghost: History | None, prefix: str
) -> Plot:
    """With one view there is no alignment: uniformity against steps."""
    every = [uniformity] if ghost is None else [uniformity, ghost.scalar(f"{prefix}/uniformity")]
    x_axis = step_axis(max(float(s.steps[-1]) for s in every if len(s)), history.static.get("total_steps"))
    values = np.concatenate([s.values for s in every])
    y_axis = _uniformity_axis(values[np.isfinite(values)])
    places = Places(x_axis, y_axis, HEIGHT)
    x, y = thin(uniformity.steps.astype(np.float64), uniformity.values)
    drawn: list[Layer] = [Line("uniformity", x, y, "ink", end_dot=True)]
    drawn = [other.line("ghost", s.steps.astype(np.float64), s.values) for s in every[1:] if len(s)] + drawn
    if floor is not None:
        drawn += _floor(floor, dim, places)
    return Plot("uniformity", x_axis, y_axis, tuple(drawn))


def _dots(steps: NDArray[np.int64], last: int) -> tuple[int, NDArray[np.int64]]:
    """About one dot for each `every` steps: the measurements nearest to round numbers, first and newest too."""
    span = max(1, last - int(steps[0]))
    scale, fitting = 1, [step for step in DOT_STEPS if span / step <= MOST_DOTS]
    while not fitting:
        scale *= 1000
        fitting = [scale * step for step in DOT_STEPS if span / (scale * step) <= MOST_DOTS]
    every = fitting[0]
    if len(steps) <= MOST_DOTS:
        return every, np.arange(len(steps))
    targets = np.arange(steps[0] // every + 1, last // every + 1) * every
    at = np.searchsorted(steps, targets)
    at = np.minimum(at, len(steps) - 1)
    close = np.abs(steps[at] - targets) <= every // 2
    return every, np.unique(np.concatenate(([0], at[close], [len(steps) - 1])))


def _path(
    x: NDArray[np.float64], y: NDArray[np.float64], most: int = 400
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The path with fewer points: evenly in time, the newest exactly."""
    if len(x) <= most:
        return x, y
    index = np.unique(np.linspace(0, len(x) - 1, most).astype(np.int64))
    return x[index], y[index]


def _foot_right(meta: dict[str, Any], tolerance: float | None) -> tuple[str, ...]:
    found = []
    if meta:
        out = int(meta.get("rows_left_out") or 0)
        found.append(f"{out:,} rows left out" if not out else f"{out:,} of {out + int(meta['rows']):,} rows left out")
    found.append("tolerance needs labels" if tolerance is None else f"tolerance {number(tolerance)}")
    return tuple(found)


def _summary(last: int, value: float, floor: float | None, x: NDArray[np.float64], tolerance: float | None) -> str:
    parts = [f"uniformity {number(value)}" + ("" if floor is None else f", floor {number(floor)}")]
    if len(x):
        parts.append(f"alignment {number(float(x[-1]))}, best 0")
    if tolerance is not None:
        parts.append(f"tolerance {number(tolerance)}")
    return f"At step {last:,}: {'; '.join(parts)}."


def _table(alignment: Series, uniformity: Series, tolerance: Series, ghost: History | None, prefix: str) -> Table:
    at = np.unique(np.linspace(0, len(uniformity) - 1, min(len(uniformity), 9)).astype(np.int64))
    shadow = None if ghost is None else ghost.scalar(f"{prefix}/uniformity")
    rows = []
    for step in uniformity.steps[at].tolist():
        cells = [
            number(series.at(step), 3) if len(series) else "not measured"
            for series in (alignment, uniformity, tolerance)
        ]
        cells += [] if shadow is None else [other.value_at(shadow, step, 3)]
        rows.append((f"{step:,}", *cells))
    columns = ("step", "alignment", "uniformity", "tolerance")
    return Table(columns if ghost is None else (*columns, f"uniformity of {ghost.name}"), tuple(rows))
