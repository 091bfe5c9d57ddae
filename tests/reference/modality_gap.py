"""Centres, and uniformity within and across two towers, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine

Row = list[float]


def unit(rows: Tensor) -> list[Row]:
    """Rows of length 1."""
    found = []
    for row in rows.double().tolist():
        length = math.sqrt(math.fsum(x * x for x in row))
        found.append([x / length for x in row])
    return found


def centroid_gap(a: Tensor, b: Tensor) -> float:
    """Distance of the mean rows."""
    means = [[math.fsum(column) / len(z) for column in zip(*unit(z), strict=True)] for z in (a, b)]
    return math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(*means, strict=True)))


def between(one: Sequence[Row], other: Sequence[Row], partners: bool) -> tuple[float, float]:
    """Log mean of exp(-2 squared distance), and mean cosine, partners left out."""
    found = [cosine(x, y) for i, x in enumerate(one) for j, y in enumerate(other) if not (partners and i == j)]
    return math.log(math.fsum(math.exp(4 * s - 4) for s in found) / len(found)), math.fsum(found) / len(found)
