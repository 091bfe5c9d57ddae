"""Cosine of two rows, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cosine(x: Sequence[float], y: Sequence[float]) -> float:
    """x . y / (|x| |y|)."""
    dot = math.fsum(p * q for p, q in zip(x, y, strict=True))
    return dot / math.sqrt(math.fsum(p * p for p in x)) / math.sqrt(math.fsum(q * q for q in y))


def squared_distance(x: Sequence[float], y: Sequence[float]) -> float:
    """|x - y|^2."""
    return math.fsum((p - q) ** 2 for p, q in zip(x, y, strict=True))
