"""The spectrum of embeddings: along how many directions rows spread, and how evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import pairs
from vergence.metrics.directions import usable
from vergence.metrics.isotropic import Isotropic, effective, isotropic
from vergence.metrics.singular import Parts, measure
from vergence.shapes import Embeddings

__all__ = [
    "Spectrum",
    "mean_correlation",
    "participation_ratio",
    "rank_centred",
    "rank_me",
    "singular_values",
    "spectrum",
    "stable_rank",
    "unit_spread",
]

Floats = NDArray[np.float64]
Singular = Float[Tensor, " k"]

EPS = 1e-7
"""Added to each share in the paper's formula."""


def singular_values(z: Embeddings, *, centred: bool = False) -> Singular:
    r"""How long the cloud of rows is along each of its own axes, largest first.

        singular_values(z) = sigma_1 >= ... >= sigma_k,   sum of sigma^2 = sum of ||z_i||^2

    z: (batch, dim), finite, batch >= 2. k = min(batch, dim). float64, in the unit of z.
    centred: of the rows minus their mean row; then at most batch - 1 of them are above 0.

    Reads k equal values for rows that lean to no direction, one value above 0 when all rows lie on one line.
    What lies below sqrt(max(batch, dim) eps) of the largest (3e-7 for 512 rows) cannot be told from rounding and
    reads 0. In half precision the rows themselves are rounded more coarsely than that, see `Spectrum.floor`.

    Raises ShapeError, TooFewRows, NotFinite.
    Source: the square roots of the eigenvalues of z^T z (of z z^T where that is smaller), in float64; `torch.linalg.
    svdvals` gives the same and takes two to five times as long.
    """
    found = _parts("singular_values", z)
    return torch.from_numpy((found.centred if centred else found.plain) * found.scale)


def rank_me(z: Embeddings, *, eps: float = EPS) -> float:
    r"""Effective rank of the rows as they are: over how many directions their length is spread.

        rank_me(z) = exp( - sum over k of  p_k log p_k ),     p_k = sigma_k / (sum of sigma) + eps

    z: (batch, dim), finite, batch >= 2; the mean row is *not* taken off. eps: > 0, of the paper.

    Reads 1 when all rows coincide or lie on one line, min(batch, dim) for equal singular values. Random rows read
    less: `isotropic(batch, dim).rank` is the ceiling, 103 for 128 rows in 128 dimensions, 126 for 1,024. So never
    compare it between different batch sizes.

    A common offset is a direction too, and it can drown all others: a cloud of rank 16 moved by a vector of length
    50 reads 3.4 here and 16 by `rank_centred`. And after complete collapse what is left may be even noise, for which
    only this one is small. Look at both.

    Raises ShapeError, TooFewRows, NotFinite, ArgumentError.
    Source: Garrido et al. 2023, RankMe, arXiv:2210.02885; their Z is our z.
    """
    shapes.check_positive("rank_me", "eps", eps)
    return effective(_parts("rank_me", z).plain, eps)


def rank_centred(z: Embeddings) -> float:
    r"""Effective rank of the rows around their mean: over how many directions they differ.

        rank_centred(z) = exp( - sum over k of  p_k log p_k ),     p_k = sigma_k / (sum of sigma)

    z: (batch, dim), finite, batch >= 2; sigma: singular values of z minus its mean row.

    Reads 0 when all rows coincide, 1 when they lie on one line, `isotropic(batch, dim).rank_centred` at most on
    average. Blind to size: the faint noise around a point of collapse can be as even as a healthy cloud, so read
    it together with `unit_spread` or `rank_me`.

    Raises ShapeError, TooFewRows, NotFinite.
    Source: Roy & Vetterli 2007, "The effective rank", EUSIPCO, of the centred matrix.
    """
    return effective(_parts("rank_centred", z).spread, 0.0)


def participation_ratio(z: Embeddings) -> float:
    r"""How many directions share the variance, small ones hardly counted.

        participation_ratio(z) = (sum of lambda)^2 / (sum of lambda^2)

    z: (batch, dim), finite, batch >= 2; lambda: eigenvalues of the covariance, sigma^2 of the centred rows.

    Reads 0 when all rows coincide, k for k equal eigenvalues, `isotropic(batch, dim).participation` for random rows.

    Raises ShapeError, TooFewRows, NotFinite.
    Source: the inverse of Simpson's index of the shares of variance; in this field since Gao et al. 2017,
    "A theory of multineuronal dimensionality".
    """
    return _participation(_parts("participation_ratio", z).spread)


def stable_rank(z: Embeddings) -> float:
    r"""How much variance there is, counted in units of the largest direction. Also called NESum.

        stable_rank(z) = (sum of lambda) / lambda_1  =  ||z - mean||_F^2 / sigma_1^2

    z: (batch, dim), finite, batch >= 2; lambda: eigenvalues of the covariance, largest first.

    Reads 0 when all rows coincide, 1 when they lie on one line, k for k equal eigenvalues.

    Raises ShapeError, TooFewRows, NotFinite.
    Source: He & Ozay 2022, "Exploring the gap between collapsed and whitened features in self-supervised learning",
    ICML, where it is called NESum.
    """
    return _stable(_parts("stable_rank", z).spread)


def unit_spread(z: Embeddings, *, ddof: int = 1) -> float:
    r"""How far unit rows spread, in units of an even cloud.

        unit_spread(z) = sqrt(dim) * mean over columns of  std over rows of  z_i / ||z_i||

    z: (batch, dim), finite, no zero row, batch >= 2.
    ddof: 1 divides squares by batch - 1, 0 by batch.

    Reads 0 when all rows point the same way (complete collapse), 1 when they lie evenly over the sphere. It misses
    dimensional collapse: rows on a sphere of 4 dimensions inside the 128 still read 0.93.

    Raises ShapeError, TooFewRows, NotFinite, ZeroRows, ArgumentError.
    Source: Chen & He 2021, SimSiam, arXiv:2011.10566, section 4.1, where 1/sqrt(dim) is the reading of an even cloud.
    """
    if ddof not in (0, 1):
        raise errors.ArgumentError(f"unit_spread: ddof is {ddof!r}. It is 1 (divide by batch - 1) or 0 (by batch).")
    shapes.check_embeddings("unit_spread", "z", z, rows=2)
    shapes.check_finite("unit_spread", "z", z)
    shapes.check_nonzero("unit_spread", "z", z)
    return _unit_spread(_wide(z), ddof)


def mean_correlation(z: Embeddings) -> float:
    r"""How much columns repeat one another.

        mean_correlation(z) = mean over columns a != b of  |correlation of column a and column b|

    z: (batch, dim), finite, batch >= 2, at least two columns that are not constant; constant ones are left out.
    With more than 512 columns and fewer rows than columns, 512 of them are drawn, the same ones each time.

    Reads 0 when no column tells of another, 1 when all tell the same. Columns that have nothing to do with one
    another read `isotropic(batch, dim).correlation`, about sqrt(2 / (pi batch)), for want of rows.

    Raises ShapeError, TooFewRows, NotFinite, ArgumentError (fewer than two columns vary).
    Source: the off-diagonal of the matrix of Zbontar et al. 2021, Barlow Twins, arXiv:2103.03230, of one view.
    """
    found = _parts("mean_correlation", z).correlation
    if found is None:
        raise errors.ArgumentError(
            f"mean_correlation: fewer than 2 of {z.shape[1]} columns vary, so there is nothing to correlate."
        )
    return found


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The spectrum of the rows of a batch, and what is made of it."""

    singular: Singular
    """Of the rows as they are, largest first, divided by their root sum of squares."""
    singular_centred: Singular
    """Of the rows minus their mean row, likewise; all 0 when rows differ by no more than rounding."""
    rank: float
    """`rank_me`: of the rows as they are."""
    rank_centred: float
    participation: float
    stable_rank: float
    std: float
    """`unit_spread`, ddof 1."""
    correlation: float | None
    """`mean_correlation`; None when fewer than two columns vary."""
    ceiling: Isotropic
    """What random rows without any structure read at this number of rows and dimensions."""
    floor: float
    """Values of `singular` under this are rounding, of the rows' own precision or of ours."""
    floor_centred: float
    """The same for `singular_centred`."""
    rows: int
    """Measured."""
    rows_left_out: int
    """Zero or not finite."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when rows were drawn."""
    dim: int


@torch.no_grad()
def spectrum(*views: Tensor, max_rows: int | None = None, generator: torch.Generator | None = None) -> Spectrum:
    r"""Singular values and effective ranks of the rows of all views together, with the ceiling for their number.

    views: V >= 1 tensors (batch, dim) with one dim, as they come out of the network: nothing is normalised, except
    for `std`. Rows that are zero or not finite are left out and counted.
    max_rows: above this, rows are drawn; the ceiling is that of the rows measured. None: all.
    generator: on the CPU, for what is drawn; None: the same rows each time.

    Ends: see `rank_me`, `rank_centred`, `participation_ratio`, `stable_rank`, `unit_spread`, `mean_correlation`.
    Each is the function of that name on the same rows.

    Takes 2 ms for 512 x 128 and 30 ms for 512 x 512 on one thread.

    Raises ShapeError, TooFewRows (fewer than two rows have a direction), NotFinite, ZeroRows, DeviceMismatch,
    ArgumentError.
    Source: Garrido et al. 2023, arXiv:2210.02885, and those of the parts.
    """
    if max_rows is not None:
        shapes.check_count("spectrum", "max_rows", max_rows, least=2)
    given = pairs(views, None, [None] * len(views), call="spectrum")  # no partners here, so sizes may differ
    total = len(given.rows)
    found, left_out = usable("spectrum", given)
    rows = found.rows
    if len(rows) < 2:
        raise errors.TooFewRows(
            f"spectrum: {len(rows)} row has a direction ({left_out} of {total} are zero or not finite), 2 are needed. "
            "Use a larger batch; did the loader hand over a last, partial one? Set drop_last=True."
        )
    if max_rows is not None and len(rows) > max_rows:
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        rows = rows[torch.randperm(len(rows), generator=generator)[:max_rows].sort().values.to(rows.device)]
    wide = _wide(rows)
    eps = max(torch.finfo(view.dtype).eps for view in views)
    parts = measure(wide, eps)
    count, dim = wide.shape
    return Spectrum(
        singular=torch.from_numpy(_shares(parts.plain)),
        singular_centred=torch.from_numpy(_shares(parts.spread)),
        rank=effective(parts.plain, EPS),
        rank_centred=effective(parts.spread, 0.0),
        participation=_participation(parts.spread),
        stable_rank=_stable(parts.spread),
        std=_unit_spread(wide, 1),
        correlation=parts.correlation,
        ceiling=isotropic(count, dim),
        floor=parts.floor,
        floor_centred=parts.floor_centred,
        rows=count,
        rows_left_out=left_out,
        rows_total=total,
        dim=dim,
    )


def _parts(call: str, z: Tensor) -> Parts:
    shapes.check_embeddings(call, "z", z, rows=2)
    shapes.check_finite(call, "z", z)
    return measure(_wide(z), torch.finfo(z.dtype).eps)


def _wide(z: Tensor) -> Floats:
    """In float64 on the CPU: squares of singular values need twice the digits, and LAPACK is there."""
    return np.ascontiguousarray(z.detach().cpu().double().numpy())


def _shares(sigma: Floats) -> Floats:
    length = math.sqrt(float(np.square(sigma).sum()))
    return sigma / length if length else sigma


def _participation(sigma: Floats) -> float:
    shares = np.square(_shares(sigma))
    squares = float(np.square(shares).sum())
    return float(shares.sum()) ** 2 / squares if squares else 0.0


def _stable(sigma: Floats) -> float:
    return float(np.square(sigma / sigma[0]).sum()) if sigma[0] > 0 else 0.0


def _unit_spread(rows: Floats, ddof: int) -> float:
    rows = rows / np.abs(rows).max(1, keepdims=True)
    rows /= np.sqrt(np.square(rows).sum(1, keepdims=True))
    return float(rows.std(0, ddof=ddof).mean()) * math.sqrt(rows.shape[1])
