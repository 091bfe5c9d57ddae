"""What can be read from h and z: kNN, linear and few-label probes on the reference set, beside their base lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vergence import errors
from vergence.metrics.halves import Halves, Task, halves, task
from vergence.metrics.probes import Probes as Found
from vergence.metrics.probes import Reading, compare, read
from vergence.metrics.raw import raw_rows
from vergence.metrics.space import Space
from vergence.training.measures.base import Measured, Snapshot
from vergence.training.reference import Reference

__all__ = ["COMPARED", "KINDS", "PLACES", "Probes"]

PLACES = ("h", "z", "raw", "untrained_h", "untrained_z")
"""Where the same probe is asked: the representations, and what they have to beat."""
KINDS = ("linear", "knn", "few")
COMPARED = (("h", "raw"), ("h", "untrained_h"), ("z", "raw"), ("z", "untrained_z"), ("z", "h"))
"""Pairs of places whose difference is given, with its interval."""

Readings = dict[str, dict[str, Found]]
"""By place, then by factor."""


class Probes:
    """Probes of every factor of the reference set. Halves, draws and base lines are made once, so looks compare."""

    def __init__(self, reference: Reference, *, seed: int = 0) -> None:
        self.reference = reference
        self._seed = seed
        self._factors = {name: values.detach().cpu() for name, values in reference.factors.items()}
        self._begun = False
        self._halves: Halves | None = None
        self._tasks: dict[str, Task] = {}
        self._refused: dict[str, str] = {}
        self._fixed: Readings = {}
        self._raw = ""
        self._first = 0

    @property
    def possible(self) -> bool:
        """There are labels to probe for."""
        return bool(self._factors)

    def measure(self, snapshot: Snapshot) -> Measured:
        """Accuracy of each probe, at every place of the snapshot; a frame of words where no factor can be probed.

        Raises NotFinite when no row of a place can be read.
        """
        begins = not self._begun
        parted = self._begin(snapshot.step) if begins else self._halves
        if parted is None:
            return Measured(frames={"probes": ({"none": np.zeros(0, np.float32)}, self._nothing())})
        spaces = {
            place: Space("probes", snapshot.rows[place], parted) for place in ("h", "z") if place in snapshot.rows
        }
        found = {place: self._read(space, parted) for place, space in spaces.items()}
        if begins:
            self._fixed |= {f"untrained_{place}": by_factor for place, by_factor in found.items()}
        everywhere = found | self._fixed
        measured = Measured(self._scalars(everywhere if begins else found, begins))
        measured.frames["probes"] = self._frame(everywhere)
        for place, space in spaces.items():
            if out := int(space.bad.sum()):
                measured.marks["rows_left_out"] = (
                    f"{out} of {len(space.bad)} reference rows of {place} are zero or not finite; the probes leave "
                    "them out."
                )
        return measured

    def _nothing(self) -> dict[str, Any]:
        return {"factors": [], "refused": dict(self._refused), "items": len(self.reference)}

    def _begin(self, step: int) -> Halves | None:
        """Part the set, see what can be asked, and read the raw input. None when there is nothing to ask."""
        self._begun = True
        usable = {}
        for name, values in self._factors.items():
            try:
                halves([values], seed=self._seed)
                usable[name] = values
            except errors.InputError as error:
                self._refused[name] = str(error)
        if usable:
            parted = halves(list(usable.values()), self.reference.groups, seed=self._seed)
        for name, values in usable.items():
            try:
                self._tasks[name] = task("probes", values, parted, seed=self._seed)
            except errors.InputError as error:
                self._refused[name] = str(error)
        if not self._tasks:
            return None
        self._halves, self._first = parted, step
        try:
            rows, self._raw = raw_rows(self.reference.items)
            self._fixed["raw"] = self._read(Space("probes", rows, parted), parted)
        except errors.InputError as error:
            self._raw = f"not probed: {error}"
        return parted

    def _read(self, space: Space, parted: Halves) -> dict[str, Found]:
        found = {}
        for name, asked in self._tasks.items():
            if bool(space.bad.any()):
                labels = torch.where(space.bad, -1, self._factors[name].long())
                try:
                    asked = task("probes", labels, parted, seed=self._seed)
                except errors.TooFewRows:
                    continue  # so few rows are left that this factor has no number here
            found[name] = read(space, asked)
        return found

    def _scalars(self, places: Readings, begins: bool) -> dict[str, float]:
        scalars = {
            f"probes/{place}/{factor}/{kind}": _reading(probes, kind).accuracy
            for place, by_factor in places.items()
            for factor, probes in by_factor.items()
            for kind in KINDS
        }
        chances = {f"probes/chance/{factor}": asked.chance for factor, asked in self._tasks.items()}
        return scalars | (chances if begins else {})

    def _frame(self, found: Readings) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        factors = list(self._tasks)
        shape = (len(factors), len(KINDS))
        arrays = {
            name: np.full((*shape, len(entries)), math.nan, np.float32)
            for name, entries in (
                ("accuracy", PLACES), ("half", PLACES), ("spread", PLACES),
                ("difference", COMPARED), ("difference_half", COMPARED),
            )
        }  # fmt: skip
        for row, factor in enumerate(factors):
            at = {place: found[place][factor] for place in PLACES if factor in found.get(place, {})}
            for column, kind in enumerate(KINDS):
                here = {place: _reading(probes, kind) for place, probes in at.items()}
                _fill(arrays, (row, column), here)
        some = next(iter(next(iter(found.values())).values()))
        meta = {
            "factors": factors, "kinds": list(KINDS), "places": list(PLACES), "compared": [list(c) for c in COMPARED],
            "chance": [self._tasks[name].chance for name in factors],
            "classes": [self._tasks[name].classes for name in factors],
            "asked": [len(self._tasks[name].test) for name in factors],
            "fit": [len(self._tasks[name].fit) for name in factors],
            "left_out": [self._tasks[name].left_out + self._tasks[name].unlabelled for name in factors],
            "rows_left_out": {place: max(p.rows_left_out for p in by.values()) for place, by in found.items() if by},
            "refused": dict(self._refused), "raw": self._raw, "first": self._first,
            "groups": self.reference.groups is not None, "items": len(self.reference),
            "k": some.k, "temperature": some.temperature, "ridge": some.ridge, "draws": some.draws,
        }  # fmt: skip
        return arrays, meta


def _reading(probes: Found, kind: str) -> Reading:
    reading: Reading = getattr(probes, kind)
    return reading


def _fill(arrays: dict[str, NDArray[Any]], at: tuple[int, int], here: dict[str, Reading]) -> None:
    for place, reading in here.items():
        index = (*at, PLACES.index(place))
        arrays["accuracy"][index] = reading.accuracy
        arrays["half"][index] = reading.half
        if reading.spread is not None:
            arrays["spread"][index] = reading.spread
    for column, (one, other) in enumerate(COMPARED):
        if one not in here or other not in here:
            continue
        try:
            found = compare(here[one], here[other])
        except errors.TooFewRows:
            continue
        arrays["difference"][(*at, column)] = found.difference
        arrays["difference_half"][(*at, column)] = found.half
