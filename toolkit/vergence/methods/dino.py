"""DINO: the student sorts a view into the classes that its slow teacher gave to another view."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vergence.losses.dino import DINO as Loss
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.recipe import Recipe, known
from vergence.methods.siamese import Taught
from vergence.models import Projector, Prototypes

__all__ = ["DINO"]


class DINO(Recipe):
    """DINO: self-distillation without labels. Classes without a meaning, a centred and sharpened teacher.

    Two collapses wait: the same class everywhere, which centring prevents (`run.set(momentum=1)` switches it off), and
    all classes alike, which sharpening prevents (raise `teacher_temperature`). The terms of the loss tell them apart.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of AdamW with warm-up and schedules, a small
    conv net in place of a ViT, 1,024 classes in place of 65,536, a teacher's momentum that stays at 0.99 (there: from
    0.996 to 1, which `ema_steps` gives), two views of full size and no small crops, a head with BatchNorm and ReLU in
    place of GELU, a teacher's temperature without warm-up. As there the head has three layers and ends in a narrow
    row, which is our z, and the last layer has rows of length 1.

    Args:
        classes: how many, K; chance is ln K.
        temperature, teacher_temperature: above 0, of student and teacher.
        momentum: of the centre, 0 to 1. ema, ema_steps: of the teacher, see `methods.BYOL`.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError. Source: Caron et al. 2021, arXiv:2104.14294.
    """

    name: ClassVar[str] = "DINO"

    def __init__(
        self,
        classes: int = 1024,
        temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        momentum: float = 0.9,
        ema: float = 0.99,
        ema_steps: int | None = None,
        **more: Any,
    ) -> None:
        loss = Loss(temperature=temperature, teacher_temperature=teacher_temperature, momentum=momentum)
        super().__init__(loss, **known(type(self), more))
        self.classes, self.ema, self.ema_steps = classes, ema, ema_steps

    def head(self, width: int) -> nn.Module:
        """Three layers down to the row that is compared with the classes."""
        return Projector(width, hidden=2 * width, out_dim=self.dim, layers=3)

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder, head, classes and teacher for items of this shape."""
        encoder, projector, _, width = self.parts(item_shape)
        classes = Prototypes(width, self.classes)
        return DINOLearner(encoder, projector, classes, momentum=self.ema, steps=self.ema_steps, together=True)


class DINOLearner(Taught):
    """Scores of student and teacher for each class; z is the row that they are made of."""

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """The student's scores of all views; as targets the teacher's."""
        h, z = self.represent(views)
        scores = self.last(torch.cat(z)).split(len(batch.index))
        return Outputs(h, z, scores, {"targets": self.taught(views)[-1]})
