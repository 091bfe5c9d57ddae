"""CACR after Zheng et al. 2021 (arXiv:2105.03746), in loops over queries, positives and negatives."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import squared_distance


def attraction_repulsion(views: Sequence[Tensor], t_pos: float, t_neg: float) -> tuple[float, float]:
    """Attraction, and repulsion with its sign."""
    rows = [[_unit(row) for row in view.double().tolist()] for view in views]
    numbers, batch = range(len(rows)), range(len(rows[0]))
    pulls, pushes = [], []
    for v in numbers:
        for i in batch:
            query = rows[v][i]
            pulls.append(_weighted([squared_distance(query, rows[w][i]) for w in numbers if w != v], t_pos))
            for w in numbers:
                if w != v:
                    pushes.append(_weighted([squared_distance(query, rows[w][j]) for j in batch if j != i], -t_neg))
    return math.fsum(pulls) / len(pulls), -math.fsum(pushes) / len(pushes)


def _weighted(costs: Sequence[float], slope: float) -> float:
    e = [math.exp(slope * cost) for cost in costs]
    return math.fsum(x * cost for x, cost in zip(e, costs, strict=True)) / math.fsum(e)


def _unit(row: Sequence[float]) -> list[float]:
    length = math.sqrt(math.fsum(x * x for x in row))
    return [x / length for x in row]
