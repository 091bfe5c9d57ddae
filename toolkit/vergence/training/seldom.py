"""Seldom: what is measured now and then, beside what the panels show all the time.

Each noun stands in the catalogue with what it looks at; here is decided what can be measured now, nulls are recorded
when they change, and what cannot be measured says why, once, in the static entry `not_measured`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np

from vergence import errors
from vergence.training.measures.base import Measured, Snapshot
from vergence.training.measures.catalogue import CATALOGUE
from vergence.training.measures.now import WHOLE, Bands, Entry, Make, Never, Now, Read, Setup, Source

__all__ = ["Seldom", "Wanted", "measures"]

MOST_TELLINGS = 60
"""Each is a static entry written anew."""
NULL = "null"
OF_A_BATCH = " Use a larger batch"
"""What metrics advise where rows are too few."""
LOOKS_AT: dict[Source, str] = {
    "step": "the rows of the training step",
    "reference": "the reference set in eval mode",
    "model": "the model itself",
    "loss": "what the loss was called with",
}
Wanted = Collection[str] | Literal["default", "all", "none"]


class Seldom:
    """The measurements of one run that are made now and then.

    setup: what the run is made of. wanted: "default", "all", or names of the catalogue, which come beside the default
    ones. call: who was asked, for the error.

    Raises UnknownName.
    """

    def __init__(self, setup: Setup, wanted: Wanted = "default", *, call: str = "Monitor") -> None:
        self.setup = setup
        self._entries = _chosen(wanted, call)
        self._made: dict[str, Make] = {}
        self._never: set[str] = set()
        self._used: dict[str, int] = {}
        self._bands: dict[str, tuple[float, float]] = {}
        self._nulls: dict[str, Bands] = {}
        self._why: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._tellings = 0

    def __contains__(self, noun: str) -> bool:
        """It is one of those that are measured here."""
        return noun in self._entries

    def names(self, places: Collection[str], snapshot: Snapshot | None, *, often: bool | None = None) -> list[str]:
        """What could be measured now, as `noun/place`.

        places: what the step at hand hands over; none before the first. often: only those that are measured as often
        as the rows of a step, or only the others; None: both.
        """
        found = []
        for noun, entry in self._entries.items():
            if noun in self._never or (often is not None and entry.often != often):
                continue
            if entry.source == "reference":
                if self.setup.reference is None:
                    found.append(f"{noun}/{WHOLE[0]}")  # once: `make` says what it needs
                if snapshot is None:
                    continue
                fitting = _fitting(entry, snapshot.rows)
                found += [name for place in fitting if self._used.get(name := f"{noun}/{place}", -1) < snapshot.step]
            elif entry.source == "step":
                found += [f"{noun}/{place}" for place in _fitting(entry, places)]
            elif places:
                found.append(f"{noun}/{'model' if entry.source == 'model' else 'z'}")
        return found if often else self.nulls() + found

    def nulls(self) -> list[str]:
        """Those of `names` that are bands of what was read."""
        return [f"{name}/{NULL}" for name in self._nulls]

    def make(self, name: str, now: Now) -> Measured:
        """Measure one of `names`. What it cannot measure it says in `not_measured`; only accidents are raised."""
        if name.endswith(f"/{NULL}"):
            return self._null(name.removesuffix(f"/{NULL}"))
        noun, _, place = name.partition("/")
        entry = self._entries[noun]
        if entry.source == "reference" and now.snapshot is not None:
            self._used[name] = now.snapshot.step
        try:
            if noun not in self._made:
                self._made[noun] = entry.make(self.setup)
                if entry.source == "reference" and self.setup.reference is None:
                    raise Never(
                        f"{noun} looks at a reference set, and none was handed over: reference=(items, labels)."
                    )
            read = self._made[noun](now, place)
        except Never as never:
            self._never.add(noun)
            self._why[noun] = str(never)
            return self._told_again(Measured())
        except errors.InputError as error:
            self._why[name] = _advised(str(error), entry.source)
            return self._told_again(Measured())
        self._why.pop(name, None)
        if isinstance(read, Read) and read.without is not None:
            self._why[name] = _advised(read.without, entry.source)
        return self._told_again(read if isinstance(read, Measured) else self._measured(noun, place, read, now))

    def _told_again(self, measured: Measured) -> Measured:
        """With the list of what is not measured, where it has changed; what comes and goes is told so often only."""
        if self._why.keys() != self._told.keys() and self._tellings < MOST_TELLINGS:
            self._tellings += 1
            self._told = dict(self._why)
            measured.static = measured.static | {"not_measured": dict(self._why)}
        return measured

    def _measured(self, noun: str, place: str, read: Read, now: Now) -> Measured:
        measured = Measured()
        key = f"{noun}/{place}"
        for name, value in read.values.items():
            if value is not None:
                measured.scalars[f"{key}/{name}"] = float(value)
        if read.bands is not None and not now.base:
            self._nulls[key] = read.bands
        if read.arrays:
            meta = {"source": self._entries[noun].source, **read.meta}
            measured.frames[key] = ({name: np.asarray(array) for name, array in read.arrays.items()}, meta)
        return measured

    def _null(self, key: str) -> Measured:
        """The bands of what was read last. A simulated null is dear once for each size, so it has a turn of its own."""
        measured = Measured()
        for name, interval in self._nulls.pop(key)().items():
            if interval is None:
                continue
            edges = float(interval.low), float(interval.high)
            if self._bands.get(f"{key}/{name}") != edges:
                self._bands[f"{key}/{name}"] = edges
                measured.scalars |= {f"{key}/{name}_null_low": edges[0], f"{key}/{name}_null_high": edges[1]}
        return measured


def measures() -> dict[str, str]:
    """What there is to measure now and then, by name: what it looks at, and whether it must be asked for.

    For `measures=` of a Run or a Monitor: names come beside those that need not be asked for.
    """
    return {
        noun: LOOKS_AT[entry.source] + ("" if entry.default else "; only when asked for")
        for noun, entry in CATALOGUE.items()
    }


def _chosen(wanted: Wanted, call: str) -> dict[str, Entry]:
    if wanted == "all":
        return dict(CATALOGUE)
    if wanted == "none":
        return {}
    names = () if wanted == "default" else (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in names:
        if name not in CATALOGUE:
            raise errors.UnknownName(f"{call}(measures=...)", str(name), CATALOGUE, "measure")
    return {noun: entry for noun, entry in CATALOGUE.items() if entry.default or noun in names}


def _fitting(entry: Entry, places: Collection[str] | Mapping[str, object]) -> list[str]:
    if entry.places == WHOLE:
        return list(WHOLE)
    return [place for place in places if entry.places is None or place in entry.places]


def _advised(words: str, source: Source) -> str:
    """What a metric says of too few rows, also where these are no batch."""
    facts, advice, _ = words.partition(OF_A_BATCH)
    return f"{facts} Hand over a larger reference set." if advice and source == "reference" else words
