"""spectrum: along how many directions rows spread, through time and now, with the ceiling for their number.

All that is drawn is of the rows as they are, because only that shows every collapse: around their mean, the faint
noise that complete collapse leaves is as even as a healthy cloud. What is measured with the mean removed stands in
the foot and in the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vergence_widgets.panels import marks
from vergence_widgets.panels.columns import Columns, gather, held
from vergence_widgets.panels.curves import break_gaps, linear_ticks, step_axis, thin, tick_text
from vergence_widgets.panels.layers.heat import Over
from vergence_widgets.panels.place import LINE, Anchor, Places, text_width
from vergence_widgets.panels.readings import MEASURED, Reading, decade, foot, read, said, summary, table
from vergence_widgets.panels.references import Reference
from vergence_widgets.panels.references import read as read_reference
from vergence_widgets.panels.spec import Axis, Color, Headline, Heat, Label, Layer, Line, Mark, Panel, Plot
from vergence_widgets.panels.state import late_after, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["NOUN", "spec"]

NOUN = "spectrum"
STRIP_SHARE = 0.42
STRIP_HEIGHT = 72.0
"""px between the ends of the strip's axis ..."""
CURVE_HEIGHT = 100.0
"""... and of the curves'."""
LINE_POINTS = 240
MOST_OTHERS = 4
"""Curves of other places; the table has all."""
LOWEST = 1e-4
"""The curves go no further down; what does is beyond the frame."""
DARKEST = 1e-3
"""Nor do the colours of the strip: what is smaller takes the last one, and the key says so."""
ENDS = (
    "Low: rows spread along few directions; 1 is a line, or one point for all.",
    "At the ceiling: as many directions as random rows of this number and width show.",
)


def spec(history: History, *, place: str = "z", live: bool = True, ghost: History | None = None) -> Panel:
    """The spectrum panel of a History.

    place: whose rows the strip and the headline are of: "z", "h", a name of yours, a named module. Where there are no
        rows at "z", of "h". The curves below are of every place.
    live: False for a picture of the past (a report, a frozen output).
    ghost: a second History; its newest curve and its rank through time are drawn thin and grey.
    """
    place = _place(history, place)
    now = read(history, place)
    unit = f"singular values of {place}"
    if now is None:
        needs = f"Needs embeddings at {place}." if history.last_step else "Needs a first step."
        blank = Panel(NOUN, unit, "empty", ends=ENDS)
        return waiting(history, blank, needs, f"Measuring the first batch of {place}.", place=place)
    others = [found for name in _others(history, place) if (found := read(history, name)) is not None]
    other_run = None if ghost is None else read(ghost, place)
    columns = gather(history, f"{NOUN}/{place}")
    plots = [_curves(history, now, others, ghost, other_run)]
    if columns is not None:
        plots.insert(0, _strip(history, now, columns, ghost))
    left, right = foot(now, plots[-1].y.low)
    panel = Panel(
        NOUN,
        unit,
        "live",
        step=now.step,
        headline=Headline(
            "rank", said(now.rank), f"ceiling {said(now.ceiling)}", now.rank if math.isfinite(now.rank) else None
        ),
        plots=tuple(plots),
        foot_left=left,
        foot_right=right,
        ends=ENDS,
        summary=summary(now),
        table=table([now, *others], None if ghost is None or other_run is None else (ghost.name, other_run)),
        late=late_after(history, f"{NOUN}/{place}", now.step),
    )
    if now.source == "reference":  # such a place is measured under the name of a module
        measured = replace(panel, noun=MEASURED)
        return replace(settle(history, measured, live=live, good_step=now.step, place=place), noun=NOUN)
    return settle(history, panel, live=live, good_step=now.step, place=place)


def _place(history: History, place: str) -> str:
    """The place asked for; of a run that hands over no z, h."""
    kinds = history.frame_kinds()
    return "h" if place == "z" and f"{NOUN}/z" not in kinds and f"{NOUN}/h" in kinds else place


def _others(history: History, place: str) -> list[str]:
    """Every other place with a spectrum: h and z first, then modules and names of the user's as they came."""
    names = [kind.partition("/")[2] for kind in history.frame_kinds() if kind.startswith(f"{NOUN}/")]
    return sorted((name for name in names if name != place), key=lambda name: name not in ("h", "z"))


# -- the strip -----------------------------------------------------------------------------------------


def _strip(history: History, now: Reading, columns: Columns, ghost: History | None) -> Plot:
    """Singular values as colours: index against step; the effective rank and its ceiling as lines over them."""
    x_axis = step_axis(max(now.step, columns.edges[-1]), history.static.get("total_steps"))
    ticks = _index_ticks(columns.length, 3)
    y_axis = Axis("index of σ; rank", columns.length + 0.5, 0.5, ticks, tick_text(ticks))
    places = Places(x_axis, y_axis, STRIP_HEIGHT)
    ranks = history.scalar(f"{NOUN}/{now.place}/rank")
    curve = break_gaps(ranks.steps, ranks.values, ranks.stride)
    x, y = thin(curve.x, curve.y, LINE_POINTS)
    places.take_curve(x, y)
    ceiling = read_reference(history, f"{NOUN}/{now.place}/ceiling", "", ())
    ceiling_x, ceiling_y = _as_steps(ceiling, now.step)
    places.take_curve(ceiling_x, ceiling_y)
    over = []
    if ghost is not None and len(other := ghost.scalar(f"{NOUN}/{now.place}/rank")):
        past = break_gaps(other.steps, other.values, other.stride)
        past_x, past_y = thin(past.x, past.y, LINE_POINTS)
        places.take_curve(past_x, past_y)
        shown = past_x <= x_axis.high
        named = _beside(ghost.name, past_x[shown], past_y[shown], places, now.step)
        over.append(Over("rank_of_the_other_run", past_x[shown], past_y[shown], color="ghost", **named))
    words = f"ceiling {said(now.ceiling)}"
    over.append(
        Over(
            "ceiling",
            ceiling_x,
            ceiling_y,
            "chance",
            **_beside(words, ceiling_x, ceiling_y, places, now.step, above=True),
        )
    )
    over.append(Over("effective_rank", x, y, **_beside("effective rank", x, y, places, now.step)))
    changes = marks.layers(marks.applied(history), places, x_axis)
    over += [_white(change, places) for change in changes if change.label]
    heat = Heat(
        "singular_values", columns.edges, columns.steps, columns.rows, columns.quantised(DARKEST, 1.0), DARKEST, 1.0,
        "log", (f"≤ {decade(DARKEST)}", "1 (log)"), tuple(over),
    )  # fmt: skip
    hairlines = [replace(change, label="") for change in changes]
    return Plot("strip", x_axis, y_axis, (heat, *hairlines), STRIP_SHARE)


def _beside(words: str, x: Any, y: Any, places: Places, last: float, *, above: bool = False) -> dict[str, Any]:
    """Where words stand by a line over the colours, which end at step `last`; nowhere when there is no room."""
    if places.px(last, places.at(0, 0)[1])[0] < text_width(words) + 8:
        return {}
    label = _label([words], np.asarray(x), np.asarray(y), places, above=above, within=last)
    if label is None:
        return {}
    right = label.x + {"start": 1.0, "middle": 0.5, "end": 0.0}[label.anchor] * places.at(text_width(words), 0)[0]
    return {"label": words, "label_x": right, "label_y": label.y}


def _white(change: Mark, places: Places) -> Over:
    """The words of a control change, as they show on colours."""
    left, y = places.px(change.x, places.at(0, 8)[1] if change.label_y is None else change.label_y)
    right = left + 5 + text_width(change.label) if change.anchor == "start" else left - 5
    x, middle = places.at(right, y)
    nothing = np.empty(0)
    return Over(f"change_{change.x:.0f}", nothing, nothing, label=change.label, label_x=x, label_y=middle)


def _as_steps(reference: Reference, last: int) -> tuple[Any, Any]:
    """The ceiling as stairs: another number of rows is another ceiling."""
    if reference.now is None:
        return np.empty(0), np.empty(0)
    return reference.curve(last)


# -- the curves ----------------------------------------------------------------------------------------


def _curves(
    history: History, now: Reading, others: list[Reading], ghost: History | None, other_run: Reading | None
) -> Plot:
    """The spectrum now, of every place, against random rows, an earlier step and another run."""
    length = len(now.singular)
    ticks = _index_ticks(length, 5)
    x_axis = Axis("index of singular value", 1.0, max(2.0, float(length)), ticks, tick_text(ticks), quantity="index")
    y_axis = _log_axis(now)
    places = Places(x_axis, y_axis, CURVE_HEIGHT)
    drawn: list[Layer] = []
    labels: list[Label | None] = []

    def curve(key: str, values: Any, color: Color, width: float, **more: Any) -> tuple[Any, Any]:
        y = np.where(values > 0, values, np.nan)[:length]
        x = np.arange(1.0, len(y) + 1)
        drawn.append(Line(key, x, y, color, width=width, **more))
        places.take_curve(x, np.maximum(y, y_axis.low))
        return x, y

    isotropic = curve("isotropic", now.isotropic, "reference", 1.25, dash="chance")
    past = _past(history, now)
    greys: list[tuple[list[str], tuple[Any, Any]]] = []
    if past is not None:
        name = f"step {past.step:,}{_size(past, now)}"
        greys.append(([f"{name}: rank {said(past.rank)}", name], curve("past", past.shown, "ghost", 1.25)))
    if other_run is not None and ghost is not None:
        name = f"{ghost.name}{_size(other_run, now)}"
        words = [f"{name}: rank {said(other_run.rank)}", name]
        greys.append((words, curve("other_run", other_run.shown, "ghost", 1.25)))
    for other in others[:MOST_OTHERS]:
        beyond = f", to {len(other.singular):,}" if len(other.singular) > length else ""
        words = [f"{other.place}{beyond}: rank {said(other.rank)}", f"{other.place} {said(other.rank)}", other.place]
        greys.append((words, curve(f"{other.place}_now", other.shown, "reference", 1.25)))
    line = curve(f"{now.place}_now", now.shown, "ink", 1.75)
    name = f"{now.place} now" if others else "now"
    labels.append(_label([f"{name}: rank {said(now.rank)}", name], *line, places, "ink", bold=True, needed=True))
    labels.append(_label(["ceiling: isotropic, same N and d", "ceiling"], *isotropic, places, above=True, needed=True))
    labels += [_label(words, *line, places, needed=True) for words, line in greys]
    drawn += [label for label in labels if label is not None]
    return Plot("curves", x_axis, y_axis, tuple(drawn), 1 - STRIP_SHARE)


def _size(one: Reading, now: Reading) -> str:
    """Ranks of different numbers of rows are not to be compared without saying so."""
    rows = f", N = {one.rows:,}" if one.rows != now.rows else ""
    return rows + (f", d = {one.dim:,}" if one.dim != now.dim else "")


def _past(history: History, now: Reading) -> Reading | None:
    """An earlier spectrum to compare with: the last one before the newest control change, else the first."""
    steps = history.frames(f"{NOUN}/{now.place}")
    before = [change.step for change in marks.applied(history) if steps and steps[0] < change.step < now.step]
    known = [step for step in steps if step < (before[-1] if before else now.step)]
    if not known:
        return None
    frame = held(history, f"{NOUN}/{now.place}", known[-1] if before else known[0])
    return None if frame is None else read(history, now.place, frame)


def _label(
    words: Sequence[str], x: Any, y: Any, places: Places, color: Color = "second", *, bold: bool = False,
    above: bool = False, needed: bool = False, within: float | None = None,
) -> Label | None:  # fmt: skip
    """The first of `words` with free room by a curve, from its end backwards; the last anyway where it is `needed`.

    within: words end before this place on the x axis.
    """
    known = np.isfinite(y)
    if not known.any():
        return None
    room = places.width if within is None else min(places.width, places.px(within, places.at(0, 0)[1])[0])
    px = [places.px(a, b) for a, b in zip(*_few(x[known], y[known]), strict=True)]
    across, down = np.asarray([a for a, _ in px]), np.clip([b for _, b in px], 0, places.height)
    for text in words:
        spots = _spots(across, down, text_width(text, bold), room, places, above)
        label = places.put(text, spots, color, bold=bold, needed=needed and text is words[-1])
        if label is not None:
            return label
    return None


def _spots(
    across: Any, down: Any, wide: float, room: float, places: Places, above: bool
) -> Iterator[tuple[float, float, Anchor]]:
    """Places for words by a curve in px: under and over it, then beside it; the last free one is not looked for."""
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        at = min(room, max(share * float(across[-1]), wide + 4))
        near = down[(across >= at - wide) & (across <= at)]
        over, under = (float(near.min()), float(near.max())) if len(near) else (float(down[-1]), float(down[-1]))
        for middle in (over - 9, under + 9) if above else (under + 9, over - 9):
            if LINE / 2 <= middle <= places.height - LINE / 2:
                yield (*places.at(at - 3, middle), "end")
    for index in range(len(across) - 1, 0, -max(1, len(across) // 6)):
        left, middle = float(across[index]), min(max(float(down[index]), LINE / 2), places.height - LINE / 2)
        if left + wide + 7 <= room:
            yield (*places.at(left + 7, middle), "start")
        if left - wide - 7 >= 0 and left <= room:
            yield (*places.at(left - 7, middle), "end")


def _few(x: Any, y: Any, most: int = 24) -> tuple[list[float], list[float]]:
    """Enough points of a smooth curve to put words beside it."""
    index = np.unique(np.linspace(0, len(x) - 1, min(len(x), most)).astype(np.int64))
    return x[index].tolist(), y[index].tolist()


def _index_ticks(length: int, most: int) -> tuple[float, ...]:
    """1, the end, and what divides between them: an index starts at 1."""
    if length < 4:
        return tuple(float(index) for index in range(1, length + 1))
    parts = next((parts for parts in (4, 2) if parts < most and length % parts == 0 and length >= 2 * parts), 0)
    if parts:
        return (1.0, *(float(length * part // parts) for part in range(1, parts + 1)))
    inside = [tick for tick in linear_ticks(1.0, length, most - 1) if 1 + 0.15 * length < tick < 0.88 * length]
    return (1.0, *inside, float(length))


def _log_axis(now: Reading) -> Axis:
    """Powers of ten from 1 down to the smallest value that is no rounding; at least three of them."""
    seen = now.shown[now.shown > 0]
    least = float(min([*seen[-1:], *now.isotropic[now.isotropic > 0][-1:], 1e-3]))
    low = 10.0 ** max(math.log10(LOWEST), math.floor(math.log10(least) + 1e-9))
    powers = round(-math.log10(low))
    ticks = tuple(10.0**-power for power in range(powers + 1))
    return Axis("σ / ‖σ‖", low, 1.0, ticks, tuple(map(decade, ticks)), "log")
