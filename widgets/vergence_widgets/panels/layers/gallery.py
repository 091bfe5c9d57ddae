"""Gallery: pairs of pictures with their similarity, a few to a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gallery"]


@dataclass(frozen=True)
class Gallery:
    """One row of pairs. Its plot is bare and holds title, pictures, stroke and numbers."""

    key: str
    title: str
    """"worst positives, mean 0.86, was 0.31"."""
    kind: Literal["positive", "negative"]
    """The stroke under the pictures: solid for positives, dashed for negatives."""
    first: NDArray[np.uint8]
    """(pairs, height, width, 3); (pairs, 0, 0, 3) when inputs are no pictures."""
    second: NDArray[np.uint8]
    marks: tuple[tuple[str, str], ...]
    """What stands in the tile of what has no picture: "12"."""
    words: tuple[tuple[str, str], ...]
    """What the two are called, for each pair: "view 1, row 12, food-drink"."""
    now: tuple[float, ...]
    then: tuple[float | None, ...]
    """The same pair's cosine at the first look; None where it is not known."""
    said: tuple[tuple[str, str], ...] = ()
    """Both in words: "0.31" and "was 0.82"; "" for what is not known."""
    empty: str = ""
    """Why there is no pair."""
