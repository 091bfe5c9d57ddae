"""loss: the loss on its own scale, between its floor and chance, with its terms apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels import ghost as other
from vergence_widgets.panels import marks, references, terms
from vergence_widgets.panels.curves import (
    Curve,
    break_gaps,
    running_mean,
    step_axis,
    thin,
    usual_step,
    value_axis,
    window_for,
)
from vergence_widgets.panels.place import LINE, TALL, WIDTH, Anchor, Places, text_width
from vergence_widgets.panels.references import MOST_STEPS, Reference
from vergence_widgets.panels.spec import (
    Axis,
    Bracket,
    Headline,
    Layer,
    Line,
    Panel,
    Plot,
    Rule,
    Table,
    nice_limit,
    number,
)
from vergence_widgets.panels.state import failure, late_after, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import History, Series

__all__ = ["NOUN", "spec"]

NOUN = "loss"
MAIN_HEIGHT = 156.0
"""px between the ends of the y axis of the main plot."""
MEAN_POINTS = 240


def spec(history: History, *, place: str = "z", live: bool = True, ghost: History | None = None) -> Panel:
    """The loss panel of a History.

    place: the loss has no place; taken so that all panels are called alike.
    live: False for a picture of the past (a report, a frozen output).
    ghost: another run, whose running mean is drawn thin and grey; chance and floor stay those of `history`.
    """
    loss = history.scalar("loss")
    unit = _unit(history)
    blank = Panel(NOUN, unit or "no unit", "empty")
    if not len(loss):
        needs = "Needs the loss. Hand it over: step(..., loss=loss)." if history.last_step else "Needs a first step."
        return waiting(history, blank, needs, "Waiting for the first step.")

    last = int(loss.steps[-1])
    changes = marks.applied(history)
    words = history.static.get("loss_words") or {}
    chance = references.read(history, "loss/chance", str(words.get("chance", "")), changes)
    floor = references.read(history, "loss/floor", str(words.get("floor", "")), changes)
    parts = terms.gather(history)
    stale = references.stale([chance, floor], parts, changes, last)
    shadow, shadow_x, shadow_y = _shadow(ghost)
    reach = max(last, int(shadow.steps[-1])) if shadow is not None else last
    x_axis = step_axis(reach, history.static.get("total_steps"))

    raw = break_gaps(loss.steps, loss.values, loss.stride)
    window = window_for(len(loss))
    scaled = [change.step for change in changes if change.scales_loss]
    for line in (chance, floor):
        scaled += line.starts[1:] if len(line.starts) <= MOST_STEPS else ()
    mean_x, mean_y = _mean(raw, window, scaled)
    raw_x, raw_y = thin(raw.x, raw.y)
    y_axis, beyond = _limits(loss.values, np.concatenate((raw_y, shadow_y)), chance, floor, unit)

    now = float(loss.values[-1])
    lines: list[Layer] = [
        Line("raw", raw_x, raw_y, "ink", width=1.0, opacity=0.22, end_dot=True),
        Line("mean", mean_x, mean_y, "ink", fill_to="floor" if floor.now is not None else ""),
    ]
    places = Places(x_axis, y_axis, MAIN_HEIGHT)
    places.take_curve(mean_x, mean_y)
    places.take_curve(raw_x[:: max(1, len(raw_x) // 300)], raw_y[:: max(1, len(raw_x) // 300)])
    if ghost is not None and len(shadow_x):
        lines.insert(0, other.line("ghost", shadow_x, shadow_y))
        places.take_curve(*thin(shadow_x, shadow_y))
    lines += _chance_layers(chance, words, last, places)
    lines += _floor_layers(floor, changes, last, places)
    bracket = _bracket(now, floor, last, places, y_axis, unit)
    lines += [bracket] if bracket else []
    lines += marks.layers(changes, places, x_axis, below=_marks_top(chance, y_axis))
    lines += marks.trouble(loss.steps, loss.values)
    name = [] if ghost is None else other.beside(ghost, shadow_x, shadow_y, places)
    lines += name

    main = Plot("loss", x_axis, y_axis, tuple(lines), 1 - terms.share_of(parts))
    small = terms.plot(parts, x_axis, history, scaled) if parts else None
    panel = Panel(
        NOUN,
        unit or "no unit",
        "live",
        step=last,
        headline=_headline(now, loss, chance, floor, words, stale),
        plots=(main, small) if small else (main,),
        foot_left=_foot_left(loss, window, _compared(history, ghost, shadow, chance, floor, bool(name))),
        foot_right=_foot_right(history, loss, raw.lost, beyond, parts),
        ends=_ends(chance, floor),
        summary=_summary(now, last, chance, floor, words),
        table=_table(loss, window, chance, floor, parts, ghost),
        late=late_after(history, f"similarity/{place}", last),
    )
    return settle(history, panel, live=live, good_step=last)


def _shadow(ghost: History | None) -> tuple[Series | None, NDArray[np.float64], NDArray[np.float64]]:
    """The loss of the run that is compared, and its running mean; None and nothing where it has none."""
    series = None if ghost is None else ghost.scalar("loss")
    if ghost is None or series is None or not len(series):
        return None, np.empty(0), np.empty(0)
    scaled = [change.step for change in marks.applied(ghost) if change.scales_loss]
    x, y = _mean(break_gaps(series.steps, series.values, series.stride), window_for(len(series)), scaled)
    return series, x, y


def _compared(
    history: History, ghost: History | None, shadow: Series | None, chance: Reference, floor: Reference, drawn: bool
) -> tuple[str, ...]:
    """Its name, and what of its scale is another one."""
    if ghost is None:
        return ()
    if shadow is None:
        return other.named(ghost, "no loss recorded")
    names = [dict(run.static.get("loss") or {}).get("name", "") for run in (history, ghost)]
    parts = [f"another objective: {names[1]}"] if names[1] and names[0] != names[1] else []
    for line, key in ((chance, "chance"), (floor, "floor")):
        parts.append(other.differs(line.now, ghost.last(f"loss/{key}"), key))
    return other.named(ghost, ", ".join(part for part in parts if part), drawn=drawn)


def _unit(history: History) -> str:
    """nats when the loss is a cross-entropy over pairs; a loss we do not know has no unit we could name."""
    words = history.static.get("loss_words") or {}
    given = words.get("unit")
    if given is not None:
        return str(given)
    return "nats per anchor" if str(words.get("chance", "")).startswith("ln") else ""


def _mean(curve: Curve, window: int, scaled: list[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The running mean at evenly spaced places, both sides of every change, and every edge of a gap."""
    x, y = curve.x, curve.y
    count = len(y)
    restarts = sorted({int(np.searchsorted(x, step)) for step in scaled})
    restarts = [index for index in restarts if 0 < index < count]
    again = sorted({*restarts, *curve.after})
    chosen = [np.linspace(0, count - 1, min(count, MEAN_POINTS)).astype(np.int64)]
    for index in restarts[-MEAN_POINTS // 4 :]:
        # A fresh mean has few values: its first places are drawn too, or it would start with a slope.
        chosen.append(np.asarray([index - 1, index, min(index + 1, count - 1), min(index + 3, count - 1)]))
    holes = np.isnan(y)
    if holes.any():
        edges = np.flatnonzero(holes[1:] != holes[:-1])
        edges = edges[:: max(1, len(edges) // (MEAN_POINTS // 4))]
        chosen += [edges, edges + 1]
    at = np.unique(np.concatenate(chosen))
    return x[at], running_mean(y, window, at, again)


def _limits(
    values: NDArray[np.float64], y: NDArray[np.float64], chance: Reference, floor: Reference, unit: str
) -> tuple[Axis, int]:
    """Limits that keep the references in sight and are not ruled by a few outliers; how many lie beyond.

    values: all of them; y: the thinned curve, which has their extremes.
    """
    finite = y[np.isfinite(y)]
    lines = [*chance.values, *floor.values]
    if not len(finite):
        finite = np.asarray(lines or [0.0, 1.0])
    top, bottom = float(finite.max()), float(finite.min())
    usual = float(np.sort(finite)[int(0.97 * (len(finite) - 1))])
    wanted = max([top, *lines])
    reach = max([usual, *lines])
    if top > 2.5 * reach > 0:
        wanted = 1.5 * reach
    if chance.values and wanted <= max(lines) * 1.1:
        high = max(lines) * 1.1  # the reference is the top of the picture, with room for its label
    else:
        high = nice_limit(wanted) if wanted > 0 else 0.0
    low = min([0.0, *lines]) if bottom >= 0 else -nice_limit(-min([bottom, *lines]))
    if not high > low:
        high = low + 1.0
    name = "loss, nats" if unit.startswith("nats") else "loss, no unit"
    beyond = int(np.count_nonzero(values > high))
    if beyond:
        name += f", up to {number(top)}, drawn to {high:g}"
    return value_axis(name, low, high), beyond


def _chance_layers(chance: Reference, words: dict[str, Any], last: int, places: Places) -> list[Layer]:
    if chance.now is None:
        return []
    text = _chance_text(chance, words)
    if len(chance.values) == 1:
        places.take_level(chance.now)
        py = places.px(0, chance.now)[1]
        places.take_box(WIDTH - text_width(text), py - LINE - 2, WIDTH, py)
        return [Rule("chance", chance.now, text)]
    x, values = chance.curve(last)
    places.take_curve(x, values)
    label = places.put(text, [(places.at(WIDTH, 0)[0], places.at(0, places.px(0, chance.now)[1] - 9)[1], "end")])
    line = Line("chance", *thin(x, values), "reference", "chance", 1.5)
    return [line, label] if label else [line]


def _chance_text(chance: Reference, words: dict[str, Any]) -> str:
    how = str(words.get("chance", ""))
    value = number(chance.now)
    if how.startswith("collapse") or not how:
        return f"{how or 'chance'}, {value}"
    return f"chance, {how} = {value}"


def _floor_layers(floor: Reference, changes: list[marks.Change], last: int, places: Places) -> list[Layer]:
    """The floor as steps: another temperature or batch size is another floor."""
    if floor.now is None:
        return []
    x, y = floor.curve(last)
    places.take_curve(x, y)
    found: list[Layer] = [Line("floor", *thin(x, y), "reference", "floor", 1.5)]
    ends = [*floor.starts[1:], last]
    starts = zip(floor.starts, ends, floor.values, strict=True)
    stretches = [(end - start, start, end, value) for start, end, value in starts]
    newest = stretches[-1]
    longest = sorted(stretches[:-1], reverse=True)[:3]
    for stretch in [newest, *longest]:
        _, start, end, value = stretch
        words = _floor_words(floor, changes, start, end) if len(stretches) <= MOST_STEPS else ""
        joint = " at" if words.startswith("τ") else ","
        text = f"floor{joint} {words}, {number(value)}" if words else f"floor, {number(value)}"
        left, py = places.px(start, value)
        right = places.px(end, value)[0]
        needed = stretch is newest
        if not needed and right - left < text_width(number(value)):
            continue
        spots: list[tuple[float, float, Anchor]] = []
        for offset in (11, -11, 24):
            y_spot = places.at(0, py + offset)[1]
            spots += [
                (places.at(left + 4, 0)[0], y_spot, "start"),
                (places.at((left + right) / 2, 0)[0], y_spot, "middle"),
                (places.at(right - 4, 0)[0], y_spot, "end"),
            ]
        label = places.put(text, spots, needed=needed)
        if label is None:  # a short stretch has room for its value at least
            label = places.put(number(value), spots, needed=False)
        found += [label] if label else []
    return found


def _floor_words(floor: Reference, changes: list[marks.Change], start: int, end: int) -> str:
    """The temperature of a stretch: from the changes around it, else the words of the objective."""
    scaling = [change for change in changes if change.scales_loss]
    if not scaling:
        return floor.words if start == floor.starts[-1] or len(floor.starts) == 1 else ""
    middle = (start + end) / 2
    before = [change for change in scaling if change.step <= middle]
    return before[-1].after if before else scaling[0].before


def _bracket(now: float, floor: Reference, last: int, places: Places, y: Axis, unit: str) -> Bracket | None:
    """The distance to the floor as a stroke: what is left to gain."""
    if floor.now is None or not math.isfinite(now) or not y.low <= now <= y.high:
        return None
    px, floor_px = places.px(last, floor.now)
    now_px = places.px(last, now)[1]
    if abs(floor_px - now_px) < 3:
        return None
    text = number(abs(now - floor.now)) + (" nats" if unit.startswith("nats") else "")
    wide = text_width(text, bold=True) + 6
    top, bottom = min(floor_px, now_px) + 10, max(floor_px, now_px) - 11
    for middle in ((top + bottom) / 2, bottom, top):
        box = (px - wide, middle - TALL / 2, px - 4, middle + TALL / 2)
        if top <= bottom and px > wide and places.cost(*box) < 1:
            places.take_box(*box)
            return Bracket("above_floor", float(last), floor.now, now, text, places.at(0, middle)[1])
    return Bracket("above_floor", float(last), floor.now, now, "")  # the headline says the number


def _marks_top(chance: Reference, y: Axis) -> float:
    """Marks write their labels under the chance line when it crowns the plot."""
    return chance.values[0] if len(chance.values) == 1 and chance.values[0] > 0.8 * y.high else y.high


def _headline(
    now: float, loss: Series, chance: Reference, floor: Reference, words: dict[str, Any], stale: str
) -> Headline:
    if not math.isfinite(now):
        finite = loss.values[np.isfinite(loss.values)]
        before = f"last finite {number(float(finite[-1]))}" if len(finite) else "never was"
        return Headline("", "not finite", f"now, {before}", None)
    if stale:
        reference = f"now, floor at {stale} not measured yet"
    elif floor.now is not None:
        side = "above" if now >= floor.now else "below"
        reference = f"now, {number(abs(now - floor.now))} {side} floor {number(floor.now)}"
    elif chance.now is not None:
        side = "below" if now <= chance.now else "above"
        name = "collapse" if str(words.get("chance", "")).startswith("collapse") else "chance"
        reference = f"now, {number(abs(now - chance.now))} {side} {name} {number(chance.now)}"
    else:
        reference = "no reference: unknown objective"
    return Headline("", number(now), reference, now)


def _foot_left(loss: Series, window: int, compared: tuple[str, ...]) -> tuple[str, ...]:
    what = "steps" if loss.stride == 1 and usual_step(loss.steps) == 1 else "records"
    thinned = (f"oldest steps: 1 in {loss.stride} kept",) if loss.stride > 1 else ()
    return (f"raw faint, mean of {window} {what}", *thinned, *compared)


def _foot_right(history: History, loss: Series, lost: int, beyond: int, parts: list[terms.Term]) -> tuple[str, ...]:
    missing = int(np.count_nonzero(np.isnan(loss.values)))
    found = [f"{missing:,} of {len(loss):,} not finite"]
    if lost:
        found.insert(0, f"{lost:,} not recorded")
    if beyond:
        found.insert(0, f"{beyond:,} beyond the frame")
    failed = failure(history, NOUN)
    if failed is not None and failed.step > max((int(part.steps[-1]) for part in parts), default=0):
        found.insert(0, f"terms failed at step {failed.step:,}")
    return tuple(found)


def _ends(chance: Reference, floor: Reference) -> tuple[str, str]:
    low = "Low: less of what your objective punishes; how low it can go is unknown."
    high = "High: more of what it punishes; what chance pays is unknown."
    if floor.now is not None:
        what = "this temperature and batch size" if floor.words.startswith("τ") else "this batch size and width"
        low = f"At the floor: nothing left to gain at {what}."
    if chance.now is not None:
        high = "At chance: the loss tells no positive from a negative."
        if chance.words.startswith("collapse"):
            high = f"At collapse, {number(chance.now)}: all rows coincide."
    return low, high


def _summary(now: float, last: int, chance: Reference, floor: Reference, words: dict[str, Any]) -> str:
    parts = []
    if floor.now is not None and math.isfinite(now):
        parts.append(f"{number(now - floor.now)} above the floor {number(floor.now)}")
    if chance.now is not None:
        parts.append(_chance_text(chance, words))
    if not parts:
        parts.append("its chance and floor are unknown")
    return f"Loss {number(now)} at step {last:,}: {', '.join(parts)}."


def _table(
    loss: Series, window: int, chance: Reference, floor: Reference, parts: list[terms.Term], ghost: History | None
) -> Table:
    at = np.unique(np.linspace(0, len(loss) - 1, min(len(loss), 9)).astype(np.int64))
    means = running_mean(loss.values, window, at)
    shadow = None if ghost is None else ghost.scalar("loss")
    rows = []
    for index, mean in zip(at.tolist(), means.tolist(), strict=True):
        step = int(loss.steps[index])
        cells = [f"{step:,}", number(float(loss.values[index])), number(mean)]
        cells += [references.in_force(line, step) for line in (chance, floor)]
        cells += [number(part.at(step)) for part in parts]
        cells += [] if shadow is None else [other.value_at(shadow, step)]
        rows.append(tuple(cells))
    names = ("step", "loss", f"mean of {window}", "chance", "floor", *(part.name for part in parts))
    return Table(names if ghost is None else (*names, f"loss of {ghost.name}"), tuple(rows))
