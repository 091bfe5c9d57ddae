"""NT-Xent with its hard negatives weighted up and its false negatives taken off: HCL."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale, check_two_views, two_views
from vergence.losses.partition import log_partition
from vergence.losses.several_views import of_sample, unit_rows
from vergence.shapes import Embeddings, Scalar

__all__ = ["HCL", "hard_negatives"]


def check_prior(call: str, name: str, value: object) -> None:
    """A number from 0 to below 1."""
    shapes.check_nonnegative(call, name, value)
    if float(value) >= 1:  # type: ignore[arg-type]  # the line above lets numbers through only
        raise errors.ArgumentError(
            f"{call}: {name} is {value!r}. It is the share of samples that are of the anchor's own class: 0 or above "
            "and below 1, for example 0.1 for ten classes."
        )


def hard_negatives(a: Embeddings, b: Embeddings, *, temperature: float, tau_plus: float, beta: float) -> Scalar:
    r"""How badly each row picks out its partner, counting a negative the more the more it looks like the anchor.

        hard_negatives(a, b) = mean over the 2N anchors i of  -log(P_i / (P_i + G_i)),    P_i = exp(s_ip / T)
        G_i = max( (M R_i - tau_plus M P_i) / (1 - tau_plus),  M exp(-1/T) )
        R_i = mean over n of  w_in exp(s_in / T),    w_in = exp(beta s_in / T) / (mean over n of the same)

    a, b: (batch, dim), batch N >= 2; row k of both is one sample. Rows are normalised here; s is their cosine.
    p: the anchor's partner in the other view; n runs over its M = 2N - 2 negatives in both views.
    temperature: T > 0, no unit. beta: >= 0, no unit; 0 counts all negatives alike, a large one only the nearest.
    tau_plus: 0 <= tau_plus < 1, how likely a negative is of the anchor's own class; that share is taken off, by the
    partner's example, and never below the least that M negatives can amount to.

    With beta 0 and tau_plus 0 it is NT-Xent; with beta 0 alone the debiased contrastive loss. Reads ln(2N - 1) when all
    rows coincide, for any setting. Reads about `HCL.floor` when partners coincide and the rest is spread evenly.

    Gradients go through the weights w too, as in the authors' code. Half precision is computed in float32, also under
    autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Robinson et al. 2020, arXiv:2010.04592, equation 4 and the code published with it; their t is our T, their
    Q the number M here, their N the negatives of one view. Debiasing: Chuang et al. 2020, arXiv:2007.00224.
    """
    pull, push = _terms("hard_negatives", a, b, temperature, tau_plus, beta)
    return pull + push


class HCL(Base):
    """HCL as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.5. tau_plus: 0 to below 1; 0.1. beta: >= 0; 1. These are the defaults of the authors' code, on
    STL-10; one class in K means tau_plus = 1/K.

    Raises ArgumentError.
    """

    name = "HCL"
    variant = "2N anchors, both views, negatives weighted by exp(beta s/T) and debiased by tau_plus, bounded below"
    source = "Robinson et al. 2020, arXiv:2010.04592"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "tau_plus": check_prior,
        "beta": shapes.check_nonnegative,
    }
    labels: ClassVar[dict[str, str]] = {"tau_plus": "Class prior τ⁺", "beta": "Hardness β"}

    def __init__(self, temperature: float = 0.5, tau_plus: float = 0.1, beta: float = 1.0) -> None:
        super().__init__(temperature=temperature, tau_plus=tau_plus, beta=beta)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean s_ip / T: falls as partners meet, to -1/T. `push`, the rest: falls as others part."""
        self.given(more)
        pull, push = _terms(self.name, *two_views(self.name, views), *self._numbers())
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln(2N - 1): all rows alike. Raises ArgumentError."""
        check_scale("HCL.chance", batch, dim)
        return math.log(2 * batch - 1)

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = ln(1 + G exp(-1/T)),   R = m((1 + beta)/T) / m(beta/T),   m(k) = 0F1(; dim/2; k^2 / 4)

        with G as in `hard_negatives`. m(k) is the mean of exp(k cosine) over random directions. Less exact than the
        floor of NT-Xent, as a large beta / T leaves few negatives to take the mean over.

        Raises ArgumentError.
        """
        check_scale("HCL.floor", batch, dim)
        temperature, tau_plus, beta = self._numbers()
        count = 2 * batch - 2
        # Everything in units of the positive, exp(1/T), which is the largest number here.
        log_mean = log_moment((1 + beta) / temperature, dim) - log_moment(beta / temperature, dim) - 1 / temperature
        left = count * (math.exp(min(log_mean, 0.0)) - tau_plus) / (1 - tau_plus)
        return math.log1p(max(left, count * math.exp(-2 / temperature)))

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            negative   w_in = u_i h_i ((1 + beta) q_in - beta r_in) / (2N T)             q_in ~ exp((1 + beta) s_in / T)
            partner    w_ip = ((1 - u_i c) P_i / (P_i + G_i) - 1) / (2N T)               r_in ~ exp(beta s_in / T)

        u_i: 1, or 0 where G_i rests on its bound; h_i = M R_i / ((1 - tau_plus) (P_i + G_i)); c = M tau_plus /
        (1 - tau_plus); q and r sum to 1 over the negatives of an anchor. A negative that is less like the
        anchor than most is *pulled* when beta > 0, since it lowers the weight of the others. The diagonal is 0.

        Raises as `hard_negatives`. Computed on detached input.
        Source: the derivative of equation 4 of Robinson et al. 2020, arXiv:2010.04592.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        temperature, tau_plus, beta = self._numbers()
        n, count = len(a), 2 * len(a) - 2
        with torch.no_grad(), full_precision(a.device):
            z = unit_rows((a, b))
            logits = (z / temperature) @ z.T
            positive = torch.cat([logits.diagonal(n), logits.diagonal(-n)])
            out = torch.zeros_like(logits, dtype=torch.bool)
            for place in (0, n, -n):
                out.diagonal(place)[:] = True
            near, far = ((logits * power).masked_fill(out, -math.inf) for power in (1 + beta, beta))
            weighted = near.logsumexp(1) - far.logsumexp(1) + math.log(count)
            log_total, unbound = _total(positive, weighted, temperature, tau_plus, count)
            spread = (1 + beta) * torch.softmax(near, dim=1) - beta * torch.softmax(far, dim=1)
            rate = unbound * (weighted - log_total).exp() / (1 - tau_plus)
            weights = rate[:, None] * spread
            partner = (positive - log_total).exp() * (1 - unbound * count * tau_plus / (1 - tau_plus)) - 1
            weights.diagonal(n)[:] = partner[:n]
            weights.diagonal(-n)[:] = partner[n:]
            return weights / (2 * n * temperature)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("HCL.reference_words", batch, dim)
        return {"chance": f"ln {2 * batch - 1}", "floor": f"τ {self.temperature:g}"}

    def _numbers(self) -> tuple[float, float, float]:
        return self._settings["temperature"], self._settings["tau_plus"], self._settings["beta"]


def _terms(call: str, a: Tensor, b: Tensor, temperature: float, tau_plus: float, beta: float) -> tuple[Tensor, Tensor]:
    check_two_views(call, a, b)
    shapes.check_positive(call, "temperature", temperature)
    check_prior(call, "tau_plus", tau_plus)
    shapes.check_nonnegative(call, "beta", beta)
    count = 2 * len(a) - 2
    with full_precision(a.device):
        z = unit_rows((a, b))
        first, second = z.chunk(2)
        positive = (first * second).sum(1).repeat(2) / temperature
        sample = of_sample(2, len(a), z.device)
        weighted = log_partition(z, z, temperature / (1 + beta), apart=(sample, sample))
        if beta > 0:
            weighted = weighted - log_partition(z, z, temperature / beta, apart=(sample, sample)) + math.log(count)
        log_total, _ = _total(positive, weighted, temperature, tau_plus, count)
        return -positive.mean(), log_total.mean()


def _total(
    positive: Tensor, weighted: Tensor, temperature: float, tau_plus: float, count: int
) -> tuple[Tensor, Tensor]:
    """log(P + G), and 1 where G does not rest on its bound, from the logs of P and of M R."""
    # Relative to the larger of the two: exponentials of 1/T leave the range of float32 from T = 0.011 down.
    shift = torch.maximum(positive, weighted).detach()
    own, others = (positive - shift).exp(), (weighted - shift).exp()
    left = (others - tau_plus * count * own) / (1 - tau_plus)
    least = count * (-1 / temperature - shift).exp()
    return (own + torch.maximum(left, least)).log() + shift, (left > least).to(left.dtype)
