"""Nearest other sample of every sample, and groups of near ones, pair by pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from tests.reference.cosine import squared_distance


def nearest(rows: Sequence[Sequence[float]], samples: Sequence[int]) -> list[float]:
    """Distance to the nearest other sample, as a part of the root mean squared one between different samples."""
    apart = {
        (i, j): squared_distance(rows[i], rows[j])
        for i, j in itertools.permutations(range(len(rows)), 2)
        if samples[i] != samples[j]
    }
    usual = math.sqrt(math.fsum(apart.values()) / len(apart))
    found = [math.inf] * (max(samples) + 1)
    for (i, _), square in apart.items():
        found[samples[i]] = min(found[samples[i]], math.sqrt(square) / usual)
    return found


def groups(rows: Sequence[Sequence[float]], samples: Sequence[int], near: float) -> list[int]:
    """Sizes of the groups of two or more samples that are linked by distances below `near`."""
    apart = {
        (i, j): squared_distance(rows[i], rows[j])
        for i, j in itertools.permutations(range(len(rows)), 2)
        if samples[i] != samples[j]
    }
    usual = math.sqrt(math.fsum(apart.values()) / len(apart))
    of = {s: {s} for s in samples}
    for (i, j), square in apart.items():
        if math.sqrt(square) / usual < near:
            joined = of[samples[i]] | of[samples[j]]
            for s in joined:
                of[s] = joined
    return sorted({id(group): len(group) for group in of.values() if len(group) > 1}.values())
