"""Several heads beside one another."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence.models.conv import check_sizes
from vergence.models.mlp import Projector

__all__ = ["MultiHead"]


class MultiHead(nn.Module):
    """Several projectors of one make: representations h to embeddings z, one head after the other in each row.

        (batch, in_dim) -> (batch, heads x out_dim)

    Each head begins with weights of its own and so looks at something else in h; each gives a similarity of
    its own to the loss (`losses.AMCL`).

    in_dim: length of h. heads: how many. out_dim: length of one head's rows. hidden, layers, batch_norm: as in
    `Projector`.

    Raises ArgumentError, ShapeError.
    Source: Wang et al. 2024, arXiv:2310.05615, whose C is our heads.
    """

    def __init__(
        self,
        in_dim: int,
        heads: int = 3,
        out_dim: int = 32,
        hidden: int = 256,
        layers: int = 2,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("MultiHead", heads=heads)
        self.in_dim, self.out_dim = in_dim, heads * out_dim
        self.heads = nn.ModuleList(Projector(in_dim, hidden, out_dim, layers, batch_norm) for _ in range(heads))

    def forward(self, h: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch out_dim"]:
        """z, one row per row of h."""
        return torch.cat([head(h) for head in self.heads], 1)
