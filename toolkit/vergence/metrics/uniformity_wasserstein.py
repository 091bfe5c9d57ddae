"""How far the rows of a batch are from an even sphere, by the Gaussian that fits them: sees dimensions that vanish."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vergence import shapes
from vergence.metrics.chance import Chance
from vergence.metrics.isotropic import isotropic
from vergence.metrics.null import band
from vergence.metrics.rows import Floats, rows_of

__all__ = [
    "UniformityWasserstein",
    "uniformity_wasserstein",
    "uniformity_wasserstein_null",
    "uniformity_wasserstein_of_rank",
]

COLLAPSE = math.sqrt(2)
"""What it reads when all rows point the same way."""
DRAWS = 200
ENTRIES = 2**15
"""Entries of a simulated batch at most: a null takes a third of a second once, and nothing afterwards."""
FEW = 32
"""Under so many columns a large batch is simulated by a smaller one with as many columns."""


@dataclass(frozen=True)
class UniformityWasserstein:
    """How far unit rows are from an even sphere. `float()` of it is `distance`."""

    distance: float
    """Lower is more even: 0 on an even sphere, 1.414 when all rows point the same way."""
    offset: float
    """Length of the mean row, 0 to 1: the part of `distance` that a common direction makes."""
    shape: float
    """The part that an uneven covariance makes, 0 to 1.414: distance^2 = offset^2 + shape^2."""
    rows: int
    """Measured, of all views."""
    rows_left_out: int
    """Zero or not finite, or in a view with fewer than two others."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when rows were drawn."""
    rows_of_view: int
    """Of the smallest view: what `null` is made for."""
    was_unit: bool
    """The rows came with length 1 (to 1e-3; 1e-2 in half precision)."""
    dim: int

    def __float__(self) -> float:
        return self.distance

    @property
    def null(self) -> Chance:
        """What directions drawn evenly read, for want of rows; see `uniformity_wasserstein_null`."""
        return uniformity_wasserstein_null(self.rows_of_view, self.dim)


@torch.no_grad()
def uniformity_wasserstein(
    *views: Tensor, max_rows: int | None = None, generator: torch.Generator | None = None
) -> UniformityWasserstein:
    r"""The distance between the Gaussian that fits the directions of the rows and the one that fits an even sphere.

        distance = sqrt( ||mu||^2 + 1 + tr(Sigma) - 2 / sqrt(dim)  tr(Sigma^(1/2)) )
        mu, Sigma: mean and covariance (divided by the number of rows) of  z_i / ||z_i||

    This is the quadratic Wasserstein distance of N(mu, Sigma) and N(0, I / dim). Lower is more even, as for
    `uniformity`; the authors report *minus* this number, so that higher is better.

    views: V >= 1 tensors (batch, dim), batch >= 2, of any length: rows are normalised here, `was_unit` says whether
    they were. Each view is measured on its own; `distance`, `offset` and `shape` are means over views, by squares.
    max_rows: above this, rows are drawn, as many of each view. generator: on the CPU; None: the same rows each time.

    Reads sqrt(2) when all rows point the same way (complete collapse), 0 on an even sphere with rows without end. Of N
    rows an even sphere reads `null`, which is *not* 0: 0.18 for 1,024 rows at dim = 128, so compare with it and
    with runs of the same batch only. Even in k of the dim directions it reads sqrt(2 - 2 sqrt(k / dim)), see
    `uniformity_wasserstein_of_rank`: 1.14 at 16 of 128, where `uniformity` moves from -3.94 to -3.51 of its 4.

    Sees a cone (`offset`) and vanished dimensions (`shape`). Misses what mean and covariance do not tell: rows in
    2 dim points on the axes, each as often, read 0.

    Raises ShapeError, TooFewRows (no view has two rows with a direction), NotFinite, ZeroRows, DeviceMismatch,
    ArgumentError.
    Source: Fang et al. 2024, "Rethinking the uniformity metric in self-supervised learning", arXiv:2403.00642; their
    m is our dim, their metric is -distance.
    """
    call = "uniformity_wasserstein"
    found = rows_of(call, views, least=2, max_rows=max_rows, generator=generator, zeros=False)
    parts = np.array([_squares(_unit(rows)) for rows in found.by_view])
    offset, shape = parts.mean(0).tolist()
    return UniformityWasserstein(
        distance=math.sqrt(offset + shape),
        offset=math.sqrt(offset),
        shape=math.sqrt(shape),
        rows=found.count,
        rows_left_out=found.left_out,
        rows_total=found.total,
        rows_of_view=found.fewest,
        was_unit=found.was_unit,
        dim=found.dim,
    )


def uniformity_wasserstein_of_rank(rank: float, dim: int) -> float:
    r"""What `uniformity_wasserstein` reads for rows even in `rank` of `dim` directions, with rows without end.

        sqrt( 2 - 2 sqrt(rank / dim) )

    rank: 0 to dim. dim: >= 1. Reads sqrt(2) at 0 (one point), 0 at dim. At dim = 128: 1.35 for 1, 1.14 for 16, 0.77 for
    64.

    Raises ArgumentError.
    Source: tr(Sigma^(1/2)) = sqrt(rank) for Sigma = I / rank on that many axes; arXiv:2403.00642.
    """
    call = "uniformity_wasserstein_of_rank"
    shapes.check_count(call, "dim", dim)
    shapes.check_nonnegative(call, "rank", rank)
    return math.sqrt(max(0.0, 2 - 2 * math.sqrt(min(rank, dim) / dim)))


@functools.lru_cache(maxsize=256)
def uniformity_wasserstein_null(batch: int, dim: int) -> Chance:
    r"""What `uniformity_wasserstein` reads for `batch` directions drawn evenly from the sphere.

    batch: rows, >= 2. dim: >= 1.

    Reads about sqrt(dim / (4 batch)) while batch is many times dim; 0.56 at batch = dim; more for fewer rows.

    Simulated, 200 draws with a generator of their own, for up to 32,768 entries; kept, so it costs up to a third of a
    second once for each size. Above, the mean comes from the law of singular values of large matrices (see
    `isotropic`) and the width from a smaller batch of the same proportions: fluctuations of a sum over eigenvalues do
    not grow with the matrix. With few columns the number falls as 1 / sqrt(batch), and is scaled so.

    Raises ArgumentError.
    Source: Marchenko & Pastur 1967 for the mean of large ones.
    """
    shapes.check_count("uniformity_wasserstein_null", "batch", batch, least=2)
    shapes.check_count("uniformity_wasserstein_null", "dim", dim)
    if batch * dim <= ENTRIES:
        return band(np.sqrt(_simulated(batch, dim).sum(1)).tolist())
    if dim < FEW:
        smaller = ENTRIES // dim
        return band(np.sqrt(_simulated(smaller, dim).sum(1) * (smaller / batch)).tolist())
    shrink = math.sqrt(batch * dim / ENTRIES)
    smaller, narrow = max(2, round(batch / shrink)), max(2, round(dim / shrink))
    draws = _simulated(smaller, narrow)
    sigma = isotropic(batch, dim).singular_centred.numpy() * math.sqrt(1 - 1 / batch)
    # Covariances of rows of one length vary by 1 - 1 / dim of what the law has for many rows; for few rows measured.
    fixed = max(0.0, 1 - dim / batch) / dim
    mean = (2 - 2 / math.sqrt(dim) * float(sigma.sum()) - 1 / batch) * (1 - fixed) + 1 / batch
    # Of many rows, n offset is a chi-squared of dim degrees over dim, 4 n shape one of (dim - 1)(dim + 2) / 2 over
    # (dim + 2) / 2: that is how either scatters with dim.
    scatter = math.sqrt(narrow / dim), math.sqrt((dim - 1) / (dim + 2) / ((narrow - 1) / (narrow + 2)))
    around = ((draws - draws.mean(0)) * scatter).sum(1) * (narrow / dim)
    return band(np.sqrt(np.maximum(mean + around, 0)).tolist())


def _simulated(batch: int, dim: int) -> Floats:
    """offset^2 and shape^2 of DRAWS batches of even directions."""
    random = np.random.default_rng(0)
    found = [_squares(_unit(random.standard_normal((batch, dim)))) for _ in range(DRAWS)]
    return np.array(found)


def _squares(unit: Floats) -> tuple[float, float]:
    """offset^2 and shape^2 of unit rows."""
    n, dim = unit.shape
    around = unit - unit[0]  # of rows that coincide nothing is left, not even the rounding of their mean
    shift = around.mean(0)
    around = around - shift
    mean = unit[0] + shift
    offset = min(1.0, float(mean @ mean))
    gram = (around.T @ around if dim <= n else around @ around.T) / n
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0.0))
    # (1 - offset) + 1 - 2 / sqrt(dim) sum of roots, as a sum of squares, which cannot fall below 0.
    ideal = 1 / math.sqrt(dim)
    shape = float(np.square(roots - ideal).sum()) + (dim - len(roots)) * ideal**2
    return offset, shape


def _unit(rows: Floats) -> Floats:
    rows = rows / np.abs(rows).max(1, keepdims=True)
    found: Floats = rows / np.sqrt(np.square(rows).sum(1, keepdims=True))
    return found
