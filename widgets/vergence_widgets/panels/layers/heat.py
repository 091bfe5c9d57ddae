"""Heat: a strip of values through time, coloured by size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTHING", "STOPS", "Heat", "Over"]

STOPS = 254
"""A value is kept as one of so many even steps from `low` to `high`: more than an eye tells apart."""
NOTHING = 255
"""No value here."""


@dataclass(frozen=True)
class Over:
    """A curve over the colours: white or grey with a dark rim, which shows on every colour of the sequence."""

    key: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """NaN is a gap. Without points it is words alone, such as those of a control change."""
    dash: Literal["solid", "chance"] = "solid"
    color: Literal["white", "ghost"] = "white"
    label: str = ""
    label_x: float = 0.0
    """Where the words stand, in data coordinates: their right end ..."""
    label_y: float = 0.0
    """... and the middle of their line."""


@dataclass(frozen=True)
class Heat:
    """One column per step, one row per index; viridis from `low` to `high`, 0 to `STOPS`."""

    key: str
    x: NDArray[np.float64]
    """(columns + 1,) edges of the columns, ascending."""
    steps: NDArray[np.float64]
    """(columns,) the step each column was measured at; NaN for a gap in the record, which shows the ground."""
    y: NDArray[np.float64]
    """(rows + 1,) edges of the rows on the y axis."""
    values: NDArray[np.uint8]
    """(rows, columns), `NOTHING` where there is no value."""
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    ends: tuple[str, str] = ("", "")
    """What the two ends of the colour key say: "0.001", "1 (log)"."""
    over: tuple[Over, ...] = ()
