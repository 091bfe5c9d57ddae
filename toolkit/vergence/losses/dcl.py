"""DCL: NT-Xent without the positive in the denominator. DCLW: with the pull weighted by how far partners are apart."""

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
    check_two_views,
    check_weights,
    mean_over_pairs,
    sum_of,
    two_views,
)
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["DCL", "DCLW", "dcl", "dclw", "pull_weights"]


def dcl(a: Embeddings, b: Embeddings, *, temperature: float, weights: Weights | None = None) -> Scalar:
    r"""How close partners are, against how close everything else is: two parts that no longer damp one another.

        dcl(a, b) = mean over the 2N anchors i of  -s_ip / T + log  sum over j not i, not p of  exp(s_ij / T)

    a, b: (batch, dim), batch N >= 2; row i of both is one sample. Rows are normalised here; s is their cosine.
    p: the anchor's partner in the other view. The sum runs over the 2N - 2 rows of other samples.
    temperature: T > 0, no unit. weights: (batch,), >= 0, one per positive pair, not all 0.

    The gradient of an anchor's part of NT-Xent is that of DCL times q = 1 - p(partner), what its softmax leaves for
    the negatives: about 0 where the partner is easy to find or the batch is small. Without the partner in the sum
    that factor is 1.

    Reads ln(2N - 2) when all rows coincide, for any T: 6.23 at N = 256. Reads `DCL.floor` when partners coincide and
    the rest is spread evenly: 1.33 at N = 256, T = 0.2, dim = 128. Lower is better; it may be negative, and has no
    bound that does not depend on T.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Yeh et al. 2021, arXiv:2110.06848, equation 6, divided by its 2N parts; their z_i^(1), z_i^(2) are our
    a_i, b_i, their tau is our T, their q_B our q.
    """
    shapes.check_positive("dcl", "temperature", temperature)
    return sum_of(_terms("dcl", a, b, temperature, weights))


def dclw(a: Embeddings, b: Embeddings, *, temperature: float, sigma: float, stop_gradient: bool = True) -> Scalar:
    r"""DCL that pulls hardest where partners are far apart.

        dclw(a, b) = mean over the 2N anchors i of  -w_i s_ip / T + log  sum over j not i, not p of  exp(s_ij / T)
        w_i        = 2 - exp(s_ip / sigma) / mean over k of exp(s_kp / sigma)

    a, b, temperature: as for `dcl`. sigma: > 0, no unit. Small: only the closest pairs lose their pull, or are pushed.
    Large: all w are 1, which is DCL. The w average to 1 and lie between 2 - N and 2.
    stop_gradient: w are constants to the gradient. False: they are differentiated as well, and a pair that is closer
    than most is pulled together by less, or is pushed apart.

    Reads ln(2N - 2) when all rows coincide, and the floor of DCL in its arrangement, as all w are 1 in both.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Yeh et al. 2021, arXiv:2110.06848, section 3.2; their w is our w, their sigma our sigma. Libraries differ in
    whether w is detached.
    """
    shapes.check_positive("dclw", "temperature", temperature)
    shapes.check_positive("dclw", "sigma", sigma)
    return sum_of(_terms("dclw", a, b, temperature, None, sigma, stop_gradient))


def pull_weights(cosines: Float[Tensor, " batch"], sigma: float) -> Float[Tensor, " batch"]:
    r"""How hard DCLW pulls each positive pair: 2 - exp(s / sigma) / mean exp(s / sigma).

    cosines: (batch,), of the positive pairs. sigma: > 0.

    They average to 1. Reads 1 for a pair that is as close as the rest, up to 2 for one that is far from its
    partner, and below 0 for one that is much closer than the rest.
    Source: Yeh et al. 2021, arXiv:2110.06848, section 3.2, a negative von Mises-Fisher weighting.
    """
    return 2 - len(cosines) * torch.softmax(cosines / sigma, dim=0)


class DCL(Base):
    """DCL as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.1.

    Source: Yeh et al. 2021, arXiv:2110.06848.
    Raises ArgumentError.
    """

    name = "DCL"
    variant = "2N anchors, both views, partner not in the denominator, mean over anchors"
    source = "Yeh et al. 2021, arXiv:2110.06848"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__(temperature=temperature)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean s_ip / T: falls as partners meet, to -1/T. `push`, the rest: falls as others part."""
        self.given(more)
        return _terms(self.name, *two_views(self.name, views), self.temperature, None)

    def chance(self, batch: int, dim: int) -> float:
        """ln(2N - 2): all rows alike. Raises ArgumentError, also for a batch of 1."""
        _check_scale(f"{type(self).__name__}.chance", batch, dim)
        return math.log(2 * batch - 2)

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = ln(2N - 2) - 1/T + ln 0F1(; dim/2; 1/(4 T^2))

        Below `chance`, and below 0 for a small temperature: close to ln(2N - 2) - 1/T + 1/(2 dim T^2). Exact for the
        mean over many batches up to the curvature of the log, which is small for N >= 32.

        Raises ArgumentError, also for a batch of 1.
        """
        _check_scale(f"{type(self).__name__}.floor", batch, dim)
        return math.log(2 * batch - 2) - 1 / self.temperature + log_moment(1 / self.temperature, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = (softmax_ij - [j is i's partner]) / (2N T),   softmax over the rows of other samples

        Rows 0..N-1 are view 1, N..2N-1 view 2. Positive: the pair is pushed apart; negative: pulled together. Each row
        sums to 0, and row i times q_i is that of NT-Xent. Every positive pair is pulled alike. The diagonal is 0.

        Raises as `dcl`. Computed on detached input.
        Source: the gradient of equation 6 in Yeh et al. 2021, arXiv:2110.06848.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            z = normalize(torch.cat(at_least_single(a, b)))
            pull = self._pull((z[:n] * z[n:]).sum(1))
            logits = (z / self.temperature) @ z.T
            for apart in (-n, 0, n):
                logits.diagonal(apart).fill_(-math.inf)
            weights = torch.softmax(logits, dim=1)
            for apart in (-n, n):
                weights.diagonal(apart).copy_(-pull)
            return weights / (2 * n * self.temperature)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        _check_scale(f"{type(self).__name__}.reference_words", batch, dim)
        return {"chance": f"ln {2 * batch - 2}", "floor": f"τ {self.temperature:g}"}

    def _pull(self, cosines: Tensor) -> Tensor:
        """How hard each pair is pulled, times 2N T."""
        return torch.ones_like(cosines)


class DCLW(DCL):
    """DCLW as an object: DCL with a weight on each pull, up to 2 where partners are far apart, see `pull_weights`.

    temperature: > 0; 0.1. sigma: > 0; 0.5 as in the paper. stop_gradient: the weights are constants to the gradient.

    Source: Yeh et al. 2021, arXiv:2110.06848.
    Raises ArgumentError.
    """

    name = "DCLW"
    variant = "2N anchors, both views, partner not in the denominator, pull weighted by 2 - N softmax(s/sigma)"
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive, "sigma": shapes.check_positive}

    def __init__(self, temperature: float = 0.1, sigma: float = 0.5, *, stop_gradient: bool = True) -> None:
        super(DCL, self).__init__(temperature=temperature, sigma=sigma)
        self.stop_gradient = stop_gradient

    @property
    def sigma(self) -> float:
        """How close to the closest a pair must be to lose its pull; change it with `set`."""
        return self._settings["sigma"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean w s_ip / T: falls as far partners meet. `push`, the rest: falls as others part."""
        self.given(more)
        a, b = two_views(self.name, views)
        return _terms(self.name, a, b, self.temperature, None, self.sigma, self.stop_gradient)

    def _pull(self, cosines: Tensor) -> Tensor:
        pull = pull_weights(cosines, self.sigma)
        if self.stop_gradient:
            return pull
        share = 2 - pull  # N softmax; its own derivative moves the pull as well
        return pull - share * (cosines - (share * cosines).mean()) / self.sigma


def _check_scale(call: str, batch: int, dim: int) -> None:
    shapes.check_count(call, "batch", batch, least=2)
    shapes.check_count(call, "dim", dim)


def _terms(
    call: str,
    a: Tensor,
    b: Tensor,
    temperature: float,
    weights: Tensor | None,
    sigma: float | None = None,
    stop_gradient: bool = True,
) -> dict[str, Tensor]:
    check_two_views(call, a, b)
    check_weights(call, weights, len(a), a.device)
    with full_precision(a.device):
        z = normalize(torch.cat(at_least_single(a, b)))
        first, second = z.chunk(2)
        positive = (first * second).sum(1)
        if sigma is not None:
            pull = pull_weights(positive.detach() if stop_gradient else positive, sigma)
            positive = pull * positive
        sample = torch.arange(len(a), device=z.device).repeat(2)
        per_anchor = log_partition(z, z, temperature, apart=(sample, sample))
        return {
            "pull": -mean_over_pairs(positive, weights) / temperature,
            "push": mean_over_pairs(per_anchor.view(2, -1).mean(0), weights),
        }
