"""SigLIP: for every pair of an item and another's partner a yes or no, with no softmax over the batch."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize, softplus
from torch.utils.checkpoint import checkpoint

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.learned import AS_IT_IS, SCALE, Kept, Learned
from vergence.losses.loss import Check, check_scale, check_two_views, two_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["SigLIP", "sig_lip"]

BLOCK = 2048
"""Larger batches are taken this many anchors at a time, and their pairs computed once more in backward."""


def check_finite_number(call: str, name: str, value: object) -> None:
    """Any finite number, also below 0."""
    if isinstance(value, bool) or not isinstance(value, float | int) or not math.isfinite(value):
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a finite number, for example -10.")


def sig_lip(a: Embeddings, b: Embeddings, *, scale: float = 10.0, bias: float = -10.0) -> Scalar:
    r"""How badly a sigmoid tells the N pairs that belong together from the N(N - 1) that do not.

        sig_lip(a, b) = (1/N)  sum over i, j of  -log sigmoid(l_ij (t s_ij + c))      l = +1 for i = j, else -1

    a, b: (batch, dim), of two encoders, batch N >= 2; row i of both belongs together. Rows are normalised here; s_ij is
    the cosine of a_i and b_j. scale: t > 0, no unit. bias: c; near -t, as few pairs of a batch belong together.

    The sum is divided by N, not by N^2: what one item pays, for its partner and all others. Reads N ln 2 at collapse
    with c = -t (177 at N = 256), 10.0 with the defaults when all cosines are 0: then every pair is called a no.
    Reads `SigLIP.floor` when partners coincide and the rest is spread evenly. No pair depends on the others, so this
    is no softmax: the value per item grows with N, and nothing is a chance level that all batches share.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out. Above 2,048 rows the pairs are
    never held all at once.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Zhai et al. 2023, arXiv:2303.15343, equation 1 and algorithm 1; their t is our t = scale, their b our c.
    """
    shapes.check_positive("sig_lip", "scale", scale)
    check_finite_number("sig_lip", "bias", bias)
    positives, negatives = _terms("sig_lip", a, b, scale, bias)
    return positives + negatives


class SigLIP(Learned):
    """SigLIP as an object: the loss, its terms, its scale and its pair weights.

    scale: > 0; bias: any number. learned: True keeps them as the parameters `log_scale` = ln t and `bias`, for the
    optimiser; the scale never goes above 100. False: plain settings.

    Raises ArgumentError.
    Source: Zhai et al. 2023, arXiv:2303.15343.
    """

    name = "SigLIP"
    variant = "sum over all pairs of a sigmoid, divided by the batch"
    source = "Zhai et al. 2023, arXiv:2303.15343"
    kept: ClassVar[dict[str, Kept]] = {"scale": SCALE, "bias": AS_IT_IS}
    ranges: ClassVar[dict[str, Check]] = {"scale": shapes.check_positive, "bias": check_finite_number}

    def __init__(self, scale: float = 10.0, bias: float = -10.0, learned: bool = True) -> None:
        super().__init__(learned, scale=scale, bias=bias)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`positives`, what partners pay, >= 0; `negatives`, what an item pays for all others, >= 0."""
        self.given(more)
        positives, negatives = _terms(self.name, *two_views(self.name, views), self.scale()[0], self._shift())
        return {"positives": positives, "negatives": negatives}

    def chance(self, batch: int, dim: int) -> float:
        r"""Collapse, all cosines 1: log(1 + exp(-t - c)) + (N - 1) log(1 + exp(t + c)). Raises ArgumentError."""
        check_scale("SigLIP.chance", batch, dim)
        now = self.settings()
        logit = now["scale"] + now["bias"]
        return float(np.logaddexp(0, -logit) + (batch - 1) * np.logaddexp(0, logit))

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere; u is the cosine of two random directions.

            floor = log(1 + exp(-t - c)) + (N - 1)  mean over u of  log(1 + exp(t u + c))

        Raises ArgumentError.
        """
        check_scale("SigLIP.floor", batch, dim)
        now = self.settings()
        own = float(np.logaddexp(0, -now["scale"] - now["bias"]))
        return own + (batch - 1) * _mean_softplus(now["scale"], now["bias"], dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine between the views: dL/ds, half of it in either order of the two.

            w_ij = (t / 2N) (sigmoid(t s_ij + c) - [i = j])   for row i of view 1 and row j of view 2, and the reverse

        Rows 0..N-1 are view 1, N..2N-1 view 2; the blocks within a view are 0. Positive: pushed apart; negative: pulled
        together. Rows do *not* sum to 0: no pair pays for another. Raises as `sig_lip`. Computed on detached input.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            scale = self.scale()[0]
            a, b = (normalize(z) for z in at_least_single(a, b))
            half = torch.sigmoid((a * scale) @ b.T + self._shift())
            half.diagonal()[:] -= 1
            half *= scale / (2 * n)
            weights = half.new_zeros(2 * n, 2 * n)
            weights[:n, n:] = half
            weights[n:, :n] = half.T
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here; `floor` with its scale and bias."""
        check_scale("SigLIP.reference_words", batch, dim)
        now = self.settings()
        return {"chance": "collapse", "floor": f"t {now['scale']:.3g}, b {now['bias']:.3g}".replace("-", "−")}

    def _shift(self) -> Tensor | float:
        return self.get_parameter("bias") if self.learned else self._settings["bias"]


def _terms(call: str, a: Tensor, b: Tensor, scale: Tensor | float, bias: Tensor | float) -> tuple[Tensor, Tensor]:
    check_two_views(call, a, b)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        scaled = a * scale
        positives = softplus(-((scaled * b).sum(1) + bias)).mean()
        sums = []
        for start in range(0, len(a), BLOCK):
            rows = scaled[start : start + BLOCK]
            if len(a) > BLOCK:
                sums.append(checkpoint(_others, rows, b, bias, start, use_reentrant=False, preserve_rng_state=False))
            else:
                sums.append(_others(rows, b, bias, start))
        return positives, torch.stack(sums).sum() / len(a)


def _others(rows: Tensor, b: Tensor, bias: Tensor | float, start: int) -> Scalar:
    """What rows start.. of the anchors pay for all that are not their partners."""
    logits = rows @ b.T + bias
    # Out before the sigmoid: taken off the sum afterwards, a partner's large share would drown the small ones.
    logits.diagonal(start).fill_(-math.inf)
    return softplus(logits).sum()


@functools.lru_cache(maxsize=1024)
def _mean_softplus(scale: float, bias: float, dim: int) -> float:
    """log(1 + exp(t u + c)) on average over the cosine u of two directions drawn evenly from the sphere."""
    if dim == 1:
        return float(np.logaddexp(0, [scale + bias, bias - scale]).mean())
    # The angle's density is sin^(dim - 2): midpoints, so that no end with density 0 or infinity is asked for.
    angle = (np.arange(20_000) + 0.5) * (math.pi / 20_000)
    density = np.exp((dim - 2) * np.log(np.sin(angle)))
    return float((density * np.logaddexp(0, scale * np.cos(angle) + bias)).sum() / density.sum())
