"""Pairs worth looking at, found pair by pair."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from tests.reference.cosine import cosine, squared_distance
from tests.reference.duplicates import usual

Pair = tuple[float, int, int]


def chosen(
    rows: Sequence[Sequence[float]], keep: Callable[[int, int], bool], samples: Sequence[int], most: int, sign: int
) -> list[Pair]:
    """The `most` pairs i < j of highest sign * cosine for which `keep` holds, each two samples once, ties by number."""
    every = [
        (-sign * round(cosine(rows[i], rows[j]) * 2**20), i, j)
        for i, j in itertools.combinations(range(len(rows)), 2)
        if keep(i, j)
    ]
    seen: set[frozenset[int]] = set()
    found: list[Pair] = []
    for _, i, j in sorted(every):
        key = frozenset((samples[i], samples[j]))
        if key not in seen and len(found) < most:
            seen.add(key)
            found.append((cosine(rows[i], rows[j]), i, j))
    return found


def near(rows: Sequence[Sequence[float]], samples: Sequence[int], least: float) -> list[Pair]:
    """Pairs of different samples nearer than `least` of the usual distance between such."""
    apart = {
        (i, j): squared_distance(rows[i], rows[j])
        for i, j in itertools.combinations(range(len(rows)), 2)
        if samples[i] != samples[j]
    }
    unit = usual(rows, samples)
    return sorted((d**0.5 / unit, i, j) for (i, j), d in apart.items() if d**0.5 / unit < least)
