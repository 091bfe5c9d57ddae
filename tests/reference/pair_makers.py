"""Slow transcriptions of the pair makers, in loops and Python floats."""

from __future__ import annotations

import math

from torch import Tensor


def cosine(x: list[float], y: list[float]) -> float:
    lengths = math.sqrt(sum(a * a for a in x)) * math.sqrt(sum(b * b for b in y))
    return sum(a * b for a, b in zip(x, y, strict=True)) / lengths


def unit(x: list[float]) -> list[float]:
    length = math.sqrt(sum(a * a for a in x))
    return [a / length for a in x]


def hardest(query: Tensor, negatives: Tensor, n_hard: int) -> list[list[int]]:
    """The n_hard nearest negatives of each query, nearest first."""
    rows = negatives.tolist()
    order = []
    for q in query.tolist():
        order.append(sorted(range(len(rows)), key=lambda j, q=q: -cosine(q, rows[j]))[:n_hard])
    return order


def mix(one: list[float], other: list[float], share: float) -> list[float]:
    """share of one and the rest of the other, both of length 1, put back on the sphere."""
    one, other = unit(one), unit(other)
    return unit([share * a + (1 - share) * b for a, b in zip(one, other, strict=True)])


def mochi(query: Tensor, key: Tensor, negatives: Tensor, mixes: Tensor, temperature: float) -> float:
    total = 0.0
    for q, k, own in zip(query.tolist(), key.tolist(), mixes.tolist(), strict=True):
        among = [cosine(q, other) / temperature for other in (k, *negatives.tolist(), *own)]
        largest = max(among)
        total += largest + math.log(sum(math.exp(x - largest) for x in among)) - among[0]
    return total / len(query)


def false_negative_rate(labels: list[int]) -> float:
    pairs = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
    return sum(labels[i] == labels[j] for i, j in pairs) / len(pairs)


def mutual_information(a: list[int], b: list[int]) -> float:
    """Mutual information over the mean of both entropies."""
    n = len(a)

    def entropy(ids: list[object]) -> float:
        return -sum(ids.count(i) / n * math.log(ids.count(i) / n) for i in set(ids))

    both = entropy(list(zip(a, b, strict=True)))
    shared = entropy(list(a)) + entropy(list(b)) - both
    mean = (entropy(list(a)) + entropy(list(b))) / 2
    return shared / mean
