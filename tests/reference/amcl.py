"""AMCL in loops and Python floats: the negative log posterior of the partner, with a temperature for every pair."""

from __future__ import annotations

import math

from torch import Tensor


def amcl(heads: list[tuple[Tensor, Tensor]], temperatures: list[Tensor], beta: float) -> float:
    """heads: (a, b) of each head, (batch, dim) each. temperatures: (2N, 2N) of each head."""
    total = 0.0
    for (a, b), tau in zip(heads, temperatures, strict=True):
        rows = [_unit(row) for row in [*a.tolist(), *b.tolist()]]
        n = len(rows) // 2
        dim = len(rows[0])
        for i in range(2 * n):
            evidence = {}
            for j in range(2 * n):
                if j == i:
                    continue
                t = float(tau[i, j])
                score = sum(x * y for x, y in zip(rows[i], rows[j], strict=True))
                evidence[j] = score / t - beta * (dim / 2 * math.log(t) + 1 / t)
            largest = max(evidence.values())
            total_evidence = largest + math.log(sum(math.exp(value - largest) for value in evidence.values()))
            total += (total_evidence - evidence[(i + n) % (2 * n)]) / (2 * n)
    return total


def temperature(certainty: float, low: float, high: float) -> float:
    return low + (high - low) / (1 + math.exp(certainty))


def _unit(row: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in row))
    return [x / length for x in row]
