"""Usage of prototypes, row by row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product

from tests.reference.teacher import entropy, softmax

Rows = Sequence[Sequence[float]]


def probabilities(rows: Rows, temperature: float) -> list[list[float]]:
    """Each row's shares."""
    return [softmax(row, temperature) for row in rows]


def choices(rows: Rows) -> list[int]:
    """The place of the largest entry."""
    return [max(range(len(row)), key=lambda k: row[k]) for row in rows]


def usage(rows: Rows) -> tuple[float, float, int, float]:
    """Entropy of choices over ln K, the same of mean probabilities, prototypes chosen, largest share of choices."""
    kinds, count = len(rows[0]), len(rows)
    chosen = Counter(choices(rows))
    hard = entropy([chosen[k] / count for k in range(kinds)]) / math.log(kinds)
    soft = entropy([math.fsum(column) / count for column in zip(*rows, strict=True)]) / math.log(kinds)
    return hard, soft, len(chosen), max(chosen.values()) / count


def agreement(views: Sequence[Rows]) -> tuple[float, float]:
    """Share of items with one choice in two views; and of all pairs of items, which is what chance would give."""
    found = []
    for one, other in combinations(map(choices, views), 2):
        same = [a == b for a, b in zip(one, other, strict=True)]
        every = [a == b for a, b in product(one, other)]
        found.append((sum(same) / len(same), sum(every) / len(every)))
    return sum(a for a, _ in found) / len(found), sum(b for _, b in found) / len(found)
