"""OPIS of Zhang et al. 2023 (arXiv:2307.04047), section 3, pair by pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tests.reference.cosine import cosine


@dataclass
class Pairs:
    """Distances of unit rows: inside one class, and with one row in it."""

    positive: list[float]
    negative: list[float]


def by_class(z: Tensor, labels: Sequence[int]) -> dict[int, Pairs]:
    """Of every class."""
    rows = z.double().tolist()
    found = {c: Pairs([], []) for c in sorted(set(labels))}
    for i, j in itertools.combinations(range(len(rows)), 2):
        apart = math.sqrt(max(0.0, 2 - 2 * cosine(rows[i], rows[j])))
        if labels[i] == labels[j]:
            found[labels[i]].positive.append(apart)
        else:
            found[labels[i]].negative.append(apart)
            found[labels[j]].negative.append(apart)
    return found


def rates(pairs: Pairs, d: float) -> tuple[float, float]:
    """False accept and false reject at one threshold."""
    accept = sum(x <= d for x in pairs.negative) / len(pairs.negative)
    return accept, sum(x > d for x in pairs.positive) / len(pairs.positive)


def utility(pairs: Pairs, d: float) -> float:
    """Harmonic mean of what is accepted rightly and rejected rightly."""
    accept, reject = rates(pairs, d)
    sensitivity, specificity = 1 - reject, 1 - accept
    total = sensitivity + specificity
    return 2 * sensitivity * specificity / total if total else 0.0


def opis(classes: Sequence[Pairs], distances: Sequence[float]) -> float:
    """Variance over classes, mean over thresholds."""
    found = []
    for d in distances:
        values = [utility(one, d) for one in classes]
        middle = math.fsum(values) / len(values)
        found.append(math.fsum((u - middle) ** 2 for u in values) / len(values))
    return math.fsum(found) / len(found)
