"""Barlow Twins: the columns of both views' embeddings agree, and no column repeats another."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from vergence.losses.barlow_twins import BarlowTwins as Loss
from vergence.methods.recipe import Recipe, known
from vergence.models import Projector

__all__ = ["BarlowTwins"]


class BarlowTwins(Recipe):
    """Barlow Twins: the correlation of the two views' columns becomes the identity.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of LARS, a small conv net in place of
    ResNet-50, batch 256 in place of 2,048, and a head of width 256 and 128 columns in place of 8,192: in a batch
    of N only N - 1 columns can be uncorrelated. Three layers, and statistics view by view, as there.

    Args:
        redundancy: weight of what is off the diagonal, >= 0; 0.005 as in the paper. At 0 columns repeat each other.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Source: Zbontar et al. 2021, arXiv:2103.03230; their lambda is our redundancy.
    """

    name: ClassVar[str] = "BarlowTwins"
    together: ClassVar[bool] = False

    def __init__(self, redundancy: float = 0.005, **more: Any) -> None:
        super().__init__(Loss(redundancy=redundancy), **known(type(self), more))

    def head(self, width: int) -> nn.Module:
        """Three layers."""
        return Projector(width, hidden=2 * width, out_dim=self.dim, layers=3)
