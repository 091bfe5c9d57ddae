"""SIGReg, a test of rows against the standard Gaussian along random directions, and LeJEPA, which trains with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.gaussian import (
    Directions,
    check_directions,
    collapse_factor,
    epps_pulley,
    random_directions,
    sigreg_null,
)
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale, sum_of
from vergence.losses.several_views import check_several_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["LeJEPA", "le_jepa", "random_directions", "sigreg", "sigreg_null"]

Draw = Callable[[int], Tensor]


def sigreg(z: Embeddings, directions: Directions, *, knots: int = 17) -> Scalar:
    r"""How far rows are from a standard Gaussian, seen along given directions.

        sigreg(z) = mean over directions u of  N  integral over t in [-3, 3] of  |f_u(t) - g(t)|^2 g(t) dt
        f_u(t) = mean over rows of  exp(i t z . u),   g(t) = exp(-t^2 / 2)

    z: (batch, dim), batch N >= 1. Rows are *not* normalised: length matters here.
    directions: (dim, slices), one per column, of any length but 0; see `random_directions`. With `torch.eye(dim)` the
    columns of z are tested one by one.
    knots: >= 2, where the integral is looked at in [0, 3] (trapezoid, doubled for the other half).

    Reads `sigreg_null()` = 1.05 on average when the rows *are* drawn from that Gaussian, and not 0: a sample is never
    exact. Independent of N there, so it is comparable between batches. Grows in proportion to N for any other
    distribution: 0.402 N when every row is 0. Below 1.05 when the rows are more even than a random sample.

    As a diagnostic: above about 2 for a few hundred random directions the rows are no standard Gaussian; too small,
    too large, off centre, in clusters or in a subspace all count. What only single columns show is nearly missed
    along random directions, as sums of many columns look Gaussian: test `torch.eye(dim)` as well. Memory grows
    with N times slices.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Balestriero & LeCun 2025, arXiv:2511.08544, their SIGReg with the statistic of Epps & Pulley 1983 in the
    form of their code, with the factor N; their K x M are our rows and slices. Forms without N, or of all
    views in one sample, are in use as well.
    """
    shapes.check_embeddings("sigreg", "z", z)
    check_directions("sigreg", z, directions)
    shapes.check_count("sigreg", "knots", knots, least=2)
    return epps_pulley(z, directions, knots)


def le_jepa(*views: Tensor, directions: Directions, weight: float = 0.05, knots: int = 17) -> Scalar:
    r"""How far views lie from their mean, and how far each view is from a standard Gaussian.

        le_jepa(z1, z2, ...) = (1 - weight)  mean over views, rows and columns of  (z_vik - mean_ik)^2
                               + weight      mean over views of  sigreg(z_v)

    views: V >= 2 of (batch, dim), batch >= 2; row i of each is one sample. Rows are *not* normalised. mean: over the
    views; for two of them the first part is their mean squared difference over 4.
    directions: (dim, slices), the same for every view. weight: 0 to 1. knots: as for `sigreg`.

    Reads `weight * 0.402 * batch` when every row is 0: more, the larger the batch. Reads about 1.05 weight when views
    agree and their rows are a sample of the standard Gaussian.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Balestriero & LeCun 2025, arXiv:2511.08544; their lambda is our weight.
    """
    _check_weight("le_jepa", "weight", weight)
    shapes.check_count("le_jepa", "knots", knots, least=2)
    check_several_views("le_jepa", views)
    check_directions("le_jepa", views[0], directions)
    return sum_of(_terms(views, directions, weight, knots, pooled=False))


def _check_weight(call: str, name: str, value: float) -> None:
    shapes.check_nonnegative(call, name, value)
    if value > 1:
        raise errors.ArgumentError(
            f"{call}: {name} is {value!r}. It is a share: 0 for agreement of the views alone, 1 for the shape alone."
        )


class LeJEPA(Base):
    """LeJEPA as an object: the loss, its two terms and its scale.

    weight: 0 to 1, the share of SIGReg; 0.05 as in the paper. views: how many the trainer makes; it may be called with
    any number from 2.
    slices: directions drawn anew for every call, the same for every view; 256 as in the authors' minimal example
    (1,024 in their large runs). generator: where they are drawn from; None: torch's own randomness.
    directions: a function of dim that gives (dim, slices) in their place: `torch.eye` for the axes, or your own.
    pooled: all views are tested as one sample of V * batch rows, as some libraries do; not each on its own.
    knots: as for `sigreg`.

    Two calls on the same embeddings differ a little, because the directions do: by some percent at 256.

    Raises ArgumentError. Source: see `le_jepa`.
    """

    name = "LeJEPA"
    source = "Balestriero & LeCun 2025, arXiv:2511.08544"
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {"weight": _check_weight}
    labels: ClassVar[dict[str, str]] = {"weight": "SIGReg weight"}

    def __init__(
        self,
        weight: float = 0.05,
        *,
        views: int = 2,
        slices: int = 256,
        knots: int = 17,
        pooled: bool = False,
        directions: Draw | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        for name, value, least in (("views", views, 2), ("slices", slices, 1), ("knots", knots, 2)):
            shapes.check_count("LeJEPA", name, value, least=least)
        super().__init__(weight=weight)
        self.views, self.slices, self.knots, self.pooled = views, slices, knots, pooled
        self.directions, self.generator = directions, generator
        tested = "all views as one sample" if pooled else "each view on its own"
        self.variant = f"(1 - weight) agreement + weight SIGReg, {tested}, times the rows, {knots} knots"

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`invariance`, times 1 - weight, and `sigreg`, times weight."""
        self.given(more)
        check_several_views(self.name, views)
        first = views[0]
        if self.directions is not None:
            directions = self.directions(first.shape[1]).to(first.device)
            check_directions(self.name, first, directions)
        else:
            directions = random_directions(first.shape[1], self.slices, generator=self.generator, device=first.device)
        return _terms(views, directions, self._settings["weight"], self.knots, pooled=self.pooled)

    def chance(self, batch: int, dim: int) -> float:
        """Collapse into the origin: weight times 0.402 times the rows tested together. Raises ArgumentError."""
        check_scale("LeJEPA.chance", batch, dim)
        rows = batch * (self.views if self.pooled else 1)
        return self._settings["weight"] * rows * collapse_factor(self.knots)

    def floor(self, batch: int, dim: int) -> float:
        """Views agree, and their rows are a sample of the standard Gaussian: weight times 1.05, whatever the batch.

        With `pooled` each row then counts V times, and so does the noise of the sample. Rows that are more even than a
        random sample read less. Raises ArgumentError.
        """
        check_scale("LeJEPA.floor", batch, dim)
        return self._settings["weight"] * sigreg_null(self.knots) * (self.views if self.pooled else 1)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is all rows at 0, `floor` a sample of the Gaussian."""
        check_scale("LeJEPA.reference_words", batch, dim)
        return {"chance": "all rows 0", "floor": "Gaussian"}


def _terms(
    views: tuple[Tensor, ...], directions: Tensor, weight: float, knots: int, *, pooled: bool
) -> dict[str, Tensor]:
    with full_precision(views[0].device):
        stacked = torch.stack(at_least_single(*views))
        samples = [stacked.flatten(0, 1)] if pooled else list(stacked)
        return {
            "invariance": (1 - weight) * (stacked - stacked.mean(0)).square().mean(),
            "sigreg": weight * torch.stack([epps_pulley(z, directions, knots) for z in samples]).mean(),
        }
