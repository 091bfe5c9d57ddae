"""Entropy and divergence class by class, from Caron et al. 2021."""

from __future__ import annotations

import math
from collections.abc import Sequence

Rows = Sequence[Sequence[float]]


def softmax(row: Sequence[float], temperature: float) -> list[float]:
    """Shares that sum to 1."""
    top = max(row)
    sizes = [math.exp((x - top) / temperature) for x in row]
    return [x / math.fsum(sizes) for x in sizes]


def entropy(shares: Sequence[float]) -> float:
    """In nats."""
    return -math.fsum(p * math.log(p) for p in shares if p > 0)


def parts(
    target: Rows, student: Rows, temperature: float, teacher_temperature: float, centre: Sequence[float]
) -> tuple[float, float, float]:
    """Mean entropy of the teacher, mean divergence of the student, entropy of the mean answer."""
    answers = [softmax([t - c for t, c in zip(row, centre, strict=True)], teacher_temperature) for row in target]
    said = [softmax(row, temperature) for row in student]
    own = math.fsum(entropy(p) for p in answers) / len(answers)
    apart = math.fsum(
        a * (math.log(a) - math.log(b)) for p, q in zip(answers, said, strict=True) for a, b in zip(p, q, strict=True)
    )
    mean = [math.fsum(column) / len(answers) for column in zip(*answers, strict=True)]
    return own, apart / len(answers), entropy(mean)
