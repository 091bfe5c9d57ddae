"""SimSiam: predict your own embedding of another view, with the gradient stopped there. No negatives, no teacher."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import torch
from torch import nn

from vergence import errors, shapes
from vergence.losses.sim_siam import SimSiam as Loss
from vergence.methods.learner import Learner
from vergence.methods.recipe import Recipe, known
from vergence.methods.siamese import Siamese
from vergence.models import DirectPredictor, Predictor, Projector

__all__ = ["SimSiam"]

NARROWEST = 32
"""Columns of the predictor's bottleneck: in a narrower one there is no room for a prediction."""
Kind = Literal["mlp", "linear", "direct", "none"]


class SimSiam(Recipe):
    """SimSiam: two views, one network, a predictor, and a stop of the gradient.

    The loss is -1 at collapse too; what keeps it from collapsing are the predictor and the stop. Turn either off
    while it runs, `run.set(stop_gradient="off")`, and watch the dimensions of the embeddings vanish while the loss
    looks better than ever. Their spread falls later: the BatchNorm at the end of the head holds it up for a while.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of SGD with a cosine schedule, a small conv
    net in place of ResNet-50, heads of width 256 in place of 2,048. As there the projector has three layers and ends
    in a BatchNorm, the predictor is a bottleneck of a quarter of the width (but of 32 columns at least), and statistics
    are taken view by view. The predictor learns ten times as fast as the rest: one that lags behind what it predicts
    lets directions go, and in runs of some hundred steps it lags (Grill et al. 2020, arXiv:2006.07733, appendix, and
    Tian et al. 2021 on a predictor near its optimum).

    Args:
        predictor: "mlp"; "linear", one matrix; "direct", a matrix that is computed from the embeddings and not trained
            (`models.DirectPredictor`); "none": there is no predictor at all, and it collapses.
        stop_gradient: False begins with the switch off.
        predictor_rate: learning rate of the predictor over that of the rest, > 0; 1 is the paper's.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises UnknownName, ArgumentError.
    Source: Chen & He 2020, arXiv:2011.10566; "direct": Tian et al. 2021, arXiv:2102.06810.
    """

    name: ClassVar[str] = "SimSiam"
    together: ClassVar[bool] = False

    def __init__(
        self, predictor: Kind = "mlp", stop_gradient: bool = True, predictor_rate: float = 10.0, **more: Any
    ) -> None:
        if predictor not in get_args(Kind):
            raise errors.UnknownName("SimSiam", str(predictor), get_args(Kind), "predictor")
        shapes.check_positive("SimSiam", "predictor_rate", predictor_rate)
        super().__init__(Loss(stop_gradient=stop_gradient), **known(type(self), more))
        self.predictor = predictor
        self.predictor_rate = predictor_rate

    def head(self, width: int) -> nn.Module:
        """Three layers, and a BatchNorm without weights of its own at the end."""
        layers = Projector(width, hidden=2 * width, out_dim=self.dim, layers=3)
        return nn.Sequential(layers, nn.BatchNorm1d(self.dim, affine=False))

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder, projector and predictor for items of this shape."""
        encoder, projector, _, width = self.parts(item_shape)
        return Siamese(encoder, projector, self._predictor(width), together=self.together)

    def _predictor(self, width: int) -> nn.Module | None:
        if self.predictor == "none":
            return None
        if self.predictor == "linear":
            return nn.Linear(width, width, bias=False)
        if self.predictor == "direct":
            return DirectPredictor(width)
        return Predictor(width, hidden=max(NARROWEST, width // 4))

    def optimiser(self, learner: nn.Module) -> torch.optim.Optimizer:
        """Adam, with a learning rate of its own for the predictor."""
        made = super().optimiser(learner)
        predictor = getattr(learner, "predictor", None)
        quick = [] if predictor is None else [value for value in predictor.parameters() if value.requires_grad]
        if quick and self.predictor_rate != 1:
            known = {id(value) for value in quick}
            group = made.param_groups[0]
            group["params"] = [value for value in group["params"] if id(value) not in known]
            made.add_param_group({"params": quick, "lr": self.predictor_rate * self.learning_rate})
        return made
