"""Alignment and uniformity, minimised directly."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import shapes
from vergence.geometry import at_least_single, full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale, check_two_views, sum_of, two_views
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["AlignmentUniformity", "alignment_uniformity", "crowding"]


def alignment_uniformity(
    a: Embeddings, b: Embeddings, *, alignment: float = 1.0, uniformity: float = 1.0, t: float = 2.0
) -> Scalar:
    r"""How far partners lie apart, and how crowded each view is on the sphere.

        alignment_uniformity(a, b) =  alignment  mean over i of  ||a_i - b_i||^2
                                    + uniformity  (crowding(a) + crowding(b)) / 2

    a, b: (batch, dim), batch N >= 2; row i of both is one sample. Rows are normalised here.
    alignment, uniformity: weights, >= 0. t: > 0, no unit: how near two rows must be to count.

    Reads 0 when all rows coincide: partners meet and crowding is at its worst, 0. Reads
    `AlignmentUniformity.floor` when partners coincide and the rest is spread evenly: -3.94 at t = 2, dim = 128. A
    healthy run comes from 0 or above and goes below it. Rows of one view are never compared with the other's, but
    for the partner.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Wang & Isola 2020, arXiv:2005.10242; their alpha is 2, their t our t, their lambda our
    alignment over our uniformity.
    """
    for name, value in (("alignment", alignment), ("uniformity", uniformity)):
        shapes.check_nonnegative("alignment_uniformity", name, value)
    shapes.check_positive("alignment_uniformity", "t", t)
    return sum_of(_terms("alignment_uniformity", a, b, alignment, uniformity, t))


def crowding(z: Embeddings, *, t: float = 2.0) -> Scalar:
    r"""How crowded rows are on the sphere: the uniformity of their directions, for training.

        crowding(z) = log  mean over i != j of  exp(-t ||z_i - z_j||^2)  =  -2t + log mean of exp(2t s_ij)

    z: (batch, dim), batch >= 2. Rows are normalised here; s is their cosine. t: > 0, no unit.

    Reads 0 when all rows coincide, -2t + log 0F1(; dim/2; t^2) when they lie as at random on the whole sphere: -3.94
    at t = 2, dim = 128. Memory grows with the batch, not with its square. `metrics.uniformity` is the same number
    with more digits close to collapse, for rows that have length 1 already.

    Raises ShapeError, TooFewRows, ArgumentError.
    Source: Wang & Isola 2020, arXiv:2005.10242, their uniformity; their x is our z.
    """
    shapes.check_embeddings("crowding", "z", z, rows=2)
    shapes.check_positive("crowding", "t", t)
    (z,) = at_least_single(z)
    with full_precision(z.device):
        return _crowding(normalize(z), t)


class AlignmentUniformity(Base):
    """Alignment and uniformity as an object: the loss, its two terms, its scale and its pair weights.

    alignment, uniformity: weights, >= 0; 1 and 1 as in the authors' code. t: > 0; 2 as there.

    Raises ArgumentError.
    """

    name = "alignment and uniformity"
    variant = "squared distance (alpha 2), uniformity of each view on its own, mean of both"
    source = "Wang & Isola 2020, arXiv:2005.10242"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {
        "alignment": shapes.check_nonnegative,
        "uniformity": shapes.check_nonnegative,
        "t": shapes.check_positive,
    }

    def __init__(self, alignment: float = 1.0, uniformity: float = 1.0, t: float = 2.0) -> None:
        super().__init__(alignment=alignment, uniformity=uniformity, t=t)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`alignment` and `uniformity`, each times its weight."""
        self.given(more)
        weights = self._settings
        return _terms(
            self.name, *two_views(self.name, views), weights["alignment"], weights["uniformity"], weights["t"]
        )

    def chance(self, batch: int, dim: int) -> float:
        """Collapse: all rows coincide. 0, whatever the weights. Raises ArgumentError."""
        check_scale("AlignmentUniformity.chance", batch, dim)
        return 0.0

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = uniformity (-2t + log 0F1(; dim/2; t^2))

        A few rows can lie a little below that, as rows can avoid one another better than at random.

        Raises ArgumentError.
        """
        check_scale("AlignmentUniformity.floor", batch, dim)
        t = self._settings["t"]
        return self._settings["uniformity"] * (log_moment(2 * t, dim) - 2 * t)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = -alignment / N            j is i's partner (on both sides: together -2 alignment / N)
            w_ij = uniformity t p_ij         i != j of one view, p a softmax over *all* pairs of that view

        Rows 0..N-1 are view 1, N..2N-1 view 2. The softmax is over the whole view and not per anchor, as in
        NT-Xent: a crowded corner takes all the weight, and rows that lie alone get none.

        Raises as `alignment_uniformity`. Computed on detached input.
        Source: the gradient of Wang & Isola 2020, arXiv:2005.10242.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n, t = len(a), self._settings["t"]
        with torch.no_grad(), full_precision(a.device):
            z = normalize(torch.cat(at_least_single(a, b)))
            weights = z.new_zeros(2 * n, 2 * n)
            for rows in (slice(0, n), slice(n, 2 * n)):
                logits = 2 * t * (z[rows] @ z[rows].T)
                logits.fill_diagonal_(-math.inf)
                weights[rows, rows] = self._settings["uniformity"] * t * logits.flatten().softmax(0).view(n, n)
            for offset in (n, -n):
                weights.diagonal(offset)[:] = -self._settings["alignment"] / n
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` the even spread."""
        check_scale("AlignmentUniformity.reference_words", batch, dim)
        return {"chance": "collapse", "floor": f"even in {dim} dim"}


def _crowding(z: Tensor, t: float) -> Tensor:
    """`crowding` of rows that have length 1."""
    per_row = log_partition(z, z, 1 / (2 * t), skip_self=True)
    return torch.logsumexp(per_row, 0) - math.log(len(z) * (len(z) - 1)) - 2 * t


def _terms(call: str, a: Tensor, b: Tensor, of_alignment: float, of_uniformity: float, t: float) -> dict[str, Tensor]:
    check_two_views(call, a, b)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        return {
            "alignment": of_alignment * (a - b).square().sum(1).mean(),
            "uniformity": of_uniformity * (_crowding(a, t) + _crowding(b, t)) / 2,
        }
