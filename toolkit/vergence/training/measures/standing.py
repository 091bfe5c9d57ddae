"""How a factor stands: learned, kept, suppressed, gone or never there, as far as its intervals allow to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vergence import errors
from vergence.metrics.readings import Reading, compare, widened

__all__ = ["LEAST_KEPT", "MOST_KEPT", "Best", "Standing", "Word", "dropped", "stand"]

Word = Literal["learned", "kept", "below", "suppressed", "gone", "absent"]
LEAST_KEPT = 0.75
"""Of what a base line reads above chance, a factor that keeps less is called suppressed."""
MOST_KEPT = 0.9
"""Of what h reads above chance, z must keep less for a head to be said to drop a factor."""


@dataclass(frozen=True)
class Best:
    """The best reading so far."""

    reading: Reading
    step: int


@dataclass(frozen=True)
class Standing:
    """One factor at one place, compared with chance, with its base lines and with its own best."""

    word: Word
    """
    learned      above chance and above every base line
    kept         above chance and not below what a base line, or it itself, gave before
    below        below that, and at least three quarters of what that read above chance are left
    suppressed   less than three quarters are left
    gone         nothing is left that can be told from chance
    absent       it cannot be told from chance, and nobody has read more
    """
    against: str = ""
    """What it is below of: the name of a base line, or "best"."""
    base: float | None = None
    """What that read."""
    half: float | None = None
    """Half the interval of the difference, as wide as the verdict asked for."""
    step: int | None = None
    """The step of its best reading, where it is below that."""


def stand(
    now: Reading,
    chance: float,
    bases: Mapping[str, Reading],
    best: Best | None = None,
    *,
    times: int = 1,
    looks: int = 1,
) -> Standing:
    """Where a reading stands. All intervals are widened so that of `times` factors at once none errs in 95 % of looks.

    bases: readings of the same rows by name. best: the best of `looks` earlier readings, whose choice among many
    widens the interval further, or luck of one look would be a loss at all later ones.
    """
    wide = widened(times * max(1, len(bases)))
    above = now.accuracy - chance > widened(times) * now.half
    lost: list[Standing] = []
    better = 0
    for name, base in bases.items():
        difference, half = _apart(now, base)
        better += difference > wide * half
        if difference < -wide * half:
            lost.append(Standing("below", name, base.accuracy, wide * half))
    if best is not None:
        wider = widened(times * max(1, looks))
        difference, half = _apart(now, best.reading)
        if difference < -wider * half:
            lost.append(Standing("below", "best", best.reading.accuracy, wider * half, best.step))
    if lost:
        worst = max(lost, key=lambda one: one.base or 0.0)
        had = (worst.base or 0.0) - chance
        if had > 0:
            kept = (now.accuracy - chance) / had
            word: Word = "gone" if not above else "suppressed" if kept < LEAST_KEPT else "below"
            return Standing(word, worst.against, worst.base, worst.half, worst.step)
    if not above:
        return Standing("absent")
    return Standing("learned" if bases and better == len(bases) else "kept")


def dropped(z: Reading, h: Reading, chance: float, *, times: int = 1) -> bool:
    """The head hands on less than nine tenths of what h reads above chance, beyond doubt."""
    difference, half = _apart(z, h)
    had = h.accuracy - chance
    lost = difference < -widened(times) * half and had > widened(times) * h.half
    return lost and z.accuracy - chance < MOST_KEPT * had


def _apart(one: Reading, other: Reading) -> tuple[float, float]:
    """Their difference and half its interval; nothing is known where they share no row."""
    try:
        found = compare(one, other)
    except errors.TooFewRows:
        return 0.0, float("inf")
    return found.difference, found.half
