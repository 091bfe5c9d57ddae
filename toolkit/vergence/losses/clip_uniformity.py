"""CLIP with alignment and uniformity beside it, which draw the two encoders into one region."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import shapes
from vergence.geometry import at_least_single, full_precision, log_moment
from vergence.losses.clip import clip_terms, clip_weights
from vergence.losses.learned import TEMPERATURE, Kept, Learned
from vergence.losses.loss import Check, check_scale, sum_of, two_views
from vergence.losses.nt_xent import above_one
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["ClipUniformity", "clip_uniformity"]

SHARPNESS = 2.0
"""t of the uniformity, exp(-t |x - y|^2), as in the paper."""


def clip_uniformity(
    a: Embeddings,
    b: Embeddings,
    *,
    temperature: float,
    alignment: float = 1.0,
    uniformity: float = 1.0,
    cross: float = 1.0,
) -> Scalar:
    r"""CLIP, plus how far partners are apart, plus how crowded each encoder's rows and the two together are.

        L = clip(a, b) + alignment A + uniformity (U(a, a) + U(b, b)) / 2 + cross U(a, b)
        A = mean over i of |a_i - b_i|^2,   U(x, y) = log  mean over i != j of  exp(-2 |x_i - y_j|^2)

    a, b: (batch, dim), of two encoders, batch N >= 2; row i of both belongs together. Rows are normalised here.
    temperature: T > 0, of CLIP. alignment, uniformity, cross: >= 0, the weights; all 0 returns `clip`.

    Reads ln N when everything is one point: the three further terms are 0 there. A well spread batch of partners that
    meet reads `ClipUniformity.floor`, far below 0: each U reads down to about -4.

    The default, cross=1, is not the one that closes the gap between the encoders at a low temperature: the cross term
    pushes rows of one encoder from those of the other. Distance of the two centroids after 400 steps on pairs with
    known truth (`data.two_towers`, gap .5 and 1.5, two seeds, temperature held fixed; 1.4 to 1.5 before the first):

        T       CLIP            cross=0         cross=0.3       cross=1
        0.02    .09 to .12      .02 to .03      .03 to .06      .07 to .11
        0.07    .05 to .06      .05             .04 to .05      .05 to .08
        0.5     .03 to .04      .04 to .06      .03 to .05      .04

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Fahim et al. 2024, arXiv:2405.18570, their L_CUAXU; with cross=0 their L_CUA.
    """
    shapes.check_positive("clip_uniformity", "temperature", temperature)
    weights = {"alignment": alignment, "uniformity": uniformity, "cross": cross}
    for name, value in weights.items():
        shapes.check_nonnegative("clip_uniformity", name, value)
    return sum_of(_terms("clip_uniformity", a, b, 1 / temperature, 1 / temperature, weights))


class ClipUniformity(Learned):
    """CLIP with alignment and uniformity as an object.

    temperature: > 0; learned: True keeps it as the parameter `log_scale` = -ln T. alignment, uniformity, cross: >= 0.
    cross=1, the authors' L_CUAXU, leaves a wider gap at a low temperature than cross=0 does: see `clip_uniformity`.

    Raises ArgumentError.
    Source: Fahim et al. 2024, arXiv:2405.18570.
    """

    name = "CLIP + uniformity"
    variant = "CLIP + alignment + uniformity of each encoder (mean) + uniformity across, over distinct pairs"
    source = "Fahim et al. 2024, arXiv:2405.18570"
    kept: ClassVar[dict[str, Kept]] = {"temperature": TEMPERATURE}
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "alignment": shapes.check_nonnegative,
        "uniformity": shapes.check_nonnegative,
        "cross": shapes.check_nonnegative,
    }

    def __init__(
        self,
        temperature: float = 0.07,
        alignment: float = 1.0,
        uniformity: float = 1.0,
        cross: float = 1.0,
        learned: bool = True,
    ) -> None:
        super().__init__(learned, temperature=temperature, alignment=alignment, uniformity=uniformity, cross=cross)

    @property
    def temperature(self) -> float:
        """T now; change it with `set`."""
        return self.settings()["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull` and `push` of CLIP; `alignment`, >= 0; `uniformity` and `cross`, <= 0; each times its weight."""
        self.given(more)
        return _terms(self.name, *two_views(self.name, views), *self.scale(), self._settings)

    def chance(self, batch: int, dim: int) -> float:
        """ln N: everything is one point. Raises ArgumentError."""
        check_scale("ClipUniformity.chance", batch, dim)
        return math.log(batch)

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = floor of CLIP + (uniformity + cross) (ln 0F1(; dim/2; 4) - 4)

        Raises ArgumentError.
        """
        check_scale("ClipUniformity.floor", batch, dim)
        spread = log_moment(2 * SHARPNESS, dim) - 2 * SHARPNESS if batch > 1 else 0.0
        weight = self._settings["uniformity"] + self._settings["cross"]
        return above_one(batch - 1, self.temperature, dim) + weight * spread

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: those of CLIP, -2 alignment / N for partners, and for the others

            4 p_ij,  p = exp(4 s_ij) over its sum over the same pairs, times the weight of that uniformity

        Rows 0..N-1 are view 1, N..2N-1 view 2; s_ij and s_ji count apart, half each where the pair counts once.
        Raises as `clip_uniformity`. Computed on detached input.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        weights = clip_weights(self.name, a, b, self.scale()[0])
        n, now = len(a), self._settings
        with torch.no_grad(), full_precision(a.device):
            a, b = (normalize(z) for z in at_least_single(a, b))
            for x, block in ((a, weights[:n, :n]), (b, weights[n:, n:])):
                block += now["uniformity"] / 2 * _shares(x, x)
            across = now["cross"] * _shares(a, b)
            across.diagonal()[:] -= 2 * now["alignment"] / n
            weights[:n, n:] += across / 2
            weights[n:, :n] += across.T / 2
        return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("ClipUniformity.reference_words", batch, dim)
        return {"chance": f"ln {batch}", "floor": f"τ {self.temperature:.3g}"}


def _terms(
    call: str, a: Tensor, b: Tensor, scale: Tensor | float, bound: float, weights: dict[str, float]
) -> dict[str, Tensor]:
    pull, push = clip_terms(call, a, b, scale, bound)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        alignment = 2 - 2 * (a * b).sum(1).mean()
        within = (_uniformity(a, a) + _uniformity(b, b)) / 2
        return {
            "pull": pull,
            "push": push,
            "alignment": weights["alignment"] * alignment,
            "uniformity": weights["uniformity"] * within,
            "cross": weights["cross"] * _uniformity(a, b),
        }


def _uniformity(x: Tensor, y: Tensor) -> Scalar:
    """log mean over i != j of exp(-2 |x_i - y_j|^2), for unit rows exp(4 s - 4)."""
    n = len(x)
    itself = torch.arange(n, device=x.device)[:, None]
    rows = log_partition(x, y, 1 / (2 * SHARPNESS), without=itself)
    return rows.logsumexp(0) - math.log(n * (n - 1)) - 2 * SHARPNESS


def _shares(x: Tensor, y: Tensor) -> Tensor:
    """Its derivative by each cosine: 4 exp(4 s_ij) over the sum of all with i != j; 0 on the diagonal."""
    logits = 2 * SHARPNESS * (x @ y.T)
    logits.fill_diagonal_(-math.inf)
    return 2 * SHARPNESS * logits.flatten().softmax(0).view_as(logits)
