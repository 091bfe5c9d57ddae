"""Chance and floor of the loss through time: what a value of it means."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.marks import Change
from vergence_widgets.panels.spec import number

if TYPE_CHECKING:
    from vergence.record.history import History
    from vergence_widgets.panels.terms import Term

__all__ = ["MOST_STEPS", "Reference", "in_force", "read", "stale"]

MOST_STEPS = 24
"""A reference that changes more often than this is a schedule and is drawn as a curve."""


@dataclass(frozen=True)
class Reference:
    """Chance or floor through time: (start, value) for each stretch, and the words for its newest value."""

    starts: tuple[int, ...]
    values: tuple[float, ...]
    words: str
    seen: int = 0
    """The newest step it was recorded at."""

    @property
    def now(self) -> float | None:
        """The value in force at the newest step; None where there is no such reference."""
        return self.values[-1] if self.values else None

    def curve(self, last: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps: two points for each stretch, from its first step to its last."""
        ends = [*(max(start - 1, before) for before, start in itertools.pairwise(self.starts)), last]
        x = [edge for start, end in zip(self.starts, ends, strict=True) for edge in (start, max(start, end))]
        return np.asarray(x, np.float64), np.repeat(np.asarray(self.values, np.float64), 2)


def read(history: History, key: str, words: str, changes: Sequence[Change]) -> Reference:
    """A reference is recorded when it changes, or at every step: both become stretches of one value."""
    series = history.scalar(key)
    keep = np.isfinite(series.values)
    steps, values = series.steps[keep], series.values[keep]
    if not len(steps):
        return Reference((), (), words)
    new = np.concatenate(([True], np.abs(np.diff(values)) > 1e-9 * np.maximum(1e-3, np.abs(values[1:]))))
    starts, kept = steps[new].tolist(), values[new].tolist()
    if len(starts) <= MOST_STEPS:
        starts = [starts[0], *(_snap(a, b, changes) for a, b in itertools.pairwise(starts))]
    return Reference(tuple(starts), tuple(kept), words, int(steps[-1]))


def _snap(before: int, start: int, changes: Sequence[Change]) -> int:
    """The scale is measured on a cadence, so it is found after the change that caused it: put it there."""
    causes = [change.step for change in changes if before < change.step <= start and change.scales_loss]
    return causes[-1] if causes else start


def stale(references: Sequence[Reference], parts: Sequence[Term], changes: Sequence[Change], last: int) -> str:
    """What has changed since chance and floor were last measured: "τ 0.2", or "" when they are in force."""
    measured = [reference.seen for reference in references if reference.values]
    # The scale is only recorded when it is another one: with terms measured since the change, it was looked at.
    known = max([*measured, *(int(part.steps[-1]) for part in parts)], default=last)
    late = [change for change in changes if change.scales_loss and known < change.step <= last]
    return late[-1].after if measured and late else ""


def in_force(reference: Reference, step: int) -> str:
    """The value in force at a step, in words."""
    value = None
    for start, candidate in zip(reference.starts, reference.values, strict=True):
        if start <= step:
            value = candidate
    return number(value) if reference.values else "unknown"
