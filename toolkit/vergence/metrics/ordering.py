"""Whether positives stand above negatives: over all pairs at once, and for each anchor by itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import Pairs, Positives, pairs
from vergence.metrics.anchors import Stand, anchors_of, stand
from vergence.metrics.chance import Chance
from vergence.metrics.directions import to_unit, usable
from vergence.metrics.similarity import mann_whitney, similarity

__all__ = ["HARDEST", "Ordering", "anchor_auc", "ordering", "pooled_auc"]

HARDEST = 10
"""Negatives of an anchor that `misordered_hardest` looks at."""
LEVEL = 1.959963984540054

Scores = Float[Tensor, "anchors candidates"]
Which = Bool[Tensor, "anchors candidates"]


@dataclass(frozen=True, eq=False)
class Ordering:
    """Whether positives are more alike than negatives."""

    auc: float
    """Pooled: over all positive and all negative pairs, whichever rows they belong to."""
    auc_anchor: float
    """Mean over anchors of the AUC among the anchor's own pairs."""
    auc_apart: float | None
    """`auc_anchor` with negatives of other labels alone: what false negatives cost is left out. Pairs of which one has
    no label are no such negatives. None without labels."""
    chance: Chance
    """Of `auc_anchor`, where a positive is no more alike than a negative."""
    misordered: float
    """Mean over anchors of the share of (positive, negative) with the negative strictly more alike."""
    tied: float
    """The same with both as alike: 1 at collapse."""
    misordered_hardest: float
    """As `misordered`, half the ties counted, among each anchor's 10 most similar negatives."""
    anchors_wrong: float
    """Share of anchors with a negative at least as alike as one of their positives."""
    margin: float
    """Smallest positive cosine less largest negative one, over all pairs: above 0, one threshold parts them."""
    margin_anchor: float
    """Mean over anchors of the smallest positive less the largest negative of the anchor."""
    margins: Float[Tensor, " anchors"] = field(repr=False)
    """That difference for each anchor."""
    anchors: Int[Tensor, " anchors"] = field(repr=False)
    """Row numbers of those anchors, counted through all views, one under the other."""
    anchors_total: int
    """Anchors there are: more than were measured when anchors were drawn."""
    pairs_positive: int
    """Different positive pairs of the anchors that were measured."""
    rows: int
    """Rows that have a direction."""
    rows_left_out: int
    """Rows that are zero or not finite."""


@torch.no_grad()
def ordering(
    *views: Tensor,
    labels: Tensor | tuple[Tensor | None, ...] | None = None,
    positives: Positives | None = None,
    max_rows: int = 1024,
    generator: torch.Generator | None = None,
) -> Ordering:
    r"""Whether every positive stands above every negative, as a loss of pairs wishes.

        auc_anchor = mean over anchors i, positives p and negatives n of i, of  [s_ip > s_in] + [s_ip = s_in] / 2
        auc        = the same mean over all positive and all negative pairs, of one anchor or not
        misordered = mean over anchors of the share of (p, n) with  s_in > s_ip;   tied: with s_in = s_ip
        margin     = min over positive pairs of s  -  max over negative pairs of s

    views: V >= 1 tensors (batch, dim); rows of any length, s is the cosine. labels, positives: as for
    `geometry.pairs`; labels say which negatives `auc_apart` looks at. An anchor is a row with a positive and a
    negative.
    max_rows: above this, anchors are drawn, each against all rows; the pooled AUC and `margin` are those of
    `similarity`, which draws rows. generator: on the CPU; None: the same anchors each time.

    Both AUCs read 1 when all positives stand above, 0.5 where a cosine says nothing and at collapse (`tied` is 1),
    under 0.5 the wrong way round. They differ where one anchor's cosines are all higher than another's: a
    softmax over an anchor's pairs does not feel such an offset, so `auc_anchor` can be 1 while no single threshold
    works and `auc` is lower. `chance` is 0.5 with a band of 1.96 / sqrt(12 P) for P positive pairs.
    margin reads 1 - cosine of the nearest two at best, below 0 as soon as two pairs in the whole batch overlap: one
    false negative is enough, so it falls as batches grow.

    Cosines closer than 1e-6 (6e-14 in float64) are a tie. Rows that are zero or not finite are left out and counted.

    Raises ShapeError, TooFewRows (no anchor has both a positive and a negative), NotFinite, ZeroRows, DeviceMismatch,
    ArgumentError.
    Source: the Mann-Whitney statistic; misordered pairs as in Shvetsova et al. 2023, arXiv:2301.02009, who
    sort positives among the 10 hardest negatives.
    """
    call = "ordering"
    shapes.check_count(call, "max_rows", max_rows, least=2)
    given = pairs(views, labels, positives, call=call)
    everything, left_out = usable(call, given)
    (found, others), total = _stood(call, replace(everything, rows=to_unit(everything.rows)), max_rows, generator)
    pooled = similarity(*views, labels=None, positives=positives, max_rows=max_rows, generator=generator)
    near, far = pooled.positive_quantiles, pooled.negative_quantiles
    if pooled.auc is None or near is None or far is None:  # rows were drawn, and none of the pairs of one kind
        raise errors.TooFewRows(
            f"{call}: no positive or no negative pair among the drawn rows. Set max_rows={len(everything.rows)}."
        )
    comparisons = found.positives * found.negatives
    margins = found.furthest - found.hardest
    half = LEVEL / math.sqrt(12 * found.pairs)
    size = given.rows.abs().amax(1)
    rows = torch.nonzero((size > 0) & torch.isfinite(size)).squeeze(1).cpu()
    return Ordering(
        auc=pooled.auc,
        auc_anchor=float(found.auc.mean()),
        auc_apart=float(others.auc.mean()) if others is not None and len(others.rows) else None,
        chance=Chance(0.5, max(0.0, 0.5 - half), min(1.0, 0.5 + half)),
        misordered=float((found.above / comparisons).mean()),
        tied=float((found.tied / comparisons).mean()),
        misordered_hardest=float(found.hard.mean()),
        anchors_wrong=float((margins <= 0).mean()),
        margin=float(near[0]) - float(far[-1]),
        margin_anchor=float(margins.mean()),
        margins=torch.from_numpy(margins),
        anchors=rows[torch.from_numpy(found.rows)],
        anchors_total=total,
        pairs_positive=found.pairs,
        rows=len(everything.rows),
        rows_left_out=left_out,
    )


def _stood(
    call: str, who: Pairs, most: int, generator: torch.Generator | None
) -> tuple[tuple[Stand, Stand | None], int]:
    anchors = anchors_of(who)
    total = len(anchors)
    if total and len(who.rows) > 2:
        if total > most:
            generator = torch.Generator().manual_seed(0) if generator is None else generator
            chosen = torch.randperm(total, generator=generator)[:most].sort().values
            anchors = anchors[chosen.to(anchors.device)]
        found = stand(who, anchors, HARDEST)
        if len(found[0].rows):
            return found, total
    raise errors.TooFewRows(
        f"{call}: none of {len(who.rows)} rows with a direction has both a positive and a negative. Two views of two "
        f"samples are the least: {call}(z1, z2); or say who belongs together: positives=."
    )


@torch.no_grad()
def pooled_auc(scores: Scores, positive: Which, negative: Which | None = None) -> float:
    r"""Share of (positive, negative) for which the positive has the higher score, whichever anchors they belong to.

        pooled_auc = mean over all positives p, negatives n of  [s_p > s_n] + [s_p = s_n] / 2

    scores: (anchors, candidates), any scale. positive: where a candidate is the anchor's positive. negative: where it
    is a negative; None: every candidate that is no positive. What is neither is not looked at.

    Reads 1 in perfect order, 0.5 where scores say nothing or all tie, 0 the wrong way round. An offset that all scores
    of one anchor share lowers it: it asks for one threshold for all anchors, `anchor_auc` does not.

    Raises ShapeError, NotFinite, TooFewRows (no positive or no negative), DeviceMismatch.
    Source: the Mann-Whitney statistic over the number of comparisons.
    """
    near, far = _given("pooled_auc", scores, positive, negative)
    values = scores.detach().cpu().double().numpy()
    return mann_whitney(np.sort(values[near.numpy()]), np.sort(values[far.numpy()]))


@torch.no_grad()
def anchor_auc(scores: Scores, positive: Which, negative: Which | None = None) -> Float[Tensor, " anchors"]:
    r"""For each anchor the share of its (positive, negative) for which the positive has the higher score.

        anchor_auc_i = mean over positives p, negatives n of i of  [s_ip > s_in] + [s_ip = s_in] / 2

    scores, positive, negative: as for `pooled_auc`. NaN for an anchor without a positive or without a negative.

    Reads 1 in perfect order, 0.5 where scores say nothing or all tie, 0 the wrong way round. Any increasing change of
    one anchor's scores leaves it as it is, an offset for one. A contrastive loss, a softmax over an anchor's pairs,
    sees no more.

    Raises ShapeError, NotFinite, TooFewRows (no anchor has both), DeviceMismatch.
    Source: the Mann-Whitney statistic of each row.
    """
    near, far = _given("anchor_auc", scores, positive, negative)
    values = scores.detach().cpu().double().numpy()
    rank: Callable[[int], float] = lambda i: mann_whitney(  # noqa: E731
        np.sort(values[i][near[i].numpy()]), np.sort(values[i][far[i].numpy()])
    )
    both = near.any(1) & far.any(1)
    if not bool(both.any()):
        raise errors.TooFewRows(
            f"anchor_auc: none of {len(scores)} anchors has both a positive and a negative. Mark them in `positive`."
        )
    return torch.tensor([rank(i) if bool(both[i]) else math.nan for i in range(len(values))], dtype=torch.float64)


def _given(call: str, scores: object, positive: object, negative: object) -> tuple[Tensor, Tensor]:
    if not isinstance(scores, Tensor) or scores.ndim != 2 or not scores.is_floating_point() or 0 in scores.shape:
        raise errors.ShapeError(
            f"{call}: scores is {shapes.shape_of(scores)}. It must be floating point (anchors, candidates), at least "
            "one of each; use unit(a) @ unit(b).T."
        )
    found = []
    for name, mask in (("positive", positive), ("negative", negative)):
        if mask is None and name == "negative":
            continue
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != scores.shape:
            raise errors.ShapeError(
                f"{call}: {name} is {shapes.shape_of(mask)} but scores is {shapes.shape_of(scores)}. It must be "
                f"boolean and of that shape: True where the candidate is the anchor's {name}."
            )
        if mask.device != scores.device:
            raise errors.DeviceMismatch(
                f"{call}: scores is on {scores.device} but {name} is on {mask.device}. Use {name}.to(scores.device)."
            )
        found.append(mask.cpu())
    near = found[0]
    far = ~near if len(found) == 1 else found[1] & ~near
    shapes.check_finite(call, "scores", scores.masked_fill(~(near | far).to(scores.device), 0.0))
    if not bool(near.any()) or not bool(far.any()):
        raise errors.TooFewRows(
            f"{call}: {int(near.sum())} positives and {int(far.sum())} negatives, at least one of each is needed. Mark "
            "them in `positive`."
        )
    return near, far
