"""InfoNCE with soft targets: what looks alike beyond doubt is no negative."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale, check_two_views, two_views
from vergence.losses.partition import log_partition
from vergence.losses.several_views import by_blocks
from vergence.losses.targets import check_targets
from vergence.shapes import Embeddings, Scalar

__all__ = ["SoftContrast", "soft_contrast", "soft_targets"]

Negatives = Float[Tensor, "negatives dim"]
Confidence = Float[Tensor, " batch"]


def soft_contrast(
    a: Embeddings,
    b: Embeddings,
    *,
    temperature: float,
    target_temperature: float,
    neighbours: float,
    negatives: Negatives | None = None,
) -> Scalar:
    r"""How badly each row of a picks out its partner *and what looks like its partner* among the candidates.

        soft_contrast(a, b) = mean over i of  - sum over j of  t_ij log softmax_j(s_ij / T)

    a: (batch, dim), the anchors; b: (batch, dim), the keys; row i of both is one sample. Rows are normalised here; s is
    the cosine of an anchor and a candidate. Candidates are all keys of the batch (N >= 3, as a sample needs two
    others), or, with `negatives` (K, dim), K >= 2, from a queue, the anchor's own key and those. The queue gets no
    gradient, nor do the t. Hand over the keys of a teacher as b, detached, for the loss of the paper.

        p_ij = softmax over j != i of (k_i . k_j / T')             how alike the others are to the own key
        c_i  = 1 - (entropy of p_i) / ln(number of others)         1: sure, 0: all alike
        t_i  = 1 at the own key, min(1, K c_i p_ij) elsewhere, divided by the sum        (the targets)

    k: unit keys; others: the candidates but the own key. temperature: T > 0. target_temperature: T' > 0, smaller than
    T so that p is sharp. neighbours: K >= 0, how many of the others may share the target; 0 is `info_nce`.

    Reads ln(number of candidates) when all rows coincide. An anchor whose others all look alike is sure of nothing and
    gets the target of InfoNCE; one with a true twin in the batch shares its target evenly with it.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Feng & Patras 2022, arXiv:2207.11163, with the queue of MoCo as in the authors' code (and without, as in its
    branch for BYOL, there with cosines instead of a softmax); their t1 and t2 are our T and T', K our neighbours.
    """
    call = "soft_contrast"
    check_two_views(call, a, b)
    _check_others(call, b, negatives)
    for name, value in (("temperature", temperature), ("target_temperature", target_temperature)):
        shapes.check_positive(call, name, value)
    shapes.check_nonnegative(call, "neighbours", neighbours)
    pull, push = _one_way(a, b, negatives, temperature, target_temperature, neighbours)
    return pull + push


def soft_targets(
    keys: Embeddings, negatives: Negatives | None = None, *, temperature: float, neighbours: float
) -> tuple[Float[Tensor, "batch candidates"], Confidence]:
    r"""The targets t and the confidence c of `soft_contrast`, to look at.

    keys: (batch, dim). negatives: (K, dim) or None. temperature: T' there. neighbours: K there.

    t: (batch, batch), the own key on the diagonal, or (batch, 1 + K), the own key first; rows sum to 1, and the own key
    is never below another. c: (batch,), 0 where all others look alike, 1 where a single one does.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError. Detached.
    Source: Feng & Patras 2022, arXiv:2207.11163.
    """
    shapes.check_positive("soft_targets", "temperature", temperature)
    shapes.check_nonnegative("soft_targets", "neighbours", neighbours)
    shapes.check_embeddings("soft_targets", "keys", keys)
    _check_others("soft_targets", keys, negatives)
    with torch.no_grad(), full_precision(keys.device):
        _, own, others = _unit(keys, keys, negatives)
        within = negatives is None
        shares, confidence = _shares(own, others, slice(0, len(own)), within, temperature, neighbours)
        if within:
            shares.fill_diagonal_(1)
        else:
            shares = torch.cat([torch.ones_like(confidence)[:, None], shares], dim=1)
        return shares / shares.sum(1, keepdim=True), confidence


class SoftContrast(Base):
    """Adaptive soft contrastive learning as an object: the loss, its terms, its scale and its pair weights.

    The mean of `soft_contrast` in both directions; the paper has the first view as anchors only. With `targets`, a
    teacher's output for each view, the keys are those of the other view, as loss(z1, z2, targets=(t1, t2)), and get no
    gradient; `negatives` is a queue.

    temperature: > 0; 0.1. target_temperature: > 0; 0.05. neighbours: >= 0; 1. As in the authors' code, whose example
    for CIFAR-100 has 5 neighbours.

    Raises ArgumentError.
    """

    name = "ASCL"
    variant = "2N anchors, view against view in both directions, soft targets among the candidates, mean over anchors"
    source = "Feng & Patras 2022, arXiv:2207.11163"
    views = 2
    takes = ("targets", "negatives")
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "target_temperature": shapes.check_positive,
        "neighbours": shapes.check_nonnegative,
    }

    def __init__(self, temperature: float = 0.1, target_temperature: float = 0.05, neighbours: float = 1.0) -> None:
        super().__init__(temperature=temperature, target_temperature=target_temperature, neighbours=neighbours)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean over t of s / T: falls as anchors meet their targets. `push`: falls as others part."""
        directions, negatives = self._chosen(views, self.given(more))
        numbers = [self._settings[name] for name in self.ranges]
        (pull, push), (pull_back, push_back) = (_one_way(*way, negatives, *numbers) for way in directions)
        return {"pull": (pull + pull_back) / 2, "push": (push + push_back) / 2}

    def chance(self, batch: int, dim: int) -> float:
        """ln N, without a queue: all rows alike. Raises ArgumentError."""
        check_scale("SoftContrast.chance", batch, dim)
        return math.log(batch)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows columns"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, candidates across.

            w_ij = (softmax_ij - t_ij) / (2N T)        for anchor i and candidate j

        (2N, columns): the rows of both views, then those of `targets` (2N), then `negatives` (K), as far as given. Only
        candidates' columns are not 0: the other view or its target, and the queue. Positive: pushed apart; negative:
        pulled together; what looks like the key is pulled too. Each anchor's weights sum to 0.

        Raises as `soft_contrast`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there with the target all at the partner.
        """
        given = self.given(more)
        directions, negatives = self._chosen(views, given)
        temperature, sharp, neighbours = (self._settings[name] for name in self.ranges)
        n, start = len(views[0]), 0 if given["targets"] is None else 2 * len(views[0])
        with torch.no_grad(), full_precision(views[0].device):
            found = []
            for anchors, keys in directions:
                q, own, others = _unit(anchors, keys, negatives)
                wanted, _ = soft_targets(keys, negatives, temperature=sharp, neighbours=neighbours)
                logits = q @ others.T / temperature
                if negatives is not None:
                    logits = torch.cat([(q * own).sum(1, keepdim=True) / temperature, logits], dim=1)
                found.append((torch.softmax(logits, dim=1) - wanted) / (2 * n * temperature))
            queued = 0 if negatives is None else len(negatives)
            weights = found[0].new_zeros(2 * n, start + 2 * n + queued)
            for rows, columns, share in ((0, start + n, found[0]), (n, start, found[1])):
                block = weights[rows : rows + n, columns : columns + n]
                if negatives is None:
                    block.copy_(share)
                else:
                    block.diagonal()[:] = share[:, 0]
                    weights[rows : rows + n, start + 2 * n :] = share[:, 1:]
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("SoftContrast.reference_words", batch, dim)
        return {"chance": f"ln {batch}"}

    def _chosen(
        self, views: tuple[Tensor, ...], given: dict[str, Any]
    ) -> tuple[tuple[tuple[Tensor, Tensor], ...], Tensor | None]:
        """Anchors and keys for both directions, and the queue."""
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        keys = (b, a)
        if given["targets"] is not None:
            targets = check_targets(self.name, (a, b), given["targets"])
            if len(targets) != 2:
                raise errors.ShapeError(
                    f"{self.name}: targets has 1 entry. The keys of a view are the target of the other: "
                    "targets=(t1, t2)."
                )
            keys = (targets[1].detach(), targets[0].detach())
        _check_others(self.name, a, given["negatives"])
        return tuple(zip((a, b), keys, strict=True)), given["negatives"]


def _one_way(
    anchors: Tensor, keys: Tensor, negatives: Tensor | None, temperature: float, sharp: float, neighbours: float
) -> tuple[Tensor, Tensor]:
    """What pulls and what pushes the anchors."""
    within = negatives is None
    with full_precision(anchors.device):
        q, own, others = _unit(anchors, keys, negatives)
        positive = (q * own).sum(1)

        def block(rows: slice) -> Tensor:
            with torch.no_grad():
                shares, _ = _shares(own, others, rows, within, sharp, neighbours)
            return torch.stack([(q[rows] * (shares @ others)).sum(1), shares.sum(1)], dim=1)

        drawn, mass = by_blocks(block, len(q), len(others)).unbind(1)
        push = log_partition(q, others, temperature)
        if not within:
            push = torch.logaddexp(push, positive / temperature)
        pull = -(positive + drawn) / ((1 + mass) * temperature)
        return pull.mean(), push.mean()


def _shares(
    own: Tensor, others: Tensor, rows: slice, within: bool, temperature: float, neighbours: float
) -> tuple[Tensor, Tensor]:
    """min(1, K c p) of some rows, 0 at the own key, and c."""
    logits = (own[rows] / temperature) @ others.T
    count = len(others) - 1 if within else len(others)
    if within:
        logits.diagonal(rows.start).fill_(-math.inf)
    log_p = torch.log_softmax(logits, dim=1)
    p = log_p.exp()
    # Where p is 0 its share of the entropy is 0, and not 0 times infinity.
    entropy = -(p * log_p.clamp_min(torch.finfo(p.dtype).min)).sum(1)
    confidence = (1 - entropy / math.log(count)).clamp(0, 1)
    return (neighbours * confidence[:, None] * p).clamp(max=1), confidence


def _unit(anchors: Tensor, keys: Tensor, negatives: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Unit rows of the anchors, of their keys, and of the others, which are the keys where there is no queue."""
    given = (anchors, keys) if negatives is None else (anchors, keys, negatives.detach())
    rows = [normalize(z) for z in at_least_single(*given)]
    return rows[0], rows[1], rows[-1]


def _check_others(call: str, keys: Tensor, negatives: object) -> None:
    """Enough others to tell a likely one from an unlikely one."""
    if negatives is None:
        if len(keys) < 3:
            raise errors.TooFewRows(
                f"{call}: the batch has {len(keys)} rows, 3 are needed: with one other row there is no telling how "
                "alike it is. Use a larger batch, or hand over a queue: negatives=queue."
            )
        return
    shapes.check_embeddings(call, "negatives", negatives, rows=2)
    if not isinstance(negatives, Tensor) or negatives.shape[1] != keys.shape[1]:
        raise errors.ShapeError(
            f"{call}: negatives is {shapes.shape_of(negatives)} but the keys are {shapes.shape_of(keys)}. Rows are "
            "compared by their cosine, so both need the same dim; fill the queue from the same head."
        )
    if negatives.device != keys.device:
        raise errors.DeviceMismatch(
            f"{call}: z1 is on {keys.device} but negatives is on {negatives.device}. Use negatives.to(z1.device)."
        )
