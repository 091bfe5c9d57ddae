"""Of the geometry: spread, directions and lengths, against what is possible and against the run's own past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.record.history import Series

__all__ = ["QUANTITIES", "newest", "without_first"]

FEWEST = 6
"""Measurements, for a trend."""
FALLING = -0.6
"""Rank correlation with time."""
LAST_LOSSES = 20


def growing(lens: Lens, place: str) -> Series | None:
    """The spread over the lowest of the second half of the run so far: above 1 it is on its way out of a cone."""
    series = lens.series(f"spectrum/{place}/std")
    if not len(series):
        return None
    values = series.values
    lowest = [values[np.searchsorted(series.steps, step / 2) : at + 1].min() for at, step in enumerate(series.steps)]
    lows = np.array(lowest)
    return Series(series.steps, np.divide(values, lows, out=np.ones_like(values), where=lows > 0), series.stride)


def trend(lens: Lens, place: str) -> Series | None:
    """Rank correlation of the spread with time over the last measurements: -1, each is below the one before."""
    series = lens.series(f"spectrum/{place}/std")
    count = len(series)
    if count < FEWEST:
        return None
    found = [_rank_correlation(series.values[max(0, end - max(FEWEST, end // 6)) : end]) for end in range(1, count + 1)]
    return Series(series.steps, np.array(found), series.stride)


def falling(lens: Lens, place: str) -> Series | None:
    """The spread, as the median of three, over what it was a sixth of the run ago: 1, it stays; 0.5, it halves."""
    series = lens.series(f"spectrum/{place}/std")
    if len(series) < FEWEST:
        return None
    smooth = np.array([np.median(series.values[max(0, end - 3) : end]) for end in range(1, len(series) + 1)])
    back = max(FEWEST, len(series) // 6)
    before = np.concatenate([np.full(min(back, len(smooth)), smooth[0]), smooth[:-back]])
    return Series(series.steps, np.divide(smooth, before, out=np.ones(len(smooth)), where=before > 0), series.stride)


def shrinking(lens: Lens, place: str) -> Series | None:
    """1 where the spread is falling, 0 where it is not or it cannot be told."""
    series, slopes = lens.series(f"spectrum/{place}/std"), lens.series(f"spectrum/{place}/std_trend")
    if not len(series):
        return None
    falls = aligned(slopes, series.steps, backwards=True) < FALLING if len(slopes) else np.zeros(len(series), bool)
    return Series(series.steps, falls.astype(float), series.stride)


def directions_used(lens: Lens, place: str) -> Series | None:
    """Geometric mean of two shares: effective rank and participation ratio, each over that of an even cloud.

    The first counts every direction that is left, the second hardly the small ones: faint noise in all directions
    props up the one, and few directions of unequal size pull down the other.
    """
    ranks, ceiling = lens.series(f"spectrum/{place}/rank"), lens.series(f"spectrum/{place}/ceiling")
    ratios = lens.series(f"spectrum/{place}/participation")
    ceilings = newest(lens, f"spectrum/{place}").get("ceilings")
    most = ceilings.get("participation") if isinstance(ceilings, Mapping) else None
    if not len(ranks) or not len(ratios) or not len(ceiling) or not most:
        return None
    rank = ranks.values / aligned(ceiling, ranks.steps, backwards=True)
    ratio = aligned(ratios, ranks.steps, backwards=True) / float(most)
    return Series(ranks.steps, np.sqrt(np.maximum(rank * ratio, 0)), ranks.stride)


def directions_left(lens: Lens, place: str) -> Series | None:
    """The same, the median of three, over its highest since a quarter of the run so far."""
    used = lens.series(f"spectrum/{place}/directions_used")
    if not len(used):
        return None
    values = _calm(used.values)
    begins = np.searchsorted(used.steps, used.steps // 4)
    highest = np.array([values[begin : at + 1].max() for at, begin in enumerate(begins)])
    return Series(used.steps, np.divide(values, highest, out=np.ones_like(values), where=highest > 0), used.stride)


def directions_suddenly(lens: Lens, place: str) -> Series | None:
    """The same over its median in the third quarter of the run so far: a settled run that loses directions at once."""
    used = lens.series(f"spectrum/{place}/directions_used")
    if not len(used):
        return None
    values = _calm(used.values)
    begins = np.searchsorted(used.steps, used.steps / 2)
    ends = np.maximum(np.searchsorted(used.steps, used.steps * 0.75), begins + 1)
    before = np.array([np.median(values[begin:end]) for begin, end in zip(begins, ends, strict=True)])
    return Series(used.steps, np.divide(values, before, out=np.ones_like(values), where=before > 0), used.stride)


def grown(lens: Lens, place: str) -> Series | None:
    """The mean length of rows over its lowest since a quarter of the run so far."""
    series = lens.series(f"norms/{place}/mean")
    if not len(series):
        return None
    begins = np.searchsorted(series.steps, series.steps // 4)
    lowest = np.array([series.values[begin : at + 1].min() for at, begin in enumerate(begins)])
    values = np.divide(series.values, lowest, out=np.ones(len(series)), where=lowest > 0)
    return Series(series.steps, values, series.stride)


def length_left(lens: Lens, place: str) -> Series | None:
    """The mean length of rows, the median of three, over its highest so far; 1 where it is not known."""
    series = lens.series(f"norms/{place}/mean")
    if not len(series):
        return _neutral(lens, place, 1.0)
    values = _calm(series.values)
    return Series(series.steps, values / np.maximum.accumulate(np.maximum(values, 1e-300)), series.stride)


def partners_apart(lens: Lens, place: str) -> Series | None:
    """The distance of partners, the median of three, over its lowest so far; 1 where it is not known."""
    series = lens.series(f"hypersphere/{place}/alignment")
    if not len(series):
        return _neutral(lens, place, 1.0)
    values = _calm(series.values)
    lowest = np.minimum.accumulate(values)
    return Series(series.steps, np.divide(values, lowest, out=np.ones_like(values), where=lowest > 0), series.stride)


def silent_terms(lens: Lens, place: str) -> Series | None:
    """How many terms of the loss are exactly 0 at three measurements in a row; 0 where they are not known."""
    del place
    lines = {"loss/chance", "loss/floor"}
    terms = [key for key in lens.history.scalar_keys() if key.startswith("loss/") and key not in lines]
    series = [lens.series(key) for key in terms]
    if not series:
        return _neutral(lens, "z", 0.0)
    steps = max(series, key=len).steps
    silent = np.zeros(len(steps))
    for one in series:
        nothing = one.values == 0
        in_a_row = nothing & np.roll(nothing, 1) & np.roll(nothing, 2)
        in_a_row[:2] = False
        silent += aligned(Series(one.steps, in_a_row.astype(float)), steps, backwards=True)
    return Series(steps, silent)


def losses_not_finite(lens: Lens, place: str) -> Series | None:
    """Share of the last 20 losses that are NaN or infinite."""
    del place
    held = lens.history.scalar("loss")
    if not len(held):
        return None
    bad = np.concatenate([[0], np.cumsum(~np.isfinite(held.values))])
    ends = np.arange(1, len(held) + 1)
    shares = (bad[ends] - bad[np.maximum(ends - LAST_LOSSES, 0)]) / LAST_LOSSES
    return Series(held.steps, shares.astype(np.float64), held.stride)


def _calm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the last three."""
    return np.array([np.median(values[max(0, at - 2) : at + 1]) for at in range(len(values))])


def _neutral(lens: Lens, place: str, value: float) -> Series | None:
    """What says nothing, at the steps of the spectrum: a sign that adds to a check must not stand in its way."""
    series = lens.series(f"spectrum/{place}/std")
    return Series(series.steps, np.full(len(series), value), series.stride) if len(series) else None


def without_first(lens: Lens, series: Series) -> Series | None:
    """What is measured now and then is measured at the first step, and that number stands for long."""
    if lens.step > 1 and len(series) and series.steps[0] <= 1:
        series = Series(series.steps[1:], series.values[1:], series.stride)
    return series if len(series) else None


def _rank_correlation(values: NDArray[np.float64]) -> float:
    """Of values with their order in time; 0 for too few, or where all are the same."""
    if len(values) < FEWEST or np.ptp(values) == 0:
        return 0.0
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def newest(lens: Lens, kind: str) -> Mapping[str, Any]:
    """What is said beside the newest frame of a kind."""
    return lens.history.frame(kind).meta if lens.history.frames(kind) else {}


QUANTITIES: dict[str, Quantity] = {
    "spectrum/{place}/std_growing": growing,
    "spectrum/{place}/std_trend": trend,
    "spectrum/{place}/std_falling": falling,
    "spectrum/{place}/shrinking": shrinking,
    "spectrum/{place}/directions_used": directions_used,
    "spectrum/{place}/directions_left": directions_left,
    "spectrum/{place}/directions_suddenly": directions_suddenly,
    "norms/{place}/grown": grown,
    "norms/{place}/left": length_left,
    "hypersphere/{place}/partners_apart": partners_apart,
    "loss/silent_terms": silent_terms,
    "loss/not_finite": losses_not_finite,
}
