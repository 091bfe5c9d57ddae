"""Barlow Twins: the cross-correlation of the two views' columns is to be the identity."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale, check_two_views, sum_of, two_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["BarlowTwins", "barlow_twins", "cross_correlation"]


EPSILON = 1e-5
"""What the authors' batch norm adds to a variance."""


def barlow_twins(a: Embeddings, b: Embeddings, *, redundancy: float = 0.005, epsilon: float = EPSILON) -> Scalar:
    r"""How far the columns of two views are from agreeing each with its own and with no other.

        barlow_twins(a, b) = sum over k of  (1 - C_kk)^2  +  redundancy  sum over k != l of  C_kl^2

    a, b: (batch, dim), batch >= 2; row i of both is one sample. Rows are *not* normalised; every column is
    standardised over the batch, so shift and scale of a column do not matter. C: see `cross_correlation`.
    redundancy: >= 0, no unit; what a correlation of two different columns costs. epsilon: >= 0, see there.

    Reads dim when every row is the same constant (C is 0), 0 when the views agree up to an affine change of each
    column and no two columns are correlated, which needs batch > dim; see `BarlowTwins.floor`. Both terms are
    sums over columns, so the number grows with dim.

    The variance is divided by the batch. Libraries that divide by batch - 1 there and by the batch in C (the
    default of `std` in torch) have another loss: on 8 rows and 6 columns of good views 0.169 where this one reads
    0.048, and 0.094 instead of 0 for identical views with redundancy 0. At batch 256 they differ by 0.2 %.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Zbontar et al. 2021, arXiv:2103.03230, equations 1 and 2; their lambda is our redundancy. Their code may
    put a factor in front of the whole, which is left to the learning rate here.
    """
    shapes.check_nonnegative("barlow_twins", "redundancy", redundancy)
    return sum_of(_terms("barlow_twins", a, b, redundancy, epsilon))


def cross_correlation(a: Embeddings, b: Embeddings, *, epsilon: float = EPSILON) -> Float[Tensor, "dim dim"]:
    r"""How each column of one view goes with each column of the other.

        C_kl = mean over i of  (a_ik - mean_k) (b_il - mean_l) / (std_k std_l)
        std_k^2 = epsilon + mean over i of  (a_ik - mean_k)^2

    a, b: (batch, dim), batch >= 2; row i of both is one sample.
    epsilon: >= 0, in squared units of the columns. 0.00001 is what the authors' batch norm adds; with it a column
    that hardly varies correlates with nothing. 0 is the paper's equation: then shift and scale of a column do
    not matter at all, and to one part in 100,000 they do not with the default where columns have variance 1.

    Reads 1 where two columns rise and fall together, -1 where they are opposite, 0 where they know nothing of one
    another. A column that does not vary (beyond the rounding of its own values) has no direction and reads 0.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Zbontar et al. 2021, arXiv:2103.03230, equation 2.
    """
    return _correlation("cross_correlation", a, b, epsilon)


class BarlowTwins(Base):
    """Barlow Twins as an object: the loss, its two terms and its scale.

    redundancy: >= 0, the weight of the off-diagonal; 0.005 as in the paper. epsilon: >= 0, see `cross_correlation`.

    Raises ArgumentError.
    """

    name = "Barlow Twins"
    variant = "sum over columns, biased variance, no scale in front"
    source = "Zbontar et al. 2021, arXiv:2103.03230"
    views = 2
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {"redundancy": shapes.check_nonnegative}

    def __init__(self, redundancy: float = 0.005, epsilon: float = EPSILON) -> None:
        shapes.check_nonnegative("BarlowTwins", "epsilon", epsilon)
        super().__init__(redundancy=redundancy)
        self.epsilon = float(epsilon)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`invariance`: the diagonal's distance from 1. `redundancy`: the squared rest, times its weight."""
        self.given(more)
        return _terms(self.name, *two_views(self.name, views), self._settings["redundancy"], self.epsilon)

    def chance(self, batch: int, dim: int) -> float:
        """Collapse: no column varies, so none agrees. dim, whatever the weight. Raises ArgumentError."""
        check_scale("BarlowTwins.chance", batch, dim)
        return float(dim)

    def floor(self, batch: int, dim: int) -> float:
        r"""Columns agree as far as it pays, and repeat one another as little as they can.

            floor = dim q / (1 + q),   q = redundancy max(0, dim / (batch - 1) - 1)

        Reads 0 when batch > dim. In a smaller batch the centred columns span only batch - 1 directions, so C has at
        most that rank: its diagonal cannot be 1 while the rest is 0. The sum of its squares is at least its
        trace squared over the rank, and a diagonal of 1 / (1 + q) is the best exchange: 121 at batch 2,048,
        dim 8,192. For a redundancy above 1 an uneven diagonal may read a little less.

        Raises ArgumentError.
        """
        check_scale("BarlowTwins.floor", batch, dim)
        q = self._settings["redundancy"] * max(0.0, dim / max(batch - 1, 1) - 1)
        return dim * q / (1 + q)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` the least that this batch and dim allow."""
        check_scale("BarlowTwins.reference_words", batch, dim)
        return {"chance": "collapse", "floor": "decorrelated" if batch > dim else f"rank {batch - 1} of {dim}"}


def _correlation(call: str, a: Tensor, b: Tensor, epsilon: float) -> Tensor:
    c, constant_a, constant_b = _products(call, a, b, epsilon)
    return c.masked_fill(constant_a[:, None] | constant_b[None, :], 0.0)


def _products(call: str, a: Tensor, b: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """C, and which columns of a and of b do not vary: what C says of these means nothing."""
    shapes.check_nonnegative(call, "epsilon", epsilon)
    check_two_views(call, a, b)
    a, b = at_least_single(a, b)
    with full_precision(a.device):
        # Torch's own standardisation is one pass; without epsilon it would divide by zero.
        standard = _standardised if epsilon == 0 else functools.partial(_batch_norm, epsilon=epsilon)
        c = standard(a).T @ standard(b) / len(a)
    return c, _constant(a), _constant(b)


def _batch_norm(z: Tensor, epsilon: float) -> Tensor:
    return torch.nn.functional.batch_norm(z, None, None, training=True, eps=epsilon)


def _constant(z: Tensor) -> Tensor:
    """Columns that vary by no more than rounding; NaN and infinite values are not "constant".

    The mean of equal numbers is off by a rounding error, and dividing that by itself would make a perfect correlation
    out of nothing.
    """
    low, high = z.detach().amin(dim=0), z.detach().amax(dim=0)  # aminmax takes ten times as long over columns
    rounding = 8 * torch.finfo(z.dtype).eps * torch.maximum(low.abs(), high.abs())
    return (high - low <= rounding) & rounding.isfinite()


def _standardised(z: Tensor) -> Tensor:
    """Columns of mean 0 and variance 1; of 0 where a column does not vary."""
    constant = _constant(z)
    centred = z - z.mean(dim=0)
    variance = centred.square().mean(dim=0)
    # Both branches stay finite, so that the gradient does too.
    spread = torch.where(constant, torch.ones_like(variance), variance).sqrt()
    return torch.where(constant, torch.zeros_like(centred), centred / spread)


def _terms(call: str, a: Tensor, b: Tensor, redundancy: float, epsilon: float) -> dict[str, Tensor]:
    c, constant_a, constant_b = _products(call, a, b, epsilon)
    # Taking the diagonal out before squaring: afterwards a small rest would drown in its rounding error.
    out = constant_a[:, None] | constant_b[None, :]
    out.fill_diagonal_(True)
    return {
        "invariance": (1 - c.diagonal().masked_fill(constant_a | constant_b, 0.0)).square().sum(),
        "redundancy": redundancy * c.masked_fill(out, 0.0).square().sum(),
    }
