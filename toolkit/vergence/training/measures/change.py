"""What has changed since the untrained model and since the look before, and how alike places are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from vergence.metrics.cka import cka, cka_matrix
from vergence.metrics.drift import drift
from vergence.metrics.readings import Reading
from vergence.training.measures.geometry import looked_at
from vergence.training.measures.now import Make, Now, Read, Setup

__all__ = ["make_cka", "make_drift"]

MOST_ROWS = 512


class _Kept:
    """Rows of one place as they were at the first look and at the look before."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, Tensor]] = {}
        self._last: dict[str, tuple[int, Tensor]] = {}

    def first(self, place: str, step: int, rows: Tensor) -> tuple[int, Tensor]:
        return self._first.setdefault(place, (step, rows))

    def last(self, place: str, step: int, rows: Tensor) -> tuple[int, Tensor] | None:
        before = self._last.get(place)
        self._last[place] = (step, rows)
        return before


def make_cka(setup: Setup) -> Make:
    """Likeness with the untrained model, with the look before, and of every two places."""
    del setup
    kept = _Kept()

    def measure(now: Now, place: str) -> Read:
        rows, step = looked_at(now, place), _step_of(now)
        began, untrained = kept.first(place, step, rows)
        before = kept.last(place, step, rows)
        found = None if step == began else cka(untrained, rows, max_rows=MOST_ROWS, generator=None)
        values: dict[str, float | None] = {} if found is None else {"first": found.unbiased}
        meta: dict[str, Any] = {"first": began}
        if before is not None and before[0] > began:
            meta["last"], last = before
            values["last"] = cka(last, rows, max_rows=MOST_ROWS, generator=None).unbiased
        arrays: dict[str, Any] = {}
        places = now.snapshot.rows if now.snapshot is not None else {}
        if len(places) > 1 and place == next(iter(places)):
            arrays, more = _every_two(places)
            meta |= more
        return Read(values, None if found is None else lambda: {"first": found.null}, arrays, meta)

    return measure


def _every_two(places: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    found = cka_matrix(places, max_rows=MOST_ROWS)
    arrays = {"places": found.values.numpy().astype(np.float32), "null_high": found.null_high.numpy()}
    return arrays, {"names": list(found.names), "without": list(found.without)}


def make_drift(setup: Setup) -> Make:
    """What read-outs of the untrained model are worth now, and what a refitted one hides."""
    kept = _Kept()
    reference = setup.reference
    labels = None if reference is None or reference.labels is None else reference.labels.detach().cpu().long()
    groups = None if reference is None or reference.groups is None else reference.groups.detach().cpu().long()

    def measure(now: Now, place: str) -> Read:
        rows, step = looked_at(now, place), _step_of(now)
        began, untrained = kept.first(place, step, rows)
        if step == began:
            return Read({})  # nothing can have changed yet
        found = drift(untrained.cpu(), rows.cpu(), labels, groups=groups, max_rows=MOST_ROWS)
        probes = {"before": found.before, "old": found.old, "refitted": found.refitted}
        values: dict[str, float | None] = {name: None if one is None else _linear(one) for name, one in probes.items()}
        for name in ("lost", "hidden"):
            compared = getattr(found, name)
            if compared is not None:
                values |= {name: compared.difference, f"{name}_half": compared.half}
        names = ("residual_linear", "residual_orthogonal", "residual_floor", "size", "overlap", "overlap_chance")
        values |= {name: getattr(found, name) for name in names} | {"cka": found.cka.unbiased}
        return Read(values, lambda: {"cka": found.cka.null}, without=found.without)

    return measure


def _linear(probes: Any) -> float:
    reading: Reading = probes.linear
    return reading.accuracy


def _step_of(now: Now) -> int:
    return now.step if now.snapshot is None else now.snapshot.step
