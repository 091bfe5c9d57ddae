"""Score recorded runs: a diagnosis at 25 checkpoints of each, from its History alone.

detected    since the fault's first step something is found that is not found in the same run without the fault
named       from then on, at most checkpoints, the first finding of all is a name of this fault
in two      the same for the first two
latency     steps from the fault's first to the checkpoint of detection, as a share of the run (a checkpoint is 4 %)
false alarm at any checkpoint of a healthy run there is a warning or a failure; notes are counted apart
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.faulty import kept
from bench.faulty.accepted import NAMES, accepted
from bench.faulty.case import HEALTHY, Case
from bench.faulty.trained import end_with_parent
from vergence import diagnose
from vergence.record import History

__all__ = ["Heard", "Scored", "ask", "ask_all", "score"]

NOTE = "note"
Said = Sequence[tuple[str, str]]
"""Findings in their order: name and severity."""


@dataclass(frozen=True)
class Heard:
    """What was said of one run.

    at: what was found, by checkpoint. probe: accuracy of the labels at h in the end, by a linear probe; None without.
    stamp: of the sources that recorded it.
    """

    case: Case
    at: Mapping[int, Said]
    probe: float | None
    stamp: str

    def names(self, since: int = 0) -> set[str]:
        """Everything that was found from a step on."""
        return {name for step, said in self.at.items() if step >= since for name, _ in said}

    def alarms(self) -> set[str]:
        """Warnings and failures."""
        return {name for said in self.at.values() for name, severity in said if severity != NOTE}


@dataclass(frozen=True)
class Scored:
    """One run with a fault, scored. latency, told: shares of the run until detection, until it is named; None: never.

    first: what stood first at most checkpoints since detection; "" for nothing. harm: by how much the probe of the
    labels is lower than in the same run without the fault.
    """

    case: Case
    detected: bool
    named: bool
    in_two: bool
    latency: float | None
    told: float | None
    first: str
    harm: float | None


def ask(path: Path) -> Heard:
    """A diagnosis at every checkpoint of a recorded run."""
    history, about = kept.load(path)
    stamp = about.pop("stamp")
    case = Case(**about)
    found: dict[int, Said] = {}
    for step in case.checkpoints:
        made = diagnose(history, step=min(step, history.last_step))
        found[step] = [(finding.name, finding.severity) for finding in made]
    return Heard(case, found, _probe(history), stamp)


def ask_all(paths: Iterable[Path], workers: int) -> list[Heard]:
    """`ask`, in some processes."""
    paths = list(paths)
    if workers < 2:
        return [ask(path) for path in paths]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        return list(pool.map(ask, paths, chunksize=4))


def _probe(history: History) -> float | None:
    reference: Any = history.static.get("reference") or {}
    return history.last(f"probes/h/{reference.get('label')}/linear")


def score(heard: Heard, twin: Heard | None) -> Scored:
    """One run with a fault. twin: the same without it; None where that was not recorded: all that is found is new."""
    case = heard.case
    usual = set() if twin is None else twin.names(case.at)
    steps = [step for step in heard.at if step >= case.at]
    alarmed = [step for step in steps if {name for name, _ in heard.at[step]} - usual]
    since = [step for step in steps if alarmed and step >= alarmed[0]]
    names = NAMES[case.fault][0]
    told = [step for step in steps if any(name in names for name, _ in heard.at[step])]
    firsts = [heard.at[step][0][0] if heard.at[step] else "" for step in since]
    harm = None
    if twin is not None and twin.probe is not None and heard.probe is not None:
        harm = twin.probe - heard.probe
    return Scored(
        case=case,
        detected=bool(alarmed),
        named=_most(any(name in names for name, _ in heard.at[step][:1]) for step in since),
        in_two=_most(any(name in names for name, _ in heard.at[step][:2]) for step in since),
        latency=_share(alarmed, case),
        told=_share(told, case),
        first=max(dict.fromkeys(firsts), key=firsts.count) if firsts else "",
        harm=harm,
    )


def _most(truths: Iterable[bool]) -> bool:
    found = list(truths)
    return 2 * sum(found) > len(found)


def _share(steps: Sequence[int], case: Case) -> float | None:
    return (steps[0] - case.at + 1) / case.steps if steps else None


def in_words(scored: Scored) -> dict[str, Any]:
    """For JSON."""
    return asdict(scored) | {"name": scored.case.name, "true": scored.first in accepted(scored.case.fault)}


def split(heard: Iterable[Heard]) -> tuple[list[Heard], list[Heard]]:
    """Healthy runs, and those with a fault."""
    every = list(heard)
    return [one for one in every if one.case.fault == HEALTHY], [one for one in every if one.case.fault != HEALTHY]
