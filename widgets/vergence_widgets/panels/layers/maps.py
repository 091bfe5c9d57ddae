"""Maps: attention of every layer and head on one item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Maps"]


@dataclass(frozen=True)
class Maps:
    """A grid of small heat maps, one row per layer and one column per head, each from 0 to its own largest value.

    Values travel as bytes: a map is `levels / 255 * scale`. A `signed` one, the difference to the untrained model,
    is `(levels - 128) / 127 * scale`, from less to more. Maps are counted layer by layer: `layer * heads + head`.
    """

    key: str
    levels: NDArray[np.uint8]
    """(maps, keys) attention of the usual query to each token, prefix tokens first."""
    scale: NDArray[np.float64]
    """(maps,) the largest value of each; NaN where a layer has no such head, or where it was not finite."""
    full: NDArray[np.uint8]
    """(maps, queries x keys) every query's row, (0, 0) when only `levels` are there."""
    full_scale: NDArray[np.float64]
    """(maps, queries), (0, 0) without `full`."""
    signed: bool
    layers: tuple[str, ...]
    """What each row is called: "1", "2" ..."""
    heads: int
    said: tuple[str, ...]
    """The entropy of each layer in words."""
    entropy: NDArray[np.float64]
    """(maps,) share of even attention."""
    distance: NDArray[np.float64]
    """(maps,) in patches, or tokens of a sequence."""
    sinks: NDArray[np.float64]
    """(maps,) mean attention that the strongest token draws."""
    rollout: NDArray[np.uint8]
    """(keys,) attention rolled out through all layers, (0,) when it is not known."""
    rollout_scale: float
    grid: tuple[int, int]
    """Rows and columns of patches; (1, tokens) for a sequence."""
    prefix: int
    """Tokens before the patches: the class token, registers."""
    query: str
    """Whose row `levels` is: "CLS", "mean of queries"."""
    picture: NDArray[np.uint8]
    """(height, width, 3) the item as a picture; (0, 0, 3) when it is none."""
    caption: tuple[str, ...]
    """Under the picture: "image 37", "8 × 8"."""
    item: str
    """The item shown, and those that could be (the panel's option "item")."""
    items: tuple[str, ...]
    show: str
    """What is shown, and what could be (the panel's option "show")."""
    shows: tuple[str, ...]
    ends: tuple[str, str]
    """What the two ends of the colour key say."""
    refused: str
    """Why full maps cannot be asked for; "" when they can."""
