"""Views of pairs of two kinds: each kind has its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vergence.views.base import check_strength

__all__ = ["Each"]


class Each:
    """One set of views for the first item of each pair, another for the second.

    first, second: views, ours or functions of x and generator.
    parts: both; a trainer that finds `parts` takes the one that belongs to the item at hand.
    strength: of both at once, where they have one; reads that of the first that has.

    Called by itself it makes a view of the first kind.
    """

    def __init__(
        self,
        first: Callable[[Tensor, torch.Generator], Tensor],
        second: Callable[[Tensor, torch.Generator], Tensor],
    ) -> None:
        self.parts = (first, second)

    @property
    def strength(self) -> float:
        """That of the first part that has one; setting it sets both."""
        part = next((part for part in self.parts if hasattr(part, "strength")), self.parts[0])
        return float(part.strength)  # type: ignore[attr-defined]

    @strength.setter
    def strength(self, value: float) -> None:
        value = check_strength("Each", value)
        for part in self.parts:
            if hasattr(part, "strength"):
                part.strength = value

    def __repr__(self) -> str:
        return f"Each({self.parts[0]!r}, {self.parts[1]!r})"

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A view of items of the first kind."""
        return self.parts[0](x, generator)
