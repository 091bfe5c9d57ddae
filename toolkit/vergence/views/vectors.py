"""Views of vectors: rows of a table, features from elsewhere. Noise on every entry, some entries hidden."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors
from vergence.views.base import check_batch, check_relative, check_strength, drawn

__all__ = ["Vectors"]


class Vectors:
    """Random views of vectors `(batch, dim)`.

    strength: 0 to 1. 0 returns the rows as they came.

    noise and mask multiply the strength of one augmentation each: 0 turns it off. With
    a = strength x multiplier and s_j the standard deviation of feature j over the batch, entry j becomes

        noise   x_j + a s_j e,  e ~ N(0, 1): at a = 1 as much noise as there is signal
        mask    with probability a / 2 the value of feature j in another row of the batch, drawn at random

    A hidden entry is not set to 0, which may be far from every real value, but to a value that occurs;
    a feature that never varies stays as it is.

    Raises ArgumentError for a strength outside [0, 1] or a multiplier below 0, ShapeError for a batch
    that is not (batch, dim) in floating point.
    Source of mask: Bahri et al. 2021 (SCARF), arXiv:2106.15147, whose corruption rate c = 0.6 is our a / 2.
    """

    def __init__(self, strength: float = 0.5, *, noise: float = 1.0, mask: float = 1.0) -> None:
        self.strength = strength
        self._relative = {
            "noise": check_relative("Vectors", "noise", noise),
            "mask": check_relative("Vectors", "mask", mask),
        }

    @property
    def strength(self) -> float:
        """0, nothing changes, to 1, full; may be set between two steps."""
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = check_strength("Vectors", value)

    def settings(self) -> dict[str, float]:
        """Everything that may be changed between two steps: the strength, then each multiplier."""
        return {"strength": self.strength, **self._relative}

    def set(self, name: str, value: float) -> None:
        """Change the strength or one multiplier. Raises UnknownName (with the nearest) or ArgumentError."""
        if name == "strength":
            self.strength = value
        elif name in self._relative:
            self._relative[name] = check_relative("Vectors.set", name, value)
        else:
            raise errors.UnknownName("Vectors.set", name, self.settings(), "setting")

    def __repr__(self) -> str:
        return f"Vectors({', '.join(f'{name}={value:g}' for name, value in self.settings().items())})"

    def __call__(self, x: Float[Tensor, "batch dim"], generator: torch.Generator) -> Float[Tensor, "batch dim"]:
        """One random view of every row of `x`."""
        return self.shared(x, generator, 1)

    def shared(
        self, x: Float[Tensor, "batch dim"], generator: torch.Generator, size: int
    ) -> Float[Tensor, "batch dim"]:
        """A view in which each `size` rows have one draw: the same noise, the same entries hidden by the same row."""
        check_batch("Vectors", x, 2, "(batch, dim)")
        if self.strength == 0 or x.numel() == 0:
            return x
        hidden = self.strength * self._relative["mask"] / 2
        spread = self.strength * self._relative["noise"]
        u = drawn(torch.rand, x.shape, generator, size).to(x.device)
        other = drawn(partial(torch.randint, len(x)), x.shape, generator, size).to(x.device)
        noise = drawn(torch.randn, x.shape, generator, size).to(x.device, x.dtype)
        view = torch.where(u < hidden, x.gather(0, other), x)
        return view + spread * x.std(0, unbiased=False) * noise
