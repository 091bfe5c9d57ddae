"""`diagnose`: every rule on one History."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vergence import errors
from vergence.diagnosis.confidence import confidence
from vergence.diagnosis.finding import SEVERITIES, Diagnosis, Evidence, Finding
from vergence.diagnosis.lens import Lens, aligned
from vergence.diagnosis.quantities import QUANTITIES, WORDS
from vergence.diagnosis.rule import Rule, Sign
from vergence.diagnosis.rules import RULES
from vergence.diagnosis.words import filled, healthy_range, number
from vergence.record import History
from vergence.record.history import Series
from vergence.record.until import Until

__all__ = ["diagnose"]


def diagnose(
    history: History, *, step: int | None = None, rules: Iterable[Rule] | None = None, once: bool = False
) -> Diagnosis:
    """Say what is wrong in a run, from its record alone.

    history: of a Run, a Monitor or `vg.open`; it may go on growing. step: only what had been recorded by then. rules:
    others than all. once: a single measurement is enough (embeddings that were looked at once); else each sign must
    hold for as many in a row as its rule asks.

    Returns a Diagnosis: findings with the worst first, what was checked, and what could not be, with what it lacks.

    Raises ArgumentError for what is no History.
    """
    if not isinstance(history, History):
        raise errors.ArgumentError(
            f"diagnose: it was called with {type(history).__name__}. It reads a History: type "
            "vg.diagnose(run.history), or vg.examine(z1, z2) for embeddings."
        )
    lens = Lens(history if step is None else Until(history, step), QUANTITIES)
    found: list[tuple[Rule, Finding]] = []
    checked: list[str] = []
    lacking: dict[str, str] = {}
    for rule in RULES if rules is None else rules:
        looks = [_look(rule, place, lens) for place in rule.places]
        possible = [look for look in looks if not look.lacks]
        if not possible:
            lacking.setdefault(rule.name, rule.otherwise or looks[0].lacks)
            continue
        checked.append(rule.name)
        for look in possible:
            finding = _finding(look, lens, once)
            if finding is not None:
                found.append((rule, finding))
                break
    lacking = {name: why for name, why in lacking.items() if name not in checked}  # another rule looked for it
    return Diagnosis(lens.step, _ordered(found), tuple(dict.fromkeys(checked)), lacking)


@dataclass
class _Look:
    """One rule at one place: its signs through time."""

    rule: Rule
    place: str
    lacks: str
    signs: list[tuple[Sign, Series, NDArray[np.bool_]]]


def _look(rule: Rule, place: str, lens: Lens) -> _Look:
    signs = [(sign, *lens.holds(sign, place)) for sign in rule.must]
    empty = [sign for sign, series, _ in signs if not len(series)]
    lacks = _why(empty[0], place, lens) if empty else ""
    return _Look(rule, place, lacks, signs)


def _why(sign: Sign, place: str, lens: Lens) -> str:
    """Why a sign has no number."""
    key = sign.key.format(place=place)
    reasons = lens.static("not_measured", {})
    if isinstance(reasons, Mapping):
        noun, _, rest = key.partition("/")
        for name in (f"{noun}/{rest.partition('/')[0]}", noun):
            if name in reasons:
                return str(reasons[name])
    return f"{sign.words.format(place=place)} ({key}) was not measured"


def _finding(look: _Look, lens: Lens, once: bool) -> Finding | None:
    rule, place = look.rule, look.place
    grid = np.unique(np.concatenate([series.steps for _, series, _ in look.signs]))
    first = max(int(series.steps[0]) for _, series, _ in look.signs)
    grid = grid[grid >= first]
    holds = np.ones(len(grid), bool)
    for _, series, truth in look.signs:
        holds &= aligned(Series(series.steps, truth.astype(float)), grid) > 0
    if not len(holds) or not holds[-1]:
        return None
    broken = np.flatnonzero(~holds)
    begin = int(broken[-1]) + 1 if len(broken) else 0
    since = int(grid[begin])
    if not once:
        total = lens.static("total_steps")
        share = rule.from_share * float(total) if isinstance(total, int | float) else 0.0
        counts = [_since(series, since) for _, series, _ in look.signs]
        if min(counts) < rule.hold or lens.step < max(rule.from_step, share):
            return None
    also = [sign for sign in rule.also if len((seen := lens.holds(sign, place))[1]) and seen[1][-1]]
    shown = [entry for entry in look.signs if entry[0] in rule.signs]
    shown += [(sign, *lens.holds(sign, place)) for sign in also]
    return Finding(
        name=rule.name,
        severity=rule.severity,
        since=since,
        confidence=confidence(
            [(sign, float(series.values[-1])) for sign, series, _ in look.signs], len(also), len(rule.also)
        ),
        says=filled(rule.says, place, partial(_told, lens)),
        evidence=tuple(_evidence(sign, series, place, since, lens) for sign, series, _ in shown[:3]),
        remedies=tuple(
            replace(remedy, text=filled(remedy.text, place, partial(_told, lens))) for remedy in rule.remedies
        ),
        apart=tuple((a.neighbour, _words(a.sign, place, lens.compared(a.sign, place), lens)) for a in rule.apart),
        notebook=rule.notebook,
    )


def _told(lens: Lens, key: str) -> float | str | None:
    """What a sentence puts for a key: a name, or the newest number."""
    for place in ("h", "z"):
        for pattern, words in WORDS.items():
            if key == pattern.format(place=place):
                return words(lens, place)
    return lens.last(key)


def _since(series: Series, since: int) -> int:
    """How many measurements are in force from `since` on."""
    return int(np.count_nonzero(series.steps >= since)) + int(
        not np.any(series.steps == since) and since > series.steps[0]
    )


def _evidence(sign: Sign, series: Series, place: str, since: int, lens: Lens) -> Evidence:
    earlier = series.values[series.steps < since]
    low, high = healthy_range(sign, lens, place)
    return Evidence(
        key=sign.key.format(place=place),
        panel=sign.panel,
        step=int(series.steps[-1]),
        value=float(series.values[-1]),
        before=float(earlier[-1]) if len(earlier) else None,
        low=low,
        high=high,
        words=_words(sign, place, series, lens),
    )


def _words(sign: Sign, place: str, series: Series, lens: Lens) -> str:
    low, high = healthy_range(sign, lens, place)
    words = f"{sign.words.format(place=place)}: {number(float(series.values[-1]), sign.format)}"
    if low is not None and high is not None:
        return f"{words}; healthy: {number(low, sign.format)} to {number(high, sign.format)}"
    if low is not None:
        return f"{words}; healthy: {number(low, sign.format)} or more"
    return f"{words}; healthy: {number(high, sign.format)} or less" if high is not None else words


def _ordered(found: list[tuple[Rule, Finding]]) -> tuple[Finding, ...]:
    """The worst first, a cause before what it explains; what is explained is listed with its cause.

    Several rules may look for one thing: the worst of their findings speaks, of equal ones the surest.
    """

    def rank(finding: Finding) -> tuple[int, float]:
        return SEVERITIES.index(finding.severity), -finding.confidence

    first: dict[str, tuple[Rule, Finding]] = {}
    for rule, finding in found:
        if rule.name not in first or rank(finding) < rank(first[rule.name][1]):
            first[rule.name] = rule, finding
    found = list(first.values())
    names = {rule.name for rule, _ in found}
    explained = {name for rule, _ in found for name in rule.explains if name in names and name != rule.name}
    kept = [
        replace(finding, comes_with=tuple(name for name in rule.explains if name in names and name != rule.name))
        for rule, finding in found
        if rule.name not in explained
    ]
    return tuple(sorted(kept, key=rank))
