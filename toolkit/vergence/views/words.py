"""Views of words: some of what a text says is hidden."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vergence.views.base import check_batch, check_strength

__all__ = ["Words"]


class Words:
    """Random views of rows of counts `(batch, places)`, as `data.hashed_words` makes them.

    strength: 0 to 1. Each place of each row is set to 0 with probability strength / 2, so at 1 half of the letter
    sequences are hidden, each time others, and no single one can be relied on.

    Raises ArgumentError, ShapeError.
    Source: word dropout of Iyyer et al. 2015 (ACL, deep averaging network), which hides whole words with 0.3.
    """

    def __init__(self, strength: float = 0.5) -> None:
        self.strength = strength

    @property
    def strength(self) -> float:
        """0, nothing is hidden, to 1, half is; may be set between two steps."""
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = check_strength("Words", value)

    def __repr__(self) -> str:
        return f"Words(strength={self.strength:g})"

    def __call__(self, x: Float[Tensor, "batch places"], generator: torch.Generator) -> Float[Tensor, "batch places"]:
        """One random view of every row of `x`."""
        check_batch("Words", x, 2, "(batch, places)")
        if self.strength == 0:
            return x
        kept = torch.rand(x.shape, generator=generator, device=generator.device).to(x.device) >= self.strength / 2
        return x * kept
