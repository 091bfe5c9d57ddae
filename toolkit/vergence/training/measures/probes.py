"""What can be read from h and z: probes of every known factor of the reference set, beside their base lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from vergence import errors
from vergence.metrics.amounts import AmountTask, amount_task, binned, read_amount
from vergence.metrics.halves import Halves, Task, halves, task
from vergence.metrics.nesting import parents
from vergence.metrics.probes import read
from vergence.metrics.raw import raw_rows
from vergence.metrics.readings import Reading, widened
from vergence.metrics.smooth import Smooth
from vergence.metrics.space import Space
from vergence.training.measures.base import Measured, Snapshot
from vergence.training.measures.probe_frame import COMPARED, KINDS, PLACES, Readings, probe_frame
from vergence.training.measures.standing import Best, Standing, dropped, stand
from vergence.training.reference import Reference

__all__ = ["COMPARED", "KINDS", "PLACES", "Probes"]

LOST = ("suppressed", "gone")


class Probes:
    """Probes of every factor of the reference set. Halves, draws and base lines are made once, so looks compare.

    Integers are kinds and are read three ways, by accuracy; floating point is an amount and is read two ways, by R².
    """

    def __init__(self, reference: Reference, *, seed: int = 0) -> None:
        self.reference = reference
        self._seed = seed
        self._factors = {name: values.detach().cpu() for name, values in reference.factors.items()}
        self._begun = False
        self._halves: Halves | None = None
        self._tasks: dict[str, Task | AmountTask] = {}
        self._within: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._fixed: Readings = {}
        self._raw = ""
        self._first = 0
        self._looks = 0
        self._used: dict[str, Any] = {}
        self._out: dict[str, int] = {}
        self._best: dict[tuple[str, str, str], Best] = {}
        self._since: dict[tuple[str, str], int] = {}

    @property
    def possible(self) -> bool:
        """There are labels to probe for."""
        return bool(self._factors)

    def measure(self, snapshot: Snapshot) -> Measured:
        """Each probe at every place of the snapshot; a frame of words where no factor can be probed.

        Raises NotFinite when no row of a place can be read.
        """
        begins = not self._begun
        parted = self._begin(snapshot.step) if begins else self._halves
        if parted is None:
            return Measured(frames={"probes": ({"none": np.zeros(0, np.float32)}, self._nothing())})
        spaces = {
            place: Space("probes", snapshot.rows[place], parted) for place in ("h", "z") if place in snapshot.rows
        }
        found = {place: self._read(place, space, parted) for place, space in spaces.items()}
        if begins:
            self._fixed |= {f"untrained_{place}": by_factor for place, by_factor in found.items()}
        everywhere = found | self._fixed
        standings = self._stand(everywhere, snapshot.step)
        measured = Measured(self._scalars(everywhere if begins else found, begins))
        arrays, meta = probe_frame(everywhere, list(self._tasks), self._best)
        measured.frames["probes"] = (arrays, meta | self._said(everywhere, standings))
        self._keep(found, snapshot.step)
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
        classes: dict[str, torch.Tensor] = {}
        for name, values in self._factors.items():
            codes = binned(values) if values.is_floating_point() else values
            try:
                halves([codes], seed=self._seed)
                classes[name] = codes
            except errors.InputError as error:
                self._refused[name] = str(error)
        if not classes:
            return None
        parted = halves(list(classes.values()), self.reference.groups, seed=self._seed)
        kinds = {name: codes for name, codes in classes.items() if not self._factors[name].is_floating_point()}
        self._within = parents(kinds)
        for name in classes:
            try:
                self._tasks[name] = self._task(name, parted)
            except errors.InputError as error:
                self._refused[name] = str(error)
        if not self._tasks:
            return None
        self._halves, self._first = parted, step
        try:
            rows, self._raw = raw_rows(self.reference.items)
            self._fixed["raw"] = self._read("raw", Space("probes", rows, parted), parted)
        except errors.InputError as error:
            self._raw = f"not probed: {error}"
        return parted

    def _task(self, name: str, parted: Halves, bad: torch.Tensor | None = None) -> Task | AmountTask:
        values = self._factors[name]
        if values.is_floating_point():
            known = values.double() if bad is None else torch.where(bad, torch.nan, values.double())
            return amount_task("probes", known, parted)
        known = values.long() if bad is None else torch.where(bad, -1, values.long())
        within = self._factors[self._within[name]] if name in self._within else None
        return task("probes", known, parted, within=within, seed=self._seed)

    def _read(self, place: str, space: Space, parted: Halves) -> dict[str, dict[str, Reading]]:
        found: dict[str, dict[str, Reading]] = {}
        ridge: tuple[AmountTask, Smooth] | None = None
        self._out[place] = int(space.bad.sum())
        bad = space.bad if self._out[place] else None
        for name, whole in self._tasks.items():
            try:
                asked = whole if bad is None else self._task(name, parted, bad)
            except errors.TooFewRows:
                continue  # so few rows are left that this factor has no number here
            if isinstance(asked, AmountTask):
                if ridge is None or not torch.equal(ridge[0].fit, asked.fit):
                    ridge = asked, Smooth(space, asked.fit, asked.test, asked.fit_group)
                if not torch.equal(ridge[0].test, asked.test):
                    ridge = asked, Smooth(space, asked.fit, asked.test, asked.fit_group)
                amounts = read_amount(space, asked, smooth=ridge[1])
                found[name] = {"linear": amounts.linear, "knn": amounts.knn}
                self._used |= {"k": amounts.k, "temperature": amounts.temperature}
            else:
                probes = read(space, asked)
                found[name] = {"linear": probes.linear, "knn": probes.knn, "few": probes.few}
                self._used |= {"k": probes.k, "temperature": probes.temperature}
                self._used |= {"ridge": probes.ridge, "draws": probes.draws}
        return found

    def _stand(self, found: Readings, step: int) -> dict[str, dict[str, Standing]]:
        """By place and factor, by the linear probe; nothing at the first look."""
        standings: dict[str, dict[str, Standing]] = {}
        if not self._looks:
            return standings
        for place in ("h", "z"):
            for factor, by_kind in found.get(place, {}).items():
                bases = {
                    name: found[where][factor]["linear"]
                    for name, where in (("raw", "raw"), ("untrained", f"untrained_{place}"))
                    if factor in found.get(where, {})
                }
                best = self._best.get((place, factor, "linear"))
                standing = stand(
                    by_kind["linear"],
                    self._tasks[factor].chance,
                    bases,
                    best,
                    times=len(self._tasks),
                    looks=self._looks,
                )
                standings.setdefault(place, {})[factor] = standing
                if standing.word in LOST:
                    self._since.setdefault((place, factor), step)
                else:
                    self._since.pop((place, factor), None)
        return standings

    def _keep(self, found: Readings, step: int) -> None:
        """What later looks are compared with."""
        self._looks += 1
        for place, by_factor in found.items():
            for factor, by_kind in by_factor.items():
                for kind, reading in by_kind.items():
                    best = self._best.get((place, factor, kind))
                    if best is None or reading.accuracy > best.reading.accuracy:
                        self._best[place, factor, kind] = Best(reading, step)

    def _scalars(self, places: Readings, begins: bool) -> dict[str, float]:
        scalars = {
            f"probes/{place}/{factor}/{kind}": reading.accuracy
            for place, by_factor in places.items()
            for factor, by_kind in by_factor.items()
            for kind, reading in by_kind.items()
        }
        chances = {f"probes/chance/{factor}": asked.chance for factor, asked in self._tasks.items()}
        return scalars | (chances if begins else {})

    def _said(self, found: Readings, standings: dict[str, dict[str, Standing]]) -> dict[str, Any]:
        """What is known beside the numbers of a frame."""
        factors, tasks = list(self._tasks), list(self._tasks.values())
        h, z = found.get("h", {}), found.get("z", {})
        times = len(factors)
        return {
            "measure": ["R²" if isinstance(one, AmountTask) else "accuracy" for one in tasks],
            "chance": [one.chance for one in tasks],
            "classes": [0 if isinstance(one, AmountTask) else one.classes for one in tasks],
            "within": [self._within.get(name, "") for name in factors],
            "asked": [len(one.test) for one in tasks],
            "fit": [len(one.fit) for one in tasks],
            "left_out": [_left_out(one) for one in tasks],
            "rows_left_out": {place: count for place, count in self._out.items() if place in ("h", "z", "raw")},
            "refused": dict(self._refused), "raw": self._raw, "first": self._first, "looks": self._looks,
            # Each factor is compared with two base lines.
            "wide": widened(2 * times),
            "groups": self.reference.groups is not None, "items": len(self.reference),
            "standing": {place: [_told(by.get(name)) for name in factors] for place, by in standings.items()},
            "since": {place: [self._since.get((place, name)) for name in factors] for place in standings},
            "head_drops": [
                name in h and name in z
                and dropped(z[name]["linear"], h[name]["linear"], self._tasks[name].chance, times=times)
                for name in factors
            ],
        } | {"k": 0, "temperature": 0.0, "ridge": 0.0, "draws": 0} | self._used  # fmt: skip


def _left_out(one: Task | AmountTask) -> int:
    return one.unknown if isinstance(one, AmountTask) else one.left_out + one.unlabelled


def _told(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    return {
        "word": standing.word, "against": standing.against, "base": standing.base, "half": standing.half,
        "step": standing.step,
    }  # fmt: skip
