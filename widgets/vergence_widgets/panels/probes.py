"""probes: what can be read from h and z, beside what the input and the untrained encoder give already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.curves import break_gaps, step_axis, thin
from vergence_widgets.panels.probes_found import KINDS, Found, found_in, said
from vergence_widgets.panels.probes_words import NAME_LENGTH, cut, lines, summary, table
from vergence_widgets.panels.spec import Axis, Bars, Headline, Layer, Line, Panel, Plot, Rule, fixed
from vergence_widgets.panels.state import age, late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["NOUN", "most_rows", "spec"]

NOUN = "probes"
TALL, WHOLE = 190.0, 257.0
"""px of the bars at the usual height, beside the trend and alone."""
SHARE = 0.74
"""Of the panel's height, for the bars beside the trend."""
HEAD, AXIS, LINE, LEAST_PITCH = 37.0, 20.0, 14.0, 11.2
"""px over the rows with one line of words, under them, of each further line, and from row to row at least."""
FEW_ROWS = 5
FEW_FACTORS = 3
"""So many have room for three probes of the first."""
ENDS = (
    "At the dotted tick: no more than guessing gets, of the commonest class, of that within a class, of the mean.",
    "At 1 every held-out item is read right. Also a collapsed or untrained encoder may read high: compare the ticks. "
    "What the words say of all factors holds at once in 95 % of looks.",
)


def spec(
    history: History,
    *,
    place: str = "z",  # noqa: ARG001 (every panel takes one)
    live: bool = True,
    ghost: History | None = None,
) -> Panel:
    """The probes panel of a History: h and z together, whatever `place` is.

    live: False for a picture of the past. ghost: a second History, drawn thin and grey.
    """
    frame = newest_frame(history, NOUN)
    if frame is None:
        blank = Panel(NOUN, "held-out accuracy", "empty", ends=ENDS)
        return waiting(history, blank, _needs(history), "Looking at the reference set.", place="reference")
    found = found_in(frame)
    if not found.factors:
        needs = " ".join(f"{name}: {words}" for name, words in found.meta["refused"].items())
        return waiting(history, Panel(NOUN, "held-out accuracy", "empty", ends=ENDS), needs, "", place="reference")
    words = lines(found)
    every = _every_row(found)
    trend_fits = len(every) <= most_rows(TALL, len(words))
    tall = TALL if trend_fits else WHOLE
    rows = _chosen(found, every, most_rows(tall, len(words)))
    other = newest_frame(ghost, NOUN) if ghost is not None else None
    bars = _bars(found, rows, words, None if other is None or ghost is None else (found_in(other), ghost.name))
    measures = {found.measure(factor) for factor in found.factors}
    measure = "accuracy, R²" if len(measures) > 1 else measures.pop()
    # Values stand side by side where rows are low; a minus takes room too.
    below = any("−" in value for values in bars.said for value in values)
    wide = (1.14 if len(bars.rows) <= FEW_ROWS else 1.27) + (0.06 if below else 0.0)
    axes = Axis(measure, -0.36, wide, ()), Axis("", tall, 0.0, ())
    plots = [Plot("bars", *axes, (bars,), share=SHARE if trend_fits else 1.0, bare=True)]
    if trend_fits:
        plots.append(_trend(history, found, ghost))
    main = found.main
    value = found.value("accuracy", main, "linear", "h")
    name = f"{main} R²" if found.is_amount(main) else main
    panel = Panel(
        NOUN,
        f"held-out {measure}",
        "live",
        step=found.step,
        headline=Headline(name, fixed(value), f"chance {fixed(found.chance(main))}", value),
        plots=tuple(plots),
        foot_left=_foot_left(found, len(every) - len(rows)),
        foot_right=_foot_right(history, found, live),
        ends=ENDS,
        summary=summary(found, rows),
        table=table(found),
        late=late_after(history, NOUN, found.step),
    )
    return settle(history, panel, live=live, good_step=found.step, place="reference")


def most_rows(tall: float, words: int) -> int:
    """How many rows have room in a plot of so many px under so many lines of words."""
    return max(1, int((tall - HEAD - LINE * (words - 1) - AXIS) / LEAST_PITCH))


def _needs(history: History) -> str:
    about = history.static.get("reference")
    if not history.last_step and about is None:
        return "Needs a first step."
    if about is None:
        return "Needs a reference set with labels: Monitor(encoder, reference=(images, labels))."
    if not about.get("factors"):
        return "Needs labels of the reference set: reference=(images, labels)."
    return "Needs a look at the reference set." if history.last_step else "Needs a first step."


def _every_row(found: Found) -> list[tuple[str, str]]:
    """One probe of every factor; of the first all three where there is room for them."""
    main, *others = found.factors
    kinds = [kind for kind in KINDS if not (found.is_amount(main) and kind == "few")]
    first = [(main, kind) for kind in kinds] if len(others) < FEW_FACTORS else [(main, "linear")]
    return first + [(factor, "linear") for factor in others]


def _chosen(found: Found, rows: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """As many as have room: the first, those of which something is said, and then the others, in their order."""
    news = {*found.lost(), *found.dropped(), found.main}
    ranked = sorted(range(len(rows)), key=lambda at: (rows[at][0] not in news, at))
    return [rows[at] for at in sorted(ranked[:most])]


def _bars(found: Found, rows: list[tuple[str, str]], words: tuple[str, ...], other: tuple[Found, str] | None) -> Bars:
    def column(place: str, look: Found = found) -> tuple[float | None, ...]:
        return tuple(_drawn(look.value("accuracy", factor, kind, place)) for factor, kind in rows)

    main = found.main
    mains = sum(factor == main for factor, _ in rows)
    first = int(found.meta["first"])
    values = [[found.value("accuracy", factor, kind, place) for factor, kind in rows] for place in ("h", "z")]
    return Bars(
        "probes",
        rows=tuple(_row(found, factor, kind if factor == main and mains > 1 else "") for factor, kind in rows),
        h=column("h"), z=column("z"), raw=column("raw"), untrained=column("untrained_h"),
        chance=tuple(found.chance(factor) for factor, _ in rows),
        best=tuple(_best(found, factor, kind) for factor, kind in rows),
        ghost=() if other is None else column("h", other[0]),
        said=tuple((said(one), said(two)) for one, two in zip(*values, strict=True)),
        main=mains,
        words=words,
        first="untrained encoder" if first <= 1 else f"first look, step {first:,}",
        ghost_name="" if other is None else other[1],
    )  # fmt: skip


def _drawn(value: float | None) -> float | None:
    """R² may lie far below 0, where there is no room: such a bar has no length, and its value is written."""
    return None if value is None else max(0.0, value)


def _best(found: Found, factor: str, kind: str) -> float | None:
    """The best so far, where h now lies below it by more than its interval."""
    best, now = found.best(factor, kind, "h"), found.value("accuracy", factor, kind, "h")
    half = found.value("half", factor, kind, "h")
    if best is None or now is None or half is None or best[0] - now <= half:
        return None
    return _drawn(best[0])


def _trend(history: History, found: Found, ghost: History | None) -> Plot:
    """The linear probe of one factor through time, with the raw input and chance: of the one that is lost, if any."""
    of = next(iter(found.lost()), found.main)
    series = {place: history.scalar(f"probes/{place}/{of}/linear") for place in ("h", "z")}
    last = max([float(one.steps[-1]) for one in series.values() if len(one)], default=1.0)
    x_axis = step_axis(last, history.static.get("total_steps"))
    raw = history.last(f"probes/raw/{of}/linear")
    base = "dotted chance" if raw is None else "grey line raw input, dotted chance"
    drawn: list[Layer] = [Rule("chance", found.chance(of), "", "floor")]
    if raw is not None:
        ends = np.asarray([x_axis.low, x_axis.high])
        drawn.append(Line("raw_input", ends, np.full(2, max(0.0, raw)), "reference", width=1.0))
    if ghost is not None and len(one := ghost.scalar(f"probes/h/{of}/linear")):
        inside = one.steps <= x_axis.high
        x, y = thin(one.steps[inside].astype(np.float64), _floored(one.values[inside]))
        drawn.append(Line("ghost", x, y, "ghost", width=1.25))
    for place, color, width in (("z", "second", 1.25), ("h", "ink", 1.75)):
        if len(one := series[place]):
            curve = break_gaps(one.steps, _floored(one.values), one.stride)
            x, y = thin(curve.x, curve.y)
            drawn.append(Line(place, x, y, color, width=width, end_dot=place == "h", label=place))  # type: ignore[arg-type]
    how = "R²" if found.is_amount(of) else "linear probe"
    name = f"{cut(of)}, {how}; {base}"
    return Plot("trend", x_axis, Axis(name, 0.0, 1.0, (0.0, 0.5, 1.0), ("0", "0.5", "1")), tuple(drawn), share=0.26)


def _floored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Curves at 0 where R² lies below: no more than the mean says is nothing, however far below."""
    return np.maximum(np.asarray(values, np.float64), 0.0)


def _foot_left(found: Found, more: int) -> tuple[str, ...]:
    half = found.value("half", found.main, "linear", "h")
    words = [f"{int(found.meta['asked'][0]):,} held out, 95 % interval ±{said(half)}"]
    if more > 0:
        words.append(f"{more} more in the table")
    return tuple(words)


def _foot_right(history: History, found: Found, live: bool) -> tuple[str, ...]:
    out = int(found.meta["left_out"][0]) + max(found.meta["rows_left_out"].values(), default=0)
    words = [f"{out:,} of {int(found.meta['items']):,} left out"]
    if found.meta["refused"]:
        words.append(f"{len(found.meta['refused'])} not probed")
    if live and history.state == "live":
        words.append(f"age {age(history.clock() - found.time)}")
    return tuple(words)


def _row(found: Found, factor: str, kind: str) -> str:
    if kind:
        return f"{cut(factor, NAME_LENGTH + 1 - len(KINDS[kind]) - 2)}, {KINDS[kind]}"
    return f"{cut(factor, NAME_LENGTH - 3)}, R²" if found.is_amount(factor) else cut(factor)
