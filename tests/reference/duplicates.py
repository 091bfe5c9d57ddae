"""Nearest other sample of every sample, and groups of near ones, pair by pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from tests.reference.cosine import squared_distance


def usual(rows: Sequence[Sequence[float]], samples: Sequence[int]) -> float:
    """Root mean squared distance between different samples, of 8 or more without the furthest one in twenty."""
    middle = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    far = {s: max(squared_distance(x, middle) for x, t in zip(rows, samples, strict=True) if t == s) for s in samples}
    drop = max(1, len(far) // 20) if len(far) >= 8 else 0
    kept = set(sorted(far, key=lambda s: far[s])[: len(far) - drop])
    apart = [
        squared_distance(rows[i], rows[j])
        for i, j in itertools.permutations(range(len(rows)), 2)
        if samples[i] != samples[j] and {samples[i], samples[j]} <= kept
    ]
    return math.sqrt(math.fsum(apart) / len(apart))


def nearest(rows: Sequence[Sequence[float]], samples: Sequence[int]) -> list[float]:
    """Distance to the nearest other sample, as a part of the usual one."""
    apart = {
        (i, j): squared_distance(rows[i], rows[j])
        for i, j in itertools.permutations(range(len(rows)), 2)
        if samples[i] != samples[j]
    }
    unit = usual(rows, samples)
    found = [math.inf] * (max(samples) + 1)
    for (i, _), square in apart.items():
        found[samples[i]] = min(found[samples[i]], math.sqrt(square) / unit)
    return found


def groups(rows: Sequence[Sequence[float]], samples: Sequence[int], near: float) -> list[int]:
    """Sizes of the groups of two or more samples that are linked by distances below `near`."""
    apart = {
        (i, j): squared_distance(rows[i], rows[j])
        for i, j in itertools.permutations(range(len(rows)), 2)
        if samples[i] != samples[j]
    }
    unit = usual(rows, samples)
    of = {s: {s} for s in samples}
    for (i, j), square in apart.items():
        if math.sqrt(square) / unit < near:
            joined = of[samples[i]] | of[samples[j]]
            for s in joined:
                of[s] = joined
    return sorted({id(group): len(group) for group in of.values() if len(group) > 1}.values())
