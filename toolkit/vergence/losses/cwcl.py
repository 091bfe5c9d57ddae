"""CWCL: CLIP with every item as a partner, by how alike the frozen encoder finds the two."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.learned import TEMPERATURE, Kept, Learned
from vergence.losses.loss import Check, check_scale, check_two_views, two_views
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["CWCL", "cwcl"]

Partners = Float[Tensor, "batch batch"]


def cwcl(
    a: Embeddings, b: Embeddings, *, temperature: float, weights: Partners | None = None, both: bool = False
) -> Scalar:
    r"""How badly rows of a pick out, among the rows of b, all that are like them, in proportion; and b picks out a.

        cwcl(a, b) = 1/2 mean over i of  - sum over j of  (w_ij / W_i) log softmax_j(s_ij / T)
                   + 1/2 mean over j of  - log softmax_i(s_ij / T)  at i = j
        w_ij = (1 + cos(a_i, a_j)) / 2,   W_i = sum over j of w_ij

    a: (batch, dim), of the *frozen* encoder, which knows what is alike; b: (batch, dim), of the one that learns.
    Batch N >= 2; row i of both belongs together. Rows are normalised here; s_ij is the cosine of a_i and b_j.
    temperature: T > 0. weights: (batch, batch), >= 0, w itself, or None for the formula above. No gradient enters
    them. The identity returns `clip`. both: True weights the second direction alike.

    Reads ln N when everything looks the same. Its least value is not 0 but what the soft targets leave open: with
    unrelated items w is 1 for the partner and 1/2 for all others.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out. With the formula's weights no
    (batch, batch) matrix of them is made.

    Other forms in use: the paper adds the two directions, which is twice this mean.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Srinivasa et al. 2023, arXiv:2309.14580, section 3; their p is our a, their q our b, their tau our T.
    """
    shapes.check_positive("cwcl", "temperature", temperature)
    check_two_views("cwcl", a, b)
    if weights is not None and (not weights.is_floating_point() or weights.shape != (len(a), len(a))):
        raise errors.ShapeError(
            f"cwcl: weights is {shapes.shape_of(weights)} {weights.dtype} for {len(a)} rows. One floating point number "
            f"per pair is needed: ({len(a)}, {len(a)})."
        )
    pull, push = _terms(a, b, a, 1 / temperature, 1 / temperature, weights, both)
    return pull + push


class CWCL(Learned):
    """CWCL as an object: the loss, its terms, its scale and its pair weights.

    View 1 is the frozen encoder's, view 2 the one that learns. Takes `targets`: a tuple of one tensor (batch, any dim)
    that decides the weights in place of view 1, for example what the frozen encoder gives before a learned head.

    temperature: > 0; learned: True keeps it as the parameter `log_scale` = -ln T. both: see `cwcl`.

    Raises ArgumentError.
    Source: Srinivasa et al. 2023, arXiv:2309.14580.
    """

    name = "CWCL"
    variant = "soft partners from view 1 to view 2, one partner back; mean of both directions (the paper: their sum)"
    source = "Srinivasa et al. 2023, arXiv:2309.14580"
    takes: ClassVar[tuple[str, ...]] = ("targets",)
    kept: ClassVar[dict[str, Kept]] = {"temperature": TEMPERATURE}
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.07, learned: bool = True, both: bool = False) -> None:
        super().__init__(learned, temperature=temperature)
        self.both = both

    @property
    def temperature(self) -> float:
        """T now; change it with `set`."""
        return self.settings()["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, minus the weighted mean of s / T over partners. `push`, the rest: falls as all part."""
        a, b, known = self._given(views, more)
        pull, push = _terms(a, b, known, *self.scale(), None, self.both)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln N: every candidate looks the same. Raises ArgumentError."""
        check_scale("CWCL.chance", batch, dim)
        return math.log(batch)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine between the views: dL/ds, anchors down, partners across.

            (softmax over j of s_ij / T - w_ij / W_i) / (2 N T)   from view 1 to view 2; back as in CLIP, unless `both`

        Rows 0..N-1 are view 1, N..2N-1 view 2; the blocks within a view are 0, as no gradient enters the weights;
        targets have no columns, as nothing is compared with them. Each row sums to 0. Raises as `cwcl`. Computed on
        detached input.
        """
        a, b, known = self._given(views, more)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            scale = self.scale()[0]
            a, b, known = (normalize(z) for z in at_least_single(a, b, known))
            partners = 1 + known @ known.T
            partners /= partners.sum(1, keepdim=True)
            back = partners if self.both else torch.eye(n, device=a.device, dtype=a.dtype)
            logits = (a * scale) @ b.T
            weights = logits.new_zeros(2 * n, 2 * n)
            weights[:n, n:] = (logits.softmax(1) - partners) * (scale / (2 * n))
            weights[n:, :n] = (logits.T.softmax(1) - back) * (scale / (2 * n))
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("CWCL.reference_words", batch, dim)
        return {"chance": f"ln {batch}"}

    def _given(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        targets = self.given(more)["targets"]
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        if targets is None:
            return a, b, a
        if not isinstance(targets, tuple | list) or len(targets) != 1:
            came = f"{len(targets)} entries" if isinstance(targets, tuple | list) else shapes.shape_of(targets)
            raise errors.ShapeError(
                f"{self.name}: targets is {came}. It must be a tuple of one tensor (batch, dim), the embeddings that "
                "decide who is alike: targets=(frozen,)."
            )
        shapes.check_embeddings(self.name, "targets[0]", targets[0])
        shapes.check_same_shape(self.name, a=a[:, :1], targets=targets[0][:, :1])
        return a, b, targets[0]


def _terms(
    a: Tensor,
    b: Tensor,
    known: Tensor,
    scale: Tensor | float,
    bound: float,
    weights: Tensor | None,
    both: bool,
) -> tuple[Tensor, Tensor]:
    with full_precision(a.device):
        a, b, known = (normalize(z) for z in at_least_single(a, b, known.detach()))
        own = (a * b).sum(1)
        there = _to_partners(a, b, known, weights)
        back = _to_partners(b, a, known, weights) if both else own
        scaled = a * scale
        across = log_partition(scaled, b, bound=bound), log_partition(b, scaled, bound=bound)
        pull = -scale * (there + back).mean() / 2
        return pull, (across[0].mean() + across[1].mean()) / 2


def _to_partners(x: Tensor, y: Tensor, known: Tensor, weights: Tensor | None) -> Float[Tensor, " batch"]:
    """Each row's mean cosine with its partners, weighted."""
    if weights is not None:
        weights = weights.detach().to(x.dtype)
        return ((x @ y.T) * weights).sum(1) / weights.sum(1)
    # sum over j of (1 + k_i . k_j) (x_i . y_j) = x_i . sum_j y_j + (x_i Y'K) . k_i: no matrix of all pairs.
    total = x @ y.sum(0) + ((x @ (y.T @ known)) * known).sum(1)
    return total / (len(x) + known @ known.sum(0))
