"""Weights: the cosines of some anchors, so that their weights can be seen at any temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "NOTHING", "Weights"]

LEVELS = 65534
"""A cosine is one of so many even steps from -1 to 1, as in `vergence.training.measures.temperature`."""
NOTHING = 65535
"""No pair here."""


@dataclass(frozen=True)
class Weights:
    """What a slider needs that tries a temperature. Its plot is bare and as high as the slider.

    A finished figure has no slider; there `said` stands in its place.
    """

    key: str
    negatives: NDArray[np.uint16]
    """(anchors, most negatives of one), NOTHING behind the last."""
    positives: NDArray[np.uint16]
    """(anchors, most positives of one), likewise."""
    stands_for: float
    """How many negatives each of these stands for."""
    temperature: float
    """In force when they were measured."""
    low: float
    high: float
    """Ends of the slider, on a log scale."""
    preview: float | None
    """The other temperature that a finished figure shows."""
    control: str
    """The control that a chosen temperature is sent to; "" where there is none."""
    said: str
