"""What is measured on the embeddings of a training step: similarity and hypersphere."""

from __future__ import annotations

from vergence.metrics.hypersphere import hypersphere
from vergence.metrics.similarity import similarity
from vergence.training.measures.base import Measured, Sample, as_array

__all__ = ["measure_hypersphere", "measure_similarity"]


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
