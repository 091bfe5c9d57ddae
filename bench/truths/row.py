"""A row of a table: one way to train, and the numbers that are read off at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vergence import Run
from vergence.record.history import History

__all__ = ["Row", "after", "geometry", "probe"]

GEOMETRY = {
    "loss": "loss",
    "alignment": "hypersphere/z/alignment",
    "uniformity": "hypersphere/z/uniformity",
    "std": "spectrum/z/std",
    "rank": "spectrum/z/rank",
    "part.": "spectrum/z/participation",
}
"""What can be read without labels, on the last batches."""
LAST = 5


@dataclass(frozen=True)
class Row:
    """train: called with a seed; a function that can be sent to another process."""

    name: str
    function: Callable[..., dict[str, float]]
    given: dict[str, Any] = field(default_factory=dict)

    def train(self, seed: int) -> dict[str, float]:
        """The numbers of one training run."""
        return partial(self.function, **self.given)(seed=seed)


def after(run: Run, steps: int) -> History:
    """Train inline, measured at the last few of some evenly spaced steps."""
    run.start(steps=steps)
    return run.history


def geometry(history: History) -> dict[str, float]:
    """Loss, alignment, uniformity, spread and rank: the mean of the last few measurements of each."""
    found = {}
    for name, key in GEOMETRY.items():
        series = history.scalar(key)
        if len(series):
            found[name] = float(series.values[-LAST:].mean())
    return found


def probe(history: History, place: str, factor: str, kind: str = "linear") -> float:
    """The newest reading of a probe."""
    value = history.last(f"probes/{place}/{factor}/{kind}")
    if value is None:
        probed = sorted(key for key in history.scalar_keys() if key.startswith("probes/"))
        raise LookupError(f"no {kind} probe of {factor} at {place}; there are {probed}")
    return float(value)
