"""Of the wiring: which parts of a model get a gradient, which move, and whether the one follows from the other.

Parts are the top-level ones of the measurement `updates`. Bodies are what makes h of an input, heads what stands
behind them (projector, predictor, prototypes, what the loss learns); a part that follows another (a teacher) is
neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.record.history import Series

__all__ = ["QUANTITIES", "WORDS"]

HEADS = re.compile(r"project|predict|head|last|loss|prototype|^own|scale|temperature|classif|expander", re.IGNORECASE)
FOLLOWERS = re.compile(r"teacher|target|momentum|(^|_)ema|(^|_)key", re.IGNORECASE)
ROUNDED = 0.01
"""Of 64 pairs the order is known to about this much."""
PILED = 2.0
"""Gradients that nobody clears add up: from one look to the next they are this much longer at least, where nothing
moves. A gradient of weights that stand still differs by the batch alone, by some tens of percent."""

STEP, GROWN, SHORT, NEARLY = 0.08, 5.0, 20, 0.8
"""Adam at 0.001 moves weights by 0.001 to 0.005 of their length in a step, at 0.01 by 0.04, and leaves the length as it
is within hundreds of steps (0.98 to 1.04 in healthy runs of fourteen methods). SHORT: steps that a throw counts.
NEARLY: so far towards STEP, and growth may be its work."""
IN_THE_LOSS = "loss"
LOOKS = 3
"""Looks that must agree on it."""

Numbers = NDArray[np.float64]
Which = Callable[[str], bool]


SAME_TEMPERATURE = 1e-3
"""A loss of another kind is fitted by a temperature that wanders by more, from look to look."""


def is_body(part: str) -> bool:
    """Whether a part makes h."""
    return not HEADS.search(part) and not FOLLOWERS.search(part)


def is_head(part: str) -> bool:
    """Whether it stands behind h."""
    return bool(HEADS.search(part)) and not FOLLOWERS.search(part)


def is_trained(part: str) -> bool:
    """Either."""
    return not FOLLOWERS.search(part)


def _parts(lens: Lens, which: Which, key: str) -> list[Series]:
    """One series for each part of this kind."""
    return list(_named(lens, which, key).values())


def _named(lens: Lens, which: Which, key: str) -> dict[str, Series]:
    found = {}
    for name in lens.history.scalar_keys():
        noun, _, rest = name.partition("/")
        part, _, last = rest.rpartition("/")
        if noun == "updates" and last == key and part != "model" and which(part) and len(lens.series(name)):
            found[part] = lens.series(name)
    return found


def _together(series: Iterable[Series], fold: Callable[[Numbers], Numbers]) -> Series | None:
    """Several as one, at the steps of the first; `fold` goes over (parts, steps)."""
    every = list(series)
    if not every:
        return None
    steps = every[0].steps
    return Series(steps, fold(np.array([aligned(one, steps, backwards=True) for one in every])))


def _largest(values: Numbers) -> Numbers:
    return np.asarray(values.max(0))


def encoder_gradient(lens: Lens, place: str) -> Series | None:
    """The gradient of the encoder (the longest, where there are several) as a part of the whole, 0 to 1."""
    del place
    return _of_whole(lens, _together(_parts(lens, is_body, "gradient"), _largest))


def weakest_encoder_gradient(lens: Lens, place: str) -> Series | None:
    """The shortest of several encoders, relative to the longest; 1 where there is one."""
    del place
    found = _parts(lens, is_body, "gradient")

    def ratio(values: Numbers) -> Numbers:
        most = _largest(values)
        return np.asarray(np.divide(values.min(0), most, out=np.ones_like(most), where=most > 0))

    return _together(found, ratio)


def head_gradient(lens: Lens, place: str) -> Series | None:
    """The longest gradient of a head as a part of the whole, 0 to 1."""
    del place
    return _of_whole(lens, _together(_parts(lens, is_head, "gradient"), _largest))


def _of_whole(lens: Lens, found: Series | None) -> Series | None:
    if found is None:
        return None
    whole = aligned(lens.series("updates/model/gradient"), found.steps, backwards=True)
    return Series(found.steps, np.divide(found.values, whole, out=np.zeros_like(whole), where=whole > 0))


def without_gradient(lens: Lens, place: str) -> Series | None:
    """The share of the parts that are trained to which no gradient came, 0 to 1."""
    del place
    return _together(_parts(lens, is_trained, "gradient"), lambda values: np.asarray((values == 0).mean(0)))


def parts_without(lens: Lens, place: str) -> str:
    """Their names, at the newest look."""
    del place
    names = [f"“{name}”" for name, series in _named(lens, is_trained, "gradient").items() if series.values[-1] == 0]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "some parts"


def encoder_moved(lens: Lens, place: str) -> Series | None:
    """The share of the encoder's weights that moved since the look before; of several, the largest."""
    del place
    return _together(_parts(lens, is_body, "moved"), _largest)


def head_moved(lens: Lens, place: str) -> Series | None:
    """The same of the heads."""
    del place
    return _together(_parts(lens, is_head, "moved"), _largest)


def moved(lens: Lens, place: str) -> Series | None:
    """The same of all that is trained."""
    del place
    return _together(_parts(lens, is_trained, "moved"), _largest)


def ratio(lens: Lens, place: str) -> Series | None:
    """How far a step moves the part that it moves farthest, as a part of that part's length.

    What the loss learns itself does not count: the logarithm of a temperature of 1 has no length.
    """
    del place
    parts = [series for name, series in _named(lens, is_trained, "ratio").items() if name != IN_THE_LOSS]
    return _together(parts, _largest)


def growth(lens: Lens, place: str) -> Series | None:
    """How many times as long as at first the weights are: the median of the parts that are trained."""
    del place
    lengths = []
    for name in lens.history.scalar_keys():
        part = name.removeprefix("gradients/").removesuffix("/relative")
        if not (name.startswith("gradients/") and name.endswith("/relative")) or "." in part or not is_trained(part):
            continue
        relative, norm = lens.series(name), lens.series(f"gradients/{part}/norm")
        length = np.divide(
            aligned(norm, relative.steps, backwards=True),
            relative.values,
            out=np.full(len(relative), np.nan),
            where=relative.values > 0,
        )
        sound = np.isfinite(length) & (length > 0)
        if sound.any():
            lengths.append(Series(relative.steps[sound], length[sound] / length[sound][0]))
    return _together(lengths, lambda values: np.asarray(np.median(values, axis=0)))


def thrown(lens: Lens, place: str) -> Series | None:
    """How far weights were thrown, 1 at the limit: a step beyond `STEP` of their length twice in a row, or `GROWN`.

    A throw counts for the third of the run behind it: the length that it leaves behind slows weights down. Weights that
    have grown without ever having been thrown are made longer by something else.
    """
    del place
    seen = lens.series("wiring/ratio")
    if not len(seen):
        return None
    twice = np.minimum(seen.values, np.concatenate([[0.0], seen.values[:-1]])) / STEP
    since = np.minimum(seen.steps * 2 // 3, seen.steps - SHORT)
    begin = np.searchsorted(seen.steps, since)
    held = np.array([twice[first : at + 1].max() for at, first in enumerate(begin)])
    grown = aligned(lens.series("wiring/growth"), seen.steps) / GROWN
    grown[np.maximum.accumulate(twice) < NEARLY] = np.nan
    return Series(seen.steps, np.fmax(held, grown))


def standing(lens: Lens, place: str) -> Series | None:
    """The share of the parts with a gradient that stand still; 0 where only a step of length 0 can be the reason.

    All stand still in both cases. The optimiser holds others where it was not given these weights, or where their
    gradients add up because it does not clear them.
    """
    del place
    still = []
    steps: NDArray[np.int64] | None = None
    for name in lens.history.scalar_keys():
        part = name.removeprefix("updates/").removesuffix("/moved")
        if not (name.startswith("updates/") and name.endswith("/moved")) or not is_trained(part):
            continue
        seen = lens.series(name)
        if not len(seen):
            continue
        steps = seen.steps if steps is None else steps
        gradient = aligned(lens.series(f"updates/{part}/gradient"), steps, backwards=True)
        still.append(np.where(gradient > 0, aligned(seen, steps, backwards=True) == 0, np.nan))
    if steps is None:
        return None
    known = np.array(still, float)
    counts = np.isfinite(known).sum(0)
    share = np.divide(np.nansum(known, 0), counts, out=np.zeros(len(steps)), where=counts > 0)
    held = lens.series("wiring/held_elsewhere")
    elsewhere = aligned(held, steps, backwards=True) > 0
    return Series(steps, np.where((share < 1) | elsewhere, share, 0.0))


def held_elsewhere(lens: Lens, place: str) -> Series | None:
    """1 where the optimiser was not given the weights, or their gradients pile up while nothing moves; else 0."""
    del place
    seen, gradient = lens.series("wiring/moved"), lens.series("updates/model/gradient")
    if not len(seen) or not len(gradient):
        return None
    piled = np.zeros(len(seen))
    began = -1  # the look at which everything came to stand
    for at, share in enumerate(seen.values):
        if share > 0:
            began = -1
            continue
        began = at if began < 0 else began
        before = gradient.values[gradient.steps < seen.steps[began]][-LOOKS:]
        now = gradient.values[(gradient.steps >= seen.steps[began]) & (gradient.steps <= seen.steps[at])][-LOOKS:]
        piled[at] = len(before) > 0 and len(now) > 0 and now.min() > PILED * np.median(before)
    outside = aligned(lens.series("gradients/model/outside"), seen.steps)
    return Series(seen.steps, np.where((piled > 0) | (outside > 0), 1.0, 0.0))


def detached(lens: Lens, place: str) -> Series | None:
    """1 where one of several views, or encoders, gets no gradient though the loss treats it like the others; else 0."""
    del place
    told = lens.series("branches/z/detached")
    weakest = lens.series("wiring/weakest_encoder_gradient")
    views, reached = lens.series("branches/z/views"), lens.series("branches/z/with_gradient")
    if not len(told) and len(reached):
        some = (reached.values > 0) & (reached.values < aligned(views, reached.steps))
        told = Series(reached.steps, np.where(some & _both_ways(lens, reached.steps), 1.0, 0.0))
    if not len(told) and not len(weakest):
        return None
    if not len(told):
        return Series(weakest.steps, np.where(weakest.values == 0, 1.0, 0.0))
    cut = aligned(weakest, told.steps) == 0
    return Series(told.steps, np.where(cut | (told.values > 0), 1.0, 0.0))


def _both_ways(lens: Lens, steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the loss, unknown, is NT-Xent, in which every view is an anchor: one temperature fits three looks."""
    fits = np.zeros(len(steps), bool)
    for name in ("nt_xent_temperature", "nt_xent_temperature_other"):
        found = lens.series(f"objective/z/{name}")
        same = np.abs(np.diff(found.values)) < SAME_TEMPERATURE * found.values[1:]
        held = Series(found.steps[2:], (same[1:] & same[:-1]).astype(float))
        fits |= aligned(held, steps) > 0
    return fits


def skipped(lens: Lens, place: str) -> Series | None:
    """The share of the newest steps that made no update because their loss was not finite, at each look at weights."""
    del place
    seen = lens.series("wiring/moved")
    if not len(seen):
        return None
    share = aligned(lens.series("steps/not_finite"), seen.steps)
    return Series(seen.steps, np.where(np.isfinite(share), share, 0.0))


def misordered_at_rest(lens: Lens, place: str) -> Series | None:
    """Pairs that are in the wrong order at rest, over those that are in the step; a hundredth is added to both."""
    step, rest = lens.series(f"at_rest/{place}/step_auc"), lens.series(f"at_rest/{place}/auc")
    if not len(step) or not len(rest):
        return None
    then = aligned(rest, step.steps, backwards=True)
    return Series(step.steps, (1 - then + ROUNDED) / (1 - step.values + ROUNDED))


QUANTITIES: dict[str, Quantity] = {
    "at_rest/{place}/misordered": misordered_at_rest,
    "wiring/encoder_gradient": encoder_gradient,
    "wiring/weakest_encoder_gradient": weakest_encoder_gradient,
    "wiring/head_gradient": head_gradient,
    "wiring/without_gradient": without_gradient,
    "wiring/encoder_moved": encoder_moved,
    "wiring/head_moved": head_moved,
    "wiring/moved": moved,
    "wiring/ratio": ratio,
    "wiring/growth": growth,
    "wiring/thrown": thrown,
    "wiring/standing": standing,
    "wiring/held_elsewhere": held_elsewhere,
    "wiring/detached": detached,
    "wiring/skipped": skipped,
}
WORDS: dict[str, Callable[[Lens, str], str]] = {"wiring/parts_without": parts_without}
"""What a sentence says by name."""
