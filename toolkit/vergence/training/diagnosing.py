"""Diagnosing: findings while a run trains, as events of its History.

Every few seconds a thread of its own reads the record (`diagnose`); what is new is written down between two steps, on
the training thread, so a panel, another process, a report and a replay all read the same:

    "finding"  {name, state: "opened" | "changed" | "closed", finding: {...}}

The step of an event is the newest step that had been read. The static entries `checks` (names of what was looked for)
and `not_checked` (by name, what a check lacks) are those of the newest look.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from vergence import errors
from vergence.diagnosis import Diagnosis, Finding, Rule, diagnose
from vergence.record.history import History

__all__ = ["Diagnosing"]

log = logging.getLogger("vergence")
SHARE = 0.01
"""Of what watching may cost; looks come at least every LATEST seconds all the same."""
SOONEST, LATEST = 2.0, 10.0
"""Seconds between two looks."""
GONE_LOOKS = 2
"""A finding that is missing in so many looks in a row is closed: a number at a threshold goes to and fro."""
MOVED = 0.2
"""A number that is off by this part of itself is told anew ..."""
SURER = 0.1
QUIET_SECONDS, MOST_QUIET_SECONDS = 10.0, 300.0
"""... after this long, and each time after twice as long: a record must not fill with digits."""
JOIN_SECONDS = 10.0


class Diagnosing:
    """Looks at `history` now and then and records what changed. Nothing here raises into training.

    Args:
        history: read, and written to.
        share: of the training time that all watching may take.
        rules: others than all.
        clock: seconds; a test passes its own.
    """

    def __init__(
        self,
        history: History,
        *,
        share: float = 0.03,
        rules: Iterable[Rule] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.history = history
        self.rules = None if rules is None else tuple(rules)
        self.seconds = 0.0
        """Processor time spent here: part of what watching costs."""
        self.open: dict[str, Finding] = {}
        """The findings that are open, as they were last told."""
        self._part = SHARE * share
        self._clock = clock
        self._next = clock() + SOONEST
        self._worker: threading.Thread | None = None
        self._made: Diagnosis | Exception | None = None
        self._missing: dict[str, int] = {}
        self._quiet: dict[str, tuple[float, float]] = {}
        self._checks: tuple[object, object] = ((), {})
        self._failed = ""

    def tick(self) -> None:
        """Once a step, on the training thread: write down what a look has found, and begin the next one when due."""
        if self._worker is not None:
            if self._worker.is_alive():
                return
            self._worker = None
            self._tell(final=False)
        elif self._clock() >= self._next:
            self._worker = threading.Thread(target=self._look, name="vergence-diagnosis", daemon=True)
            self._worker.start()

    def finish(self) -> None:
        """The loop is over: the last look, whose word holds."""
        if self._worker is not None:
            self._worker.join(JOIN_SECONDS)
            self._worker = None
        if self.history.last_step:
            self._look()
            self._tell(final=True)

    def _look(self) -> None:
        began = time.thread_time()
        try:
            self._made = diagnose(self.history, rules=self.rules)
        except Exception as error:  # a rule may fail; the run may not
            self._made = error
        spent = time.thread_time() - began
        self.seconds += spent
        self._next = self._clock() + min(max(SOONEST, spent / self._part), LATEST)

    def _tell(self, *, final: bool) -> None:
        made, self._made = self._made, None
        try:
            if isinstance(made, Exception):
                self._fail(made)
            elif made is not None:
                self._record(made, final=final)
        except Exception as error:
            self._fail(error)

    def _record(self, made: Diagnosis, *, final: bool) -> None:
        checks = (made.checked, dict(made.not_checked))
        if checks != self._checks:
            self._checks = checks
            self.history.describe(checks=list(made.checked), not_checked=dict(made.not_checked))
        found = {finding.name: finding for finding in reversed(tuple(made))}  # of two of one name the worse
        for name, finding in found.items():
            self._missing.pop(name, None)
            before = self.open.get(name)
            if before is None:
                self._event("opened", finding, made.step)
            elif self._news(before, finding):
                self._event("changed", finding, made.step)
        for name in [name for name in self.open if name not in found]:
            self._missing[name] = self._missing.get(name, 0) + 1
            if final or self._missing[name] >= GONE_LOOKS:
                self._event("closed", self.open[name], made.step)

    def _event(self, state: str, finding: Finding, step: int) -> None:
        name = finding.name
        if state == "closed":
            for held in (self.open, self._missing, self._quiet):
                held.pop(name, None)
        else:
            self.open[name] = finding
            if state == "opened":
                log.warning("step %s: %s: %s", f"{step:,}", name, finding.says)
                self._quiet[name] = (self._clock() + QUIET_SECONDS, QUIET_SECONDS)
        self.history.add_event("finding", step, name=name, state=state, finding=_plain(asdict(finding)))

    def _news(self, before: Finding, now: Finding) -> bool:
        """Whether it is another finding than was told: at once where its words are, digits only now and then."""
        if _gist(before) != _gist(now):
            return True
        moved = abs(before.confidence - now.confidence) >= SURER or any(
            abs(new.value - old.value) > MOVED * max(abs(new.value), abs(old.value))
            for old, new in zip(before.evidence, now.evidence, strict=True)
        )
        until, rest = self._quiet[now.name]
        if not moved or self._clock() < until:
            return False
        rest = min(2 * rest, MOST_QUIET_SECONDS)
        self._quiet[now.name] = (self._clock() + rest, rest)
        return True

    def _fail(self, error: Exception) -> None:
        why = str(error) if isinstance(error, errors.VergenceError) else f"{type(error).__name__}: {error}"
        if why == self._failed:
            return
        self._failed = why
        log.warning("the diagnosis could not be made: %s", why)
        text = f"The run could not be looked through for faults: {why}"
        self.history.add_event("failed", self.history.last_step, what="observer", name="diagnosis", why=text)


def _gist(finding: Finding) -> object:
    """What is said of a finding, without its digits."""
    remedies = [(remedy.control, remedy.value) for remedy in finding.remedies]
    return finding.severity, finding.since, finding.comes_with, [item.key for item in finding.evidence], remedies


def _plain(value: Any) -> Any:
    """Lists in place of tuples: as it is read back from a file."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
