"""probes: what can be read from h and z, beside what the input and the untrained encoder give already."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.curves import break_gaps, step_axis, thin
from vergence_widgets.panels.spec import (
    Axis,
    Bars,
    Headline,
    Layer,
    Line,
    Panel,
    Plot,
    Rule,
    Table,
    fixed,
)
from vergence_widgets.panels.state import age, late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["NOUN", "spec"]

NOUN = "probes"
MOST_ROWS = 7
TALL = 190.0
"""px of the bars at the usual height."""
NAME_LENGTH = 13
KINDS = {"linear": "linear", "knn": "kNN", "few": "2 each"}
"""few: two labels of each class."""
ENDS = (
    "At the dotted tick: no more than guessing the commonest class gets.",
    "At 1 every held-out item is read right. Also a collapsed or untrained encoder may read high: compare the ticks.",
)


@dataclass(frozen=True)
class _Found:
    """A frame, by names."""

    step: int
    time: float
    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def factors(self) -> list[str]:
        return [str(name) for name in self.meta["factors"]]

    def value(self, name: str, factor: str, kind: str, column: object) -> float | None:
        """One number: of `accuracy`, `half`, `spread` by place, of `difference` by pair of places; None for a gap."""
        columns = self.meta["compared" if name.startswith("difference") else "places"]
        wanted = list(column) if isinstance(column, tuple) else column
        if factor not in self.factors or kind not in self.meta["kinds"] or wanted not in columns:
            return None
        at = (self.factors.index(factor), self.meta["kinds"].index(kind), columns.index(wanted))
        number = float(self.arrays[name][at])
        return number if math.isfinite(number) else None


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
    found = _found(frame)
    if not found.factors:
        needs = " ".join(f"{name}: {words}" for name, words in found.meta["refused"].items())
        return waiting(history, Panel(NOUN, "held-out accuracy", "empty", ends=ENDS), needs, "", place="reference")
    main = found.factors[0]
    rows = [(main, kind) for kind in KINDS] + [(factor, "linear") for factor in found.factors[1:]]
    verdict = _verdict(found, main)
    other = newest_frame(ghost, NOUN) if ghost is not None else None
    bars = _bars(
        found, rows[:MOST_ROWS], verdict, None if other is None or ghost is None else (_found(other), ghost.name)
    )
    value = found.value("accuracy", main, "linear", "h")
    chance = float(found.meta["chance"][0])
    wide = 1.14 if len(bars.rows) <= 5 else 1.24
    panel = Panel(
        NOUN,
        "held-out accuracy",
        "live",
        step=found.step,
        headline=Headline(main, fixed(value), f"chance {fixed(chance)}", value),
        plots=(
            Plot("bars", Axis("accuracy", -0.36, wide, ()), Axis("", TALL, 0.0, ()), (bars,), share=0.74, bare=True),
            _trend(history, main, chance, ghost),
        ),
        foot_left=_foot_left(found, main, len(rows)),
        foot_right=_foot_right(history, found, live),
        ends=ENDS,
        summary=_summary(found, rows),
        table=_table(found),
        late=late_after(history, NOUN, found.step),
    )
    return settle(history, panel, live=live, good_step=found.step, place="reference")


def _found(frame: Frame) -> _Found:
    return _Found(frame.step, frame.time, frame.meta, frame.arrays)


def _needs(history: History) -> str:
    about = history.static.get("reference")
    if not history.last_step and about is None:
        return "Needs a first step."
    if about is None:
        return "Needs a reference set with labels: Monitor(encoder, reference=(images, labels))."
    if not about.get("factors"):
        return "Needs labels of the reference set: reference=(images, labels)."
    return "Needs a look at the reference set." if history.last_step else "Needs a first step."


def _bars(found: _Found, rows: list[tuple[str, str]], verdict: str, other: tuple[_Found, str] | None) -> Bars:
    def column(place: str) -> tuple[float | None, ...]:
        return tuple(found.value("accuracy", factor, kind, place) for factor, kind in rows)

    h, z = column("h"), column("z")
    main = rows[0][0]
    chances = dict(zip(found.factors, found.meta["chance"], strict=True))
    first = int(found.meta["first"])
    return Bars(
        "probes",
        rows=tuple(_row(factor, kind if factor == main else "") for factor, kind in rows),
        h=h, z=z, raw=column("raw"), untrained=column("untrained_h"),
        chance=tuple(float(chances[factor]) for factor, _ in rows),
        ghost=() if other is None else tuple(other[0].value("accuracy", f, kind, "h") for f, kind in rows),
        said=tuple((_said(one), _said(two)) for one, two in zip(h, z, strict=True)),
        main=sum(factor == main for factor, _ in rows),
        verdict=verdict,
        first="untrained encoder" if first <= 1 else f"first look, step {first:,}",
        ghost_name="" if other is None else other[1],
    )  # fmt: skip


def _trend(history: History, main: str, chance: float, ghost: History | None) -> Plot:
    """The linear probe of the main factor through time, with the raw input and chance."""
    series = {place: history.scalar(f"probes/{place}/{main}/linear") for place in ("h", "z")}
    last = max([float(one.steps[-1]) for one in series.values() if len(one)], default=1.0)
    x_axis = step_axis(last, history.static.get("total_steps"))
    raw = history.last(f"probes/raw/{main}/linear")
    base = "dotted chance" if raw is None else "grey line raw input, dotted chance"
    drawn: list[Layer] = [Rule("chance", chance, "", "floor")]
    if raw is not None:
        ends = np.asarray([x_axis.low, x_axis.high])
        drawn.append(Line("raw_input", ends, np.full(2, raw), "reference", width=1.0))
    if ghost is not None and len(one := ghost.scalar(f"probes/h/{main}/linear")):
        inside = one.steps <= x_axis.high
        drawn.append(
            Line("ghost", *thin(one.steps[inside].astype(np.float64), one.values[inside]), "ghost", width=1.25)
        )
    for place, color, width in (("z", "second", 1.25), ("h", "ink", 1.75)):
        if len(one := series[place]):
            curve = break_gaps(one.steps, one.values, one.stride)
            x, y = thin(curve.x, curve.y)
            drawn.append(Line(place, x, y, color, width=width, end_dot=place == "h", label=place))  # type: ignore[arg-type]
    name = f"{_cut(main)}, linear probe; {base}"
    return Plot("trend", x_axis, Axis(name, 0.0, 1.0, (0.0, 0.5, 1.0), ("0", "0.5", "1")), tuple(drawn), share=0.26)


# -- words -------------------------------------------------------------------------------------------


def _verdict(found: _Found, factor: str) -> str:
    """What h adds to its input and to chance weights, in one line; the worst news first."""
    if found.step == found.meta["first"]:
        return "First look: later ones are compared with it."
    told = []
    for other, name in (("raw", "raw input"), ("untrained_h", "untrained")):
        word = _compared(found, factor, "linear", other)
        if word is not None:
            told.append((word, other, name))
    if not told:
        return f"{_cut(factor)}: no base line to compare with"
    for wanted in ("worse", "no better"):
        for word, other, name in told:
            if word == wanted:
                mine, base = (_said(found.value("accuracy", factor, "linear", place)) for place in ("h", other))
                half = _said(found.value("difference_half", factor, "linear", ("h", other)))
                return f"{_cut(factor)}: h {word} than {name}, {mine} against {base}, ±{half}"
    gains = (f"{name} (+{_said(found.value('difference', factor, 'linear', ('h', other)))})" for _, other, name in told)
    return f"{_cut(factor)}: h better than {', '.join(gains)}"


def _compared(found: _Found, factor: str, kind: str, other: str) -> str | None:
    """better, no better or worse than another place; None where that is not known."""
    difference = found.value("difference", factor, kind, ("h", other))
    half = found.value("difference_half", factor, kind, ("h", other))
    if difference is None or half is None:
        return None
    return "better" if difference > half else "worse" if difference < -half else "no better"


def _foot_left(found: _Found, main: str, rows: int) -> tuple[str, ...]:
    half = found.value("half", main, "linear", "h")
    words = [f"{int(found.meta['asked'][0]):,} held out, 95 % interval ±{_said(half)}"]
    if rows > MOST_ROWS:
        words.append(f"{rows - MOST_ROWS} more in the table")
    return tuple(words)


def _foot_right(history: History, found: _Found, live: bool) -> tuple[str, ...]:
    out = int(found.meta["left_out"][0]) + max(found.meta["rows_left_out"].values(), default=0)
    words = [f"{out:,} of {int(found.meta['items']):,} left out"]
    if found.meta["refused"]:
        words.append(f"{len(found.meta['refused'])} not probed")
    if live and history.state == "live":
        words.append(f"age {age(history.clock() - found.time)}")
    return tuple(words)


def _summary(found: _Found, rows: list[tuple[str, str]]) -> str:
    told = []
    for factor, kind in rows:
        words = f"{factor}, {KINDS[kind]}: h {_said(found.value('accuracy', factor, kind, 'h'))}"
        z = found.value("accuracy", factor, kind, "z")
        words += "" if z is None else f", z {fixed(z)}"
        raw = found.value("accuracy", factor, kind, "raw")
        words += "" if raw is None else f", raw input {fixed(raw)}"
        if (against := _compared(found, factor, kind, "raw")) is not None and found.step != found.meta["first"]:
            words += f" ({against})"
        told.append(words)
    return f"At step {found.step:,}: {'; '.join(told)}."


def _table(found: _Found) -> Table:
    meta = found.meta
    how = {
        "linear": f"linear (ridge {meta['ridge']:g} on standardised features)",
        "knn": f"kNN (k {meta['k']}, T {meta['temperature']:g})",
        "few": f"2 per class (linear, mean of {meta['draws']} draws)",
    }
    names = [str(name) for name in meta["places"]]
    rows = []
    for factor, chance in zip(found.factors, meta["chance"], strict=True):
        for kind in KINDS:
            cells = [_said(found.value("accuracy", factor, kind, name), 3) for name in names]
            spread = found.value("spread", factor, kind, "h")
            half = f"±{_said(found.value('half', factor, kind, 'h'), 3)}"
            half += "" if spread is None else f", draws spread {fixed(spread, 3)}"
            against = [_difference(found, factor, kind, other) for other in ("raw", "untrained_h")]
            rows.append((f"{factor}, {how[kind]}", *cells, fixed(float(chance), 3), half, *against))
    rows += [(f"{name}: {words}", *[""] * (len(names) + 4)) for name, words in meta["refused"].items()]
    columns = ("probe", *(_place(name, str(meta["raw"])) for name in names))
    return Table((*columns, "chance", "interval of h", "h against raw", "h against untrained"), tuple(rows))


def _difference(found: _Found, factor: str, kind: str, other: str) -> str:
    word = _compared(found, factor, kind, other)
    if word is None:
        return "unknown"
    difference = found.value("difference", factor, kind, ("h", other))
    half = found.value("difference_half", factor, kind, ("h", other))
    sign = "+" if difference is not None and difference > 0 else ""
    return f"{word}, {sign}{_said(difference, 3)} ±{_said(half, 3)}"


def _place(name: str, raw: str) -> str:
    return {"raw": f"raw input, {raw}", "untrained_h": "untrained h", "untrained_z": "untrained z"}.get(name, name)


def _said(value: float | None, digits: int = 2) -> str:
    return "" if value is None else fixed(value, digits)


def _row(factor: str, kind: str) -> str:
    if not kind:
        return _cut(factor)
    return f"{_cut(factor, NAME_LENGTH + 1 - len(KINDS[kind]) - 2)}, {KINDS[kind]}"


def _cut(name: str, most: int = NAME_LENGTH) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
