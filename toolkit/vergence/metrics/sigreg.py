"""Are the rows a sample of the standard Gaussian? SIGReg's statistic with what a true sample reads."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vergence import shapes
from vergence.gaussian import (
    Directions,
    check_directions,
    check_pointing,
    collapse_factor,
    epps_pulley_each,
    random_directions,
    rule,
    sigreg_null,
)
from vergence.metrics.chance import Chance
from vergence.metrics.rows import Floats, rows_of

__all__ = ["SLICES", "Sigreg", "sigreg", "sigreg_band"]

SLICES = 128
"""Random directions, the same ones in every call."""


@dataclass(frozen=True)
class Sigreg:
    """The statistic along directions and along the axes. `float()` of it is `statistic`."""

    statistic: float
    """Mean over directions: about 1.05 for a sample of the standard Gaussian."""
    null: Chance
    """Of `statistic`, for one view of the standard Gaussian. Of several the true band is no wider: by the root of their
    number narrower for views that know nothing of one another, as wide for views that are alike."""
    largest: float
    """Along the one direction that is least Gaussian."""
    axes: float
    """Mean over the columns themselves, where sums of many columns no longer hide what one of them does."""
    axes_null: Chance
    largest_axis: int
    """The column that is least Gaussian, counted from 0."""
    collapse: float
    """What it reads when every row is 0: 0.402 times the rows of a view."""
    slices: int
    rows: int
    """Measured, of all views."""
    rows_left_out: int
    """Not finite."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when rows were drawn."""
    rows_of_view: int
    """Of the smallest view: away from the Gaussian the statistic grows in proportion to it."""
    dim: int

    def __float__(self) -> float:
        return self.statistic

    @property
    def gaussian(self) -> bool:
        """Neither along directions nor along the axes more than a true sample reads in 97.5 % of all cases."""
        return self.statistic <= self.null.high and self.axes <= self.axes_null.high


@torch.no_grad()
def sigreg(
    *views: Tensor,
    directions: Directions | None = None,
    slices: int = SLICES,
    knots: int = 17,
    max_rows: int | None = 1024,
    generator: torch.Generator | None = None,
) -> Sigreg:
    r"""How far rows are from a sample of the standard Gaussian, with the band that a true sample lies in.

        statistic = mean over directions u of  N  integral over t in [-3, 3] of  |f_u(t) - g(t)|^2 g(t) dt
        f_u(t) = mean over rows of  exp(i t z . u),   g(t) = exp(-t^2 / 2)

    views: V >= 1 tensors (batch, dim), batch N >= 2, as they come out of the network: length matters. Each view on its
    own; means over views. For directions on the sphere hand over sqrt(dim) * unit(z), which is nearly Gaussian when
    they are even and dim is large.
    directions: (dim, slices), one per column; None: `slices` random ones, the same in every call.
    knots: >= 2, where the integral is looked at in [0, 3]. max_rows: above this, rows are drawn, as many of each view:
    the number is in proportion to N unless rows are Gaussian, so compare equal `rows` only; None: all. generator: on
    the CPU, for directions and rows; None: the same each time.

    Reads 1.0525 on average for the standard Gaussian at any N, and not 0; `null` says how far single samples lie from
    it. Several views are held against the band of one, which errs on the side of `gaussian`; for a sharper answer
    measure one view at a time. `collapse` = 0.402 N when every row is 0. More than the band: too large, too small,
    off centre, in clusters, in a subspace, or heavy-tailed. Less: more even than a sample can be by chance.

    What only single columns show is nearly missed along random directions: the corners of a cube read 1.1 there, and 54
    along `axes` (512 rows in 32 dimensions). Who is whose partner does not matter to it.

    Raises ShapeError, TooFewRows, NotFinite, DeviceMismatch, ArgumentError.
    Source: Balestriero & LeCun 2025, arXiv:2511.08544, their SIGReg in the form with the factor N; Epps & Pulley 1983.
    The loss of the same name is `vergence.losses.sigreg`.
    """
    shapes.check_count("sigreg", "slices", slices)
    shapes.check_count("sigreg", "knots", knots, least=2)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    found = rows_of("sigreg", views, least=2, max_rows=max_rows, generator=generator, zeros=True)
    if directions is None:
        directions = random_directions(found.dim, slices, generator=generator, dtype=torch.float64)
    else:
        check_directions("sigreg", views[0], directions)
        check_pointing("sigreg", directions)
        directions = directions.detach().cpu().double()
    axes = torch.eye(found.dim, dtype=torch.float64)
    along = np.mean([_each(rows, directions, knots) for rows in found.by_view], axis=0)
    across = np.mean([_each(rows, axes, knots) for rows in found.by_view], axis=0)
    return Sigreg(
        statistic=float(along.mean()),
        null=sigreg_band(directions, knots=knots),
        largest=float(along.max()),
        axes=float(across.mean()),
        axes_null=sigreg_band(axes, knots=knots),
        largest_axis=int(across.argmax()),
        collapse=collapse_factor(knots) * found.fewest,
        slices=directions.shape[1],
        rows=found.count,
        rows_left_out=found.left_out,
        rows_total=found.total,
        rows_of_view=found.fewest,
        dim=found.dim,
    )


def sigreg_band(directions: Directions, *, knots: int = 17) -> Chance:
    r"""Where the statistic of a sample of the standard Gaussian lies, along these directions.

        mean = integral of  (1 - exp(-t^2)) g(t) dt
        variance = mean over pairs of directions u, v of  c(u . v),
        c(r) = double integral over s, t of  g(s)^3 g(t)^3 ( (e^(rst) - 1)^2 + (e^(-rst) - 1)^2 ) ds dt

    directions: (dim, slices), one per column, of any length but 0. knots: >= 2.

    Holds for any number of rows from a few dozen on; of fewer the true band is a little narrower. Wide along one
    direction (0.05 to 3.6), 0.89 to 1.23 along 256 in 128 dimensions: more directions help only until they repeat one
    another. The quantiles are those of the Gamma distribution with this mean and variance. Nothing is simulated.

    Raises ShapeError, ArgumentError.
    Source: f_u(t) - g(t) is a Gaussian process in the limit, with covariance g(s) g(t) (e^(rst) - 1) and
    pseudo-covariance g(s) g(t) (e^(-rst) - 1); Epps & Pulley 1983 for one direction.
    """
    shapes.check_embeddings("sigreg_band", "directions", directions)
    shapes.check_finite("sigreg_band", "directions", directions)
    check_directions("sigreg_band", directions.T, directions)
    check_pointing("sigreg_band", directions)
    shapes.check_count("sigreg_band", "knots", knots, least=2)
    unit = torch.nn.functional.normalize(directions.detach().cpu().double(), dim=0)
    cosines = (unit.T @ unit).numpy()
    variance = float(_covariance(np.clip(cosines, -1, 1), knots).mean())
    return _gamma(sigreg_null(knots), variance)


@functools.lru_cache(maxsize=256)
def _gamma(mean: float, variance: float) -> Chance:
    from scipy.special import gammaincinv  # type: ignore[import-untyped, unused-ignore]

    shape, scale = mean**2 / variance, variance / mean
    return Chance(mean, scale * float(gammaincinv(shape, 0.025)), scale * float(gammaincinv(shape, 0.975)))


def _covariance(cosines: Floats, knots: int) -> Floats:
    """c(r), read off a table: it is even and smooth in r."""
    grid, values = _table(knots)
    found: Floats = np.interp(np.abs(cosines), grid, values)
    return found


@functools.lru_cache(maxsize=16)
def _table(knots: int) -> tuple[Floats, Floats]:
    t, phi, weight = (np.array(column) for column in zip(*rule(knots), strict=True))
    grid = np.linspace(0, 1, 257)
    # `rule` holds g(t) dt, of both halves together: |f(-t)| is |f(t)|.
    both = np.outer(weight * phi**2, weight * phi**2)
    product = np.outer(t, t)
    values = [float((both * (np.expm1(r * product) ** 2 + np.expm1(-r * product) ** 2)).sum()) for r in grid]
    return grid, np.array(values)


def _each(rows: Floats, directions: Tensor, knots: int) -> Floats:
    """The statistic along each direction."""
    found: Floats = epps_pulley_each(torch.from_numpy(rows), directions, knots).numpy()
    return found
