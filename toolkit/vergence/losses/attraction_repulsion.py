"""CACR: the farther a positive, the harder it is pulled; the nearer a negative, the harder it is pushed."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.geometry import full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.several_views import by_blocks, check_several_views, several_views, unit_rows
from vergence.losses.targets import check_view_count
from vergence.shapes import Embeddings, Scalar

__all__ = ["CACR", "attraction_repulsion", "attraction_repulsion_weights"]

Shares = Float[Tensor, "rows rows"]


def attraction_repulsion(*views: Embeddings, t_pos: float, t_neg: float) -> Scalar:
    r"""How far positives are, the far ones counted most, less how far negatives are, the near ones counted most.

        cacr = mean over anchors of  sum over p of w+_p d_p  -  mean over anchors and views of  sum over n of w-_n d_n
        w+_p = exp(t_pos d_p) / sum over positives of the same          w-_n = exp(-t_neg d_n) / sum over negatives

    views: V >= 2 tensors (batch, dim), batch N >= 2; row i of each is one sample. Rows are normalised here.
    d = |x - y|^2 = 2 - 2 cosine, 0 to 4. Anchors are all V N rows; p: the same sample in the other V - 1 views; n: the
    other N - 1 samples in one other view, each view by itself. t_pos, t_neg: >= 0, no unit; 0 counts all alike, a large
    t_pos only the farthest positive, a large t_neg only the nearest negative. With two views there is one positive, its
    weight is 1, and t_pos does nothing.

    Reads 0 when all rows coincide; between -4 and 4. Reads `CACR.floor`, about -2 in many dimensions, when the views of
    a sample coincide and samples lie evenly.

    Gradients go through the weights too, as in the authors' code. That code takes each pair of views in one order only,
    the view with the lower number as anchor; here both orders count. Its debiased form and its form with a
    Gaussian cost are not offered.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Zheng et al. 2021, arXiv:2105.03746, the empirical CACR loss; their t+ and t- are our t_pos and t_neg, c our
    d, K + 1 our V.
    """
    pull, push = _terms("attraction_repulsion", views, t_pos, t_neg)
    return pull + push


def attraction_repulsion_weights(*views: Embeddings, t_pos: float, t_neg: float) -> tuple[Shares, Shares]:
    r"""The weights w+ and w- of `attraction_repulsion`, to look at: by anchor and partner.

    Two (V * batch, V * batch); rows 0..N-1 are view 1, and so on. Each row of either sums to 1; w- is divided by the
    V - 1 views it is made for. w+ rises with the distance of a positive, w- falls with the distance of a negative; both
    are even where their t is 0. What is no positive, or no negative in another view, has 0.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError. Detached.
    Source: Zheng et al. 2021, arXiv:2105.03746, the conditional distributions of positives and negatives.
    """
    call = "attraction_repulsion_weights"
    check_several_views(call, views)
    shapes.check_nonnegative(call, "t_pos", t_pos)
    shapes.check_nonnegative(call, "t_neg", t_neg)
    with torch.no_grad(), full_precision(views[0].device):
        _, pull, push = _weights(unit_rows(views), len(views), t_pos, t_neg)
        return pull.flatten(1), push.flatten(1) / (len(views) - 1)


class CACR(Base):
    """CACR as an object: the loss, its terms, its scale and its pair weights.

    t_pos: >= 0; 1. t_neg: >= 0; 2. As in the authors' runs on CIFAR-100 and STL-10 (CIFAR-10: t_neg 0.9), there with
    four positives. views: how many, 2 or more.

    Raises ArgumentError.
    """

    name = "CACR"
    variant = "all rows are anchors, positives against positives, negatives against negatives of one other view"
    source = "Zheng et al. 2021, arXiv:2105.03746"
    ranges: ClassVar[dict[str, Check]] = dict.fromkeys(("t_pos", "t_neg"), shapes.check_nonnegative)

    def __init__(self, t_pos: float = 1.0, t_neg: float = 2.0, views: int = 2) -> None:
        super().__init__(t_pos=t_pos, t_neg=t_neg)
        check_view_count("CACR", views)
        self.views = views

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`attraction`: 0 when the views of a sample coincide. `repulsion`: minus the weighted distance, to -4."""
        self.given(more)
        chosen = several_views(self.name, views, self.views)
        pull, push = _terms(self.name, chosen, self._settings["t_pos"], self._settings["t_neg"])
        return {"attraction": pull, "repulsion": push}

    def chance(self, batch: int, dim: int) -> float:
        """0: all rows alike. Raises ArgumentError."""
        check_scale("CACR.chance", batch, dim)
        return 0.0

    def floor(self, batch: int, dim: int) -> float | None:
        r"""The views of a sample coincide, samples lie evenly on the sphere.

            floor = 2 A - 2,   A = (2 t_neg / dim) 0F1(; dim/2 + 1; t_neg^2) / 0F1(; dim/2; t_neg^2)

        A: the mean cosine of random directions under the weights w-. Exact for many negatives; fewer leave the weights
        less to choose from, so that the loss reads lower. -2 for t_neg = 0. None for one sample. Raises ArgumentError.
        """
        check_scale("CACR.floor", batch, dim)
        if batch == 1:
            return None
        kappa = 2 * self._settings["t_neg"]
        return 2 * (kappa / dim) * math.exp(log_moment(kappa, dim + 2) - log_moment(kappa, dim)) - 2

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ip = -2 w+_p (1 + t_pos (d_p - mean of d under w+)) / (V N)
            w_in =  2 w-_n (1 - t_neg (d_n - mean of d under w-)) / (V N (V - 1))

        Rows 0..N-1 are view 1, and so on; two samples in one view have 0. Positive: pushed apart; negative: pulled
        together. A negative farther than 1/t_neg beyond the weighted mean is pulled, so that the near ones weigh more.

        Raises as `attraction_repulsion`. Computed on detached input.
        Source: the derivative of the empirical CACR loss of Zheng et al. 2021, arXiv:2105.03746.
        """
        self.given(more)
        chosen = several_views(self.name, views, self.views)
        check_several_views(self.name, chosen)
        t_pos, t_neg = self._settings["t_pos"], self._settings["t_neg"]
        with torch.no_grad(), full_precision(chosen[0].device):
            distance, pull, push = _weights(unit_rows(chosen), self.views, t_pos, t_neg)
            far = distance - (pull * distance).sum((1, 2), keepdim=True)
            near = distance - (push * distance).sum(2, keepdim=True)
            weights = push * (1 - t_neg * near) / (self.views - 1) - pull * (1 + t_pos * far)
            return 2 * weights.flatten(1) / len(distance)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance`, which has no formula, and `floor` with what it depends on."""
        check_scale("CACR.reference_words", batch, dim)
        words = {"chance": "all alike"}
        return words if batch == 1 else {**words, "floor": f"t− {self._settings['t_neg']:g}"}


def _terms(call: str, views: tuple[Tensor, ...], t_pos: float, t_neg: float) -> tuple[Tensor, Tensor]:
    check_several_views(call, views)
    shapes.check_nonnegative(call, "t_pos", t_pos)
    shapes.check_nonnegative(call, "t_neg", t_neg)
    count, batch = len(views), len(views[0])
    with full_precision(views[0].device):
        z = unit_rows(views).view(count, batch, -1)
        itself = torch.eye(count, dtype=torch.bool, device=z.device)[:, :, None]
        distance = 2 - 2 * torch.einsum("lbd,mbd->lmb", z, z)
        weights = torch.softmax((t_pos * distance).masked_fill(itself, -math.inf), dim=1)
        pull = (weights * distance).sum(1).mean()
        pairs = itertools.permutations(z, 2)
        push = torch.stack([_nearest(anchors, others, t_neg).mean() for anchors, others in pairs]).mean()
        return pull, -push


def _nearest(x: Tensor, y: Tensor, t_neg: float) -> Tensor:
    """Mean distance of each row of x to the rows of y but its own, the near ones counted most."""

    def block(rows: slice) -> Tensor:
        distance = 2 - 2 * x[rows] @ y.T
        itself = torch.zeros_like(distance, dtype=torch.bool)
        itself.diagonal(rows.start).fill_(True)
        weights = torch.softmax((-t_neg * distance).masked_fill(itself, -math.inf), dim=1)
        return (weights * distance).sum(1)

    return by_blocks(block, len(x), len(y))


def _weights(z: Tensor, count: int, t_pos: float, t_neg: float) -> tuple[Tensor, Tensor, Tensor]:
    """Distances, w+ and w- (in each other view by itself), each (rows, views, batch)."""
    rows, batch = len(z), len(z) // count
    distance = (2 - 2 * z @ z.T).view(rows, count, batch)
    number = torch.arange(rows, device=z.device)
    other_view = (number // batch)[:, None, None] != torch.arange(count, device=z.device)[:, None]
    same_sample = (number % batch)[:, None, None] == torch.arange(batch, device=z.device)
    positive, negative = other_view & same_sample, other_view & ~same_sample
    pull = torch.softmax((t_pos * distance).masked_fill(~positive, -math.inf).flatten(1), dim=1).view_as(distance)
    push = torch.softmax((-t_neg * distance).masked_fill(same_sample, -math.inf), dim=2).masked_fill(~negative, 0)
    return distance, pull, push
