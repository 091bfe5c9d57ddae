"""Momentum contrast without a queue: each view picks its partner among the teacher's rows of another view."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.losses.info_nce import InfoNCE
from vergence.losses.loss import Base, Check, check_scale, sum_of
from vergence.losses.nt_xent import above_one
from vergence.losses.targets import check_targets, check_view_count, pair_count
from vergence.shapes import Scalar

__all__ = ["MomentumContrast", "momentum_contrast"]


def momentum_contrast(*views: Tensor, targets: tuple[Tensor, ...], temperature: float) -> Scalar:
    r"""How badly the rows of each view pick out their partners among the teacher's rows of the others.

        momentum_contrast(q_1, .., q_V; k_1, .., k_G) = mean over pairs v != g of  info_nce(q_v, k_g)

    views: V >= 2 tensors (batch, dim), the *predictor's* outputs, batch N >= 2. targets: a tuple of 1 to V tensors
    (batch, dim), the momentum encoder's embeddings; no gradient enters them. Row i of each is one item. Rows are
    normalised here. temperature: T > 0.

    Reads ln N when every candidate looks the same, close to 0 when each row meets its partner and no other.
    Negatives are the teacher's rows of the same batch: a view is never compared with the teacher's row of itself.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Other forms in use: the authors add the two directions and multiply by 2 T, which is 4 T times this.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Chen, Xie & He 2021, arXiv:2104.02057, algorithm 1 (MoCo v3); their q and k are ours.
    """
    return sum_of(_terms("momentum_contrast", views, targets, InfoNCE(temperature)))


class MomentumContrast(Base):
    """MoCo v3's loss as an object: its terms, scale and pair weights. Needs `targets`.

    temperature: > 0; 0.2 as in the paper for transformers (1.0 for ResNet-50). views: how many are made for each
    item, 2 or more.

    Raises ArgumentError. Source: Chen, Xie & He 2021, arXiv:2104.02057.
    """

    name = "MoCo v3"
    variant = "each view against the teacher's rows of another, mean over pairs and anchors, without the factor 2T"
    source = "Chen, Xie & He 2021, arXiv:2104.02057"
    needs: ClassVar[tuple[str, ...]] = ("targets",)
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.2, views: int = 2) -> None:
        super().__init__(temperature=temperature)
        check_view_count("MomentumContrast", views)
        self.views = views

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: falls as guesses meet their targets, to -1/T. `push`, the rest: falls as others part."""
        targets = self.given(more)["targets"]
        return _terms(self.name, views, targets, InfoNCE(self._settings["temperature"]))

    def chance(self, batch: int, dim: int) -> float:
        """ln N: every candidate looks the same. Raises ArgumentError."""
        check_scale("MomentumContrast.chance", batch, dim)
        return math.log(batch)

    def floor(self, batch: int, dim: int) -> float:
        """Partners coincide, all others lie evenly on the sphere; see `InfoNCE.floor`. Raises ArgumentError."""
        check_scale("MomentumContrast.floor", batch, dim)
        return above_one(batch - 1, self._settings["temperature"], dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows both"]:
        r"""dL/ds of each row of the views (rows, view by view) with each row of views and targets (targets last).

            w_ij = (softmax_ij - [i = j]) / (pairs N T)   for row i of view v and row j of target g, v != g

        Positive: pushed apart; negative: pulled together. Each row's weights sum to 0. Raises as `momentum_contrast`.
        """
        given = check_targets(self.name, views, self.given(more)["targets"])
        one, n, pairs = InfoNCE(self._settings["temperature"]), len(views[0]), pair_count(len(views), len(given))
        rows = []
        for v, view in enumerate(views):
            # A view is not compared with the target of itself.
            with_targets = [one.pair_weights(view, k)[:n, n:] * (float(g != v) / pairs) for g, k in enumerate(given)]
            rows.append(torch.cat([with_targets[0].new_zeros(n, len(views) * n), *with_targets], 1))
        return torch.cat(rows)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("MomentumContrast.reference_words", batch, dim)
        return {"chance": f"ln {batch}", "floor": f"τ {self._settings['temperature']:g}"}


def _terms(call: str, views: tuple[Tensor, ...], targets: object, one: InfoNCE) -> dict[str, Tensor]:
    given = check_targets(call, views, targets)
    found = [one.terms(q, k.detach()) for v, q in enumerate(views) for g, k in enumerate(given) if v != g]
    return {name: sum_of({str(i): terms[name] for i, terms in enumerate(found)}) / len(found) for name in found[0]}
