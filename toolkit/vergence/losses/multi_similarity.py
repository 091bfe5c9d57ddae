"""The multi-similarity loss: each anchor's positives and negatives, weighed by how they compare."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vergence import shapes
from vergence.geometry import full_precision
from vergence.losses.loss import Base, Check, check_scale, sum_of
from vergence.losses.positives import check_cosine, ids_of, positives_and_negatives
from vergence.losses.several_views import check_several_views, unit_rows
from vergence.shapes import Labels, Scalar

__all__ = ["MultiSimilarity", "multi_similarity"]

Mask = Bool[Tensor, "rows rows"]
Cosines = Float[Tensor, "rows rows"]


def multi_similarity(
    *views: Tensor,
    labels: Labels | None = None,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    margin: float | None = None,
) -> Scalar:
    r"""How much of an anchor's positives lies below a base cosine, and how much of its negatives above it.

        multi_similarity(*views) = mean over all rows i of
            (1/alpha) log(1 + sum over positives j of exp(-alpha (s_ij - base)))
          + (1/beta)  log(1 + sum over negatives j of exp( beta (s_ij - base)))

    views: V tensors (batch, dim), batch >= 2; rows are normalised here, s_ij is the cosine of rows i and j of all
        views together, i != j.
    labels: (batch,) integers; rows of one class are positives, all others negatives; below 0: class not known, and
        only the other views of the sample are positives. None: the views of a sample are its positives.
    alpha, beta: > 0, no unit: how sharply the worst positive and the worst negative stand out; large: only they count.
    base: a cosine. Positives above it and negatives below it cost little.
    margin: None counts every pair. A number >= 0 counts only pairs worth learning from: negatives with
        s_ij > (least positive of i) - margin, and positives with s_ij < (greatest negative of i) + margin. The
        authors mine with 0.1. The choice of pairs gets no gradient, so there the loss jumps.

    At the default settings and without labels: 0.781 when all rows of 256 pairs coincide, 0.157 when partners
    coincide and all others are orthogonal: `MultiSimilarity.chance` and `floor`. Never below 0.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Wang et al. 2019, arXiv:1904.06627, equation 15, mining 10 and 11; their lambda is our base, their
    epsilon our margin. An anchor that mining leaves without pairs costs 0 and stays in the mean. Their base is 1 in
    the paper and 0.5 in their code, as here.
    """
    given = {"alpha": alpha, "beta": beta, "base": base} | ({} if margin is None else {"margin": margin})
    for name, value in given.items():
        MultiSimilarity.ranges[name]("multi_similarity", name, value)
    return sum_of(_terms("multi_similarity", views, labels, given))


class MultiSimilarity(Base):
    """The multi-similarity loss as an object: its two terms, its scale and its pair weights.

    alpha, beta: > 0. base: from -1 to 1. margin: None for all pairs, or >= 0 for mined ones. Setting the margin of
    one that was made without switches mining on; 2 or more then keeps every pair.
    labelled: takes labels where there are any. False: the views of a sample are its positives, whatever the data knows;
    only then are there a chance and a floor, as both hang on how many positives an anchor has.

    Raises ArgumentError.
    """

    name = "MultiSimilarity"
    variant = "all rows of all views are anchors, mean over anchors, no mining unless a margin is given"
    source = "Wang et al. 2019, arXiv:1904.06627"
    views = 2
    takes: ClassVar[tuple[str, ...]] = ("labels",)

    ranges: ClassVar[dict[str, Check]] = {
        "alpha": shapes.check_positive,
        "beta": shapes.check_positive,
        "base": check_cosine,
        "margin": shapes.check_nonnegative,
    }

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        margin: float | None = None,
        *,
        labelled: bool = True,
    ) -> None:
        mined = {} if margin is None else {"margin": margin}
        super().__init__(alpha=alpha, beta=beta, base=base, **mined)
        self.labelled = labelled
        if not labelled:
            self.takes = ()  # type: ignore[misc]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: the sum over positives, falls as they meet. `push`: over negatives, falls as they part."""
        labels = self.given(more).get("labels")
        return _terms(self.name, views, labels, self.settings())

    def chance(self, batch: int, dim: int) -> float | None:
        r"""All rows coincide, two views; None for a loss that takes labels.

            (1/alpha) log(1 + exp(-alpha (1 - base))) + (1/beta) log(1 + (2N - 2) exp(beta (1 - base)))

        Raises ArgumentError.
        """
        check_scale("MultiSimilarity.chance", batch, dim)
        return None if self.labelled else self._arranged(batch, others=1.0)

    def floor(self, batch: int, dim: int) -> float | None:
        r"""Partners coincide, all others are orthogonal, two views; None for a loss that takes labels.

            (1/alpha) log(1 + exp(-alpha (1 - base))) + (1/beta) log(1 + (2N - 2) exp(-beta base))

        The first part cannot be undercut. So many orthogonal rows exist up to batch = dim; beyond that the nearest
        negatives come above 0, which costs next to nothing while they stay well below base.

        Raises ArgumentError.
        """
        check_scale("MultiSimilarity.floor", batch, dim)
        return None if self.labelled else self._arranged(batch, others=0.0)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across. n = V * batch rows.

            positive:  w_ij = -(1/n) exp(-alpha (s_ij - base)) / (1 + sum over positives k of exp(-alpha (s_ik - base)))
            negative:  w_ij =  (1/n) exp( beta (s_ij - base)) / (1 + sum over negatives k of exp( beta (s_ik - base)))

        0 on the diagonal and for pairs that mining leaves out. Neither kind of weight exceeds 1/n in a row's sum.

        Raises as `multi_similarity`. Computed on detached input.
        Source: Wang et al. 2019, arXiv:1904.06627, equations 12 and 13, there for one anchor.
        """
        labels = self.given(more).get("labels")
        settings = self.settings()
        check_several_views(self.name, views, least=1)
        with torch.no_grad(), full_precision(views[0].device):
            cosines, positive, negative = _pairs(self.name, views, labels, settings.get("margin"))
            pull = _exponents(cosines, positive, -settings["alpha"], settings["base"])
            push = _exponents(cosines, negative, settings["beta"], settings["base"])
            return (_share(push) - _share(pull)) / len(cosines)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse, `floor` an arrangement; no words for a loss that takes labels."""
        check_scale("MultiSimilarity.reference_words", batch, dim)
        return {} if self.labelled else {"chance": "collapse", "floor": "others orthogonal"}

    def _arranged(self, batch: int, others: float) -> float:
        alpha, beta, base = (self._settings[name] for name in ("alpha", "beta", "base"))
        pull = math.log1p(math.exp(-alpha * (1 - base))) / alpha
        if batch == 1:
            return pull
        exponent = math.log(2 * batch - 2) + beta * (others - base)
        return pull + (max(exponent, 0.0) + math.log1p(math.exp(-abs(exponent)))) / beta


def _terms(
    call: str, views: tuple[Tensor, ...], labels: Tensor | None, settings: dict[str, float]
) -> dict[str, Tensor]:
    check_several_views(call, views, least=1)
    alpha, beta, base = (settings[name] for name in ("alpha", "beta", "base"))
    with full_precision(views[0].device):
        cosines, positive, negative = _pairs(call, views, labels, settings.get("margin"))
        pull = _log_above_one(_exponents(cosines, positive, -alpha, base)).mean() / alpha
        push = _log_above_one(_exponents(cosines, negative, beta, base)).mean() / beta
    return {"pull": pull, "push": push}


def _pairs(
    call: str, views: tuple[Tensor, ...], labels: Tensor | None, margin: float | None
) -> tuple[Cosines, Mask, Mask]:
    ids = ids_of(call, views, labels)
    z = unit_rows(views)
    cosines = z @ z.T
    positive, negative = positives_and_negatives(ids)
    if margin is None:
        return cosines, positive, negative
    seen = cosines.detach()
    least = seen.masked_fill(~positive, math.inf).amin(1, keepdim=True)
    greatest = seen.masked_fill(~negative, -math.inf).amax(1, keepdim=True)
    # Asked for what is left out: a NaN answers no to everything, and must stay in.
    easy_negative, easy_positive = seen <= least - margin, seen >= greatest + margin
    return cosines, positive & ~easy_positive, negative & ~easy_negative


def _exponents(cosines: Cosines, counted: Mask, slope: float, base: float) -> Float[Tensor, "rows rows"]:
    return (slope * (cosines - base)).masked_fill(~counted, -math.inf)


def _shift(exponents: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows 1"]:
    """The greatest exponent of a row or that of the 1 beside the sum, so that no exponential overflows."""
    return exponents.detach().amax(1, keepdim=True).clamp_min(0)


def _log_above_one(exponents: Float[Tensor, "rows columns"]) -> Float[Tensor, " rows"]:
    """log(1 + sum of exp) along rows."""
    shift = _shift(exponents)
    return ((exponents - shift).exp().sum(1, keepdim=True) + (-shift).exp()).log().add(shift).squeeze(1)


def _share(exponents: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """exp / (1 + sum of exp) along rows."""
    shift = _shift(exponents)
    kernel = (exponents - shift).exp()
    return kernel / (kernel.sum(1, keepdim=True) + (-shift).exp())
