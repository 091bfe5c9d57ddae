"""AMCL: several heads, each with a similarity of its own, and a temperature for every pair."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from vergence import errors, shapes
from vergence.losses import AMCL as Loss
from vergence.losses import Loss as AnyLoss
from vergence.methods.learner import Learner
from vergence.methods.recipe import Recipe, known
from vergence.models import MultiHead

__all__ = ["AMCL"]


class AMCL(Recipe):
    """Adaptive multi-head contrastive learning on SimCLR.

    z is the rows of all heads one after the other, `dim` entries in all: what maps and probes see is their common row.

    Differs from the paper where a laptop needs it: as `SimCLR` does. Temperatures lie above 0.05 in place of 1e-5:
    they all sink as partners are told apart, and the loss reads 0 from then on.

    Args:
        heads: how many similarities; the paper finds 3 enough.
        beta: what a pair's temperature costs beside those of other pairs, 0 or above.
        low, high: between which temperatures lie.
        more: encoder, dim (of all heads together, a multiple of `heads`; 96), views, strength, learning_rate,
            weight_decay, batches, as in `Recipe`.

    Raises ArgumentError. Source: Wang et al. 2024, arXiv:2310.05615.
    """

    name: ClassVar[str] = "AMCL"

    def __init__(
        self, heads: int = 3, beta: float = 1e-4, *, low: float = 0.05, high: float = 2.0, **more: Any
    ) -> None:
        shapes.check_count("AMCL", "heads", heads)
        more = {"dim": 96} | known(type(self), more)
        if more["dim"] % heads:
            raise errors.ArgumentError(
                f"AMCL: dim is {more['dim']}, which {heads} heads cannot share. Use a multiple, "
                f"dim={heads * max(1, more['dim'] // heads)}."
            )
        self.heads, self.low, self.high = heads, low, high
        # Without its network, which `loss_for` makes: a recipe draws no random numbers.
        super().__init__(Loss(heads, beta=beta, low=low, high=high), **more)

    def head(self, width: int) -> nn.Module:
        """Several projectors beside one another."""
        return MultiHead(width, heads=self.heads, out_dim=self.dim // self.heads, hidden=2 * width)

    def loss_for(self, learner: Learner) -> AnyLoss:
        """One with weights of its own, drawn where random numbers are under control."""
        del learner
        beta = self.loss.settings()["beta"]
        return Loss(self.heads, self.dim // self.heads, beta=beta, low=self.low, high=self.high)
