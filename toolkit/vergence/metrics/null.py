"""Bands of null distributions: of simulated values, few or many, and of a normal variable."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vergence.metrics.chance import Chance

__all__ = ["band", "normal_band"]

ENOUGH = 200
"""From so many draws on, the band is made of quantiles."""


def band(draws: Sequence[float]) -> Chance:
    """The band of simulated values: quantiles from 200 on, else where the next draw of a normal variable falls."""
    values = np.asarray(draws, np.float64)
    if len(values) >= ENOUGH:
        low, high = np.quantile(values, (0.025, 0.975))
        return Chance(float(values.mean()), float(low), float(high))
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore]

    # A mean and a spread of few draws are uncertain themselves, so the band is a little wider than 1.96.
    wide = float(stdtrit(len(values) - 1, 0.975)) * math.sqrt(1 + 1 / len(values)) * float(values.std(ddof=1))
    return normal_band(float(values.mean()), wide / 1.959964)


def normal_band(mean: float, sd: float) -> Chance:
    """The band of a normal variable."""
    return Chance(mean, mean - 1.959964 * sd, mean + 1.959964 * sd)
