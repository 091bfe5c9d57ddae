"""similarity: where the cosines of positive and negative pairs lie now, and how they came there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels import ghost as other
from vergence_widgets.panels.curves import value_axis
from vergence_widgets.panels.density import CENTRES, MOST_ROWS, RIDGE_X, density, row, rows_at, smoothing
from vergence_widgets.panels.place import Anchor, Places, text_width
from vergence_widgets.panels.spec import (
    Axis,
    Color,
    Dash,
    Headline,
    Layer,
    Line,
    Panel,
    Plot,
    Ridge,
    Span,
    Table,
    fixed,
    nice_limit,
    number,
)
from vergence_widgets.panels.state import late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["NOUN", "spec"]

NOUN = "similarity"
DENSITY_SHARE = 0.42
DENSITY_HEIGHT = 88.0
"""px between the ends of the density axis."""
CUT = 6.0
"""A peak more than so many times as tall as the other one is cut, or the other would be a flat line."""
OVERLAP = 2.0
WORDS = {"positive": "positives", "negative": "negatives", "false_negative": "same label"}
COSINES = (-1.0, -0.5, 0.0, 0.5, 1.0)
COSINE_TEXT = ("−1", "−0.5", "0", "0.5", "1")
ENDS = (
    "Left: opposite directions.",
    "Right: the same direction. Apart is good; negatives near 1 is collapse.",
)


def spec(history: History, *, place: str = "z", live: bool = True, ghost: History | None = None) -> Panel:
    """The similarity panel of a History.

    place: whose cosines: "z", "h" or a name of yours.
    live: False for a picture of the past (a report, a frozen output).
    ghost: another run, whose two densities at the same step are drawn thin and grey.
    """
    kind = f"{NOUN}/{place}"
    unit = f"cosine of {place}"
    frame = newest_frame(history, kind)
    if frame is None:
        needs = f"Needs embeddings: two views of a batch at {place}." if history.last_step else "Needs a first step."
        return waiting(
            history, Panel(NOUN, unit, "empty", ends=ENDS), needs, f"Measuring the first batch of {place}.", place=place
        )
    meta = frame.meta
    ridge = _ridge(history, kind, place)
    shadow = None if ghost is None else other.frame_near(ghost, kind, frame.step)
    panel = Panel(
        NOUN,
        unit,
        "live",
        step=frame.step,
        headline=_headline(meta),
        plots=(_now(frame, 1.0 if ridge is None else DENSITY_SHARE, shadow), *([ridge] if ridge else [])),
        foot_left=_foot_left(meta) + _compared(ghost, shadow),
        foot_right=_foot_right(meta),
        ends=ENDS,
        summary=_summary(frame),
        table=_table(history, kind, place, ghost),
        late=late_after(history, kind, frame.step),
    )
    return settle(history, panel, live=live, good_step=frame.step, place=place)


def _curves(frame: Frame, names: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    counts = {name: frame.arrays.get(name) for name in names}
    return {name: density(found) for name, found in counts.items() if found is not None and found.sum() > 0}


def _compared(ghost: History | None, shadow: Frame | None) -> tuple[str, ...]:
    if ghost is None:
        return ()
    return other.named(ghost, "no cosines recorded" if shadow is None else f"step {shadow.step:,}")


def _now(frame: Frame, share: float, shadow: Frame | None) -> Plot:
    """The densities of the newest frame, and those of the run that is compared."""
    curves = _curves(frame, ("negative", "false_negative", "positive"))
    peaks = {name: float(curve.max()) for name, curve in curves.items()}
    shades = {} if shadow is None else _curves(shadow, ("negative", "positive"))
    y = _density_axis(peaks, frame, max((float(curve.max()) for curve in shades.values()), default=0.0))
    x = Axis("", -1.0, 1.0, COSINES, COSINE_TEXT, quantity="cosine")
    places = Places(x, y, DENSITY_HEIGHT)
    drawn: list[Layer] = []
    for name, curve in shades.items():
        dash: Dash = "solid" if name == "positive" else "negative"
        drawn.append(Line(f"ghost_{name}", CENTRES, curve, "ghost", dash, other.WIDTH))
        places.take_curve(CENTRES, np.minimum(curve, y.high))
    for name, curve in curves.items():
        if name == "false_negative":
            drawn.append(Line(name, CENTRES, curve, "negative", "negative", 1.0))
        else:
            color: Color = "positive" if name == "positive" else "negative"
            drawn.append(Line(name, CENTRES, curve, color, "solid" if name == "positive" else "negative", fill=True))
        places.take_curve(CENTRES, np.minimum(curve, y.high))
    drawn += _names(curves, peaks, frame, places, y, ("positive", "false_negative"))
    # The whisker cannot move sideways, so it goes before the negatives, whose name can.
    drawn += _random_rows(frame.meta, places)
    drawn += _names(curves, peaks, frame, places, y, ("negative",))
    overlap = frame.meta.get("overlap")
    if overlap is not None:
        spots = _heights(places, -0.96, "start") + _heights(places, 0.96, "end")
        label = places.put(f"overlap {fixed(overlap)}", spots)
        drawn += [label] if label else []
    return Plot("density", x, y, tuple(drawn), share, show_x=share == 1.0)


def _density_axis(peaks: Mapping[str, float], frame: Frame, shade: float) -> Axis:
    """From 0 to a limit that moves rarely; one very tall peak does not flatten the other curve."""
    pairs = [peaks[name] for name in ("positive", "negative") if name in peaks]
    tallest = max([*peaks.values(), shade], default=1.0) or 1.0
    wanted = min(tallest, CUT * min(pairs)) if pairs else tallest
    high = nice_limit(wanted * 1.05)
    kernels = [smoothing(frame.arrays[name]) for name in ("positive", "negative") if name in peaks]
    name = f"density, smoothed over {fixed(max(kernels), 3)}" if kernels else "density"
    return value_axis(name, 0.0, high, most=4)


def _names(
    curves: Mapping[str, NDArray[np.float64]],
    peaks: Mapping[str, float],
    frame: Frame,
    places: Places,
    y: Axis,
    which: tuple[str, ...],
) -> list[Layer]:
    """Each curve's name and mean beside its peak; what is cut says how tall it is."""
    found: list[Layer] = []
    for name in which:
        if name not in curves:
            continue
        curve, words = curves[name], WORDS[name]
        mean = frame.meta.get(f"{name}_mean")
        if mean is None:  # only counted, in bins of 0.004
            counts = frame.arrays[name]
            mean = float(counts @ CENTRES) / float(counts.sum())
        text = f"{words} {fixed(mean)}"
        if peaks[name] > y.high * (1 + 1e-9):
            text += f", peak {number(peaks[name], 0)} cut ↑"
        color: Color = "positive" if name == "positive" else "negative"
        spots = _beside(curve, list(curves.values()), places, y)
        label = None
        if name == "false_negative":  # among two other curves: right over its peak with the mean, or without it
            label = places.put(text, spots[:3], color, needed=False)
            if label is None:
                text = words
                spots = [*spots[:7], *_along(curve, places), *spots[7:]]
        label = label or places.put(text, spots, color)
        found += [label] if label else []
    return found


def _beside(
    curve: NDArray[np.float64], every: list[NDArray[np.float64]], places: Places, y: Axis
) -> list[tuple[float, float, Anchor]]:
    """Over the peak, then on its slopes from high to low; where all crowd at the right end, left of all."""
    top = int(curve.argmax())
    peak = float(min(curve[top], y.high))
    x = float(CENTRES[top])
    over, higher = (places.at(0, places.px(0, peak)[1] - up)[1] for up in (9, 25))
    gap = 8 / places.width * 2
    aside = (0.0, -1.5, 1.5, -3.0, 3.0, -4.5, 4.5)
    spots: list[tuple[float, float, Anchor]] = [
        (x + gap * steps, level, "middle") for level in (over, higher) for steps in aside if level < y.high
    ]
    for outline in (curve, np.max(every, axis=0)) if x > 0.6 else (curve,):
        for share in (0.85, 0.7, 0.55, 0.4, 0.25):
            level = peak * share
            inside = np.flatnonzero(outline >= level)
            left, right = float(CENTRES[inside[0]]), float(CENTRES[inside[-1]])
            spots += [(left - gap, level, "end"), (right + gap, level, "start")]
    return spots


ABOVE: tuple[tuple[Anchor, int, int], ...] = (("middle", 45, 45), ("start", 0, 90), ("end", 90, 0))
"""How words of about 90 px stand over a point, and how far they reach to either side."""


def _along(curve: NDArray[np.float64], places: Places) -> list[tuple[float, float, Anchor]]:
    """Just over a curve that is flat and lies among others: over its peak, and over its right half."""
    inside = np.flatnonzero(curve >= 0.5 * curve.max())
    spots: list[tuple[float, float, Anchor]] = []
    shares = (0.6, 0.75, 0.9, 0.5, 0.2, 0.0)
    for index in (int(curve.argmax()), *(int(inside[int(share * (len(inside) - 1))]) for share in shares)):
        x, py = places.px(float(CENTRES[index]), float(curve[index]))
        for anchor, left, right in ABOVE:
            # Clear of the curve's own highest point under the words.
            under = slice(max(0, int((x - left) / places.width * 512)), int((x + right) / places.width * 512) + 1)
            top = min(py, places.px(0, float(curve[under].max()))[1])
            spots.append((*places.at(x, top - 9), anchor))
    return spots


def _heights(places: Places, x: float, anchor: Anchor) -> list[tuple[float, float, Anchor]]:
    return [(x, places.at(0, py)[1], anchor) for py in (66.0, 52.0, 38.0, 24.0, 8.0)]


def _random_rows(meta: Mapping[str, Any], places: Places) -> list[Layer]:
    """Where cosines of random rows lie: 0 plus or minus one standard deviation, 1/sqrt(dim)."""
    dim = meta.get("dim")
    if not dim or dim < 2:
        return []
    spread = 1 / math.sqrt(dim)
    text = f"random rows, 0 ± {number(spread)}"
    wide = text_width(text) + 8
    half = spread / 2 * places.width
    middle = places.px(0.0, 0)[0]
    best: tuple[float, float, bool] | None = None
    for py in (24.0, 12.0, 36.0, 48.0, 60.0, 72.0):
        for left_side in (True, False):
            left = middle - half - wide if left_side else middle - half
            box = (left, py - 7, left + wide + 2 * half, py + 7)
            if box[0] < 0 or box[2] > places.width:
                continue
            cost = places.cost(*box)
            if best is None or cost < best[0]:
                best = (cost, py, left_side)
    if best is None:
        return []
    _, py, left_side = best
    left = middle - half - wide if left_side else middle - half
    places.take_box(left, py - 7, left + wide + 2 * half, py + 7)
    y_at = places.at(0, py)[1]
    return [Span("random", -spread, 0.0, spread, y_at, text, "left" if left_side else "right")]


def _ridge(history: History, kind: str, place: str) -> Plot | None:
    """Densities through time, newest on top."""
    steps = rows_at(history.frames(kind))
    rows = []
    for step in steps:
        try:
            rows.append(row(history, history.frame(kind, step), place))
        except ValueError:  # thinned away between listing and reading
            continue
    if not rows:
        return None
    positive = np.stack([item.positive for item in rows])
    negative = np.stack([item.negative for item in rows])
    tops = np.sort(np.concatenate((positive.max(axis=1), negative.max(axis=1))))
    tops = tops[tops > 0]
    usual = float(tops[len(tops) // 2]) if len(tops) else 1.0
    peak = _row_limit(min(float(tops[-1]) if len(tops) else 1.0, 2 * usual))
    cut = int(np.count_nonzero(np.maximum(positive.max(axis=1), negative.max(axis=1)) > peak * (1 + 1e-9)))
    count = len(rows)
    labels = tuple(f"{item.step:,}" if _named(index, count) else "" for index, item in enumerate(rows))
    name = "cosine; rows: step, newest on top"
    if cut:
        name += f"; {cut} of {count} cut at {number(peak, 0)}"
    ticks = tuple(float(count - 1 - index) for index in range(count))
    # Room for every row from the start: the newest row stays where it is while older ones appear below.
    y = Axis("", float(min(0, count - MOST_ROWS)), count - 1 + OVERLAP, ticks[::-1], labels[::-1])
    x = Axis(name, -1.0, 1.0, COSINES, COSINE_TEXT, quantity="cosine")
    ridge = Ridge("ridge", RIDGE_X, tuple(item.step for item in rows), positive, negative, peak, OVERLAP)
    return Plot("ridge", x, y, (ridge,), 1 - DENSITY_SHARE)


def _row_limit(value: float) -> float:
    """A round number not below `value`, closer than an axis needs: rows are low and want all their height."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(factor * power for factor in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12) if value <= factor * power)


def _named(index: int, count: int) -> bool:
    """Every other row is named, the oldest always; neighbours would touch."""
    return index == count - 1 or (index % 2 == 0 and index != count - 2)


def _headline(meta: Mapping[str, Any]) -> Headline:
    auc, negative, dim = meta.get("auc"), meta.get("negative_mean"), meta.get("dim")
    if auc is not None:
        return Headline("AUC", fixed(auc, 3), "chance 0.5", auc)
    if negative is not None:
        return Headline("negatives", fixed(negative), "random rows 0", negative)
    positive = meta.get("positive_mean")
    if positive is not None:
        return Headline("positives", fixed(positive), "at most 1", positive)
    return Headline("", "no pairs", f"{dim or 'no'} dimensions", None)


def _foot_left(meta: Mapping[str, Any]) -> tuple[str, ...]:
    drawn, total = int(meta.get("pairs_negative") or 0), int(meta.get("pairs_negative_total") or 0)
    found = [f"{drawn:,} of {total:,} negatives drawn"]
    if not meta.get("pairs_positive"):
        found.append("no positive pairs")
    return tuple(found)


def _foot_right(meta: Mapping[str, Any]) -> tuple[str, ...]:
    share = meta.get("share_label")
    out = int(meta.get("rows_left_out") or 0)
    rows = f"{out:,} rows left out" if not out else f"{out:,} of {out + int(meta.get('rows') or 0):,} rows left out"
    return rows, "same label: needs labels" if share is None else f"{fixed(100 * share, 1)} % share a label"


def _summary(frame: Frame) -> str:
    meta = frame.meta
    parts = []
    if meta.get("positive_mean") is not None:
        parts.append(f"positives at {fixed(meta['positive_mean'])}")
    if meta.get("negative_mean") is not None:
        parts.append(f"negatives at {fixed(meta['negative_mean'])}")
    if meta.get("auc") is not None:
        parts.append(f"AUC {fixed(meta['auc'], 3)}, chance 0.5")
    if meta.get("overlap") is not None:
        parts.append(f"overlap {fixed(meta['overlap'])}")
    return f"Mean cosines at step {frame.step:,}: {', '.join(parts) or 'no pairs'}."


def _table(history: History, kind: str, place: str, ghost: History | None) -> Table:
    """Means and AUC through time."""
    names = ("positive_mean", "negative_mean", "auc", "overlap")
    series = [history.scalar(f"{NOUN}/{place}/{name}") for name in names]
    shadow = None if ghost is None else ghost.scalar(f"{NOUN}/{place}/auc")
    rows = []
    for step in rows_at(history.frames(kind)):
        cells = [fixed(values.at(step), 3) if len(values) else "not measured" for values in series]
        cells += [] if shadow is None else [other.value_at(shadow, step, 3)]
        rows.append((f"{step:,}", *cells))
    columns = ("step", "positives, mean", "negatives, mean", "AUC", "overlap")
    return Table(columns if ghost is None else (*columns, f"AUC of {ghost.name}"), tuple(rows))
