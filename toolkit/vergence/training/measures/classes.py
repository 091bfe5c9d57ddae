"""Classes on the reference set, now and then: collapse, sub-classes, one threshold for all; and copies in the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from vergence import errors
from vergence.metrics.duplicates import duplicates
from vergence.metrics.nesting import parents
from vergence.metrics.neural_collapse import neural_collapse
from vergence.metrics.subclass_variance import subclass_variance
from vergence.metrics.thresholds import thresholds
from vergence.training.measures.geometry import looked_at
from vergence.training.measures.now import Make, Never, Now, Read, Setup
from vergence.training.reference import Reference

__all__ = ["make_duplicates", "make_neural_collapse", "make_subclass_variance", "make_thresholds"]

SHUFFLES = 16
SHUFFLED_EVERY = 10
"""Chance bands hang on the rows a little, so they are made anew at one look in so many."""
MOST_NUMBERS = 4_000_000
"""Of the items that are compared for copies: some 0.2 s."""


def labels_of(setup: Setup, noun: str) -> tuple[Reference, Tensor]:
    """The reference set and its labels. Raises Never without."""
    reference = setup.reference
    if reference is None:
        raise Never(f"{noun} needs a reference set with labels, and none was handed over: reference=(items, labels).")
    if reference.labels is None:
        raise Never(f"{noun} needs labels, and the reference set has none. Hand over both: reference=(items, labels).")
    return reference, reference.labels.detach().cpu().long()


class _Shuffles:
    """How often labels are shuffled at this look, by place."""

    def __init__(self) -> None:
        self._looks: dict[str, int] = {}

    def __call__(self, place: str, *, base: bool) -> int:
        if base:
            return 0
        look = self._looks[place] = self._looks.get(place, -1) + 1
        return SHUFFLES if look % SHUFFLED_EVERY == 0 else 0


def make_neural_collapse(setup: Setup) -> Make:
    """NC1 and NC2 of the class of the reference set."""
    _, labels = labels_of(setup, "neural_collapse")
    shuffles = _Shuffles()

    def measure(now: Now, place: str) -> Read:
        found = neural_collapse(looked_at(now, place).cpu(), labels, shuffles=shuffles(place, base=now.base))
        names = ("nc1", "nc1_per_class", "within_over_between", "nc2_norm", "nc2_angle")
        values = {name: getattr(found, name) for name in (*names, "nearest_mean", "mean_directions")}
        bands = {"nc1": found.chance_nc1, "nc2_norm": found.chance_norm, "nc2_angle": found.chance_angle}
        return Read(values, (lambda: bands) if any(bands.values()) else None)

    return measure


def make_subclass_variance(setup: Setup) -> Make:
    """Whether sub-classes are still told apart, for the first factor that lies within another."""
    factors = {} if setup.reference is None else setup.reference.factors
    cut = _nested({name: values.detach().cpu().long() for name, values in factors.items() if _whole(values)}, setup)
    shuffles = _Shuffles()

    def measure(now: Now, place: str) -> Read:
        coarse, fine = (factors[name].detach().cpu().long() for name in cut)
        found = subclass_variance(
            looked_at(now, place).cpu(), coarse, fine, shuffles=shuffles(place, base=now.base)
        )  # fmt: skip
        values = {
            "between_share": found.between_share, "within_share": found.within_share, "expected": found.expected,
        }  # fmt: skip
        arrays = {"by_class": found.by_class.numpy().astype(np.float32), "names": found.names.numpy()}
        meta = {"classes": cut[0], "subclasses": cut[1]}
        return Read(values, (lambda: {"between_share": found.chance}) if found.chance else None, arrays, meta)

    return measure


def _whole(values: Tensor) -> bool:
    return values.ndim == 1 and not values.is_floating_point()


def _nested(factors: Mapping[str, Tensor], setup: Setup) -> tuple[str, str]:
    """A class and a finer factor within it; those of the class of the set before others."""
    found = [(coarse, fine) for fine, coarse in parents(factors).items()]
    label = None if setup.reference is None else setup.reference.label
    if not found:
        raise Never(
            "subclass_variance needs two factors of the reference set of which one cuts the other finer (breed within "
            "animal), and there are none. Hand them over: reference=(items, {'animal': a, 'breed': b})."
        )
    return next((pair for pair in found if pair[0] == label), found[0])


def make_thresholds(setup: Setup) -> Make:
    """Whether one threshold serves all classes of the reference set."""
    _, labels = labels_of(setup, "thresholds")

    def measure(now: Now, place: str) -> Read:
        found = thresholds(looked_at(now, place).cpu(), labels, max_rows=1024, generator=now.generator)
        names = ("opis", "opis_worst", "threshold", "equal_error", "accept_spread", "reject_spread")
        arrays = {
            name: getattr(found, name).numpy().astype(np.float32) for name in ("false_accept", "false_reject")
        } | {"names": found.names.numpy()}  # fmt: skip
        return Read({name: getattr(found, name) for name in names}, arrays=arrays)

    return measure


def make_duplicates(setup: Setup) -> Make:
    """Copies among the items of the reference set. They do not change, so they are looked for once."""
    if setup.reference is None:
        raise Never("duplicates looks at the items of a reference set, and none was handed over.")
    reference, seen = setup.reference, False

    def measure(now: Now, place: str) -> Read:
        del now, place
        nonlocal seen
        if seen:
            return Read({})
        items = reference.items
        most = max(2, MOST_NUMBERS // max(1, items[0].numel()))
        groups = None if reference.groups is None else reference.groups[:most].cpu().long()
        try:
            found = duplicates(items[:most].detach().cpu(), positives=groups)
        except errors.InputError as error:  # the items will not become others
            raise Never(str(error)) from error
        seen = True
        values: dict[str, Any] = {name: getattr(found, name) for name in ("groups", "redundant", "largest", "median")}
        values |= {"samples": found.samples, "near": int((found.nearest < found.near).sum())}
        meta = {"thresholds": list(found.thresholds), "within": list(found.within), "near": found.near}
        arrays = {"counts": found.counts.numpy(), "nearest": found.nearest.numpy().astype(np.float32)}
        return Read(values, arrays=arrays, meta=meta)

    return measure
