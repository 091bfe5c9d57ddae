"""A look of the probes as arrays: factors by kinds of probe by places."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence import errors
from vergence.metrics.readings import Reading, compare
from vergence.training.measures.standing import Best

__all__ = ["COMPARED", "KINDS", "PLACES", "Readings", "probe_frame"]

PLACES = ("h", "z", "raw", "untrained_h", "untrained_z")
"""Where the same probe is asked: the representations, and what they have to beat."""
KINDS = ("linear", "knn", "few")
COMPARED = (("h", "raw"), ("h", "untrained_h"), ("z", "raw"), ("z", "untrained_z"), ("z", "h"))
"""Pairs of places whose difference is given, with its interval."""

Readings = dict[str, dict[str, dict[str, Reading]]]
"""By place, then by factor, then by kind of probe."""


def probe_frame(
    found: Readings, factors: Sequence[str], best: Mapping[tuple[str, str, str], Best]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """accuracy (R² of an amount), half of its interval and spread of draws, by place; difference and half of its
    interval, by pair of places; best before this look and its step, at h and at z. NaN for what there is not."""
    shape = (len(factors), len(KINDS))
    arrays = {
        name: np.full((*shape, entries), math.nan, np.float32)
        for name, entries in (
            ("accuracy", len(PLACES)), ("half", len(PLACES)), ("spread", len(PLACES)),
            ("difference", len(COMPARED)), ("difference_half", len(COMPARED)), ("best", 2), ("best_step", 2),
        )
    }  # fmt: skip
    for row, factor in enumerate(factors):
        for column, kind in enumerate(KINDS):
            here = {
                place: by_factor[factor][kind]
                for place, by_factor in found.items()
                if kind in by_factor.get(factor, {})
            }
            _fill(arrays, (row, column), here)
            for at, place in enumerate(("h", "z")):
                if (held := best.get((place, factor, kind))) is not None:
                    arrays["best"][row, column, at] = held.reading.accuracy
                    arrays["best_step"][row, column, at] = held.step
    meta = {
        "factors": list(factors),
        "kinds": list(KINDS),
        "places": list(PLACES),
        "compared": [list(c) for c in COMPARED],
    }
    return arrays, meta


def _fill(arrays: dict[str, NDArray[Any]], at: tuple[int, int], here: Mapping[str, Reading]) -> None:
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
