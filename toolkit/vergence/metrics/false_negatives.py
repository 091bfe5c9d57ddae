"""Negatives that mean the same as their anchor: counted with labels, guessed at without."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import Pairs, Positives, pairs
from vergence.metrics.anchors import CELLS, anchors_of, blocks, sides
from vergence.metrics.directions import to_unit, usable

__all__ = ["FalseNegatives", "false_negatives"]

CLUSTERS = 10
RESTARTS = 4


@dataclass(frozen=True)
class FalseNegatives:
    """How many negatives are likely to be none. None: it cannot be said from what was given."""

    rate: float | None
    """Share of the negative pairs that have one label; None without labels."""
    rate_expected: float | None
    """What a batch drawn at random from classes of these sizes reads."""
    per_anchor: float | None
    """Such negatives of an anchor, mean."""
    gradient_share: float | None
    """Of the push on all negatives, the part that falls on them; None without labels and weights."""
    gradient_even: float | None
    """What that part would be if every pair that is pushed were pushed alike."""
    above_positive: float | None
    """Mean over anchors of the share of negatives more alike than its nearest positive, half the ties counted."""
    above_expected: float | None
    """The same where positives are no more alike than negatives: 1 / (1 + positives), 0.5 for one."""
    above_precision: float | None
    """Of those negatives, the share that has the anchor's label; None without labels, or without any."""
    cluster_rate: float | None
    """Share of the negative pairs that lie in one k-means cluster."""
    cluster_expected: float | None
    """The same for even clusters: 1 / clusters."""
    cluster_precision: float | None
    """Of those pairs, the share that has one label; `rate` is what clusters that say nothing of labels read."""
    cluster_recall: float | None
    """Of the pairs with one label, the share in one cluster; `cluster_rate` is what it reads by chance."""
    clusters: int
    """Clusters that were found: fewer than asked for where there are few different rows."""
    negatives: int
    """Ordered (anchor, negative) pairs that were looked at."""
    labelled: int
    """Those of them of which both have a label."""
    anchors: int
    """Rows that were looked at as anchors."""
    anchors_total: int
    """Anchors there are: more than were looked at when anchors were drawn."""
    rows: int
    """Rows that have a direction."""
    rows_left_out: int
    """Rows that are zero or not finite."""


@torch.no_grad()
def false_negatives(
    *views: Tensor,
    labels: Tensor | tuple[Tensor | None, ...] | None = None,
    positives: Positives | None = None,
    weights: Float[Tensor, "rows columns"] | None = None,
    clusters: int | None = CLUSTERS,
    seed: int = 0,
    max_rows: int = 1024,
    generator: torch.Generator | None = None,
) -> FalseNegatives:
    r"""How many of the pairs that are pushed apart belong together.

        with labels       rate            share of negative pairs (i, j) with label_i = label_j
                          gradient_share  sum of w_ij over those  /  sum of w_ij over all negative pairs,  w_ij > 0
        without           above_positive  mean over anchors i of the share of negatives j with s_ij > max over p of s_ip
                          cluster_rate    share of negative pairs in one of k clusters of the rows

    views: V >= 1 tensors (batch, dim); rows of any length, s is the cosine. labels, positives: as for
    `geometry.pairs`: pairs of one group are no negatives. Rows without a positive are anchors where no row has one.
    weights: how hard a loss pushes each pair, dL / ds_ij, (rows of all views, at least as many columns in that order),
    as `loss.pair_weights` gives them; what it pulls, or does not look at, has no part in the shares.
    clusters: k >= 2, for k-means on unit rows; None: no clusters are made. seed: of that. max_rows: above this, anchors
    are drawn (each against all rows), and clusters are those of drawn rows; generator: on the CPU; None: the same rows
    each time.

    rate reads 0 when all samples of a batch differ in label, 1 when all share one, and about `rate_expected`, the sum
    of squared class shares, for a batch drawn at random: 1 / C for C even classes. It says nothing of the embedding;
    gradient_share does: at `gradient_even` all negatives are pushed alike, above it the false ones more, since they are
    alike, which is what a low temperature does.
    above_positive reads 0 when every anchor's positive is its nearest, and 1 / (1 + P) for P positives where the
    embedding says nothing, also at collapse with P = 1. After training it is a guess at the rate of false negatives
    from below. cluster_rate reads 1 / k for even clusters whatever they mean, 1 at collapse: it is a count of
    pairs to look at, and with labels `cluster_precision` says whether they are worth it.

    Rows that are zero or not finite are left out and counted.

    Raises ShapeError, TooFewRows (no negative pair), NotFinite, ZeroRows, DeviceMismatch, ArgumentError.
    Source: Chuang et al. 2020, arXiv:2007.00224, for the bias of such negatives; Chakraborty et al. 2020,
    arXiv:2009.12007, for pseudo-clusters as a guess at them.
    """
    call = "false_negatives"
    if clusters is not None:
        shapes.check_count(call, "clusters", clusters, least=2)
    shapes.check_count(call, "max_rows", max_rows, least=2)
    shapes.check_count(call, "seed", seed, least=0)
    given = pairs(views, labels, positives, call=call)
    everything, left_out = usable(call, given)
    push = None if weights is None else _push(call, weights, given)
    who = replace(everything, rows=to_unit(everything.rows))
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    anchors = anchors_of(who)
    paired = len(anchors) > 0
    if not paired:
        anchors = torch.arange(len(who.rows), device=who.rows.device)
    total = len(anchors)
    anchors = anchors[_some(total, max_rows, generator).to(anchors.device)]
    seen = _Seen(who, push)
    for block in blocks(who, anchors) if len(who.rows) > 1 else ():
        seen.look(block.anchors, block.scores, block.positive, block.negative)
    if seen.negatives == 0:
        raise errors.TooFewRows(
            f"{call}: no two of {len(who.rows)} rows with a direction are a negative pair ({left_out} left out). Use a "
            "larger batch."
        )
    drawn = _some(len(who.rows), max_rows, generator)
    guess = None
    if clusters is not None:
        guess = _Guess(who, drawn, _kmeans(who.rows[drawn.to(who.rows.device)], clusters, seed))
    return FalseNegatives(
        rate=_share(seen.false, seen.labelled),
        rate_expected=_expected(who.labels),
        per_anchor=_share(seen.false, len(anchors)) if seen.labelled else None,
        gradient_share=_share(seen.push_false, seen.push),
        gradient_even=_share(seen.pushed_false, seen.pushed),
        above_positive=_share(seen.above, seen.anchors),
        above_expected=_share(seen.above_expected, seen.anchors),
        above_precision=_share(seen.above_false, seen.above_labelled),
        cluster_rate=None if guess is None else _share(guess.inside, guess.negatives),
        cluster_expected=None if guess is None else 1 / guess.clusters,
        cluster_precision=None if guess is None else _share(guess.false_inside, guess.labelled_inside),
        cluster_recall=None if guess is None else _share(guess.false_inside, guess.false),
        clusters=0 if guess is None else guess.clusters,
        negatives=seen.negatives,
        labelled=seen.labelled,
        anchors=len(anchors),
        anchors_total=total,
        rows=len(who.rows),
        rows_left_out=left_out,
    )


class _Seen:
    """Sums over anchors."""

    def __init__(self, who: Pairs, push: NDArray[np.float64] | None) -> None:
        self.labels = None if who.labels is None else who.labels.cpu().numpy()
        self.weights = push
        self.negatives = self.labelled = self.false = self.anchors = 0
        self.pushed = self.pushed_false = self.above_labelled = self.above_false = 0
        self.above = self.above_expected = self.push = self.push_false = 0.0

    def look(
        self,
        anchors: NDArray[np.int64],
        scores: NDArray[np.int64],
        positive: NDArray[np.bool_],
        negative: NDArray[np.bool_],
    ) -> None:
        """At a few anchors and all rows."""
        self.negatives += int(negative.sum())
        known = same = None
        if self.labels is not None:
            block = self.labels[anchors, None]
            known = negative & (block >= 0) & (self.labels >= 0)
            same = known & (block == self.labels)
            self.labelled += int(known.sum())
            self.false += int(same.sum())
        if known is not None and same is not None and self.weights is not None:
            push = self.weights[anchors]
            self.push += float(push.sum(where=known))
            self.push_false += float(push.sum(where=same))
            self.pushed += int((known & (push > 0)).sum())
            self.pushed_false += int((same & (push > 0)).sum())
        both = positive.any(1) & negative.any(1)
        if not both.any():
            return
        own = np.where(positive, scores, np.iinfo(np.int64).min).max(1)[:, None]
        above = negative & (scores > own)
        counts = negative.sum(1)[both]
        tied = (negative & (scores == own)).sum(1)[both]
        self.anchors += int(both.sum())
        self.above += float(((above.sum(1)[both] + 0.5 * tied) / counts).sum())
        self.above_expected += float((1 / (1 + positive.sum(1)[both])).sum())
        if known is not None and same is not None:
            self.above_labelled += int((above & known).sum())
            self.above_false += int((above & same).sum())


class _Guess:
    """What clusters say of the negative pairs among the rows that were drawn."""

    def __init__(self, who: Pairs, drawn: Tensor, ids: NDArray[np.int64]) -> None:
        self.clusters = int(ids.max()) + 1
        self.negatives = self.inside = self.labelled_inside = self.false_inside = self.false = 0
        labels = None if who.labels is None else who.labels.cpu()[drawn].numpy()
        chosen = drawn.to(who.rows.device)
        for start in range(0, len(drawn), max(1, CELLS // len(who.rows))):
            stop = min(start + max(1, CELLS // len(who.rows)), len(drawn))
            negative = sides(who, chosen[start:stop])[1][:, chosen].cpu().numpy()
            inside = negative & (ids[start:stop, None] == ids)
            self.negatives += int(negative.sum())
            self.inside += int(inside.sum())
            if labels is not None:
                block = labels[start:stop, None]
                known = (block >= 0) & (labels >= 0)
                same = negative & known & (block == labels)
                self.labelled_inside += int((inside & known).sum())
                self.false_inside += int((inside & same).sum())
                self.false += int(same.sum())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _some(count: int, most: int, generator: torch.Generator) -> Tensor:
    """Numbers from 0 to count - 1, ascending: all, or as many as are wanted."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=generator)[:most].sort().values


def _expected(labels: Tensor | None) -> float | None:
    """The chance that two rows drawn from these classes share one."""
    if labels is None or not bool((labels >= 0).any()):
        return None
    counts = torch.unique(labels[labels >= 0], return_counts=True)[1].double()
    return float((counts / counts.sum()).square().sum())


def _kmeans(rows: Tensor, clusters: int, seed: int) -> NDArray[np.int64]:
    """Cluster of each row; numbers without gaps."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    x = rows.cpu().double().numpy()
    # Differences that are rounding error must not choose a first centre.
    x = np.rint(x * 2.0**20) / 2.0**20
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters: `clusters` says so
        found = KMeans(min(clusters, len(x)), n_init=RESTARTS, random_state=seed % 2**32).fit_predict(x)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _push(call: str, weights: object, given: Pairs) -> NDArray[np.float64]:
    """How hard each pair of usable rows is pushed apart; 0 where it is not."""
    n = len(given.rows)
    if not isinstance(weights, Tensor) or weights.ndim != 2 or not weights.is_floating_point():
        raise errors.ShapeError(
            f"{call}: weights is {shapes.shape_of(weights)}. It must be floating point, ({n}, {n} or more): one number "
            "for each pair of rows of all views; use loss.pair_weights(*views)."
        )
    if weights.shape[0] != n or weights.shape[1] < n:
        raise errors.ShapeError(
            f"{call}: weights is {shapes.shape_of(weights)} but the views have {n} rows together. It must be "
            f"({n}, {n} or more); use loss.pair_weights(*views)."
        )
    size = given.rows.abs().amax(1)
    good = ((size > 0) & torch.isfinite(size)).cpu()
    found = weights.detach().cpu().double()[good][:, :n][:, good]
    return torch.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0).clamp_min(0).numpy()
