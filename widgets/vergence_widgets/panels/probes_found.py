"""A look of the probes, by names: what each probe reads, how sure that is, and how each factor stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import fixed

if TYPE_CHECKING:
    from vergence.record.history import Frame

__all__ = ["KINDS", "LOST", "Found", "Standing", "found_in", "said"]

KINDS = {"linear": "linear", "knn": "kNN", "few": "2 each"}
"""few: two labels of each class."""
LOST = ("gone", "suppressed")


@dataclass(frozen=True)
class Standing:
    """One factor at one place: `word` is one of learned, kept, below, suppressed, gone, absent."""

    word: str
    against: str = ""
    base: float | None = None
    half: float | None = None
    step: int | None = None
    since: int | None = None


@dataclass(frozen=True)
class Found:
    """A frame, by names."""

    step: int
    time: float
    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def factors(self) -> list[str]:
        """In the order in which they are known; the label first."""
        return [str(name) for name in self.meta["factors"]]

    @property
    def main(self) -> str:
        """The factor of the headline."""
        return self.factors[0]

    @property
    def begins(self) -> bool:
        """This is the look that later ones are compared with."""
        return int(self.step) == int(self.meta["first"])

    @property
    def wide(self) -> float:
        """How much wider than 95 % the intervals of words are, so that all words of a look hold at once."""
        return float(self.meta.get("wide", 1.0))

    def chance(self, factor: str) -> float:
        """What guessing gets: the commonest class, the commonest within a class, or the mean of an amount."""
        return float(self.meta["chance"][self.factors.index(factor)])

    def measure(self, factor: str) -> str:
        """accuracy, or R² for an amount."""
        return self._of("measure", factor, "accuracy")

    def within(self, factor: str) -> str:
        """The factor that this one is a finer cut of, or ""."""
        return self._of("within", factor, "")

    def is_amount(self, factor: str) -> bool:
        """A number, not classes."""
        return self.measure(factor) != "accuracy"

    def value(self, name: str, factor: str, kind: str, column: object) -> float | None:
        """One number: of `accuracy`, `half`, `spread` by place, of `difference` by pair of places; None for a gap."""
        columns = self.meta["compared" if name.startswith("difference") else "places"]
        wanted = list(column) if isinstance(column, tuple) else column
        if factor not in self.factors or kind not in self.meta["kinds"] or wanted not in columns:
            return None
        return self._number(name, factor, kind, columns.index(wanted))

    def best(self, factor: str, kind: str, place: str) -> tuple[float, int] | None:
        """The best of the looks before this one, and its step."""
        if "best" not in self.arrays or kind not in self.meta["kinds"]:
            return None
        at = ("h", "z").index(place)
        value, step = (self._number(name, factor, kind, at) for name in ("best", "best_step"))
        return None if value is None or step is None else (value, int(step))

    def difference(self, factor: str, kind: str, one: str, other: str) -> tuple[float, float] | None:
        """How much better it is read at one place than at another, and half the interval that words ask for."""
        apart = self.value("difference", factor, kind, (one, other))
        half = self.value("difference_half", factor, kind, (one, other))
        return None if apart is None or half is None else (apart, self.wide * half)

    def standing(self, factor: str, place: str = "h") -> Standing | None:
        """How it stands there; None at the first look, and where that was not recorded."""
        told = self.meta.get("standing", {}).get(place)
        one = told[self.factors.index(factor)] if told else None
        if not one:
            return None
        since = self.meta.get("since", {}).get(place) or [None] * len(told)
        return Standing(**one, since=since[self.factors.index(factor)])

    def lost(self) -> list[str]:
        """Factors that are suppressed or gone at h, the one of which least is left first."""
        found = [(self.kept(name), name) for name in self.factors if (s := self.standing(name)) and s.word in LOST]
        return [name for _, name in sorted(found, key=lambda one: one[0])]

    def dropped(self) -> list[str]:
        """Factors of which z has less than h."""
        told = self.meta.get("head_drops") or []
        return [name for name, is_so in zip(self.factors, told, strict=False) if is_so]

    def kept(self, factor: str) -> float:
        """Of what it read above chance once, or what a base line reads: the share that is left."""
        standing, now = self.standing(factor), self.value("accuracy", factor, "linear", "h")
        if standing is None or standing.base is None or now is None:
            return 1.0
        chance = self.chance(factor)
        return (now - chance) / (standing.base - chance)

    def _of(self, name: str, factor: str, default: str) -> str:
        told = self.meta.get(name)
        return str(told[self.factors.index(factor)]) if told else default

    def _number(self, name: str, factor: str, kind: str, column: int) -> float | None:
        at = (self.factors.index(factor), self.meta["kinds"].index(kind), column)
        number = float(np.asarray(self.arrays[name])[at])
        return number if math.isfinite(number) else None


def found_in(frame: Frame) -> Found:
    """The look that a frame holds."""
    return Found(frame.step, frame.time, frame.meta, frame.arrays)


def said(value: float | None, digits: int = 2) -> str:
    """A number in words; "" for what is not known."""
    return "" if value is None else fixed(value, digits)
