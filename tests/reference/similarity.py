"""Pairs, histogram, AUC and overlap, one pair at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from tests.reference.cosine import cosine


@dataclass
class Split:
    """Cosines by kind of pair."""

    positive: list[float]
    negative: list[float]
    false_negative: list[float]


def split(
    rows: Tensor,
    is_positive: Callable[[int, int], bool],
    labels: Sequence[int] | None = None,
    is_pair: Callable[[int, int], bool] = lambda i, j: True,
) -> Split:
    """Go through all pairs i < j."""
    found = Split([], [], [])
    values = rows.double().tolist()
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            if not is_pair(i, j):
                continue
            s = min(1.0, max(-1.0, cosine(values[i], values[j])))
            if is_positive(i, j):
                found.positive.append(s)
                continue
            found.negative.append(s)
            if labels is not None and labels[i] == labels[j] and labels[i] >= 0:
                found.false_negative.append(s)
    return found


def counts(values: Sequence[float], bins: int = 512) -> list[int]:
    """Values per bin of equal width on [-1, 1]; the last bin holds 1 too."""
    found = [0] * bins
    for s in values:
        found[min(bins - 1, math.floor((s + 1) / 2 * bins))] += 1
    return found


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Every positive against every negative; a tie counts half. The margin is that of float64 arithmetic."""
    won = 0.0
    for p in positive:
        for n in negative:
            won += 0.5 if abs(p - n) < 1e-12 else float(p > n)
    return won / (len(positive) * len(negative))


def overlap(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Shared area of the two normalised histograms."""
    of_positive, of_negative = counts(positive), counts(negative)
    shares = zip(of_positive, of_negative, strict=True)
    return math.fsum(min(p / len(positive), n / len(negative)) for p, n in shares)


def quantile(values: Sequence[float], q: float) -> float:
    """Between the two values whose ranks enclose q (n - 1), in proportion."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
