"""InfoNCE between two views, in one direction."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import (
    Adjustable,
    Check,
    Weights,
    check_scale,
    check_two_views,
    check_weights,
    mean_over_pairs,
    two_views,
)
from vergence.losses.nt_xent import above_one
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["InfoNCE", "info_nce"]


def info_nce(a: Embeddings, b: Embeddings, *, temperature: float, weights: Weights | None = None) -> Scalar:
    r"""How badly each row of a picks out its partner among the rows of b.

        info_nce(a, b) = mean over i of  -s_ii / T + log  sum over j of  exp(s_ij / T)

    a: (batch, dim), the anchors; b: (batch, dim), the candidates; batch N >= 2; row i of both is one sample.
    Rows are normalised here; s_ij is the cosine of a_i and b_j. Rows of one view are never compared with one
    another, and a and b are not exchangeable: `info_nce(b, a)` is the other direction.
    temperature: T > 0, no unit. weights: (batch,), >= 0, one per positive pair, not all 0.

    Reads ln N when every candidate looks the same: 5.55 at N = 256. Reads `InfoNCE.floor` when partners
    coincide and the rest is spread evenly: 1.06 at N = 256, T = 0.2, dim = 128.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: van den Oord et al. 2018, arXiv:1807.03748, equation 4, with the scaled cosine of He et al. 2019,
    arXiv:1911.05722; their q is our a, their k is our b, their tau is our T.
    """
    pull, push = _terms("info_nce", a, b, temperature, weights)
    return pull + push


class InfoNCE(Adjustable):
    """InfoNCE as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.2 as in MoCo v2 (Chen et al. 2020, arXiv:2003.04297).

    Raises ArgumentError.
    """

    name = "InfoNCE"
    variant = "N anchors, view 1 against view 2, one direction, mean over anchors"
    source = "van den Oord et al. 2018, arXiv:1807.03748"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__(temperature=temperature)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def __call__(self, *views: Tensor) -> Tensor:
        """`info_nce` of the two views."""
        a, b = two_views(self.name, views)
        return info_nce(a, b, temperature=self.temperature)

    def terms(self, *views: Tensor) -> dict[str, Tensor]:
        """`pull`, -mean s_ii / T: falls as partners meet, to -1/T. `push`, the rest: falls as others part."""
        pull, push = _terms(self.name, *two_views(self.name, views), self.temperature, None)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln N: every candidate looks the same. Raises ArgumentError."""
        check_scale("InfoNCE.chance", batch, dim)
        return math.log(batch)

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = ln(1 + (N - 1) exp(-1/T) 0F1(; dim/2; 1/(4 T^2)))

        Reads close to 0 for a small temperature, close to `chance` for a large one; see `NTXent.floor`.

        Raises ArgumentError.
        """
        check_scale("InfoNCE.floor", batch, dim)
        return above_one(batch - 1, self.temperature, dim)

    def pair_weights(self, *views: Tensor) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = (softmax_ij - [i = j]) / (N T)   for anchor i of view 1 and candidate j of view 2

        Rows 0..N-1 are view 1, N..2N-1 view 2, as for every loss; only the block of view 1 against view 2
        is not 0. Positive: pushed apart; negative: pulled together. Each anchor's weights sum to 0.

        Raises as `info_nce`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor.
        """
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            a, b = (normalize(z) for z in at_least_single(a, b))
            share = torch.softmax((a / self.temperature) @ b.T, dim=1)
            share.diagonal()[:] -= 1
            weights = share.new_zeros(2 * n, 2 * n)
            weights[:n, n:] = share / (n * self.temperature)
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("InfoNCE.reference_words", batch, dim)
        return {"chance": f"ln {batch}", "floor": f"τ {self.temperature:g}"}


def _terms(call: str, a: Tensor, b: Tensor, temperature: float, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    check_two_views(call, a, b)
    shapes.check_positive(call, "temperature", temperature)
    check_weights(call, weights, len(a), a.device)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        pull = -mean_over_pairs((a * b).sum(1), weights) / temperature
        push = mean_over_pairs(log_partition(a, b, temperature), weights)
    return pull, push
