"""How sure a finding is, as a number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vergence.diagnosis.rule import Sign

__all__ = ["confidence"]

AT_THE_EDGE, FAR_OUT = 0.6, 0.98


def confidence(signs: Sequence[tuple[Sign, float]], also: int, of: int) -> float:
    """0.6 where the weakest sign lies just past its threshold, 0.98 far out of its healthy range.

    The distance past the threshold is measured in widths between threshold and healthy range. Signs that need not hold
    (`also` of `of` do) close up to half of what is missing.
    """
    weakest = min((_far(sign, value) for sign, value in signs), default=0.0)
    sure = AT_THE_EDGE + (FAR_OUT - AT_THE_EDGE) * (1 - math.exp(-2 * weakest))
    return sure + (FAR_OUT - sure) * 0.5 * (also / of) if of else sure


def _far(sign: Sign, value: float) -> float:
    low, high = sign.healthy
    if sign.below is not None:
        past, edge, threshold = sign.below - value, low, sign.below
    elif sign.above is not None:
        past, edge, threshold = value - sign.above, high, sign.above
    else:
        return 1.0
    width = abs(edge - threshold) if edge is not None and edge != threshold else abs(threshold) or 1.0
    return max(past, 0.0) / width
