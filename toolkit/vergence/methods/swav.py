"""SwAV: two views of an item are given the same prototypes, while a batch must use all of them."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import normalize

from vergence.losses import Loss
from vergence.losses.swav import SwAV as SwAVLoss
from vergence.methods.learner import Learner
from vergence.methods.recipe import Recipe, known

__all__ = ["SwAV"]


class SwAV(Recipe):
    """SwAV: online clustering with swapped predictions.

    Sinkhorn's iterations are what keeps one prototype from taking everything: `run.set(sinkhorn="off")` shows it.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of LARS, a small conv net in place of
    ResNet-50, batch 256 in place of 4,096, 100 prototypes in place of 3,000 (a batch cannot use more than it has
    rows), two views of full size and no small crops, no queue, prototypes that learn from the first step on.

    Args:
        prototypes: how many, K >= 2; chance is ln K.
        temperature: of the answers, above 0. epsilon: of Sinkhorn, above 0; small: sharp assignments.
        sinkhorn: False begins with the switch off: assignments by softmax.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError. Source: Caron et al. 2020, arXiv:2006.09882.
    """

    name: ClassVar[str] = "SwAV"

    def __init__(
        self,
        prototypes: int = 100,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        sinkhorn: bool = True,
        **more: Any,
    ) -> None:
        loss = SwAVLoss(prototypes=prototypes, temperature=temperature, epsilon=epsilon, sinkhorn=sinkhorn)
        super().__init__(loss, **known(type(self), more))

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder and head for items of this shape; the prototypes are the loss's."""
        encoder, projector, _, width = self.parts(item_shape)
        return SwAVLearner(encoder, projector, width)

    def loss_for(self, learner: Learner) -> Loss:
        """The loss, with prototypes drawn for this run and as wide as its head."""
        loss = super().loss_for(learner)
        if isinstance(loss, SwAVLoss) and isinstance(learner, SwAVLearner):
            loss.prototypes = nn.Parameter(normalize(torch.randn(len(loss.prototypes), learner.width)))
        return loss


class SwAVLearner(Learner):
    """Encoder and head. The switch `sinkhorn`: off, each row chooses its prototypes without looking at the others."""

    def __init__(self, encoder: nn.Module, projector: nn.Module, width: int) -> None:
        super().__init__(encoder, projector)
        self.width = width
        self._loss: tuple[SwAVLoss, ...] = ()

    def joined(self, loss: Loss) -> None:
        """The loss is where Sinkhorn is."""
        if isinstance(loss, SwAVLoss):
            self._loss = (loss,)  # in a tuple: its prototypes would count as the learner's else
            self.switches["sinkhorn"] = loss.sinkhorn

    def set(self, name: str, value: float | str) -> None:
        """Turn `sinkhorn` "on" or "off". Raises UnknownName."""
        super().set(name, value)
        for loss in self._loss:
            loss.sinkhorn = self.switches["sinkhorn"]
