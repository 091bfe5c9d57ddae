"""NT-Xent, the loss of SimCLR."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import shapes
from vergence.geometry import at_least_single, full_precision, log_moment
from vergence.losses.loss import (
    Base,
    Check,
    Weights,
    check_scale,
    check_two_views,
    check_weights,
    mean_over_pairs,
    two_views,
)
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["NTXent", "nt_xent"]


def nt_xent(a: Embeddings, b: Embeddings, *, temperature: float, weights: Weights | None = None) -> Scalar:
    r"""How badly each row of either view picks out its partner among all other rows of both.

        nt_xent(a, b) = mean over the 2N anchors i of  -s_ip / T + log  sum over j != i of  exp(s_ij / T)

    a, b: (batch, dim), batch N >= 2; row i of both is one sample. Rows are normalised here; s is their cosine.
    p: the anchor's partner in the other view. The sum runs over the other 2N - 1 rows, the partner included.
    temperature: T > 0, no unit. Small: only the nearest negatives count. Large: all count alike.
    weights: (batch,), >= 0, one per positive pair, not all 0; both its anchors carry it.

    Reads ln(2N - 1) when all rows coincide, for any T: 6.24 at N = 256. Reads `NTXent.floor` when partners
    coincide and the rest is spread evenly: 1.57 at N = 256, T = 0.2, dim = 128. Lower is better down to
    there; a little below it is possible, as rows can avoid one another better than at random.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Chen et al. 2020, arXiv:2002.05709, equation 1 and algorithm 1; their z_2k-1 and z_2k are our a_k and
    b_k, their tau is our T.
    """
    pull, push = _terms("nt_xent", a, b, temperature, weights)
    return pull + push


class NTXent(Base):
    """NT-Xent as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.5 as in the paper's CIFAR-10 experiments (its ImageNet runs use 0.1).

    Raises ArgumentError.
    """

    name = "NT-Xent"
    variant = "2N anchors, both views, mean over anchors"
    source = "Chen et al. 2020, arXiv:2002.05709"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__(temperature=temperature)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean s_ip / T: falls as partners meet, to -1/T. `push`, the rest: falls as others part."""
        self.given(more)
        pull, push = _terms(self.name, *two_views(self.name, views), self.temperature, None)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln(2N - 1): all rows alike, or a softmax that spreads evenly. Raises ArgumentError."""
        check_scale("NTXent.chance", batch, dim)
        return math.log(2 * batch - 1)

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = ln(1 + (2N - 2) exp(-1/T) 0F1(; dim/2; 1/(4 T^2)))

        Reads close to 0 when the temperature is small against the spread of random cosines, and close to
        `chance` when it is large: then even a perfect arrangement looks like chance. Exact for the mean
        over many batches up to the curvature of the log, which is small for N >= 32.

        Raises ArgumentError.
        """
        check_scale("NTXent.floor", batch, dim)
        return above_one(2 * batch - 2, self.temperature, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = (softmax_ij - [j is i's partner]) / (2N T),   softmax over j != i

        Rows 0..N-1 are view 1, N..2N-1 view 2. Positive: the pair is pushed apart; negative: pulled
        together. Each row sums to 0: what an anchor's partner gains, its negatives lose. s_ij and s_ji
        count apart, so the pull on an unordered pair is w_ij + w_ji. The diagonal is 0.

        Raises as `nt_xent`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            z = normalize(torch.cat(at_least_single(a, b)))
            logits = (z / self.temperature) @ z.T
            logits.fill_diagonal_(-math.inf)
            weights = torch.softmax(logits, dim=1)
            weights.diagonal(n)[:] -= 1
            weights.diagonal(-n)[:] -= 1
            return weights / (2 * n * self.temperature)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("NTXent.reference_words", batch, dim)
        return {"chance": f"ln {2 * batch - 1}", "floor": f"τ {self.temperature:g}"}


def above_one(negatives: int, temperature: float, dim: int) -> float:
    """ln(1 + negatives * mean exp((s - 1)/T)) for a partner at cosine 1 and negatives in random directions."""
    if negatives == 0:
        return 0.0
    exponent = math.log(negatives) - 1 / temperature + log_moment(1 / temperature, dim)
    # ln(1 + e^x) without overflow for large x and without losing a small e^x beside the 1.
    return max(exponent, 0.0) + math.log1p(math.exp(-abs(exponent)))


def _terms(call: str, a: Tensor, b: Tensor, temperature: float, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    check_two_views(call, a, b)
    shapes.check_positive(call, "temperature", temperature)
    check_weights(call, weights, len(a), a.device)
    with full_precision(a.device):
        z = normalize(torch.cat(at_least_single(a, b)))
        first, second = z.chunk(2)
        pull = -mean_over_pairs((first * second).sum(1), weights) / temperature
        per_anchor = log_partition(z, z, temperature, skip_self=True)
        push = mean_over_pairs(per_anchor.view(2, -1).mean(0), weights)
    return pull, push
