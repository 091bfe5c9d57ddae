"""What a number reads where there is nothing to find: its mean and the band that holds 95 % of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Chance", "band", "drawn", "generator_of"]

BAND = (2.5, 97.5)
"""Percentiles."""


@dataclass(frozen=True)
class Chance:
    """The distribution of a number on data of this size in which nothing is to be found."""

    mean: float
    low: float
    """2.5 % lie below ..."""
    high: float
    """... and 2.5 % above."""

    def holds(self, value: float) -> bool:
        """Whether chance alone would give such a value."""
        return self.low <= value <= self.high


def band(values: Sequence[float]) -> Chance:
    """Of what was drawn, one value at least."""
    found = np.asarray(values, np.float64)
    low, high = np.percentile(found, BAND)
    return Chance(float(found.mean()), float(low), float(high))


def drawn(values: Sequence[float]) -> Chance | None:
    """The same; None where nothing was drawn."""
    return band(values) if len(values) else None


def generator_of(given: torch.Generator | None) -> torch.Generator:
    """The one that came, or one that draws the same each time and leaves torch's random state alone."""
    return torch.Generator().manual_seed(0) if given is None else given
