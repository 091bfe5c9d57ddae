"""One spectrum with everything that was said about it, and its words: for the foot, the summary and the table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Table, fixed, number
from vergence_widgets.panels.state import newest_frame

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["MEASURED", "Reading", "decade", "foot", "read", "said", "summary", "table"]

Floats = NDArray[np.float64]

MEASURED = "module"
"""What a failure to measure a place of the reference set is recorded under: "module/h"."""
NAMES = ("rank", "rank_centred", "participation", "stable_rank", "std", "correlation")


@dataclass(frozen=True)
class Reading:
    """The spectrum of one place at one step."""

    place: str
    step: int
    singular: Floats
    """Root sum of squares 1, largest first."""
    isotropic: Floats
    floor: float
    rows: int
    rows_total: int
    rows_left_out: int
    dim: int
    source: str
    values: Mapping[str, float]
    """`NAMES`; NaN where one could not be measured."""
    ceilings: Mapping[str, float]

    @property
    def rank(self) -> float:
        """Effective rank of the rows as they are."""
        return self.values["rank"]

    @property
    def ceiling(self) -> float:
        """What random rows of this number and width read."""
        return self.ceilings["rank"]

    @property
    def shown(self) -> Floats:
        """Without what is rounding."""
        return np.where(self.singular > self.floor, self.singular, 0.0)


def read(history: History, place: str, frame: Frame | None = None) -> Reading | None:
    """The newest spectrum of a place, or that of a frame; None when there is none."""
    frame = newest_frame(history, f"spectrum/{place}") if frame is None else frame
    if frame is None:
        return None
    meta: dict[str, Any] = frame.meta
    given = dict(meta.get("ceilings") or {})
    values = {name: _at(history, f"spectrum/{place}/{name}", frame.step) for name in NAMES}
    ceilings = {name: math.nan if given.get(name) is None else float(given[name]) for name in NAMES}
    if math.isnan(ceilings["rank"]):
        ceilings["rank"] = _at(history, f"spectrum/{place}/ceiling", frame.step)
    rows, out = int(meta.get("rows") or 0), int(meta.get("rows_left_out") or 0)
    return Reading(
        place,
        frame.step,
        np.asarray(frame.arrays["singular"], np.float64),
        np.asarray(frame.arrays["ceiling"], np.float64),
        float(meta.get("floor") or 0.0),
        rows,
        int(meta.get("rows_total") or rows + out),
        out,
        int(meta.get("dim") or 0),
        str(meta.get("source") or "batch"),
        values,
        ceilings,
    )


def said(rank: float) -> str:
    """A number of directions: 3.4, 24, 1,024."""
    if not math.isfinite(rank):
        return "not known"
    return f"{rank:.1f}" if rank < 9.95 else f"{rank:,.0f}"


def decade(value: float) -> str:
    """A power of ten: 0.01, 10⁻⁴."""
    power = round(-math.log10(value))
    return f"{value:.{max(0, power)}f}" if power <= 3 else "10⁻" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[power]


def foot(now: Reading, lowest: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sample on the left; on the right participation (mean removed), and the spread of unit rows.

    lowest: where the axis ends; what is smaller is counted, and so is what rounding hides.
    """
    drawn = now.rows_total - now.rows_left_out
    of = f" of {drawn:,} drawn" if drawn > now.rows else ""
    whose = "reference set, " if now.source == "reference" else ""
    under = int(np.count_nonzero(now.singular <= max(now.floor, lowest)))
    left = [f"{whose}N = {now.rows:,}{of}", f"d = {now.dim:,}", f"{now.rows_left_out:,} left out"]
    if under:
        left.append(
            f"{under:,} of {len(now.singular):,} σ under " + ("rounding" if now.floor > lowest else decade(lowest))
        )
    right = [
        f"participation {said(now.values['participation'])}, ceiling {said(now.ceilings['participation'])}",
        f"std {fixed(now.values['std'])} of 1",
    ]
    if math.isfinite(now.values["correlation"]):
        right.append(f"|corr| {fixed(now.values['correlation'])}")
    return tuple(left), tuple(right)


def summary(now: Reading) -> str:
    """One line."""
    return (
        f"Effective rank of {now.place} {said(now.rank)} at step {now.step:,}, ceiling {said(now.ceiling)} for "
        f"{now.rows:,} rows in {now.dim:,} dimensions; std of unit rows {fixed(now.values['std'])}, even 1."
    )


COLUMNS = (
    "place", "step", "measured on", "N", "d", "rank", "ceiling", "rank, mean removed", "ceiling",
    "participation, mean removed", "ceiling", "stable rank, mean removed", "ceiling", "std of unit rows", "even",
    "|corr|", "chance", "left out",
)  # fmt: skip


def table(places: Sequence[Reading], other: tuple[str, Reading] | None) -> Table:
    """Every place with all its numbers, each beside what it is compared with. other: of another run, by its name."""
    rows = [_cells(one.place, one) for one in places]
    if other is not None:
        rows.append(_cells(f"{other[1].place} of {other[0]}", other[1]))
    return Table(COLUMNS, tuple(rows))


def _cells(name: str, one: Reading) -> tuple[str, ...]:
    cells = [name, f"{one.step:,}", "reference set" if one.source == "reference" else "batch"]
    cells += [f"{one.rows:,}", f"{one.dim:,}"]
    for key in NAMES:
        for value in (one.values[key], one.ceilings[key]):
            cells.append("not known" if not math.isfinite(value) else number(value))
    return (*cells, f"{one.rows_left_out:,}")


def _at(history: History, key: str, step: int) -> float:
    """A scalar as it was measured at a step; NaN where it was not, then."""
    series = history.scalar(key)
    index = int(np.searchsorted(series.steps, step))
    return float(series.values[index]) if index < len(series) and series.steps[index] == step else math.nan
