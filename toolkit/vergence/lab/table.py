"""The list of all faults, and which method each fits."""

from __future__ import annotations

import functools
import textwrap
from dataclasses import dataclass
from typing import Any

import torch

from vergence import data, errors, methods
from vergence.lab import objective, optimiser, pairs, shortcuts, statistics, teacher, wiring
from vergence.lab.fault import Fault
from vergence.methods import Recipe
from vergence.training.run import Run
from vergence.training.trainer import Trainer

__all__ = ["FAMILIES", "FAULTS", "Described", "Table", "faults", "fitting"]

FAMILIES: dict[str, tuple[type[Fault], ...]] = {
    "wiring": (wiring.NoStopGradient, wiring.NoPredictor, wiring.DetachedBranch),
    "teacher": (teacher.FrozenTeacher, teacher.InstantTeacher),
    "statistics": (statistics.BatchNormLeak, statistics.TrainsInEvalMode, statistics.EvaluatedInTrainMode),
    "data": (
        pairs.ShuffledPairs, pairs.NoisyPositives, pairs.OtherClasses, pairs.SameViewTwice, pairs.ViewsTooStrong,
        pairs.ViewsTooWeak, pairs.Duplicates, pairs.BrokenInputs, shortcuts.SharedBits, shortcuts.FewClasses,
    ),
    "loss": (
        objective.TooLow, objective.TooHigh, objective.Inverted, objective.NoNormalisation, objective.NoCovariance,
        objective.NoVariance, objective.NoSinkhorn, objective.NoCentring, objective.BrokenLoss,
    ),
    "optimiser": (
        optimiser.FrozenEncoder, optimiser.OnlyTheHead, optimiser.AnotherModel, optimiser.RateZero,
        optimiser.RateTooHigh,
    ),
}  # fmt: skip
FAULTS: dict[str, type[Fault]] = {kind.name: kind for family in FAMILIES.values() for kind in family}
WIDTH = 110


@dataclass(frozen=True)
class Described:
    """One fault, in words.

    name: what `inject` takes. family: where it sits. line: what is wrong. looks: what it is expected to look like.
    strength: what the number means, with its default; "" where there is none. fits: the methods, by name.
    why_not: why it makes no sense for the run or the method that `faults` was asked about; "" where it does.
    """

    name: str
    family: str
    line: str
    looks: str
    strength: str
    fits: str
    why_not: str


class Table(tuple[Described, ...]):
    """Faults in words, which print as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines: list[str] = []
        family = ""
        for one in self:
            if one.family != family:
                family = one.family
                lines += ["", family.upper()]
            about = {"": one.line, "looks": one.looks, "strength": one.strength, "fits": one.fits}
            if one.why_not:
                about["not here"] = one.why_not
            lines.append(f"  {one.name}")
            for what, text in about.items():
                if text:
                    start = f"    {what + ':':<10}" if what else "    "
                    lines += textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
        return "\n".join(lines[1:])


def faults(of: Any = None) -> Table:
    """Every fault that can be put into a run, in words: `print(vg.lab.faults())`.

    of: a run; then only those that fit it come with an empty `why_not`.

    Raises ArgumentError for anything but a Run.
    """
    if of is not None and not isinstance(of, Run):
        raise errors.ArgumentError(
            f"lab.faults: got a {type(of).__name__}. Hand over a run, faults(run), or nothing for all of them."
        )
    trainer = None if of is None else of.session.trainer
    found = []
    for family, kinds in FAMILIES.items():
        for kind in kinds:
            why_not = "" if trainer is None else kind.refuses(trainer)
            knob = kind.knob if trainer is None or why_not else kind.knob_for(trainer)
            strength = "" if knob is None else f"{knob.words}; {knob.default:g} if left out"
            found.append(
                Described(kind.name, family, kind.line, kind.looks, strength, in_words(fitting(kind.name)), why_not)
            )
    return Table(found)


def in_words(names: tuple[str, ...]) -> str:
    """The names, or `every method`."""
    return "every method" if len(names) == len(_tried()) else ", ".join(names)


@functools.lru_cache
def fitting(name: str) -> tuple[str, ...]:
    """The methods of this package that a fault fits: tried with their defaults, on a few vectors with labels."""
    return tuple(method for method, trainer in _tried().items() if not FAULTS[name].refuses(trainer))


@functools.lru_cache
def _tried() -> dict[str, Trainer]:
    """A trainer of every method, by the method's name. Built once; none of them ever takes a step."""
    rows = torch.randn(16, 24, generator=torch.Generator().manual_seed(0))
    source = data.source((rows, torch.arange(16) % 4))
    kinds = [kind for kind in vars(methods).values() if isinstance(kind, type) and issubclass(kind, Recipe)]
    made: dict[str, Recipe] = {kind.name: kind() for kind in kinds if kind is not Recipe}  # type: ignore[call-arg]
    made["MoCo v2"], made["MoCo v3"] = methods.MoCo("v2"), methods.MoCo("v3")
    del made["MoCo"]
    names = sorted(made, key=str.lower)
    return {name: Trainer(made[name], source, seed=0, batch=8, device=torch.device("cpu")) for name in names}
