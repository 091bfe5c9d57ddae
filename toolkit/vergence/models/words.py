"""An encoder for words."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors
from vergence.models.conv import check_dropout, check_sizes

__all__ = ["WordEncoder"]


class WordEncoder(nn.Module):
    """A bag of embeddings and two linear layers: counts to representations h.

        (batch, places) -> mean of the embeddings of what is there -> hidden, ReLU -> (batch, dim)

    in_dim: places of a row of counts, as `data.hashed_words` makes them. hidden: length of an embedding. dim: length
    of h. dropout: probability in training.

    LayerNorm and not BatchNorm stands between, so that a row alone gives what it gives among others: class names
    come a few at a time. A row without words gives one and the same h.

    Raises ArgumentError, ShapeError.
    Source: the deep averaging network of Iyyer et al. 2015, ACL.
    """

    def __init__(self, in_dim: int, hidden: int = 256, dim: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        check_sizes("WordEncoder", in_dim=in_dim, hidden=hidden, dim=dim)
        check_dropout("WordEncoder", dropout)
        self.in_dim, self.dim = in_dim, dim
        self.embeddings = nn.Linear(in_dim, hidden, bias=False)
        self.layers = nn.Sequential(
            nn.LayerNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.LayerNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, dim),
        )

    def forward(self, x: Float[Tensor, "batch places"]) -> Float[Tensor, "batch dim"]:
        """h, one row per text."""
        if x.ndim != 2 or x.shape[1] != self.in_dim:
            raise errors.ShapeError(
                f"WordEncoder: x is {tuple(x.shape)}. It must be (batch, {self.in_dim}), counts as "
                f"data.hashed_words(texts, width={self.in_dim}) makes them."
            )
        bag = self.embeddings(x) / x.sum(1, keepdim=True).clamp_min(1)
        h: Tensor = self.layers(bag)
        return h
