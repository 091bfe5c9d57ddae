"""Pairs of the training step, now and then: order, two kinds of positives, false negatives, the gap between towers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vergence import errors
from vergence.losses import Loss
from vergence.metrics.bimodality import bimodality
from vergence.metrics.false_negatives import false_negatives
from vergence.metrics.modality_gap import modality_gap
from vergence.metrics.ordering import ordering
from vergence.training.measures.base import Sample
from vergence.training.measures.now import Make, Never, Now, Read, Setup

__all__ = ["make_bimodality", "make_false_negatives", "make_modality_gap", "make_ordering"]

MOST_ROWS = 512
"""Anchors, of all views together; drawn without bias where there are more."""
MOST_PAIRS = 2048
MOST_WEIGHED = 1024
"""Rows of a batch whose pair weights are asked for: they are a square."""
TOWERS = ("CLIP", "SigLIP", "CWCL", "ClipUniformity")
"""Losses between two encoders."""


def _paired(now: Now, place: str, noun: str) -> Sample:
    sample = now.samples[place]
    if len(sample.views) < 2 and sample.positives is None:
        raise errors.ArgumentError(
            f"{noun}: this step hands over one view and says of no rows that they belong together, so there is no "
            "positive pair. Hand over two views: m.step(z1, z2)."
        )
    return sample


def make_ordering(setup: Setup) -> Make:
    """Whether positives stand above negatives, pooled and for each anchor."""
    del setup

    def measure(now: Now, place: str) -> Read:
        sample = _paired(now, place, "ordering")
        found = ordering(
            *sample.views, labels=sample.labels, positives=sample.positives, max_rows=MOST_ROWS,
            generator=now.generator,
        )  # fmt: skip
        names = (
            "auc", "auc_anchor", "misordered", "misordered_hardest", "anchors_wrong", "tied", "margin", "margin_anchor",
        )  # fmt: skip
        return Read({name: getattr(found, name) for name in names}, lambda: {"auc_anchor": found.chance})

    return measure


def make_bimodality(setup: Setup) -> Make:
    """Whether positive pairs are of two kinds."""
    del setup

    def measure(now: Now, place: str) -> Read:
        sample = _paired(now, place, "bimodality")
        found = bimodality(
            *sample.views, positives=sample.positives, max_pairs=MOST_PAIRS, generator=now.generator
        )  # fmt: skip
        names = ("dip", "sarle", "bic", "share_low", "mean_low", "mean_high", "separation", "valley")
        values: dict[str, Any] = {name: getattr(found, name) for name in names}
        return Read(values | {"two": float(found.two)}, lambda: {"dip": found.chance})

    return measure


def make_false_negatives(setup: Setup) -> Make:
    """Negatives that mean the same as their anchor: counted with labels, guessed at without. No clusters: too dear."""
    loss = setup.objective

    def measure(now: Now, place: str) -> Read:
        sample = now.samples[place]
        weights = _weights(loss, now, sample) if isinstance(loss, Loss) and place == "z" else None
        found = false_negatives(
            *sample.views, labels=sample.labels, positives=sample.positives, weights=weights, max_rows=MOST_ROWS,
            clusters=None, generator=now.generator,
        )  # fmt: skip
        names = (
            "rate", "rate_expected", "gradient_share", "gradient_even", "above_positive", "above_expected",
            "above_precision",
        )  # fmt: skip
        return Read({name: getattr(found, name) for name in names})

    return measure


def _weights(loss: Loss, now: Now, sample: Sample) -> Tensor | None:
    """How hard the loss moves each pair of the rows of this step; None where it cannot be said."""
    called = now.called
    if called is None or not all(isinstance(view, Tensor) and view.ndim == 2 for view in called.given):
        return None
    if sum(len(view) for view in called.given) > MOST_WEIGHED:
        return None
    views = tuple(view.detach() for view in called.given)
    if [tuple(view.shape) for view in views] != [tuple(getattr(view, "shape", ())) for view in sample.views]:
        return None
    more = {name: value for name, value in _keywords(called.more).items() if value is not None}
    needs = tuple(getattr(loss, "needs", ()))
    if isinstance(sample.labels, Tensor) and "labels" in needs:
        more.setdefault("labels", sample.labels)
    if any(name not in more for name in needs) or "targets" in more:
        return None  # targets are other rows than those that are counted here
    weights = loss.pair_weights(*views, **more)
    if weights is None or not bool((weights[:, : len(weights)] > 0).any()):
        return None
    return weights


def _keywords(more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.detach() if isinstance(value, Tensor) else value for name, value in more.items()}


def make_modality_gap(setup: Setup) -> Make:
    """How far apart two towers lie."""
    towers = hasattr(setup.model, "second") or type(setup.objective).__name__ in TOWERS
    if not towers:
        raise Never("modality_gap is between two encoders, and this run has one (or a loss that knows of none).")

    def measure(now: Now, place: str) -> Read:
        sample = now.samples[place]
        if len(sample.views) != 2:
            raise errors.ArgumentError(
                f"modality_gap: this step hands over {len(sample.views)} views. Two are needed, one of each tower."
            )
        a, b = sample.views
        paired = sample.positives is None
        most = MOST_ROWS if isinstance(a, Tensor) and a.ndim == 2 and a.shape[1] <= MOST_ROWS else MOST_ROWS // 2
        found = modality_gap(a, b, paired=paired, max_rows=most, generator=now.generator)
        names = (
            "gap", "gap_by_chance", "separability", "separability_half", "uniformity_first", "uniformity_second",
            "uniformity_across", "cosine_first", "cosine_second", "cosine_across", "cosine_partners",
        )  # fmt: skip
        return Read({name: getattr(found, name) for name in names})

    return measure
