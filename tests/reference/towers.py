"""Losses between two encoders, CLIP, SigLIP, CWCL and CLIP with uniformity: loops over rows and pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine, squared_distance

Matrix = Sequence[Sequence[float]]


def cosines(a: Tensor, b: Tensor) -> list[list[float]]:
    """Of each row of a with each of b."""
    return [[cosine(x, y) for y in b.double().tolist()] for x in a.double().tolist()]


def _log_softmax(row: Sequence[float], temperature: float) -> list[float]:
    top = max(row)
    total = math.log(math.fsum(math.exp((s - top) / temperature) for s in row))
    return [(s - top) / temperature - total for s in row]


def clip(a: Tensor, b: Tensor, temperature: float) -> float:
    """Radford et al. 2021, figure 3."""
    s = cosines(a, b)
    rows = [-_log_softmax(row, temperature)[i] for i, row in enumerate(s)]
    columns = [-_log_softmax(list(column), temperature)[j] for j, column in enumerate(zip(*s, strict=True))]
    return (math.fsum(rows) / len(rows) + math.fsum(columns) / len(columns)) / 2


def sig_lip(a: Tensor, b: Tensor, scale: float, bias: float) -> float:
    """Zhai et al. 2023, equation 1."""
    total = 0.0
    for i, row in enumerate(cosines(a, b)):
        for j, s in enumerate(row):
            sign = 1 if i == j else -1
            total += math.log1p(math.exp(-sign * (scale * s + bias)))
    return total / len(a)


def cwcl(a: Tensor, b: Tensor, known: Tensor, temperature: float, both: bool, weights: Matrix | None = None) -> float:
    """Srinivasa et al. 2023, section 3; the mean of both directions."""
    s, alike = cosines(a, b), cosines(known, known)
    w = weights if weights is not None else [[(1 + x) / 2 for x in row] for row in alike]
    n = len(s)
    identity = [[float(i == j) for j in range(n)] for i in range(n)]
    total = 0.0
    for matrix, partners in ((s, w), (list(zip(*s, strict=True)), w if both else identity)):
        for row, own in zip(matrix, partners, strict=True):
            logs = _log_softmax(list(row), temperature)
            total -= math.fsum(x * y for x, y in zip(own, logs, strict=True)) / math.fsum(own)
    return total / (2 * n)


def uniformity(x: Tensor, y: Tensor) -> float:
    """Log of the mean of exp(-2 |x_i - y_j|^2) over i != j, for rows scaled to length 1."""
    x, y = (z.double() / z.double().norm(dim=1, keepdim=True) for z in (x, y))
    found = [
        math.exp(-2 * squared_distance(p, q))
        for i, p in enumerate(x.tolist())
        for j, q in enumerate(y.tolist())
        if i != j
    ]
    return math.log(math.fsum(found) / len(found))


def clip_uniformity(a: Tensor, b: Tensor, temperature: float, alignment: float, uniform: float, cross: float) -> float:
    """Fahim et al. 2024: CLIP + alignment + uniformity within each encoder + uniformity across."""
    apart = [2 - 2 * s for s in (row[i] for i, row in enumerate(cosines(a, b)))]
    return (
        clip(a, b, temperature)
        + alignment * math.fsum(apart) / len(apart)
        + uniform * (uniformity(a, a) + uniformity(b, b)) / 2
        + cross * uniformity(a, b)
    )
