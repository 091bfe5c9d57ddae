"""Heads that stand between h and the loss, beside the usual `Projector`."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from vergence import errors, shapes
from vergence.models.conv import check_sizes

__all__ = ["LinearHead", "NoHead", "Prototypes", "Reweight"]


class NoHead(nn.Identity):
    """No head: z is h. What the loss forgets is then forgotten in h as well, which is what one uses afterwards.

    An `nn.Identity` with a name, for comparing heads: none, `LinearHead`, `Projector`, `Reweight`.
    """


class LinearHead(nn.Linear):
    """One linear map: z = W h + b. (batch, in_dim) -> (batch, out_dim).

    It can turn, stretch and drop directions of h, and nothing else: the least head that lets h keep what z gives up.

    Raises ArgumentError.
    """

    def __init__(self, in_dim: int, out_dim: int = 128) -> None:
        check_sizes("LinearHead", in_dim=in_dim, out_dim=out_dim)
        super().__init__(in_dim, out_dim)


class Prototypes(nn.Module):
    """Cosines with learned directions: how near a row is to each of them.

        (batch, dim) -> (batch, count),   out_ik = z_i . c_k / (|z_i| |c_k|)

    dim: of the rows. count: how many directions, K; they are classes without a meaning, which a method gives them.

    Raises ArgumentError, ShapeError.
    Source: the last layer of Caron et al. 2021, arXiv:2104.14294, with its weights kept at length 1.
    """

    def __init__(self, dim: int, count: int) -> None:
        super().__init__()
        check_sizes("Prototypes", dim=dim, count=count)
        self.dim, self.count = dim, count
        self.directions = nn.Parameter(normalize(torch.randn(count, dim)))

    def forward(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch count"]:
        """The cosines, -1 to 1."""
        if z.ndim != 2 or z.shape[1] != self.dim:
            raise errors.ShapeError(
                f"Prototypes: z is {tuple(z.shape)}. It must be (batch, {self.dim}), what the head returns."
            )
        return linear(normalize(z), normalize(self.directions))


class Reweight(nn.Module):
    r"""A head that learns nothing: each feature is multiplied by a fixed weight, and the weights fall.

        z_k = h_k / kappa^k,   k = 0 .. dim - 1

    dim: length of h, and of z. kappa: how many times less each feature weighs than the one before, >= 1; 1 is no
    head at all. keep: how many features get a weight above 0; all of them without a number.

    A trained head weighs features more unequally than the layer below it; this one does so by decree, and by a known
    amount. The features with large weights carry the loss and become invariant; those with small ones are hardly seen
    by it and stay in h, more even and less specialised. At dim = 128 and kappa = 1.1 the last weight is 5.5e-6.

    Raises ArgumentError, ShapeError.
    Source: the fixed re-weighting that Xue et al. 2024, arXiv:2403.11391, put in the place of a head; that the weights
    fall geometrically, and 1.1, are our choice.
    """

    weights: Tensor

    def __init__(self, dim: int, kappa: float = 1.1, keep: int | None = None) -> None:
        super().__init__()
        check_sizes("Reweight", dim=dim, keep=dim if keep is None else keep)
        shapes.check_nonnegative("Reweight", "kappa", kappa)
        if kappa < 1:
            raise errors.ArgumentError(f"Reweight: kappa is {kappa!r}. It must be 1 or above, for example 1.1.")
        self.dim, self.kappa = dim, float(kappa)
        weights = self.kappa ** -torch.arange(dim, dtype=torch.float64)
        weights[dim if keep is None else keep :] = 0
        self.register_buffer("weights", weights.float())

    def forward(self, h: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """z, one row per row of h."""
        if h.ndim != 2 or h.shape[1] != self.dim:
            raise errors.ShapeError(
                f"Reweight: h is {tuple(h.shape)}. It must be (batch, {self.dim}), what the encoder returns; make the "
                "head with dim = encoder.dim."
            )
        return h * self.weights

    def extra_repr(self) -> str:
        """The settings."""
        return f"dim={self.dim}, kappa={self.kappa:g}"
