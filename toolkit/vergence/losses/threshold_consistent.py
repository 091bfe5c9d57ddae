"""The threshold-consistent margin loss: positives above one cosine, negatives below another, for every class alike."""

from __future__ import annotations

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

__all__ = ["ThresholdConsistent", "threshold_consistent"]

Cosines = Float[Tensor, "rows rows"]
Mask = Bool[Tensor, "rows rows"]


def threshold_consistent(
    *views: Tensor,
    labels: Labels | None = None,
    positive_margin: float = 0.9,
    negative_margin: float = 0.5,
    positive_weight: float = 1.0,
    negative_weight: float = 1.0,
) -> Scalar:
    r"""How far the pairs on the wrong side of two fixed cosines lie beyond them.

        threshold_consistent(*views) =
            positive_weight  mean of (m+ - s)  over the positive pairs with s <= m+
          + negative_weight  mean of (s - m-)  over the negative pairs with s >= m-

    views: V tensors (batch, dim), batch >= 2; rows are normalised here, pairs are any two rows of all views.
    labels: (batch,) integers; rows of one class are positives, all others negatives; below 0: class not known, and
        only the other views of the sample are positives. None: the views of a sample are its positives.
    positive_margin m+, negative_margin m-: cosines. positive_weight, negative_weight: >= 0.

    Reads 0 when every positive is above m+ and every negative below m-: then one threshold between the two tells
    all classes apart, which an accurate embedding need not offer. Reads 0.5 when all rows coincide, at most
    positive_weight (1 + m+) + negative_weight (1 - m-). A mean over no pairs counts 0.

    Only pairs beyond a margin count, in the sum and in its divisor: a pair that crosses changes the divisor, so the
    loss jumps a little there and is smooth in between. It says nothing about pairs that are in order, so
    the authors add it to another loss: `loss(z1, z2) + threshold_consistent(z1, z2)`.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Zhang et al. 2023, arXiv:2307.04047, the TCM loss; their m with + and - are ours, their lambda our weights.
    """
    given = {
        "positive_margin": positive_margin,
        "negative_margin": negative_margin,
        "positive_weight": positive_weight,
        "negative_weight": negative_weight,
    }
    for name, value in given.items():
        ThresholdConsistent.ranges[name]("threshold_consistent", name, value)
    return sum_of(_terms("threshold_consistent", views, labels, given))


class ThresholdConsistent(Base):
    """The threshold-consistent margin loss as an object: its two terms, its scale and its pair weights.

    positive_margin, negative_margin: cosines; positive_weight, negative_weight: >= 0; the defaults are the authors'.
    labelled: takes labels where there are any. False: the views of a sample are its positives, whatever the data knows.

    Raises ArgumentError.
    """

    name = "TCM"
    variant = "pairs of all rows of all views, mean over the pairs beyond each margin, without a base loss"
    source = "Zhang et al. 2023, arXiv:2307.04047"
    views = 2
    takes: ClassVar[tuple[str, ...]] = ("labels",)
    ranges: ClassVar[dict[str, Check]] = {
        "positive_margin": check_cosine,
        "negative_margin": check_cosine,
        "positive_weight": shapes.check_nonnegative,
        "negative_weight": shapes.check_nonnegative,
    }

    def __init__(
        self,
        positive_margin: float = 0.9,
        negative_margin: float = 0.5,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        *,
        labelled: bool = True,
    ) -> None:
        super().__init__(
            positive_margin=positive_margin,
            negative_margin=negative_margin,
            positive_weight=positive_weight,
            negative_weight=negative_weight,
        )
        if not labelled:
            self.takes = ()  # type: ignore[misc]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: positives below their margin. `push`: negatives above theirs. Each times its weight."""
        labels = self.given(more).get("labels")
        return _terms(self.name, views, labels, self.settings())

    def chance(self, batch: int, dim: int) -> float:
        """Collapse: negative_weight (1 - m-), whatever the labels; 0.5 at the defaults. Raises ArgumentError."""
        check_scale("ThresholdConsistent.chance", batch, dim)
        if batch == 1:
            return 0.0
        return self._settings["negative_weight"] * (1 - self._settings["negative_margin"])

    def floor(self, batch: int, dim: int) -> float:
        """0: every pair is on its side of its margin. Raises ArgumentError."""
        check_scale("ThresholdConsistent.floor", batch, dim)
        return 0.0

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            positive with s <= m+:  -positive_weight / (number of those)
            negative with s >= m-:   negative_weight / (number of those)

        0 for all others and on the diagonal: two flat steps, while a softmax leans on the most alike. Each
        unordered pair has half its weight on either side.

        Raises as `threshold_consistent`. Computed on detached input.
        """
        labels = self.given(more).get("labels")
        check_several_views(self.name, views, least=1)
        settings = self.settings()
        with torch.no_grad(), full_precision(views[0].device):
            cosines, short, beyond = _hard(self.name, views, labels, settings)
            pull, push = (mask.to(cosines.dtype) / mask.sum().clamp_min(1) for mask in (short, beyond))
            weights: Tensor = settings["negative_weight"] * push - settings["positive_weight"] * pull
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` all pairs in order."""
        check_scale("ThresholdConsistent.reference_words", batch, dim)
        return {"chance": "collapse", "floor": "all pairs in order"}


def _hard(
    call: str, views: tuple[Tensor, ...], labels: Tensor | None, settings: dict[str, float]
) -> tuple[Cosines, Mask, Mask]:
    ids = ids_of(call, views, labels)
    z = unit_rows(views)
    cosines = z @ z.T
    positive, negative = positives_and_negatives(ids)
    # Asked for what is in order: a NaN answers no to everything, and must stay in.
    high, low = cosines > settings["positive_margin"], cosines < settings["negative_margin"]
    return cosines, positive & ~high, negative & ~low


def _terms(
    call: str, views: tuple[Tensor, ...], labels: Tensor | None, settings: dict[str, float]
) -> dict[str, Tensor]:
    check_several_views(call, views, least=1)
    with full_precision(views[0].device):
        cosines, short, beyond = _hard(call, views, labels, settings)
        pull = _mean_where(short, settings["positive_margin"] - cosines)
        push = _mean_where(beyond, cosines - settings["negative_margin"])
    return {"pull": settings["positive_weight"] * pull, "push": settings["negative_weight"] * push}


def _mean_where(mask: Mask, values: Cosines) -> Scalar:
    return values.masked_fill(~mask, 0).sum() / mask.sum().clamp_min(1)
