"""Shares of the push pair by pair, from Wang & Liu 2020, and the coupling, from Yeh et al. 2021."""

from __future__ import annotations

import math
from collections.abc import Sequence


def shares(row: Sequence[float], negatives: Sequence[int], tau: float) -> dict[int, float]:
    """r_ij: a Boltzmann factor for each negative, over their sum."""
    top = max(row[j] for j in negatives)
    factors = {j: math.exp((row[j] - top) / tau) for j in negatives}
    total = math.fsum(factors.values())
    return {j: factor / total for j, factor in factors.items()}


def entropy(shares: dict[int, float]) -> float:
    """In nats; nothing times its logarithm is nothing."""
    return -math.fsum(share * math.log(share) for share in shares.values() if share > 0)


def of_hardest(row: Sequence[float], shares: dict[int, float], part: float = 0.01) -> float:
    """The share of the most similar ones."""
    most = max(1, math.floor(part * len(shares) + 0.5))
    hardest = sorted(shares, key=lambda j: -row[j])[:most]
    return math.fsum(shares[j] for j in hardest)


def coupling(row: Sequence[float], positive: int, negatives: Sequence[int], tau: float) -> float:
    """q: 1 minus the softmax weight of the positive."""
    top = max(row[j] for j in (positive, *negatives))
    push = math.fsum(math.exp((row[j] - top) / tau) for j in negatives)
    return push / (push + math.exp((row[positive] - top) / tau))


def weight_by_bin(
    rows: Sequence[Sequence[float]], every: Sequence[dict[int, float]], bins: int
) -> tuple[list[int], list[float]]:
    """Pairs in each bin on [-1, 1], and the sum of their shares times the number of negatives of their anchor."""
    counts, sums = [0] * bins, [0.0] * bins
    for row, found in zip(rows, every, strict=True):
        for j, share in found.items():
            place = min(bins - 1, int((row[j] + 1) * bins / 2))
            counts[place] += 1
            sums[place] += share * len(found)
    return counts, sums
