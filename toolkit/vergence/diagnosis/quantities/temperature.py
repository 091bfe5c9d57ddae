"""Of the temperature: the one that a loss works with, and how far it lies from the one that was set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.record.history import Series

__all__ = ["QUANTITIES", "working_temperature"]

LOWEST, HIGHEST = 0.03, 1.25
"""Between them lie the temperatures of the published recipes: 0.04 (the teacher of DINO), 0.05 (SimCSE), 0.07 (MoCo,
CLIP) to 1 (NT-Xent as it was first written); a little is allowed on both sides."""
FACTOR = 3.0
"""So far from what was set neither rounding nor the reweighting of a published loss goes."""
FEWEST_BINS = 4
FIT = 0.8
"""Part of the variance of ln(weight) that the cosine explains: of a softmax of cosines nearly all."""
AGREES = 0.03
"""A loss needs no explanation where it agrees to this part of it: what a centre or a learned scale moves in a step."""
BEFORE = 5
"""Looks before that two solutions are compared with."""
BETTER = 4.0
"""A mistake explains a loss that it reproduces so many times better than the loss as it was set."""
TOLD = 2.5
"""So far off what was set pushes that are only read from bins are not by themselves."""
ALIKE = 5
"""Looks over which the temperature of an unknown loss must be the same ..."""
STEADY = 0.03
"""... to this part of it."""
WANDERS = 0.1
"""So much of it a temperature changes that is none."""

Numbers = NDArray[np.float64]


def working_temperature(counts: Numbers, weight: Numbers) -> float | None:
    r"""The temperature of the softmax that shares a push as it was shared.

        ln weight(s) = s / T + constant,      so that  1 / T = cov(s, ln weight) / var(s)

    over pairs, which are known by bins of similarity only: their centres spread by the twelfth of a squared width more
    than the pairs do, and that is taken off.

    counts: `(bins,)` negative pairs in bins of equal width on [-1, 1]. weight: `(bins,)`, mean weight in each; NaN in
    an empty one.

    Returns None where all pairs lie in too few bins, where nothing weighs more the nearer it lies, or where weights
    are no function of that form. It reads up to twice the temperature where anchors differ more from one another than
    their negatives do, since each shares among its own.

    Source: the gradient with respect to a negative of Wang & Liu 2020, arXiv:2012.09740, equation 5; tau is our T.
    """
    width = 2 / len(counts)
    centres = (np.arange(len(counts)) + 0.5) * width - 1
    known = (counts > 0) & np.isfinite(weight) & (weight > 0)
    if np.count_nonzero(known) < FEWEST_BINS:
        return None
    s, y, n = centres[known], np.log(weight[known]), counts[known] / counts[known].sum()
    ds, dy = s - n @ s, y - n @ y
    between, spread, told = n @ ds**2, n @ dy**2, n @ (ds * dy)
    inside = between - width**2 / 12
    if told <= 0 or inside <= 0 or told**2 < FIT * between * spread:
        return None
    return float(inside / told)


def working(lens: Lens, place: str) -> Series | None:
    """The temperature that reproduces the reported loss; else that by which the negatives share their push.

    Where the loss is the one that was set, another temperature may give the same number by chance, so that the pushes
    are believed.
    """
    shared = _shared(lens, place)
    told = _nearest(
        lens.series(f"objective/{place}/temperature"), lens.series(f"objective/{place}/temperature_other"), shared
    )
    if told is None:
        return shared if shared is not None else _of_unknown(lens, place)
    if shared is None:
        return told
    off = aligned(lens.series(f"objective/{place}/mismatch"), told.steps, backwards=True)
    pushes = aligned(shared, told.steps, backwards=True)
    return Series(told.steps, np.where(off > AGREES, told.values, pushes))


def _shared(lens: Lens, place: str) -> Series | None:
    """Of the pushes that were recorded: exact where they were said to be a softmax, else as they look."""
    steps: list[int] = []
    values: list[float] = []
    kind = f"temperature/{place}"
    for step in lens.history.frames(kind):
        frame = lens.history.frame(kind, step)
        found = _number(frame.meta.get("temperature")) if frame.meta.get("softmax") else None
        if found is None and {"counts", "weight"} <= frame.arrays.keys():
            counts, weight = frame.arrays["counts"], frame.arrays["weight"]
            found = working_temperature(counts.astype(np.float64), weight.astype(np.float64))
        if found is not None:
            steps.append(step)
            values.append(found)
    return _series(steps, values)


def _nearest(one: Series, other: Series, hint: Series | None) -> Series | None:
    """A loss is not always monotone in T: of two solutions the one nearer to what the pushes show.

    Without pushes, the one nearer to those of the looks before: the true one stays while the other wanders.
    """
    if not len(one) or not len(other):
        return one if len(one) else None
    second = {int(step): value for step, value in zip(other.steps, other.values, strict=True)}
    choices = [np.log([value, second.get(int(step), value)]) for step, value in zip(one.steps, one.values, strict=True)]
    values = []
    for at, (step, pair) in enumerate(zip(one.steps, choices, strict=True)):
        wanted = None if hint is None else hint.at(int(step))
        if wanted is not None:
            off = np.abs(pair - np.log(wanted))
        else:
            earlier = choices[max(0, at - BEFORE) : at] or [pair]
            off = np.median([np.abs(past[:, None] - pair).min(0) for past in earlier], axis=0)
        values.append(float(np.exp(pair[np.argmin(off)])))
    return Series(one.steps, np.array(values))


def _of_unknown(lens: Lens, place: str) -> Series | None:
    """Of a loss that nobody described: the solution that stays the same while the embeddings change."""
    best: tuple[float, Series] | None = None
    for loss in ("nt_xent", "info_nce"):
        for which in ("temperature", "temperature_other"):
            series = lens.series(f"objective/{place}/{loss}_{which}")
            if len(series) < ALIKE or np.any(series.values[-ALIKE:] <= 0):
                continue
            logs = np.log(series.values[-ALIKE:])
            apart = float(logs.max() - logs.min())
            if apart < STEADY and (best is None or apart < best[0]):
                best = (apart, series)
    return None if best is None else best[1]


def _raw_of_unknown(lens: Lens, place: str) -> Series | None:
    """How far a temperature of dot products wanders that stays, while every one of cosines does not; else 1.

    At rest everything stays; so it counts from the look on since which it does.
    """
    steps = lens.series(f"objective/{place}/reported").steps
    raws, plain = _unknowns(lens, place, "raw_", steps), _unknowns(lens, place, "", steps)
    if not len(steps) or np.all(np.isnan(raws)):
        return None
    least = np.ones(len(steps))
    for at in range(ALIKE - 1, len(steps)):
        for both in raws:
            for choice in both[np.isfinite(both[:, at]), at]:
                off = _off(both, choice, at)
                loose = np.flatnonzero(~(off < STEADY))
                began = int(loose[-1]) + 1 if len(loose) else 0
                if at + 1 - began < ALIKE:
                    continue
                others = [_off(other, told, at)[began:].max() for other in plain for told in other[:, at]]
                if np.nanmin(others, initial=np.inf) > WANDERS:
                    least[at] = min(least[at], float(off[began:].max()))
    return Series(steps, least)


def _off(both: Numbers, choice: float, at: int) -> Numbers:
    """How far the nearer of two solutions lies from one of the look `at`, look by look until then."""
    apart = np.abs(both[:, : at + 1] - choice)
    return np.where(np.isnan(apart), np.inf, apart).min(0) if np.isfinite(choice) else np.full(at + 1, np.nan)


def _unknowns(lens: Lens, place: str, way: str, steps: NDArray[np.int64]) -> list[Numbers]:
    """Logarithms of the temperatures at which an unknown loss would be one that is known: `(2, looks)` for each."""
    found = []
    for loss in ("nt_xent", "info_nce", "clip"):
        both = np.full((2, len(steps)), np.nan)
        for row, which in zip(both, ("temperature", "temperature_other"), strict=True):
            series = lens.series(f"objective/{place}/{loss}_{way}{which}")
            there = np.isin(series.steps, steps)
            row[np.searchsorted(steps, series.steps[there])] = np.log(np.maximum(series.values[there], 1e-12))
        found.append(both)
    return found


def set_temperature(lens: Lens, place: str) -> Series | None:
    """The temperature that was set; one that is learned, as it stood at each look."""
    control = lens.series("control/temperature")
    if len(control):
        return control
    kind = f"temperature/{place}"
    steps: list[int] = []
    values: list[float] = []
    for step in lens.history.frames(kind):
        value = _number(lens.history.frame(kind, step).meta.get("temperature"))
        if value is not None:
            steps.append(step)
            values.append(value)
    return _series(steps, values)


def over_set(lens: Lens, place: str) -> Series | None:
    """Working over set."""
    return _beside(lens, place, lambda found, wanted: found / wanted)


def inverse(lens: Lens, place: str) -> Series | None:
    """1 / T of the working temperature: what somebody had set who multiplies by it."""
    found = lens.series(f"temperature/{place}/working")
    return Series(found.steps, 1 / found.values) if len(found) and np.all(found.values > 0) else None


def least(lens: Lens, place: str) -> Series | None:
    """The lowest working temperature that is sound here."""
    return _beside(lens, place, lambda _, wanted: np.fmax(LOWEST, np.where(wanted <= HIGHEST, wanted / FACTOR, np.nan)))


def most(lens: Lens, place: str) -> Series | None:
    """The highest working temperature that is sound here."""
    return _beside(lens, place, lambda _, wanted: np.fmin(HIGHEST, np.where(wanted >= LOWEST, wanted * FACTOR, np.nan)))


def inverted(lens: Lens, place: str) -> Series | None:
    """By how much the loss differs from one in which cosines are multiplied by the temperature that was set.

    As a part of what lies between the loss and chance, where that is known: at high temperatures all losses lie near
    chance, and near one another.
    """

    def by_temperature(found: Numbers, wanted: Numbers) -> Numbers:
        # At 1 both are the same, and nothing could be told.
        apart = np.abs(np.log(wanted)) > np.log(1.5)
        return np.where(apart, np.abs(found * wanted - 1), 1.0)

    otherwise = _beside(lens, place, by_temperature)
    return _explained(lens, f"objective/{place}/explained_by_inverted", place, otherwise)


def raw(lens: Lens, place: str) -> Series | None:
    """By how much the loss differs from one of dot products in place of cosines.

    Of a loss that nobody described: by how much the temperature wanders at which dot products give it.
    """
    wanders = _raw_of_unknown(lens, place)
    if wanders is not None:
        return wanders
    found = lens.series(f"temperature/{place}/working")
    none = Series(found.steps, np.ones(len(found))) if len(found) else None
    return _explained(lens, f"objective/{place}/explained_by_raw", place, none)


def _explained(lens: Lens, key: str, place: str, otherwise: Series | None) -> Series | None:
    """What was recorded of an explanation; 1 where the loss is as it should be and none was sought.

    A loss may agree by chance while the pushes do not: such a look says nothing.
    """
    agrees, errors = lens.series(f"objective/{place}/mismatch"), lens.series(key)
    if not len(agrees):
        return otherwise
    sought = np.isin(agrees.steps, errors.steps)
    off = np.abs(np.log(aligned(lens.series(f"temperature/{place}/over_set"), agrees.steps, backwards=True)))
    told = sought | ~(off > np.log(TOLD))
    if not len(errors):
        return Series(agrees.steps[told], np.ones(int(told.sum())))
    found = aligned(errors, agrees.steps, backwards=True)
    loss = aligned(lens.series(f"objective/{place}/reported"), agrees.steps, backwards=True)
    room = np.abs(aligned(lens.series("loss/chance"), agrees.steps, backwards=True) - loss)
    scale = np.where(np.isfinite(room) & (room > 0) & (room < np.abs(loss)), np.abs(loss) / room, 1.0)
    better = sought & (found < agrees.values / BETTER)
    return Series(agrees.steps[told], np.where(better, found * scale, 1.0)[told])


def hardest(lens: Lens, place: str) -> Series | None:
    """How many times their even share the hardest negatives take."""
    kind = f"temperature/{place}"
    steps: list[int] = []
    values: list[float] = []
    for step in lens.history.frames(kind):
        meta = lens.history.frame(kind, step).meta
        taken, even = _number(meta.get("share_hardest")), _number(meta.get("even_hardest"))
        if taken is not None and even is not None:
            steps.append(step)
            values.append(taken / even)
    return _series(steps, values)


def _beside(lens: Lens, place: str, make: Callable[[Numbers, Numbers], Numbers]) -> Series | None:
    """Something of the working temperature and the one that was set, NaN where none was."""
    found, wanted = lens.series(f"temperature/{place}/working"), lens.series(f"temperature/{place}/set")
    if not len(found):
        return None
    return Series(found.steps, make(found.values, aligned(wanted, found.steps, backwards=True)))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _series(steps: list[int], values: list[float]) -> Series | None:
    return Series(np.array(steps, np.int64), np.array(values, np.float64)) if steps else None


QUANTITIES: dict[str, Quantity] = {
    "temperature/{place}/working": working,
    "temperature/{place}/set": set_temperature,
    "temperature/{place}/over_set": over_set,
    "temperature/{place}/inverse": inverse,
    "temperature/{place}/least": least,
    "temperature/{place}/most": most,
    "temperature/{place}/inverted": inverted,
    "temperature/{place}/raw": raw,
    "temperature/{place}/hardest": hardest,
}
