"""SupCon: everything with the same label is positive."""

from __future__ import annotations

from typing import Any, ClassVar

from vergence.losses.sup_con import Form
from vergence.losses.sup_con import SupCon as Loss
from vergence.methods.recipe import Recipe, known

__all__ = ["SupCon"]


class SupCon(Recipe):
    """Supervised contrastive learning: SimCLR's two views and head, with all rows of a class as positives.

    The one method here that trains with labels, so data must have them: `data=(x, labels)`. A label below 0 means not
    labelled: such a sample is a positive of its own other view alone.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of SGD or LARS, a small conv net in place of
    ResNet-50, batch 256 in place of 6,144; the classifier of its second stage is left to the probes.

    Args:
        temperature: above 0; 0.1 as in the paper.
        form: "outside", "inside" or "decoupled"; see `losses.sup_con`.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError, UnknownName. Source: Khosla et al. 2020, arXiv:2004.11362.
    """

    name: ClassVar[str] = "SupCon"

    def __init__(self, temperature: float = 0.1, form: Form = "outside", **more: Any) -> None:
        super().__init__(Loss(temperature=temperature, form=form), **known(type(self), more))
