"""BYOL: predict what a slow copy of yourself makes of another view. No negatives."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from vergence.losses.byol import BYOL as Loss
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.recipe import Recipe, known
from vergence.methods.siamese import Taught
from vergence.models import Predictor

__all__ = ["BYOL"]


class BYOL(Recipe):
    """BYOL: an online network with a predictor, a teacher that follows it, and nothing that pushes apart.

    It can collapse, and does not, as long as the predictor is there and the teacher slow: `run.set(predictor="off")`
    shows what it prevents; the loss falls all the same.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of LARS, a small conv net in place of
    ResNet-50, batch 256 in place of 4,096, heads of width 256 in place of 4,096, and a momentum that stays at 0.99 (the
    paper: from 0.996 to 1 over a run of known length, which `ema_steps` gives). Statistics of BatchNorm are taken view
    by view, as there.

    Args:
        ema: m of the teacher, 0 to 1; a control while it runs. At 1 the teacher never moves, at 0 it is the student.
        ema_steps: over how many steps m rises to 1, by a cosine; None: it stays.
        hidden: width of the predictor.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Source: Grill et al. 2020, arXiv:2006.07733.
    """

    name: ClassVar[str] = "BYOL"
    together: ClassVar[bool] = False

    def __init__(self, ema: float = 0.99, ema_steps: int | None = None, hidden: int = 256, **more: Any) -> None:
        super().__init__(Loss(), **known(type(self), more))
        self.ema, self.ema_steps, self.hidden = ema, ema_steps, hidden

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder, projector, predictor and teacher for items of this shape."""
        encoder, projector, _, width = self.parts(item_shape)
        predictor = Predictor(width, hidden=self.hidden)
        return BYOLLearner(encoder, projector, predictor, momentum=self.ema, steps=self.ema_steps)


class BYOLLearner(Taught):
    """Guesses of the predictor; targets of the teacher. The switch `predictor`: off, the embedding is the guess."""

    def __init__(
        self, encoder: nn.Module, projector: nn.Module, predictor: nn.Module, *, momentum: float, steps: int | None
    ) -> None:
        super().__init__(encoder, projector, momentum=momentum, steps=steps)
        self.predictor = predictor
        self.switches["predictor"] = True

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """Guesses of the predictor; targets of the teacher."""
        del batch
        h, z = self.represent(views)
        guesses = tuple(self.predictor(view) for view in z) if self.switches["predictor"] else z
        return Outputs(h, z, guesses, {"targets": self.taught(views)[-1]})
