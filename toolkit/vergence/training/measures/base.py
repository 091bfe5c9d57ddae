"""What every measurement is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Frames", "Measured", "Sample", "Snapshot", "as_array"]

Frames = dict[str, tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]]
"""Arrays and what is said beside them, by kind of frame."""


@dataclass(frozen=True)
class Sample:
    """What one step hands over, at one place (`z`, `h`, or a name of the user's)."""

    place: str
    views: tuple[Any, ...]
    """As they came, detached: the metrics check them at their doors."""
    labels: Tensor | tuple[Tensor | None, ...] | None
    positives: Any
    generator: torch.Generator


@dataclass(frozen=True)
class Snapshot:
    """The reference set, embedded at one step in eval mode: what maps, probes and named modules are measured on."""

    step: int
    rows: Mapping[str, Tensor]
    """By place, `(items, dim)` float32 each: "h", "z" where the model gives one, and every named module."""


@dataclass
class Measured:
    """What a measurement found."""

    scalars: dict[str, float] = field(default_factory=dict)
    frames: Frames = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    """Things the numbers cannot show, by kind: "rows_left_out": "3 of 512 rows of z are zero ..."."""
    static: dict[str, Any] = field(default_factory=dict)
    """What was found out once and for all: "attention": {"why": "This model has no attention ..."}."""


def as_array(tensor: Tensor) -> NDArray[Any]:
    """A tensor of any device as a numpy array."""
    return np.asarray(tensor.detach().cpu().numpy())
