"""What a measurement that is made now and then may look at, and how it says what it read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vergence.training.measures.base import Measured, Sample, Snapshot
from vergence.training.measures.parts import Called
from vergence.training.reference import Reference

__all__ = ["WHOLE", "Bands", "Entry", "Never", "Now", "Read", "Setup", "Source"]

WHOLE = ("reference",)
"""The place of what looks at the reference set as a whole, not at its rows somewhere."""
Source = Literal["step", "reference", "model", "loss"]
"""The rows of the training step; the reference set in eval mode; the model itself; what the loss was called with."""


class Interval(Protocol):
    """A null band of any kind."""

    @property
    def low(self) -> float:
        """2.5 % lie below ..."""

    @property
    def high(self) -> float:
        """... and 2.5 % above."""


Bands = Callable[[], Mapping[str, Interval | None]]


class Never(Exception):
    """This run will never have what the measurement needs: the words are said once, and it is not tried again."""


@dataclass(frozen=True)
class Setup:
    """What a run is made of; None: it was not handed over."""

    model: nn.Module | None = None
    projector: nn.Module | None = None
    reference: Reference | None = None
    objective: object = None
    optimiser: torch.optim.Optimizer | None = None
    seed: int = 0


@dataclass(frozen=True)
class Now:
    """One moment of it."""

    step: int
    samples: Mapping[str, Sample] = field(default_factory=dict)
    """What the step handed over, by place."""
    snapshot: Snapshot | None = None
    """The newest look at the reference set."""
    called: Called | None = None
    """What the loss was called with."""
    inputs: tuple[Tensor, ...] | None = None
    """What the model saw, one tensor per view."""
    base: bool = False
    """This is the base line, before the first update."""
    fresh: bool = True
    """The gradients that stand in the model are this step's."""
    generator: torch.Generator = field(default_factory=torch.Generator)


@dataclass(frozen=True)
class Read:
    """Numbers at one place."""

    values: Mapping[str, float | None]
    """By name; None is not recorded."""
    bands: Bands | None = None
    """Null bands of some of them, recorded when they change. They have a turn of their own: the first may be dear."""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """A frame, where there is more than numbers."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    without: str | None = None
    """Why a part of it cannot be measured here: told as what cannot be measured at all."""


Make = Callable[[Now, str], Read | Measured]
"""(now, place) -> what was read. Raises InputError where these rows cannot be measured, Never where none ever can."""


@dataclass(frozen=True)
class Entry:
    """One noun that can be measured while a run trains."""

    source: Source
    make: Callable[[Setup], Make]
    """Made once for a run; what it remembers from look to look it keeps itself. Raises Never."""
    default: bool = True
    """Measured unless asked otherwise; False: only when it is asked for by name, because it is dear."""
    often: bool = False
    """At the cadence of what is measured on the rows of a step: for what takes a few milliseconds at most."""
    places: tuple[str, ...] | None = None
    """Of a step or a look, these only; None: h, z, and every module that is looked at."""
