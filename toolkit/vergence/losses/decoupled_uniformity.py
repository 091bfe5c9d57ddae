"""Decoupled uniformity: the means of all views of a sample are spread, and that alone also aligns the views."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.partition import log_partition
from vergence.losses.several_views import check_several_views
from vergence.shapes import Scalar

__all__ = ["DecoupledUniformity", "decoupled_uniformity"]

Kernel = Float[Tensor, "batch batch"]
Prior = Callable[[Tensor], Tensor]


def decoupled_uniformity(*views: Tensor, t: float = 1.0, kernel: Kernel | None = None, ridge: float = 0.01) -> Scalar:
    r"""How crowded the centroids of the samples are.

        decoupled_uniformity(z1, z2, ...) = log  mean over i != j of  exp(-t ||m_i - m_j||^2)
        m_i = mean over views v of  z_vi / ||z_vi||

    views: V >= 2 of (batch, dim), batch N >= 2; row i of each is one sample. Rows are normalised here, their means not:
    a centroid has length 1 only where all views of its sample agree, and far centroids are long. So spreading
    them pulls views together, and no positive stands in the denominator.
    t: > 0, no unit: how near two centroids must be to count. 1 is the equation's; the authors' code has 2.
    kernel: (batch, batch), symmetric and positive semi-definite: how much two samples are known to be alike. With it
    a centroid borrows from its kind: m = (K + ridge I)^-1 K m. It gets no gradient. ridge: > 0.

    Reads 0 when all centroids coincide, with all rows or not. Reads `DecoupledUniformity.floor` when views agree and
    samples are spread evenly: -1.98 at t = 1, dim = 128.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Dufumier et al. 2022, arXiv:2206.01646; their mu is our m, their lambda our ridge.
    """
    return _loss("decoupled_uniformity", views, t, kernel, ridge)


class DecoupledUniformity(Base):
    """Decoupled uniformity as an object: the loss, its scale and its pair weights.

    t: > 0; 1 as in the paper's equation (its code has 2). views: how many the trainer makes; any number from 2 may
    come.
    prior: what is known of the samples beforehand: a function of their places in the data set (batch,) that gives the
    kernel (batch, batch). From vectors of a generative model or of attributes, one row per sample:
    `lambda index: normalize(known[index]) @ normalize(known[index]).T`. The loss then needs `index`.
    ridge: > 0, 0.01 as in the authors' code; used with a prior alone.

    Raises ArgumentError. Source: see `decoupled_uniformity`.
    """

    name = "decoupled uniformity"
    source = "Dufumier et al. 2022, arXiv:2206.01646"
    ranges: ClassVar[dict[str, Check]] = {"t": shapes.check_positive, "ridge": shapes.check_positive}

    def __init__(self, t: float = 1.0, *, views: int = 2, prior: Prior | None = None, ridge: float = 0.01) -> None:
        shapes.check_count("DecoupledUniformity", "views", views, least=2)
        super().__init__(t=t, **({} if prior is None else {"ridge": ridge}))
        self.views, self.prior = views, prior
        self.needs = () if prior is None else ("index",)  # type: ignore[misc]
        self.variant = "centroids not normalised, pairs of different samples" + (
            "" if prior is None else ", centroids borrow from their kind"
        )

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`uniformity`, the whole: alignment is in it, and nowhere apart."""
        kernel = self._kernel(views, more)
        return {"uniformity": _loss(self.name, views, self._settings["t"], kernel, self._ridge)}

    def chance(self, batch: int, dim: int) -> float | None:
        """Collapse: all centroids coincide. 0; None with a prior, which moves them. Raises ArgumentError."""
        check_scale("DecoupledUniformity.chance", batch, dim)
        return 0.0 if self.prior is None else None

    def floor(self, batch: int, dim: int) -> float | None:
        r"""The views of a sample coincide, samples lie evenly on the sphere.

            floor = -2t + log 0F1(; dim/2; t^2)

        None with a prior: what it mixes decides. Raises ArgumentError.
        """
        check_scale("DecoupledUniformity.floor", batch, dim)
        t = self._settings["t"]
        return log_moment(2 * t, dim) - 2 * t if self.prior is None else None

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij =  2t p_ij / V^2              rows of samples i != j, whatever the views; p a softmax over all pairs
            w_ii = -2t (sum over j of p_ij) / V^2    two views of one sample

        (without a prior; with one, both sides of this matrix are mixed by the kernel). Views of a sample are pulled
        together only as hard as the sample is crowded: one that lies alone is left as it is.

        Raises as `decoupled_uniformity`. Computed on detached input.
        Source: the gradient of Dufumier et al. 2022, arXiv:2206.01646.
        """
        kernel = self._kernel(views, more)
        _check(self.name, views, kernel)
        count, t = len(views), self._settings["t"]
        with torch.no_grad(), full_precision(views[0].device):
            mixing = None if kernel is None else _mixing(kernel.to(at_least_single(*views)[0].dtype), self._ridge)
            m = _centroids(views, mixing)
            lengths = m.square().sum(1)
            logits = t * (2 * m @ m.T - lengths[:, None] - lengths)
            logits.fill_diagonal_(-math.inf)
            pairs = logits.flatten().softmax(0).view_as(logits)
            each = 2 * t * (pairs - torch.diag(pairs.sum(1)))
            if mixing is not None:
                each = mixing.T @ each @ mixing
            weights = each.repeat(count, count) / count**2
            return weights.fill_diagonal_(0)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` the even spread; no words with a prior."""
        check_scale("DecoupledUniformity.reference_words", batch, dim)
        return {"chance": "collapse", "floor": f"even in {dim} dim"} if self.prior is None else {}

    @property
    def _ridge(self) -> float:
        return self._settings.get("ridge", 0.01)

    def _kernel(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> Tensor | None:
        given = self.given(more)
        if self.prior is None:
            return None
        check_several_views(self.name, views)
        shapes.check_labels(self.name, given["index"], len(views[0]), name="index")
        return self.prior(given["index"]).to(views[0].device)


def _loss(call: str, views: tuple[Tensor, ...], t: float, kernel: Tensor | None, ridge: float) -> Tensor:
    shapes.check_positive(call, "t", t)
    shapes.check_positive(call, "ridge", ridge)
    _check(call, views, kernel)
    with full_precision(views[0].device):
        mixing = None if kernel is None else _mixing(kernel.to(at_least_single(*views)[0].dtype), ridge)
        m = _centroids(views, mixing)
        n = len(m)
        lengths = m.square().sum(1, keepdim=True)
        # 2t m_i . m_j - t |m_j|^2 as one dot product; what is left of the square depends on the anchor alone.
        bound = 3 * t if mixing is None else math.inf
        per_row = log_partition(
            torch.cat([2 * t * m, torch.ones_like(lengths)], dim=1),
            torch.cat([m, -t * lengths], dim=1),
            skip_self=True,
            bound=bound,
        )
        return torch.logsumexp(per_row - t * lengths[:, 0], 0) - math.log(n * (n - 1))


def _centroids(views: tuple[Tensor, ...], mixing: Tensor | None) -> Tensor:
    rows = torch.stack([normalize(z) for z in at_least_single(*views)]).mean(0)
    return rows if mixing is None else mixing @ rows


@torch.no_grad()
def _mixing(kernel: Tensor, ridge: float) -> Tensor:
    """(K + ridge I)^-1 K."""
    eye = torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    mixing: Tensor = torch.linalg.solve(kernel + ridge * eye, kernel)
    return mixing


def _check(call: str, views: tuple[Tensor, ...], kernel: object) -> None:
    check_several_views(call, views)
    n = len(views[0])
    if kernel is None:
        return
    if not isinstance(kernel, Tensor) or kernel.shape != (n, n) or not kernel.is_floating_point():
        came = shapes.shape_of(kernel) + (f" {kernel.dtype}" if isinstance(kernel, Tensor) else "")
        raise errors.ShapeError(
            f"{call}: the kernel is {came} but there are {n} samples. Floating point numbers ({n}, {n}) are needed, "
            "one for each pair of samples of this batch."
        )
    if kernel.device != views[0].device:
        raise errors.DeviceMismatch(
            f"{call}: the views are on {views[0].device} but kernel is on {kernel.device}. Use kernel.to(z1.device)."
        )
