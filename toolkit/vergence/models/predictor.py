"""Predictors: what turns the embedding of one view into a guess at the target of the other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.models.conv import check_sizes
from vergence.models.direct_pred import correlation, direct_pred
from vergence.models.mlp import Projector

__all__ = ["DirectPredictor", "Predictor"]


class Predictor(Projector):
    """Two linear layers with BatchNorm and ReLU between them, as wide at the end as at the start.

        (batch, dim) -> hidden -> (batch, dim)

    dim: of the embeddings. hidden: width in between; wider than dim in BYOL (4,096 for 256), a bottleneck of dim / 4
    in SimSiam (512 for 2,048).

    Only the online branch has it. Without it, or when gradients flow into the target, everything meets in one point.

    Raises ArgumentError, ShapeError.
    Source: Grill et al. 2020, arXiv:2006.07733, section 3; Chen & He 2020, arXiv:2011.10566, section 3.
    """

    def __init__(self, dim: int, hidden: int = 256) -> None:
        super().__init__(dim, hidden=hidden, out_dim=dim, layers=2)


class DirectPredictor(nn.Module):
    r"""A linear predictor that is computed and not trained: q = W z, W from the correlation of the embeddings.

    dim: of the embeddings. momentum: m of the moving mean of their correlation F. epsilon: lifts weak directions; see
    `direct_pred.direct_pred`.

    W is the identity until the first `follow`, which then sets it for the steps after. Trained linear predictors come
    to share the eigenvectors of F by themselves; this one does from the second step on, and keeps collapse away
    as a trained one does, although no gradient touches it.

    Raises ArgumentError, ShapeError.
    Source: Tian et al. 2021, arXiv:2102.06810, section 4; their W_p is our W.
    """

    correlation: Tensor
    weight: Tensor
    steps: Tensor

    def __init__(self, dim: int, momentum: float = 0.3, epsilon: float = 0.1) -> None:
        super().__init__()
        check_sizes("DirectPredictor", dim=dim)
        shapes.check_nonnegative("DirectPredictor", "epsilon", epsilon)
        shapes.check_nonnegative("DirectPredictor", "momentum", momentum)
        if momentum > 1:
            raise errors.ArgumentError(f"DirectPredictor: momentum is {momentum!r}. It must be a number from 0 to 1.")
        self.dim, self.momentum, self.epsilon = dim, float(momentum), float(epsilon)
        self.register_buffer("correlation", torch.zeros(dim, dim))
        self.register_buffer("weight", torch.eye(dim))
        self.register_buffer("steps", torch.tensor(0))

    @torch.no_grad()
    def follow(self, *views: Float[Tensor, "batch dim"]) -> None:
        """After a step: take the embeddings of all views into F, and W from it. Raises ShapeError, NotFinite."""
        before = self.correlation if int(self.steps) else None
        found = correlation(torch.cat([view.detach() for view in views]), before, momentum=self.momentum)
        # New tensors: the graph of the step before may still hold the old ones.
        self.weight = direct_pred(found, epsilon=self.epsilon).to(self.weight)
        self.correlation = found.to(self.correlation)
        self.steps = self.steps + 1

    def forward(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """The guess, one row per row of z."""
        if z.ndim != 2 or z.shape[1] != self.dim:
            raise errors.ShapeError(
                f"DirectPredictor: z is {tuple(z.shape)}. It must be (batch, {self.dim}), what the projector returns."
            )
        return z @ self.weight.to(z).T

    def extra_repr(self) -> str:
        """The settings."""
        return f"dim={self.dim}, momentum={self.momentum:g}, epsilon={self.epsilon:g}"
