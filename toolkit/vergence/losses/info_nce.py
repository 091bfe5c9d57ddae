"""InfoNCE in one direction: among the rows of the other view, or against a queue of negatives, as MoCo has it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import (
    Base,
    Check,
    Weights,
    check_scale,
    check_two_views,
    check_weights,
    mean_over_pairs,
    two_views,
)
from vergence.losses.nt_xent import above_one
from vergence.losses.partition import log_partition
from vergence.shapes import Embeddings, Scalar

__all__ = ["InfoNCE", "info_nce"]

Negatives = Float[Tensor, "queue dim"]


def info_nce(
    a: Embeddings,
    b: Embeddings,
    *,
    temperature: float,
    weights: Weights | None = None,
    negatives: Negatives | None = None,
) -> Scalar:
    r"""How badly each row of a picks out its partner among the rows of b, or among the rows of a queue.

        info_nce(a, b) = mean over i of  -s_ii / T + log  sum over j of  exp(s_ij / T)

    a: (batch, dim), the anchors; b: (batch, dim), the candidates; batch N >= 2; row i of both is one sample.
    Rows are normalised here; s_ij is the cosine of a_i and b_j. Rows of one view are never compared with one
    another, and a and b are not exchangeable: `info_nce(b, a)` is the other direction.
    temperature: T > 0, no unit. weights: (batch,), >= 0, one per positive pair, not all 0.

    With negatives, (K, dim) and K >= 1, normalised here too, an anchor has its partner and these K rows only:

        info_nce(a, b) = mean over i of  -s_ii / T + log( exp(s_ii / T) + sum over k of  exp(a_i . n_k / T) )

    Then the other rows of b are no negatives, and the batch does not matter for how hard the task is.

    Reads ln N when every candidate looks the same: 5.55 at N = 256; ln(K + 1) with a queue: 11.09 at K = 65,536. Reads
    `InfoNCE.floor` when partners coincide and the rest is spread evenly: 1.06 at N = 256, T = 0.2, dim = 128.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: van den Oord et al. 2018, arXiv:1807.03748, equation 4, with the scaled cosine of He et al. 2019,
    arXiv:1911.05722, whose equation 1 is the form with negatives; their q is our a, their k (k_+) our b, the rest of
    their keys our negatives, their tau is our T.
    """
    pull, push = _terms("info_nce", a, b, temperature, weights, negatives)
    return pull + push


class InfoNCE(Base):
    """InfoNCE as an object: the loss, its terms, its scale and its pair weights. With a queue it is the loss of MoCo.

        loss = InfoNCE(0.2);  loss(z1, z2)                              N candidates: the rows of view 2
        loss = InfoNCE(0.07, queue=65536);  loss(q, k, negatives=keys)  1 positive, K negatives: He et al. 2019

    temperature: > 0; 0.2 as in MoCo v2 (Chen et al. 2020, arXiv:2003.04297); MoCo itself has 0.07.
    queue: how many rows `negatives` will have; then they must come. None: they may. Either way `chance`, `floor` and
    their words speak of the number of rows that came last in a call that records gradients (0: none came).

    Source: van den Oord et al. 2018, arXiv:1807.03748; He et al. 2019, arXiv:1911.05722.
    Raises ArgumentError.
    """

    name = "InfoNCE"
    source = "van den Oord et al. 2018, arXiv:1807.03748"
    views = 2
    takes: ClassVar[tuple[str, ...]] = ("negatives",)
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.2, *, queue: int | None = None) -> None:
        super().__init__(temperature=temperature)
        if queue is not None:
            shapes.check_count("InfoNCE", "queue", queue)
        self._asks = queue is not None
        self._see(queue or 0)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    @property
    def queue(self) -> int:
        """K, the negatives of an anchor that came last; 0: the rows of the other view were its negatives."""
        return self._queue

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`."""
        result = super().__call__(*views, **more)
        if torch.is_grad_enabled():
            negatives = more.get("negatives")
            self._see(0 if negatives is None else len(negatives))
        return result

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean s_ii / T: falls as partners meet, to -1/T. `push`, the rest: falls as others part."""
        negatives = self._negatives(more)
        pull, push = _terms(self.name, *two_views(self.name, views), self.temperature, None, negatives)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln N, with a queue ln(K + 1): every candidate looks the same. Raises ArgumentError."""
        check_scale("InfoNCE.chance", batch, dim)
        return math.log(self._candidates(batch))

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere.

            floor = ln(1 + (N - 1) exp(-1/T) 0F1(; dim/2; 1/(4 T^2)))      with a queue K in the place of N - 1

        Reads close to 0 for a small temperature, close to `chance` for a large one; see `NTXent.floor`.

        Raises ArgumentError.
        """
        check_scale("InfoNCE.floor", batch, dim)
        return above_one(self._candidates(batch) - 1, self.temperature, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows columns"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = (softmax_ij - [i = j]) / (N T)   for anchor i of view 1 and candidate j of view 2

        Rows 0..N-1 are view 1, N..2N-1 view 2, as for every loss; only the block of view 1 against view 2 is not 0.
        With negatives it is (2N, 2N + K): in that block the diagonal alone is not 0, and the K columns behind it hold
        the weights of the queue. Positive: pushed apart; negative: pulled together. Each anchor's weights sum to 0.

        Raises as `info_nce`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor.
        """
        negatives = self._negatives(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            if negatives is None:
                a, b = (normalize(z) for z in at_least_single(a, b))
                share = torch.softmax((a / self.temperature) @ b.T, dim=1)
                share.diagonal()[:] -= 1
                weights = share.new_zeros(2 * n, 2 * n)
                weights[:n, n:] = share / (n * self.temperature)
                return weights
            _check_negatives(self.name, a, negatives)
            a, b, others = (normalize(z) for z in at_least_single(a, b, negatives))
            logits = torch.cat([(a * b).sum(1, keepdim=True), a @ others.T], dim=1) / self.temperature
            share = torch.softmax(logits, dim=1) / (n * self.temperature)
            weights = share.new_zeros(2 * n, 2 * n + len(others))
            weights[:n, 2 * n :] = share[:, 1:]
            weights[:n, n : 2 * n].diagonal()[:] = -share[:, 1:].sum(1)  # what its negatives weigh, to the last digit
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("InfoNCE.reference_words", batch, dim)
        return {"chance": f"ln {self._candidates(batch)}", "floor": f"τ {self.temperature:g}"}

    def _candidates(self, batch: int) -> int:
        return self._queue + 1 if self._queue else batch

    def _see(self, queue: int) -> None:
        self._queue = queue
        among = "its partner and a queue of negatives" if queue else "view 2"
        self.variant = f"N anchors, view 1 against {among}, one direction, mean over anchors"

    def _negatives(self, more: dict[str, Any]) -> Tensor | None:
        negatives: Tensor | None = self.given(more)["negatives"]
        if negatives is None and self._asks:
            raise errors.ArgumentError(
                f"{self.name}: negatives is missing, and it was made with queue={self._queue}. Call it as "
                "loss(q, k, negatives=queue), or make it without queue= to compare with the rows of view 2."
            )
        return negatives


def _check_negatives(call: str, a: Tensor, negatives: object) -> None:
    shapes.check_embeddings(call, "negatives", negatives, rows=0)
    if not isinstance(negatives, Tensor) or negatives.shape[1] != a.shape[1]:
        raise errors.ShapeError(
            f"{call}: a is {shapes.shape_of(a)} but negatives is {shapes.shape_of(negatives)}. Rows are compared by "
            f"their cosine, so both need the same dim: hand over (K, {a.shape[1]}), out of the same head."
        )
    if len(negatives) == 0:
        raise errors.TooFewRows(
            f"{call}: negatives has 0 rows, 1 is needed. While the queue is empty, leave negatives out: then the rows "
            "of the other view are the negatives."
        )
    if negatives.device != a.device:
        raise errors.DeviceMismatch(
            f"{call}: a is on {a.device} but negatives is on {negatives.device}. Use negatives.to(a.device)."
        )


def _terms(
    call: str, a: Tensor, b: Tensor, temperature: float, weights: Tensor | None, negatives: Tensor | None
) -> tuple[Tensor, Tensor]:
    check_two_views(call, a, b)
    shapes.check_positive(call, "temperature", temperature)
    check_weights(call, weights, len(a), a.device)
    if negatives is not None:
        _check_negatives(call, a, negatives)
    with full_precision(a.device):
        if negatives is None:
            a, b = (normalize(z) for z in at_least_single(a, b))
            positive = (a * b).sum(1) / temperature
            push = log_partition(a, b, temperature)
        else:
            a, b, others = (normalize(z) for z in at_least_single(a, b, negatives))
            positive = (a * b).sum(1) / temperature
            push = torch.logaddexp(positive, log_partition(a, others, temperature))
        return -mean_over_pairs(positive, weights), mean_over_pairs(push, weights)
