"""Encoders and heads made of linear layers."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors
from vergence.models.conv import check_dropout, check_sizes

__all__ = ["MLPEncoder", "Projector"]


class MLPEncoder(nn.Module):
    """Three linear layers: vectors to representations h.

        (batch, in_dim) -> hidden -> hidden -> (batch, dim)

    with BatchNorm, ReLU and dropout after the first two. Items with more axes are flattened first.

    in_dim: entries of an item. hidden: width. dim: length of h. dropout: probability in training.

    Raises ArgumentError, ShapeError.
    """

    def __init__(self, in_dim: int, hidden: int = 256, dim: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        check_sizes("MLPEncoder", in_dim=in_dim, hidden=hidden, dim=dim)
        check_dropout("MLPEncoder", dropout)
        self.in_dim, self.dim = in_dim, dim
        self.layers = nn.Sequential(
            nn.Linear(in_dim, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, dim),
        )

    def forward(self, x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch dim"]:
        """h, one row per item."""
        flat = x.flatten(1) if x.ndim > 1 else x
        if flat.ndim != 2 or flat.shape[1] != self.in_dim:
            raise errors.ShapeError(
                f"MLPEncoder: x is {tuple(x.shape)}. It must be (batch, {self.in_dim}) once flattened; "
                "make the encoder with in_dim = the entries of one item."
            )
        h: Tensor = self.layers(flat)
        return h


class Projector(nn.Module):
    """The head between h and the loss: representations h to embeddings z.

        (batch, in_dim) -> hidden -> ... -> (batch, out_dim)

    `layers` linear layers, with BatchNorm and ReLU between them and nothing after the last, so z may have
    any sign. What the loss asks to be forgotten (colour, orientation) is forgotten here and survives in h,
    which is why h is what one uses afterwards.

    in_dim: length of h. hidden: width in between. out_dim: length of z.
    layers: 1 (a linear map) or more. batch_norm: BatchNorm before each ReLU.

    Raises ArgumentError, ShapeError.
    Source: Chen et al. 2020, arXiv:2002.05709, section 4.2, whose g(h) is ours with layers=2.
    """

    def __init__(
        self, in_dim: int, hidden: int = 256, out_dim: int = 128, layers: int = 2, batch_norm: bool = True
    ) -> None:
        super().__init__()
        check_sizes("Projector", in_dim=in_dim, hidden=hidden, out_dim=out_dim, layers=layers)
        self.in_dim, self.out_dim = in_dim, out_dim
        widths = [in_dim, *[hidden] * (layers - 1), out_dim]
        modules: list[nn.Module] = []
        for before, after in pairwise(widths[:-1]):
            modules.append(nn.Linear(before, after, bias=not batch_norm))
            if batch_norm:
                modules.append(nn.BatchNorm1d(after))
            modules.append(nn.ReLU(inplace=True))
        modules.append(nn.Linear(widths[-2], out_dim))
        self.layers = nn.Sequential(*modules)

    def forward(self, h: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch out_dim"]:
        """z, one row per row of h."""
        if h.ndim != 2 or h.shape[1] != self.in_dim:
            raise errors.ShapeError(
                f"Projector: h is {tuple(h.shape)}. It must be (batch, {self.in_dim}), what the encoder "
                "returns; make the head with in_dim = encoder.dim."
            )
        z: Tensor = self.layers(h)
        return z
