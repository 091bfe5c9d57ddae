"""Lengths of rows, slowly."""

from __future__ import annotations

import math


def norms(rows: list[list[float]]) -> tuple[float, float, float]:
    """Mean length, standard deviation over the mean, the longest."""
    lengths = [math.sqrt(math.fsum(value * value for value in row)) for row in rows]
    mean = math.fsum(lengths) / len(lengths)
    variance = math.fsum((length - mean) ** 2 for length in lengths) / len(lengths)
    return mean, math.sqrt(variance) / mean, max(lengths)
