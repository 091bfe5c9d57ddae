"""CLIP: two encoders, each picks out the other's partner among the batch."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.learned import TEMPERATURE, Kept, Learned
from vergence.losses.loss import Check, check_scale, check_two_views, two_views
from vergence.losses.nt_xent import above_one
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["CLIP", "clip", "clip_terms", "clip_weights"]


def clip(a: Embeddings, b: Embeddings, *, temperature: float) -> Scalar:
    r"""How badly rows of a pick out their partners in b, and rows of b theirs in a; the mean of both.

        clip(a, b) = 1/2 mean over i of ( -s_ii / T + log sum over j of exp(s_ij / T) )
                   + 1/2 mean over j of ( -s_jj / T + log sum over i of exp(s_ij / T) )

    a, b: (batch, dim), of two encoders, batch N >= 2; row i of both belongs together, an image and its caption.
    Rows are normalised here; s_ij is the cosine of a_i and b_j. Rows of one encoder are never compared with one
    another. temperature: T > 0, no unit.

    Reads ln N when everything looks the same: 5.55 at N = 256. Reads `CLIP.floor` when partners coincide and the rest
    is spread evenly. At a small T it is content while the two encoders lie in separate regions: see `ClipUniformity`.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Radford et al. 2021, arXiv:2103.00020, figure 3; their exp(t) is our 1/T.
    """
    shapes.check_positive("clip", "temperature", temperature)
    pull, push = clip_terms("clip", a, b, 1 / temperature, 1 / temperature)
    return pull + push


class CLIP(Learned):
    """CLIP as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.07, where the paper starts. learned: True keeps it as the parameter `log_scale` = -ln T, for
    the optimiser; it never goes below 0.01. False: a plain setting.

    Raises ArgumentError.
    Source: Radford et al. 2021, arXiv:2103.00020.
    """

    name = "CLIP"
    variant = "both directions, mean of the two, mean over anchors"
    source = "Radford et al. 2021, arXiv:2103.00020"
    kept: ClassVar[dict[str, Kept]] = {"temperature": TEMPERATURE}
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.07, learned: bool = True) -> None:
        super().__init__(learned, temperature=temperature)

    @property
    def temperature(self) -> float:
        """T now; change it with `set`."""
        return self.settings()["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean s_ii / T: falls as partners meet, to -1/T. `push`, the rest: falls as others part."""
        self.given(more)
        pull, push = clip_terms(self.name, *two_views(self.name, views), *self.scale())
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln N: every candidate looks the same. Raises ArgumentError."""
        check_scale(f"{type(self).__name__}.chance", batch, dim)
        return math.log(batch)

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere, at the temperature of now.

            floor = ln(1 + (N - 1) exp(-1/T) 0F1(; dim/2; 1/(4 T^2)))

        Raises ArgumentError.
        """
        check_scale("CLIP.floor", batch, dim)
        return above_one(batch - 1, self.temperature, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = (softmax over j of s_ij / T - [i = j]) / (2 N T)   for anchor a_i and candidate b_j, and the reverse

        Rows 0..N-1 are view 1, N..2N-1 view 2; the blocks within a view are 0. Positive: pushed apart; negative: pulled
        together. Each row sums to 0. Raises as `clip`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor.
        """
        self.given(more)
        return clip_weights(self.name, *two_views(self.name, views), self.scale()[0])

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("CLIP.reference_words", batch, dim)
        return {"chance": f"ln {batch}", "floor": f"τ {self.temperature:.3g}"}


def clip_terms(call: str, a: Tensor, b: Tensor, scale: Tensor | float, bound: float) -> tuple[Tensor, Tensor]:
    """Pull and push of `clip` at scale = 1/T, which is at most `bound`."""
    check_two_views(call, a, b)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        scaled = a * scale
        pull = -(scaled * b).sum(1).mean()
        across = log_partition(scaled, b, bound=bound), log_partition(b, scaled, bound=bound)
        return pull, (across[0].mean() + across[1].mean()) / 2


@torch.no_grad()
def clip_weights(call: str, a: Tensor, b: Tensor, scale: Tensor | float) -> Float[Tensor, "rows rows"]:
    """dL/ds of `clip` at scale = 1/T."""
    check_two_views(call, a, b)
    n = len(a)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        logits = (a * scale) @ b.T
        weights = logits.new_zeros(2 * n, 2 * n)
        for block, shares in ((weights[:n, n:], logits.softmax(1)), (weights[n:, :n], logits.T.softmax(1))):
            shares.diagonal()[:] -= 1
            block[:] = shares * (scale / (2 * n))
        return weights
