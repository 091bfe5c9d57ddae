"""Norms of gradients by part and relative change of weights, number by number."""

from __future__ import annotations

import math

from torch import nn


def norm(module: nn.Module) -> float:
    """Root sum of squares over every entry of every gradient."""
    total = 0.0
    for parameter in module.parameters():
        if parameter.grad is not None:
            for value in parameter.grad.flatten().tolist():
                total += value**2
    return math.sqrt(total)


def relative_change(now: list[float], before: list[float]) -> float:
    """Length of the difference over the length before."""
    moved = sum((a - b) ** 2 for a, b in zip(now, before, strict=True))
    return math.sqrt(moved / sum(b**2 for b in before))
