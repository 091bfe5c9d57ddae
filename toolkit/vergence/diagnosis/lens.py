"""Lens: the numbers of a History as rules read them, each series once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.rule import Sign
from vergence.record import History
from vergence.record.history import Series

__all__ = ["Lens", "Quantity"]

Quantity = Callable[["Lens", str], "Series | None"]
EMPTY = Series(np.empty(0, np.int64), np.empty(0, np.float64))


class Lens:
    """One look at a History.

    quantities: derived numbers, by key with `{place}`; each makes a Series of a lens and a place, or None where it
    cannot.
    """

    def __init__(self, history: History, quantities: dict[str, Quantity]) -> None:
        self.history = history
        self.step = history.last_step
        self._quantities = quantities
        self._held: dict[str, Series] = {}

    def series(self, key: str) -> Series:
        """A scalar of the History or a derived quantity, without its gaps; empty where there is none."""
        if key not in self._held:
            self._held[key] = EMPTY  # a quantity that asks for itself finds nothing
            self._held[key] = self._read(key)
        return self._held[key]

    def last(self, key: str) -> float | None:
        """Its newest value."""
        return self.series(key).last

    def static(self, name: str, default: object = None) -> object:
        """A static entry of the History, for derived quantities only."""
        return self.history.static.get(name, default)

    def _read(self, key: str) -> Series:
        place = next((part for part in key.split("/")[1:] if part in ("h", "z")), "")
        quantity = self._quantities.get(key) or self._quantities.get(key.replace(f"/{place}", "/{place}", 1))
        if quantity is not None:
            made = quantity(self, place)
            return EMPTY if made is None else made
        held = self.history.scalar(key)
        sound = np.isfinite(held.values)
        return Series(held.steps[sound], held.values[sound], held.stride)

    def compared(self, sign: Sign, place: str) -> Series:
        """The number that a sign compares, through time."""
        key = sign.key.format(place=place)
        series = self.series(key)
        values, steps = series.values, series.steps
        if sign.of and len(values):
            of = aligned(self.series(sign.of.format(place=place)), steps)
            values = np.divide(values, of, out=np.full_like(values, np.nan), where=of != 0)
            sound = np.isfinite(values)
            values, steps = values[sound], steps[sound]
        if sign.last > 1 and len(values):
            padded = np.concatenate([np.full(sign.last - 1, np.nan), values])
            values = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, sign.last), axis=1)
        for past in (sign.over, sign.minus):
            if past and len(values):
                then = {
                    "highest": np.maximum.accumulate,
                    "lowest": np.minimum.accumulate,
                    "first": lambda found: np.full_like(found, found[0]),
                }[past](values)
                if past is sign.over:
                    values = np.divide(values, then, out=np.ones_like(values), where=then != 0)
                else:
                    values = values - then
        return Series(steps, values, series.stride)

    def holds(self, sign: Sign, place: str) -> tuple[Series, NDArray[np.bool_]]:
        """The number that a sign compares, and where it lies as the sign asks."""
        series = self.compared(sign, place)
        values = series.values
        if sign.below is not None:
            return series, values < sign.below
        if sign.above is not None:
            return series, values > sign.above
        if sign.inside is not None:
            return series, (values >= sign.inside[0]) & (values <= sign.inside[1])
        key = sign.key.format(place=place)
        low = aligned(self.series(f"{key}_null_low"), series.steps, backwards=True)
        high = aligned(self.series(f"{key}_null_high"), series.steps, backwards=True)
        known = np.isfinite(low) & np.isfinite(high)
        where = {"below": values < low, "above": values > high, "inside": (values >= low) & (values <= high)}
        return series, known & where[str(sign.null)]


def aligned(series: Series, steps: NDArray[np.int64], *, backwards: bool = False) -> NDArray[np.float64]:
    """The values in force at `steps`; NaN before the first, or with `backwards` the first value there too."""
    if not len(series):
        return np.full(len(steps), np.nan)
    index = np.searchsorted(series.steps, steps, side="right") - 1
    values = series.values[np.clip(index, 0, None)]
    return values if backwards else np.where(index >= 0, values, np.nan)
