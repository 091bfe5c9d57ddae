"""What every set of views has in common, and the one that changes nothing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from vergence import errors

__all__ = ["Identity", "Views", "check_batch", "check_relative", "check_strength", "drawn"]


@runtime_checkable
class Views(Protocol):
    """Turns a batch of items into one view of each. Called twice, it gives two views.

    strength: 0 (nothing changes) to 1 (as strong as these views go); may be set while a run trains.

    A call returns a new tensor of the same shape, type and memory layout and leaves `x` alone (at
    strength 0 it may return `x` itself). Every random number comes from `generator`, so the same
    generator state gives the same view whatever else draws random numbers meanwhile.
    """

    strength: float

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """One random view of every item of the batch `x`."""
        ...


class Identity:
    """The view that changes nothing: both views of a "same image" pair are then equal.

    With it alignment is perfect from the first step, so only the negatives are left to learn from.
    """

    def __init__(self) -> None:
        self.strength = 0.0

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 - part of every view
        """`x` itself."""
        return x

    def __repr__(self) -> str:
        return "Identity()"


def drawn(kind: Callable[..., Tensor], shape: tuple[int, ...], generator: torch.Generator, size: int = 1) -> Tensor:
    """Random numbers of a shape, `(batch, ...)`, by `torch.rand` or its like: once for each `size` rows in a row."""
    found = kind((-(-shape[0] // size), *shape[1:]), generator=generator, device=generator.device)
    return found if size == 1 else found.repeat_interleave(size, 0)[: shape[0]]


def check_strength(call: str, value: object) -> float:
    """A strength is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:
        raise errors.ArgumentError(
            f"{call}: strength is {value!r}. It goes from 0 (nothing changes) to 1 (full), for example 0.5."
        )
    return float(value)


def check_relative(call: str, name: str, value: object) -> float:
    """A relative strength is a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < math.inf:
        raise errors.ArgumentError(
            f"{call}: {name} is {value!r}. It multiplies the strength: 0 turns {name} off, "
            "1 is the usual amount, 2 twice that."
        )
    return float(value)


def check_batch(call: str, x: object, ndim: int, wanted: str) -> None:
    """`x` is a floating tensor with `ndim` axes, the first of which is the batch."""
    if not isinstance(x, Tensor):
        raise errors.ShapeError(f"{call}: x is a {type(x).__name__}. It must be a tensor {wanted}.")
    if x.ndim != ndim:
        hint = " Give it a batch axis: x[None]." if x.ndim == ndim - 1 else ""
        raise errors.ShapeError(f"{call}: x is {tuple(x.shape)}. It must be {wanted}.{hint}")
    if not x.is_floating_point():
        raise errors.ShapeError(f"{call}: x has dtype {x.dtype}. Views work on floating point; use x.float() / 255.")
