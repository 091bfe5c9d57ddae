"""W-MSE: whiten the batch, then pull views together. Whitened rows cannot collapse."""

from __future__ import annotations

from typing import Any, ClassVar

from vergence.losses.whitening import WMSE as Loss
from vergence.methods.recipe import Recipe, known

__all__ = ["WMSE"]


class WMSE(Recipe):
    """W-MSE: the distance of the two views after each view's rows were made to have the identity as covariance.

    A covariance of `dim` columns needs more than `dim` rows, so the embedding is short: 64.

    Differs from the paper where a laptop needs it: Adam at 1e-3 with a schedule left out, a small conv net in place of
    ResNet-18, batch 256 in place of 512, a head of width 256 in place of 1,024; two views, its d = 2.

    Args:
        size: rows that are whitened together, more than dim; None: the whole batch.
        rounds: random cuts into such parts, averaged.
        shrink: 0 to below 1, how far the covariance is moved towards the identity before.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError. Source: Ermolov et al. 2020, arXiv:2007.06346.
    """

    name: ClassVar[str] = "W-MSE"

    def __init__(self, size: int | None = None, rounds: int = 1, shrink: float = 0.0, **more: Any) -> None:
        super().__init__(Loss(size, rounds=rounds, shrink=shrink), **known(type(self), {"dim": 64, **more}))
