"""SimCLR: two augmented views of a sample are a positive pair, everything else in the batch is negative."""

from __future__ import annotations

from typing import Any, ClassVar

from vergence.losses import NTXent
from vergence.methods.recipe import Recipe, known

__all__ = ["SimCLR"]


class SimCLR(Recipe):
    """SimCLR, with NT-Xent on a two-layer projector.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of LARS, a small conv net in place of
    ResNet-50, batch 256 in place of 4,096, temperature 0.2 (the paper found 0.1 best at long schedules and prints
    0.5 for CIFAR-10), no warm-up or cosine schedule.

    Args:
        temperature: τ of NT-Xent, above 0. Low: a few hard negatives carry the gradient. High: all count alike.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, as in `Recipe`.

    Source: Chen et al. 2020, arXiv:2002.05709.
    """

    name: ClassVar[str] = "SimCLR"

    def __init__(self, temperature: float = 0.2, **more: Any) -> None:
        super().__init__(NTXent(temperature=temperature), **known(type(self), more))
