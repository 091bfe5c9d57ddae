"""The log of a sum of exponentials of dot products, in loops."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def log_partition(x: Tensor, y: Tensor, temperature: float, counts: Callable[[int, int], bool]) -> list[float]:
    """One number per row of x, over the rows j of y with counts(i, j)."""
    anchors, others = x.double().tolist(), y.double().tolist()
    found = []
    for i, anchor in enumerate(anchors):
        logits = [
            math.fsum(p * q for p, q in zip(anchor, other, strict=True)) / temperature
            for j, other in enumerate(others)
            if counts(i, j)
        ]
        peak = max(logits, default=0.0)
        total = math.fsum(math.exp(logit - peak) for logit in logits)
        found.append(math.log(total) + peak if logits else -math.inf)
    return found
