"""The GroCo loss as Shvetsova et al. 2023 (arXiv:2301.02009) have it: a soft odd-even sort of one list at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def soft_permutation(scores: Sequence[float], steepness: float) -> list[list[float]]:
    """P[i][r], the product of the layers' matrices."""
    n = len(scores)
    x = list(scores)
    p = [[float(i == r) for r in range(n)] for i in range(n)]
    for layer in range(n):
        for left in range(layer % 2, n - 1, 2):
            right = left + 1
            keep = math.atan(steepness * (x[right] - x[left])) / math.pi + 0.5
            x[left], x[right] = keep * x[left] + (1 - keep) * x[right], (1 - keep) * x[left] + keep * x[right]
            for line in p:
                low, high = line[left], line[right]
                line[left], line[right] = keep * low + (1 - keep) * high, (1 - keep) * low + keep * high
    return p


def misordering(negative: Sequence[float], positive: Sequence[float], steepness: float) -> float:
    """The mean of the binary cross-entropies of the two groups, as the paper writes them."""
    k = len(negative)
    p = soft_permutation([*sorted(negative), *sorted(positive)], steepness)
    total = 0.0
    for i, line in enumerate(p):
        above, below = math.fsum(line[k:]), math.fsum(line[:k])
        target = float(i >= k)
        first = -(target * math.log(above) + (1 - target) * math.log(1 - above))
        second = -((1 - target) * math.log(below) + target * math.log(1 - below))
        total += (first + second) / 2
    return total / len(p)


def group_ordering(views: Sequence[Tensor], steepness: float, negatives: int) -> float:
    """Mean over the views, and over the rows of each as anchors."""
    rows = [view.double().tolist() for view in views]
    total, count = 0.0, 0
    for v, view in enumerate(rows):
        for i, anchor in enumerate(view):
            positive = [cosine(anchor, other[i]) for w, other in enumerate(rows) if w != v]
            within = sorted(cosine(anchor, other) for j, other in enumerate(view) if j != i)
            total += misordering(within[-negatives:], positive, steepness)
            count += 1
    return total / count
