"""VICReg: no negatives; variance and covariance of the batch keep the embeddings from collapsing."""

from __future__ import annotations

from typing import Any, ClassVar

from vergence.losses import VICReg as Loss
from vergence.methods.recipe import Recipe, known

__all__ = ["VICReg"]


class VICReg(Recipe):
    """VICReg with its three terms: invariance, variance, covariance.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of LARS, a small conv net in place of
    ResNet-50, batch 256 in place of 2,048, a head of width 256 in place of 8,192, no schedule.

    Args:
        invariance, variance, covariance: coefficients of the terms; the paper's are 25, 25, 1.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, as in `Recipe`.

    Source: Bardes, Ponce & LeCun 2022, arXiv:2105.04906.
    """

    name: ClassVar[str] = "VICReg"

    def __init__(self, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0, **more: Any) -> None:
        loss = Loss(invariance=invariance, variance=variance, covariance=covariance)
        super().__init__(loss, **known(type(self), more))
