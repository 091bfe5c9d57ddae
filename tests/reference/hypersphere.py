"""Alignment, uniformity and tolerance pair by pair, from Wang & Isola 2020 and Wang & Liu 2020."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine, squared_distance


def alignment(a: Tensor, b: Tensor) -> float:
    """Mean squared distance of partners."""
    return math.fsum(squared_distance(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)) / len(a)


def kernel_mean(z: Tensor, t: float) -> float:
    """Mean of exp(-t |x - y|^2) over pairs of different rows."""
    rows = z.tolist()
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    return math.fsum(math.exp(-t * squared_distance(rows[i], rows[j])) for i, j in pairs) / len(pairs)


def uniformity(z: Tensor, t: float = 2.0) -> float:
    """Its logarithm."""
    return math.log(kernel_mean(z, t))


def same_class(z: Tensor, labels: Sequence[int], *, with_self: bool) -> tuple[float, int, int]:
    """Sum of cosines over ordered same-class pairs, the number of those, the number of all ordered pairs."""
    rows = z.tolist()
    pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if with_self or i != j]
    same = [(i, j) for i, j in pairs if labels[i] == labels[j]]
    return math.fsum(cosine(rows[i], rows[j]) for i, j in same), len(same), len(pairs)
