"""Measurements a Monitor makes: each turns the tensors of one step into scalars and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vergence import shapes
from vergence.losses import Loss
from vergence.metrics import hypersphere, similarity

__all__ = ["Measured", "Sample", "loss_scale", "measure_hypersphere", "measure_similarity", "measure_terms"]

Frames = dict[str, tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]]


@dataclass(frozen=True)
class Sample:
    """What one step hands over, at one place (`z`, `h`, or a name of the user's)."""

    place: str
    views: tuple[Any, ...]
    """As they came, detached: the metrics check them at their doors."""
    labels: Tensor | tuple[Tensor | None, ...] | None
    positives: Any
    generator: torch.Generator


@dataclass
class Measured:
    """What a measurement found."""

    scalars: dict[str, float] = field(default_factory=dict)
    frames: Frames = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    """Things the numbers cannot show, by kind: "rows_left_out": "3 of 512 rows of z are zero ..."."""


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
        {name: _numpy(array) for name, array in arrays.items() if array is not None},
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


def measure_terms(objective: Loss, views: Sequence[Any]) -> Measured:
    """The plottable parts of the loss; they sum to it."""
    for number, view in enumerate(views, 1):
        shapes.check_embeddings(objective.name, f"view {number}", view)
    terms = objective.terms(*views)
    return Measured({f"loss/{name}": float(value) for name, value in terms.items()})


def loss_scale(objective: Loss, batch: int, dim: int) -> tuple[dict[str, float], dict[str, str]]:
    """Chance and floor of the objective at this batch and dimension, and the words that label them."""
    scalars = {}
    for name, value in (
        ("loss/chance", objective.chance(batch, dim)),
        ("loss/floor", objective.floor(batch, dim)),
    ):
        if value is not None:
            scalars[name] = float(value)
    return scalars, objective.reference_words(batch, dim)


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())


Measure = Callable[[Sample], Measured]
