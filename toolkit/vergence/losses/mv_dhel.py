"""MV-DHEL: the views of a sample draw together, and each view spreads out by itself."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.geometry import full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.multi_view import log_partners
from vergence.losses.partition import log_partition
from vergence.losses.several_views import check_several_views, of_sample, of_view, several_views, unit_rows
from vergence.losses.targets import check_view_count
from vergence.shapes import Embeddings, Scalar

__all__ = ["MVDHEL", "mv_dhel"]


def mv_dhel(*views: Embeddings, temperature: float) -> Scalar:
    r"""How far apart the views of a sample are, and how crowded each view is in itself.

        mv_dhel = mean over i of  -log  sum over l < m of exp(s_il,im / T)
                                  + sum over l of  log  sum over j != i of exp(s_il,jl / T)

    views: V >= 2 tensors (batch, dim), batch N >= 2; row i of each is one sample. Rows are normalised here; s_il,jm is
    the cosine of sample i in view l and sample j in view m. temperature: T > 0, no unit.

    Two views are compared for one sample only, and two samples in one view only. Pulling and pushing are therefore
    decoupled: no positive stands in a denominator. More views add repulsion, V logs for a single term of attraction.

    Reads V ln(N - 1) - ln(V (V - 1) / 2) + (V - 1) / T when all rows coincide: not the highest value there is. Reads
    `MVDHEL.floor` when the views of a sample coincide and samples are spread evenly.

    For two views this is DHEL: -s/T + the logs of both views' sums. As in the authors' code pairs of views count once
    and the anchor is left out of its own sum. The equation beside that code counts pairs in both orders, which takes
    ln 2 off, and lets j = i into the sum, which adds the constant exp(1/T) to it.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Koromilas et al. 2025, arXiv:2507.06979, MV-DHEL; their U_i,l is our row i of view l, their M our N, their N
    our V. DHEL: Koromilas et al. 2024, arXiv:2405.18045.
    """
    pull, push = _terms("mv_dhel", views, temperature)
    return pull + push


class MVDHEL(Base):
    """MV-DHEL as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.5 as in the authors' CIFAR-10 runs (ImageNet: 0.1). views: how many, 2 or more.

    Raises ArgumentError.
    """

    name = "MV-DHEL"
    variant = "one term per sample, pairs of views count once, negatives from the anchor's own view, anchor left out"
    source = "Koromilas et al. 2025, arXiv:2507.06979"
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.5, views: int = 2) -> None:
        super().__init__(temperature=temperature)
        check_view_count("MVDHEL", views)
        self.views = views

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: minus the log over pairs of views, to -1/T - ln(V (V - 1)/2). `push`: the crowding of each view."""
        self.given(more)
        pull, push = _terms(self.name, several_views(self.name, views, self.views), self.temperature)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float | None:
        """V ln(N - 1) - ln(V (V - 1)/2) + (V - 1)/T: all rows alike. None for one sample. Raises ArgumentError."""
        check_scale("MVDHEL.chance", batch, dim)
        return self._reads(batch, 1 / self.temperature)

    def floor(self, batch: int, dim: int) -> float | None:
        r"""The views of a sample coincide, samples lie evenly on the sphere.

            floor = V (ln(N - 1) + ln 0F1(; dim/2; 1/(4 T^2))) - 1/T - ln(V (V - 1)/2)

        Exact for the mean over many batches up to the curvature of the log, which is small for N >= 32. None for one
        sample. Raises ArgumentError.
        """
        check_scale("MVDHEL.floor", batch, dim)
        return self._reads(batch, log_moment(1 / self.temperature, dim))

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            same view      w_il,jl =  softmax_il,jl / (N T)                       softmax over j != i in view l
            other views    w_il,im = -e_il,im / (sum over l != m of e_il,im) / (N T)         e = exp(s/T)

        0 for two samples in two views. Rows 0..N-1 are view 1, and so on. Positive: pushed apart; negative: pulled
        together. A sample is pushed by V and pulled by 1, whatever the temperature.

        Raises as `mv_dhel`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor of NT-Xent.
        """
        self.given(more)
        chosen = several_views(self.name, views, self.views)
        check_several_views(self.name, chosen)
        count, batch = len(chosen), len(chosen[0])
        with torch.no_grad(), full_precision(chosen[0].device):
            z = unit_rows(chosen)
            view, sample = of_view(count, batch, z.device), of_sample(count, batch, z.device)
            same_view, same_sample = view[:, None] == view, sample[:, None] == sample
            logits = (z / self.temperature) @ z.T
            push = torch.softmax(logits.masked_fill(same_sample | ~same_view, -math.inf), dim=1)
            total = log_partners(z.view(count, batch, -1), self.temperature).repeat(count)[:, None]
            pull = (logits - total).exp().masked_fill(same_view | ~same_sample, 0)
            return (push - pull) / (batch * self.temperature)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """Both lines with the temperature that they depend on."""
        check_scale("MVDHEL.reference_words", batch, dim)
        return {} if batch == 1 else dict.fromkeys(("chance", "floor"), f"τ {self.temperature:g}")

    def _reads(self, batch: int, spread: float) -> float | None:
        """Partners coincide, and the log of the mean of exp(s/T) within a view is `spread`."""
        if batch == 1:
            return None
        return self.views * (math.log(batch - 1) + spread) - 1 / self.temperature - math.log(math.comb(self.views, 2))


def _terms(call: str, views: tuple[Tensor, ...], temperature: float) -> tuple[Tensor, Tensor]:
    check_several_views(call, views)
    shapes.check_positive(call, "temperature", temperature)
    with full_precision(views[0].device):
        z = unit_rows(views).view(len(views), len(views[0]), -1)
        pull = math.log(2) - log_partners(z, temperature)
        # A view at a time: across views nothing is compared, so no product is made.
        push = [log_partition(rows, rows, temperature, skip_self=True).mean() for rows in z]
        return pull.mean(), torch.stack(push).sum()
