"""A path of representations, point by point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Row = Sequence[float]


def distance(x: Row, y: Row) -> float:
    """Euclidean."""
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def deviation(values: Row) -> float:
    """Of a whole population."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / len(values))


def profile(
    encoder: Callable[[Row], Row], inputs: Sequence[Row], noise: Sequence[Row], strengths: Row
) -> tuple[float, float, float]:
    """Mean step in units of the spread of the undisturbed, mean variability, mean straightness."""
    scale = deviation([x for row in inputs for x in row])
    clean = [encoder(row) for row in inputs]
    middle = [math.fsum(column) / len(clean) for column in zip(*clean, strict=True)]
    spread = math.sqrt(math.fsum(distance(row, middle) ** 2 for row in clean) / len(clean))
    paths = []
    for row, u in zip(inputs, noise, strict=True):
        at = [[x + strength * scale * n for x, n in zip(row, u, strict=True)] for strength in strengths]
        paths.append([encoder(x) for x in at])
    steps = [[distance(path[k], path[k - 1]) for k in range(1, len(path))] for path in paths]
    mean = math.fsum(s for path in steps for s in path) / spread / (len(steps) * len(steps[0]))
    varied = [deviation(path) / (math.fsum(path) / len(path)) for path in steps]
    straight = [distance(path[0], path[-1]) / math.fsum(own) for path, own in zip(paths, steps, strict=True)]
    return mean, math.fsum(varied) / len(varied), math.fsum(straight) / len(straight)
