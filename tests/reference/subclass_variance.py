"""Sums of squares within classes and between their sub-classes, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import squared_distance


def mean_of(rows: Sequence[Sequence[float]]) -> list[float]:
    """Column by column."""
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]


def parts(z: Tensor, labels: Sequence[int], sublabels: Sequence[int]) -> tuple[float, float, float]:
    """Between sub-classes, within classes, and in all."""
    rows = z.double().tolist()
    between, within = [], []
    for c in set(labels):
        own = [i for i, label in enumerate(labels) if label == c]
        middle = mean_of([rows[i] for i in own])
        within += [squared_distance(rows[i], middle) for i in own]
        for s in {sublabels[i] for i in own}:
            members = [rows[i] for i in own if sublabels[i] == s]
            between.append(len(members) * squared_distance(mean_of(members), middle))
    middle = mean_of(rows)
    return math.fsum(between), math.fsum(within), math.fsum(squared_distance(row, middle) for row in rows)
