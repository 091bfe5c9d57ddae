"""Supervised and unsupervised contrastive learning at once: classes draw together, samples stay apart within them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.sup_con import SupCon
from vergence.losses.targets import check_share
from vergence.shapes import Embeddings, Labels, Scalar

__all__ = ["JointSupUnsup", "joint_sup_unsup"]


def joint_sup_unsup(*views: Embeddings, labels: Labels, temperature: float, weight: float) -> Scalar:
    r"""SupCon, which merges what has one label, held back by the same loss without labels.

        joint = weight * SupCon + (1 - weight) * (SupCon with a label of its own for each sample)

    views: V >= 2 tensors (batch, dim), batch N >= 2; labels: (batch,) integers, below 0: not labelled; see `sup_con`,
    of which the form is `outside` in both parts. For two views the second part is NT-Xent.
    temperature: T > 0, of both. weight: 0 to 1; 0 knows no labels, 1 is SupCon.

    Reads ln(V N - 1) when all rows coincide. With weight 1 the classes inside a label can vanish (class collapse);
    with weight 0 an easy feature that has nothing to do with the label can suppress the others.

    Raises as `sup_con`; ShapeError for one view.
    Source: Xue et al. 2023, arXiv:2305.16536, the joint loss. NT-Xent
    is of Chen et al. 2020, arXiv:2002.05709, SupCon of Khosla et al. 2020, arXiv:2004.11362.
    """
    loss = JointSupUnsup(temperature, weight, views=max(2, len(views)))
    return loss(*views, labels=labels)


class JointSupUnsup(Base):
    """SupCon and NT-Xent as one object: the loss, its two terms, its scale and its pair weights.

    temperature: > 0, of both parts. weight: 0 to 1, of the supervised part; 0.5, an even mix, is ours.
    views: how many views it is called with, 2 or more.

    Raises ArgumentError.
    """

    name = "SupCon + NT-Xent"
    variant = "weighted mean of SupCon (outside the log) and of the same loss with one label per sample"
    source = "Xue et al. 2023, arXiv:2305.16536"
    needs = ("labels",)
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive, "weight": check_share}

    def __init__(self, temperature: float = 0.1, weight: float = 0.5, views: int = 2) -> None:
        super().__init__(temperature=temperature, weight=weight)
        shapes.check_count("JointSupUnsup", "views", views, least=2)
        self.views = views

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`supervised` and `unsupervised`, each times its weight."""
        weight = self._settings["weight"]
        known, unknown = self._parts(more)
        supervised, alone = self._one()(*views, labels=known), self._one()(*views, labels=unknown)
        return {"supervised": weight * supervised, "unsupervised": (1 - weight) * alone}

    def chance(self, batch: int, dim: int) -> float:
        """ln(V N - 1): all rows alike. Raises ArgumentError."""
        check_scale("JointSupUnsup.chance", batch, dim)
        return math.log(max(1, self.views * batch - 1))

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        """The weighted mean of the two parts' weights; see `SupCon.pair_weights`."""
        weight = self._settings["weight"]
        first, second = (self._one().pair_weights(*views, labels=labels) for labels in self._parts(more))
        return weight * first + (1 - weight) * second

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("JointSupUnsup.reference_words", batch, dim)
        return {"chance": f"ln {max(1, self.views * batch - 1)}"}

    def _one(self) -> SupCon:
        part = SupCon(self._settings["temperature"], views=self.views)
        part.name = self.name  # so that a message names what was called
        return part

    def _parts(self, more: dict[str, Any]) -> tuple[Any, Any]:
        """The labels, and as many that say nothing."""
        labels = self.given(more)["labels"]
        return labels, torch.full_like(labels, -1, dtype=torch.long) if isinstance(labels, Tensor) else labels
