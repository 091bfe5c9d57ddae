"""VICReg: no negatives, no cosines; statistics of the batch keep the embeddings apart."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from vergence import shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale, check_two_views, sum_of, two_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["VICReg", "covariance", "invariance", "variance", "vicreg"]

EPSILON = 1e-4
"""Keeps the square root of a variance of 0 differentiable; also why collapse costs 0.99 and not 1."""


def vicreg(
    a: Embeddings,
    b: Embeddings,
    *,
    invariance_weight: float = 25.0,
    variance_weight: float = 25.0,
    covariance_weight: float = 1.0,
) -> Scalar:
    r"""How far views differ, how far columns fall short of spread 1, and how far they repeat one another.

        vicreg(a, b) = 25 invariance(a, b) + 25 (variance(a) + variance(b)) / 2 + 1 (covariance(a) + covariance(b))

    a, b: (batch, dim), batch >= 2; row i of both is one sample. Rows are *not* normalised: length matters here.
    The three weights: >= 0; the defaults are the authors'.

    Reads 24.75 when every row is the same constant (25 times 0.99), 0 when views agree, every column has
    variance 1 and no two columns are correlated, which needs batch > dim. The variance term falls first in
    a healthy run; a loss that rests near 24.75 has collapsed.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Bardes et al. 2021, arXiv:2105.04906, equations 1 to 6. The half before the variances is in the
    authors' code, not in equation 6; without it (as some libraries have it) collapse reads 49.5.
    """
    weights = {"invariance": invariance_weight, "variance": variance_weight, "covariance": covariance_weight}
    for name, value in weights.items():
        shapes.check_nonnegative("vicreg", f"{name}_weight", value)
    return sum_of(_terms("vicreg", a, b, weights))


def invariance(a: Embeddings, b: Embeddings) -> Scalar:
    r"""Mean squared difference of the two views, over rows and columns.

        invariance(a, b) = mean over i, k of  (a_ik - b_ik)^2

    a, b: (batch, dim). Reads 0 when the views agree; grows with the square of their scale, without bound.

    Raises ShapeError, TooFewRows, DeviceMismatch.
    Source: Bardes et al. 2021, arXiv:2105.04906, equation 5, divided by dim as in the authors' code.
    """
    check_two_views("invariance", a, b)
    a, b = at_least_single(a, b)
    return (a - b).square().mean()


def variance(z: Embeddings) -> Scalar:
    r"""How far the standard deviation of each column falls short of 1.

        variance(z) = mean over columns k of  max(0, 1 - sqrt(var(z_k) + 0.0001))

    z: (batch, dim), batch >= 2. var: over the batch, divided by batch - 1.

    Reads 0 when every column spreads at least 1, 0.99 when every column is constant (collapse).

    Raises ShapeError, TooFewRows.
    Source: Bardes et al. 2021, arXiv:2105.04906, equations 1 and 2; their gamma is 1, their epsilon 0.0001.
    """
    shapes.check_embeddings("variance", "z", z, rows=2)
    (z,) = at_least_single(z)
    return torch.relu(1 - torch.sqrt(z.var(dim=0) + EPSILON)).mean()


def covariance(z: Embeddings) -> Scalar:
    r"""How much the columns repeat one another.

        covariance(z) = (1 / dim)  sum over columns k != l of  C_kl^2,   C = covariance matrix of the columns

    z: (batch, dim), batch >= 2. C is divided by batch - 1.

    Reads 0 when no two columns vary together, and also at collapse; dim - 1 when all columns are one column
    of variance 1. Columns of variance 1 cannot be uncorrelated when batch - 1 < dim: then at least
    dim / (batch - 1) - 1.

    Raises ShapeError, TooFewRows.
    Source: Bardes et al. 2021, arXiv:2105.04906, equations 3 and 4.
    """
    shapes.check_embeddings("covariance", "z", z, rows=2)
    (z,) = at_least_single(z)
    with full_precision(z.device):
        centred = z - z.mean(dim=0)
        c = centred.T @ centred / (len(z) - 1)
        # Taking the diagonal out before squaring: afterwards a small rest would drown in its rounding error.
        return (c - torch.diag(c.diagonal())).square().sum() / z.shape[1]


class VICReg(Base):
    """VICReg as an object: the loss, its three terms and its scale.

    invariance, variance, covariance: weights, >= 0; the defaults are the authors'.

    Raises ArgumentError.
    """

    name = "VICReg"
    variant = "variance halved over the views, mean over columns, unbiased variance"
    source = "Bardes et al. 2021, arXiv:2105.04906"
    views = 2
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = dict.fromkeys(
        ("invariance", "variance", "covariance"), shapes.check_nonnegative
    )

    def __init__(self, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0) -> None:
        super().__init__(invariance=invariance, variance=variance, covariance=covariance)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`invariance`, `variance` (mean of both views) and `covariance` (sum), each times its weight."""
        self.given(more)
        return _terms(self.name, *two_views(self.name, views), self.settings())

    def chance(self, batch: int, dim: int) -> float:
        """Collapse: every row the same constant. 24.75 at the default weights. Raises ArgumentError."""
        check_scale("VICReg.chance", batch, dim)
        return self._settings["variance"] * (1 - math.sqrt(EPSILON))

    def floor(self, batch: int, dim: int) -> float:
        r"""Views agree, every column has the same variance v, and columns repeat one another as little as they can.

            floor = min over v <= 1 of  variance_weight (1 - sqrt(v)) + 2 covariance_weight v^2 r
            r = max(0, dim / (batch - 1) - 1)

        Reads 0 when batch > dim. In a smaller batch the centred rows span only batch - 1 directions, so dim
        columns of variance 1 must correlate (r), and shrinking them (v) may cost less: 6.00 at batch 2,048,
        dim 8,192 (there v is 1). For v = 1 the hinge is met with 0.0001 to spare, which is left out.

        Raises ArgumentError.
        """
        check_scale("VICReg.floor", batch, dim)
        rest = max(0.0, dim / max(batch - 1, 1) - 1)
        hinge, off_diagonal = self._settings["variance"], self._settings["covariance"]
        slope = 8 * off_diagonal * rest
        v = 1.0 if slope <= hinge else (hinge / slope) ** (2 / 3)
        return hinge * (1 - math.sqrt(v)) + 2 * off_diagonal * v**2 * rest

    def pair_weights(self, *views: Tensor, **more: Any) -> None:
        """None: VICReg is no function of cosines. Raises ShapeError."""
        self.given(more)
        two_views(self.name, views)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` the least that this batch and dim allow."""
        check_scale("VICReg.reference_words", batch, dim)
        return {"chance": "collapse", "floor": "decorrelated" if batch > dim else f"rank {batch - 1} of {dim}"}


def _terms(call: str, a: Tensor, b: Tensor, weights: dict[str, float]) -> dict[str, Tensor]:
    check_two_views(call, a, b)
    return {
        "invariance": weights["invariance"] * invariance(a, b),
        "variance": weights["variance"] * (variance(a) + variance(b)) / 2,
        "covariance": weights["covariance"] * (covariance(a) + covariance(b)),
    }
