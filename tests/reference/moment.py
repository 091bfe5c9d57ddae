"""0F1 summed term by term from its definition, with exact factorials in the form of log-gamma."""

from __future__ import annotations

import math


def log_0f1(b: float, x: float) -> float:
    """ln of the sum over k of x^k Gamma(b) / (Gamma(b + k) k!)."""
    logs: list[float] = []
    k = 0
    while not logs or logs[-1] > max(logs) - 60:
        logs.append(k * math.log(x) + math.lgamma(b) - math.lgamma(b + k) - math.lgamma(k + 1))
        k += 1
    top = max(logs)
    return top + math.log(math.fsum(math.exp(value - top) for value in logs))
