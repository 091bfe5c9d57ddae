"""Of shortcuts that no label tells: what partners are found by, and a geometry that is too good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.record.history import Series

__all__ = ["QUANTITIES", "WORDS"]

STANDS_OUT = {"left_alone": ("gap", 0.25), "levels": ("alike_ratio", 0.5)}
"""By what a part is known to be left alone by the views, and below what.

Entries are chosen for it, so it must be a group of its own: its gap is 0.01 to 0.15 with shared bits, and 0.35 or more
under usual views of every data set here, of 32 pairs or more. Levels are not chosen, so partners need only be nearer
in them than in the rest: 0.36 where views leave colours alone, 0.66 and more where they do not.
"""
CHANGED = 0.1
"""Partners' squared distance over strangers', in the rest: below this, views hardly change anything anywhere."""


def untouched(lens: Lens, place: str) -> Series | None:
    """How far partners are apart in the part that views leave alone, relative to the rest: 0, not at all.

    1 where no part stands out, or views change hardly anything anywhere.
    """
    auc = lens.series(f"cues/{place}/auc")
    if not len(auc):
        return None
    return Series(auc.steps, np.min([_ratio(lens, place, cue, auc.steps) for cue in STANDS_OUT], axis=0), auc.stride)


def outweighs(lens: Lens, place: str) -> Series | None:
    """The share of pairs in which a part that views leave alone counts for more than all the rest; 0 without one."""
    auc = lens.series(f"cues/{place}/auc")
    if not len(auc):
        return None
    found = []
    for cue in STANDS_OUT:
        wins = aligned(lens.series(f"cues/{place}/{cue}/wins"), auc.steps)
        alone = _ratio(lens, place, cue, auc.steps) < 1
        found.append(np.where(alone & np.isfinite(wins), wins, 0.0))
    return Series(auc.steps, np.max(found, axis=0), auc.stride)


def ideal(lens: Lens, place: str) -> Series | None:
    """The smaller of 1 - alignment / 2 and uniformity / its floor: how near both are to their best, 0 to 1."""
    alignment = lens.series(f"hypersphere/{place}/alignment")
    uniformity = lens.series(f"hypersphere/{place}/uniformity")
    floor = lens.series(f"hypersphere/{place}/uniformity_floor")
    if not len(alignment) or not len(uniformity) or not len(floor):
        return None
    share = aligned(uniformity, alignment.steps) / aligned(floor, alignment.steps)
    values = np.minimum(1 - alignment.values / 2, share)
    sound = np.isfinite(values)
    return Series(alignment.steps[sound], values[sound], alignment.stride)


def _ratio(lens: Lens, place: str, cue: str, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of one part; 1 where it does not stand out, is not there, or where views change nothing anyway."""
    by, limit = STANDS_OUT[cue]
    told, ratio, rest = (
        aligned(lens.series(f"cues/{place}/{cue}/{key}"), steps) for key in (by, "alike_ratio", "alike_rest")
    )
    return np.where((told < limit) & (rest >= CHANGED) & (ratio < 1), ratio, 1.0)


def part(lens: Lens, place: str) -> str:
    """Which part it is, as a sentence says it."""
    auc = lens.series(f"cues/{place}/auc")
    ratios = {cue: float(_ratio(lens, place, cue, auc.steps[-1:])[0]) for cue in STANDS_OUT} if len(auc) else {}
    wins = {cue: lens.last(f"cues/{place}/{cue}/wins") or 0.0 for cue, ratio in ratios.items() if ratio < 1}
    if not wins:
        return "a part of the input that your views leave alone"
    if max(wins, key=lambda cue: wins[cue]) == "levels":
        return "colours and brightness, whatever their places, which your views leave alone"
    share = lens.last(f"cues/{place}/left_alone/share") or 0.0
    return f"{share:.0%} of the input's entries, which your views leave alone"


QUANTITIES: dict[str, Quantity] = {
    "cues/{place}/untouched": untouched,
    "cues/{place}/outweighs": outweighs,
    "hypersphere/{place}/ideal": ideal,
}
WORDS = {"cues/{place}/part": part}
