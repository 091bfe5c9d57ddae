"""LeJEPA: views meet at their mean, and the rows are held to a standard Gaussian. No teacher, no negatives."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from vergence.losses.sigreg import LeJEPA as Loss
from vergence.methods.recipe import Recipe, known
from vergence.models import Projector

__all__ = ["LeJEPA"]


class LeJEPA(Recipe):
    """LeJEPA: agreement of the views, and SIGReg, which tests random projections of the rows against a Gaussian.

    One number to choose: the share of SIGReg. At 0 everything shrinks to a point.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of AdamW with warm-up and schedule, a small
    conv net in place of a ViT, two views of full size in place of two large and six small ones, a head of width 256 in
    place of 2,048. Three layers and 16 columns as in the authors' minimal example.

    Args:
        weight: share of SIGReg, 0 to 1; 0.05 as in the paper. A control while it runs.
        count: how many views are made of each item, 2 or more.
        slices: random directions in each step.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError. Source: Balestriero & LeCun 2025, arXiv:2511.08544; their lambda is our weight.
    """

    name: ClassVar[str] = "LeJEPA"

    def __init__(self, weight: float = 0.05, count: int = 2, slices: int = 256, **more: Any) -> None:
        super().__init__(Loss(weight, views=count, slices=slices), **known(type(self), {"dim": 16, **more}))

    def head(self, width: int) -> nn.Module:
        """Three layers."""
        return Projector(width, hidden=2 * width, out_dim=self.dim, layers=3)
