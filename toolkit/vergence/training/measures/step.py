"""What is measured on the embeddings of a training step: similarity, hypersphere and the lengths of rows."""

from __future__ import annotations

import torch
from torch import Tensor

from vergence.metrics.hypersphere import hypersphere
from vergence.metrics.norms import norms
from vergence.metrics.similarity import similarity
from vergence.training.measures.base import Measured, Sample, as_array

__all__ = ["measure_hypersphere", "measure_norms", "measure_similarity"]

MOST_CLASSES = 1000
"""Of which counts go into a frame."""


def measure_similarity(sample: Sample) -> Measured:
    """Histograms of positive and negative cosines, AUC and overlap."""
    found = similarity(*sample.views, labels=sample.labels, positives=sample.positives, generator=sample.generator)
    place = f"similarity/{sample.place}"
    measured = Measured()
    for key in ("positive_mean", "negative_mean", "auc", "overlap"):
        value = getattr(found, key)
        if value is not None:
            measured.scalars[f"{place}/{key}"] = float(value)
    arrays = {"positive": found.positive, "negative": found.negative}
    arrays |= {"positive_quantiles": found.positive_quantiles, "negative_quantiles": found.negative_quantiles}
    if found.false_negative is not None:
        arrays["false_negative"] = found.false_negative
    counts = _label_counts(sample)
    if counts is not None:
        arrays["label_counts"] = counts
    share = None
    if found.false_negative is not None and found.pairs_negative:
        share = float(found.false_negative.sum()) / found.pairs_negative
    meta = {
        "pairs_positive": found.pairs_positive, "pairs_negative": found.pairs_negative,
        "pairs_negative_total": found.pairs_negative_total, "rows": found.rows, "rows_left_out": found.rows_left_out,
        "batch": found.batch, "dim": found.dim, "auc": found.auc, "overlap": found.overlap,
        "positive_mean": found.positive_mean, "negative_mean": found.negative_mean, "share_label": share,
        "views": len(sample.views),
    }  # fmt: skip
    measured.frames[place] = (
        {name: as_array(array) for name, array in arrays.items() if array is not None},
        meta,
    )
    if found.rows_left_out:
        measured.marks["rows_left_out"] = (
            f"{found.rows_left_out} of {found.rows + found.rows_left_out} rows of {sample.place} are zero or not "
            "finite; they are left out of the similarities."
        )
    return measured


def _label_counts(sample: Sample) -> Tensor | None:
    """How often each class stands in this batch, so that batches can be compared with one another."""
    labels = sample.labels
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.ndim != 1:
        return None
    known = labels[labels >= 0].cpu().long()
    return torch.bincount(known) if len(known) and int(known.max()) < MOST_CLASSES else None


def measure_hypersphere(sample: Sample) -> Measured:
    """Alignment, uniformity with its floor, tolerance."""
    found = hypersphere(*sample.views, labels=sample.labels, positives=sample.positives, generator=sample.generator)
    place = f"hypersphere/{sample.place}"
    measured = Measured()
    for key in ("alignment", "uniformity", "uniformity_floor", "tolerance"):
        value = getattr(found, key)
        if value is not None:
            measured.scalars[f"{place}/{key}"] = float(value)
    if found.rows_left_out:
        measured.marks["rows_left_out"] = (
            f"{found.rows_left_out} of {found.rows + found.rows_left_out} rows of {sample.place} are zero or not "
            "finite; they are left out of alignment and uniformity."
        )
    return measured


def measure_norms(sample: Sample) -> Measured:
    """Lengths of the rows as they were handed over; nothing where these cannot be told."""
    try:
        found = norms(*sample.views)
    except Exception:  # similarity looks at the same rows, and says in words what is wrong with them
        return Measured()
    place = f"norms/{sample.place}"
    return Measured({f"{place}/{key}": getattr(found, key) for key in ("mean", "spread", "largest")})
