"""The signal-to-noise distance, and the contrastive loss on it."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale, sum_of
from vergence.losses.positives import ids_of, positives_and_negatives
from vergence.losses.several_views import check_several_views
from vergence.shapes import Labels, Scalar

__all__ = ["SNRContrastive", "snr_contrastive", "snr_distance"]

LEAST = 1e-12
"""What a variance counts at least, so that an anchor without signal divides by no 0."""


def snr_distance(a: Float[Tensor, "anchors dim"], b: Float[Tensor, "others dim"]) -> Float[Tensor, "anchors others"]:
    r"""How much of an anchor's signal the difference to another row amounts to.

        snr_distance(a, b)_ij = var(a_i - b_j) / var(a_i)        var: over the dim columns of a row

    a: (anchors, dim), b: (others, dim), dim >= 2. Rows are *not* normalised: an anchor's spread is its signal. Adding a
    constant to a row changes nothing, and neither does one factor on all rows.

    Reads 0 when the rows differ by a constant, about 2 for two unrelated rows of the same spread, 4 when one is the
    negative of the other. Not symmetric: the noise is the same both ways, the signal is that of the anchor. An
    anchor without any spread is as far as a division by 1e-12 makes it.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, DeviceMismatch.
    Source: Yuan et al. 2019, CVPR, equation 3; their h_i is our anchor. One over their signal-to-noise ratio.
    """
    for name, z in (("a", a), ("b", b)):
        shapes.check_embeddings("snr_distance", name, z)
        _check_dim("snr_distance", name, z)
    if a.shape[1] != b.shape[1]:
        raise errors.ShapeError(
            f"snr_distance: a is {shapes.shape_of(a)} but b is {shapes.shape_of(b)}. Rows are subtracted, so both "
            "need the same dim; take them from the same head."
        )
    shapes.check_same_shape("snr_distance", a=a[:1], b=b[:1])
    with full_precision(a.device):
        return _distances(*at_least_single(a, b))


def snr_contrastive(*views: Tensor, labels: Labels | None = None, margin: float = 1.0) -> Scalar:
    r"""How far positives are in units of their signal, and how far negatives fall short of a margin.

        snr_contrastive(*views) = mean over positives of  d_ij  +  mean over negatives of  max(0, margin - d_ij)

    d_ij: `snr_distance` of rows i and j of all views together; as it is not symmetric, each pair counts both ways.
    views: V tensors (batch, dim), batch >= 2, dim >= 2; *not* normalised.
    labels: (batch,) integers; rows of one class are positives, all others negatives; below 0: class not known, and
        only the other views of the sample are positives. None: the views of a sample are its positives.
    margin: > 0, no unit; 1 is half of what unrelated rows read, so that only negatives that are alike cost.

    Reads `margin` when all rows coincide, 0 when the views of a sample do and all negatives are beyond the margin.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Yuan et al. 2019, CVPR, equation 9, with means for its sums. Their further term, which pulls the mean of
    a row to 0, is left out: the variance here is taken around that mean, so nothing hangs on it.
    """
    shapes.check_positive("snr_contrastive", "margin", margin)
    return sum_of(_terms("snr_contrastive", views, labels, margin))


class SNRContrastive(Base):
    """The contrastive loss on the signal-to-noise distance as an object: its two terms and its scale.

    margin: > 0.
    labelled: takes labels where there are any. False: the views of a sample are its positives, whatever the data knows.

    Raises ArgumentError.
    """

    name = "SNR"
    variant = "contrastive form, all rows of all views as anchors, mean over positives and over negatives"
    source = "Yuan et al. 2019, CVPR"
    views = 2
    takes: ClassVar[tuple[str, ...]] = ("labels",)
    ranges: ClassVar[dict[str, Check]] = {"margin": shapes.check_positive}

    def __init__(self, margin: float = 1.0, *, labelled: bool = True) -> None:
        super().__init__(margin=margin)
        if not labelled:
            self.takes = ()  # type: ignore[misc]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: mean distance of positives. `push`: mean shortfall of negatives."""
        labels = self.given(more).get("labels")
        return _terms(self.name, views, labels, self._settings["margin"])

    def chance(self, batch: int, dim: int) -> float:
        """Collapse: the margin; every distance is 0. Raises ArgumentError."""
        check_scale("SNRContrastive.chance", batch, dim)
        return self._settings["margin"] if batch > 1 else 0.0

    def floor(self, batch: int, dim: int) -> float:
        """0: the views of a sample coincide and all negatives are beyond the margin. Raises ArgumentError."""
        check_scale("SNRContrastive.floor", batch, dim)
        return 0.0

    def pair_weights(self, *views: Tensor, **more: Any) -> None:
        """None: variances of rows that are neither centred nor normalised are no cosines. Raises ShapeError."""
        self.given(more)
        check_several_views(self.name, views, least=1)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` all pairs in order."""
        check_scale("SNRContrastive.reference_words", batch, dim)
        return {"chance": "collapse", "floor": "all pairs in order"}


def _terms(call: str, views: tuple[Tensor, ...], labels: Tensor | None, margin: float) -> dict[str, Tensor]:
    check_several_views(call, views, least=1)
    _check_dim(call, "z1", views[0])
    ids = ids_of(call, views, labels)
    with full_precision(views[0].device):
        rows = torch.cat(at_least_single(*views))
        distances = _distances(rows, rows)
        positive, negative = positives_and_negatives(ids)
        pull = distances.masked_fill(~positive, 0).sum() / positive.sum()
        push = torch.relu(margin - distances).masked_fill(~negative, 0).sum() / negative.sum()
    return {"pull": pull, "push": push}


def _distances(a: Tensor, b: Tensor) -> Tensor:
    a, b = (z - z.mean(1, keepdim=True) for z in (a, b))
    signal = a.square().sum(1, keepdim=True)
    noise = (signal + b.square().sum(1) - 2 * (a @ b.T)).clamp_min(0)  # rounding may leave it just below 0
    return noise / signal.clamp_min(LEAST * a.shape[1])


def _check_dim(call: str, name: str, z: Tensor) -> None:
    if z.shape[1] < 2:
        raise errors.ShapeError(
            f"{call}: {name} is {shapes.shape_of(z)}. A row of one number has no variance; use a head with 2 outputs "
            "or more."
        )
