"""How alike positive and negative pairs are: histograms of cosines, and how far the two are apart."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import ENOUGH_POSITIVES, Pairs, Positives, full_precision, pairs
from vergence.metrics.directions import to_unit, usable

__all__ = ["BINS", "QUANTILES", "Similarity", "similarity"]

BINS = 512
"""Bins of equal width on [-1, 1]: bin k holds k/256 - 1 <= cosine < (k + 1)/256 - 1, the last one also 1."""

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Shares of the pairs at which the raw cosines are reported."""

BLOCK = 1024
"""Rows compared at a time where there is no short cut: the largest matrix is BLOCK x n."""

Counts = Int[Tensor, "bins"]
Quantiles = Float[Tensor, "quantiles"]
Values = NDArray[np.floating]


@dataclass(frozen=True)
class Similarity:
    """Cosines of positive and negative pairs. None: there is no such pair, or there are no labels."""

    positive: Counts | None = field(repr=False)
    """How many positive pairs lie in each of the 512 bins on [-1, 1]; exact."""
    negative: Counts | None = field(repr=False)
    """The same for all negative pairs, false ones included."""
    false_negative: Counts | None = field(repr=False)
    """The part of `negative` that shares a label; None without labels."""
    positive_quantiles: Quantiles | None = field(repr=False)
    """Raw cosines at QUANTILES, smallest and largest included: finer than a bin."""
    negative_quantiles: Quantiles | None = field(repr=False)
    positive_mean: float | None
    negative_mean: float | None
    auc: float | None
    """Share of (positive, negative) for which the positive pair is the more alike; ties count half."""
    overlap: float | None
    """Area the two histograms share, each normalised to 1."""
    pairs_positive: int
    """Positive pairs that were measured."""
    pairs_negative: int
    """Negative pairs that were measured."""
    pairs_negative_total: int
    """Negative pairs there are: more than were measured when rows were drawn."""
    rows: int
    """Rows that have a direction, drawn or not."""
    rows_left_out: int
    """Rows that are zero or not finite: measured without them."""
    batch: int
    """Rows of the first view."""
    dim: int

    @property
    def sampled(self) -> bool:
        """Rows were drawn: counts are of some of the pairs."""
        return self.pairs_negative < self.pairs_negative_total


@torch.no_grad()
def similarity(
    *views: Tensor,
    labels: Tensor | tuple[Tensor | None, ...] | None = None,
    positives: Positives | None = None,
    max_rows: int = 1024,
    generator: torch.Generator | None = None,
) -> Similarity:
    r"""How alike positive and negative pairs are, and how well a cosine tells them apart.

        auc = mean over positive p, negative n of  [s_p > s_n] + [s_p = s_n] / 2
        overlap = sum over bins of  min(share of positives, share of negatives)

    views: V >= 1 tensors (batch, dim); rows of any length, s is the cosine, clipped to [-1, 1]. labels, positives:
    as for `geometry.pairs`; a negative pair with one label is a false negative.
    max_rows: above this, rows are drawn as `Pairs.draw` says, without bias: counts over the drawn pairs, divided by
    their number, estimate the same shares over all pairs. Positive pairs are never lost by it: they are drawn
    as whole groups, or all measured while there are at most 16 for each drawn row. generator: on the CPU; None:
    the same rows each time.

    Reads auc 1 and overlap 0 when every positive pair is more alike than every negative one; auc 0.5 and
    overlap near 1 when a cosine says nothing, also at collapse, where all cosines are 1 and tie; auc below 0.5 when
    positives are the *less* alike. A mean negative cosine of 0 is what random directions have; near 1, all
    rows lie in a cone.

    Cosines closer than 1e-6 (6e-14 in float64) are a tie: arithmetic on rows of that type tells no more.
    Rows that are zero or not finite are left out and counted. Memory: 2 n^2 bytes for n drawn rows.

    Raises ShapeError, TooFewRows (only one row has a direction), NotFinite, ZeroRows (none has), DeviceMismatch,
    ArgumentError.
    Source: the histograms are those that Zhu et al. 2021, arXiv:2108.02982, watch through training; overlap is the
    overlapping coefficient of two densities; auc the Mann-Whitney statistic over the number of comparisons.
    """
    shapes.check_count("similarity", "max_rows", max_rows, least=2)
    everything, left_out = usable("similarity", pairs(views, labels, positives, call="similarity"))
    if len(everything.rows) < 2:
        raise errors.TooFewRows(
            f"similarity: {len(everything.rows)} row with a direction ({left_out} left out), 2 are needed. "
            "Use a larger batch; did the loader hand over a last, partial one? Set drop_last=True."
        )
    drawn = everything.draw(max_rows, generator)
    drawn = replace(drawn, rows=to_unit(drawn.rows))
    with full_precision(drawn.rows.device):
        positive, negative, shared = _aligned(drawn) if drawn.aligned else _by_masks(drawn)
        single_rows = len(drawn.rows) < len(everything.rows) and not drawn.aligned
        if single_rows and everything.positive_total <= ENOUGH_POSITIVES * max_rows:
            positive = _listed(everything)
    p, n = _sorted(positive), _sorted(negative)
    p_counts, n_counts = _counts(p), _counts(n)
    return Similarity(
        positive=torch.from_numpy(p_counts) if len(p) else None,
        negative=torch.from_numpy(n_counts) if len(n) else None,
        false_negative=torch.from_numpy(_counts(_sorted(shared))) if shared is not None and len(n) else None,
        positive_quantiles=_quantiles(p) if len(p) else None,
        negative_quantiles=_quantiles(n) if len(n) else None,
        positive_mean=float(p.mean(dtype=np.float64)) if len(p) else None,
        negative_mean=float(n.mean(dtype=np.float64)) if len(n) else None,
        auc=mann_whitney(p, n) if len(p) and len(n) else None,
        overlap=float(np.minimum(p_counts / len(p), n_counts / len(n)).sum()) if len(p) and len(n) else None,
        pairs_positive=len(p),
        pairs_negative=len(n),
        pairs_negative_total=everything.negative_total,
        rows=len(everything.rows),
        rows_left_out=left_out,
        batch=len(views[0]),
        dim=everything.rows.shape[1],
    )


def _aligned(drawn: Pairs) -> tuple[Values, Values, Values | None]:
    """Cosines of positive, negative and false negative pairs where row i of each view belongs to group i.

    After the product everything is numpy: torch would put two threads to each of these small steps, and where a
    browser wants the same cores they wait for one another longer than they work.
    """
    positive, negative = _aligned_index(len(drawn.sizes), drawn.sizes[0])
    cosines: Values = (drawn.rows @ drawn.rows.T).cpu().numpy().reshape(-1)
    values = cosines.take(negative)
    if drawn.labels is None:
        return cosines.take(positive), values, None
    labels = drawn.labels.cpu().numpy()
    same = (labels == labels[:, None]) & (labels >= 0)
    return cosines.take(positive), values, values[same.reshape(-1).take(negative)]


@functools.lru_cache(maxsize=4)
def _aligned_index(views: int, batch: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the positive and the negative pairs stand in the flat matrix of cosines: the same at every step."""
    n = views * batch
    row, column = np.triu_indices(n, 1)
    positive = row % batch == column % batch
    flat = row * n + column
    return flat[positive], flat[~positive]


def _by_masks(drawn: Pairs) -> tuple[Values, Values, Values | None]:
    """The same for any pairs, in blocks of rows."""
    n = len(drawn.rows)
    labels = None if drawn.labels is None else drawn.labels.cpu().numpy()
    positives, negatives, shares = [], [], []
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        positive, negative = (mask.cpu().numpy() for mask in drawn.masks(start, stop))
        cosines: Values = (drawn.rows[start:stop] @ drawn.rows.T).cpu().numpy()
        positives.append(cosines[positive])
        negatives.append(cosines[negative])
        if labels is not None:
            block = labels[start:stop, None]
            shares.append(cosines[negative & (block == labels) & (block >= 0)])
    return np.concatenate(positives), np.concatenate(negatives), np.concatenate(shares) if shares else None


def _listed(everything: Pairs) -> Values:
    """Cosines of all positive pairs, one by one: for when rows were drawn but positives are few."""
    i, j = everything.positive_pairs()
    parts = zip(torch.split(i, BLOCK), torch.split(j, BLOCK), strict=True)
    found = [(to_unit(everything.rows[a]) * to_unit(everything.rows[b])).sum(1) for a, b in parts]
    cosines: Values = torch.cat(found).cpu().numpy()
    return cosines


def _sorted(cosines: Values) -> Values:
    """Ascending, clipped, with differences that are rounding error made ties."""
    # numpy sorts 130,000 floats in 0.3 ms, torch in 10; and everything below is a look-up in sorted values.
    values: Values = np.sort(cosines)
    grid = 2.0**44 if values.dtype == np.float64 else np.float32(2.0**20)
    values *= grid
    np.rint(values, out=values)
    values /= grid
    return np.clip(values, -1, 1, out=values)


def _counts(values: Values) -> NDArray[np.int64]:
    """Exact counts per bin: how many values lie below each edge. Edges are multiples of 1/256, exact in any float."""
    edges = (np.arange(1, BINS) / (BINS / 2) - 1).astype(values.dtype)
    below = np.searchsorted(values, edges, side="left")
    return np.diff(below, prepend=0, append=len(values)).astype(np.int64)


def _quantiles(values: Values) -> Tensor:
    """Cosines at QUANTILES, between two neighbours in proportion."""
    place = np.asarray(QUANTILES) * (len(values) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    share = place - low
    at = values[low].astype(np.float64) * (1 - share) + values[high].astype(np.float64) * share
    return torch.from_numpy(at.astype(np.float32))


def mann_whitney(positive: Values, negative: Values) -> float:
    """The pooled AUC: negatives below each positive, and half of those equal to it. Both ascending, not empty."""
    below = np.searchsorted(negative, positive, side="left").sum(dtype=np.int64)
    up_to = np.searchsorted(negative, positive, side="right").sum(dtype=np.int64)
    return (int(below) + int(up_to)) / (2 * len(positive) * len(negative))
