"""In how many directions the neighbours of a row lie: from two neighbours over all rows, and from k around each."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import Chance
from vergence.metrics.neighbours import Index, apart, distinct, nearest_distances
from vergence.metrics.null import band
from vergence.metrics.rows import Floats, Rows, above_rounding, around_one, rows_of
from vergence.shapes import Embeddings

__all__ = [
    "DISCARD",
    "NEIGHBOURS",
    "IntrinsicDimension",
    "IntrinsicNull",
    "intrinsic_dimension",
    "intrinsic_dimension_null",
    "local_intrinsic_dimension",
    "two_nn",
]

NEIGHBOURS = 20
DISCARD = 0.1
"""Share of the largest ratios that the fitted variant of TwoNN leaves out."""
MAX_ROWS = 2048
SMALLEST = 1e-12
"""What the logarithm of a ratio of equal distances counts as, so that a dimension without bound is a number."""
DRAWS = 12
MOST_SIMULATED = 2e9
"""Multiplications for all draws of a null: about a second; with larger rows there are fewer draws."""

Local = Float[Tensor, " points"]


@dataclass(frozen=True, eq=False)
class IntrinsicDimension:
    """Dimensions that neighbours tell of. `float()` of it is `two_nn`. None: fewer than k + 1 rows are different."""

    two_nn: float | None
    """Of all rows together, at the distance of the second neighbour."""
    two_nn_fit: float | None
    """The same by the line of Facco et al., without the largest tenth of the ratios: less moved by outliers."""
    local: Local = field(repr=False)
    """One estimate for each row that was measured. Empty where two_nn is None."""
    local_mean: float | None
    """High by 1 / (k - 2), 6 % at k = 20, where the estimates scatter around one dimension; `local_pooled` is not."""
    local_median: float | None
    local_spread: tuple[float, float] | None
    """5 % and 95 % of the local estimates: for one dimension everywhere they lie at about 0.7 and 1.5 of it."""
    local_pooled: float | None
    """The harmonic mean: the one dimension that is most likely for all neighbourhoods at once."""
    radius: float | None
    """Median distance of the k-th neighbour over the root mean square distance of two rows: how local it is."""
    k: int
    duplicates: int
    """Rows left out because they equal another one, or cannot be told from it in their precision."""
    rows: int
    """Different rows that were measured, of all views."""
    rows_left_out: int
    """Not finite."""
    rows_total: int
    """There were so many; more than `rows`, `duplicates` and `rows_left_out` when rows were drawn."""
    rows_of_view: int
    """Of the smallest view: what `null` is made for."""
    dim: int

    def __float__(self) -> float:
        if self.two_nn is None:
            raise errors.TooFewRows(
                f"intrinsic_dimension: {self.rows} rows are different from one another, and {self.k + 1} are needed. "
                "Has the batch collapsed? Look at unit_spread(z)."
            )
        return self.two_nn

    @property
    def null(self) -> IntrinsicNull | None:
        """What rows that fill all dimensions read: see `intrinsic_dimension_null`; None where two_nn is."""
        return None if self.two_nn is None else intrinsic_dimension_null(self.rows_of_view, self.dim, k=self.k)


@dataclass(frozen=True)
class IntrinsicNull:
    """What Gaussian rows read that fill all their dimensions: the ceiling, well below `dim` when that is large."""

    two_nn: Chance
    local_mean: Chance
    local_pooled: Chance


@torch.no_grad()
def intrinsic_dimension(
    *views: Tensor, k: int = NEIGHBOURS, max_rows: int = MAX_ROWS, generator: torch.Generator | None = None
) -> IntrinsicDimension:
    r"""In how many directions rows vary where they lie, however the cloud is bent: TwoNN, and the estimate at each row.

    views: V >= 1 tensors (batch, dim) with one dim, batch >= k + 2, as they come out of the network. Each view on its
    own: the other view of a sample is a neighbour by construction and would be counted as one.
    k: neighbours of the local estimate, >= 3. More are steadier and less local.
    max_rows: above this, rows are drawn, as many of each view. That moves neighbours apart: compare equal `rows` only.
    generator: on the CPU; None: the same rows each time.

    Reads about m for rows even in m dimensions, while m is below about 10: of 2,000 Gaussian rows the local mean reads
    1.05, 2.2, 5.4, 9.7 and 16 for m = 1, 2, 5, 10 and 20. `null` says what is read when all `dim` are filled: of
    1,024 rows in 128 dimensions TwoNN reads 56 and not 128.

    Scale-free, so blind to collapse: faint noise around one point fills all dimensions, and reads *more* than a
    healthy run. Never read it without a scale (`unit_spread`) beside it. Rows that coincide are counted and measured
    once, as a distance of 0 has no logarithm.

    Takes 30 ms for 1,024 x 128 on one thread, four times that for twice the rows.

    Raises ShapeError, TooFewRows (a size, never a collapse: then the numbers are None), NotFinite, DeviceMismatch,
    ArgumentError.
    Source: Facco et al. 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood information";
    Levina & Bickel 2004; MacKay & Ghahramani 2005 for pooling.
    """
    call = "intrinsic_dimension"
    shapes.check_count(call, "k", k, least=3)
    found = rows_of(call, views, least=k + 2, max_rows=None, generator=None, zeros=True)
    shapes.check_count(call, "max_rows", max_rows, least=k + 2)
    parts = [above_rounding(rows, found.eps) for rows in around_one(found.by_view)]
    parts = [rows[distinct(rows)[0]] for rows in parts]
    duplicates = found.count - sum(map(len, parts))
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    parts = [_drawn(part, max(k + 2, max_rows // len(parts)), generator) for part in parts]
    drawn = sum(map(len, parts))
    parts = [part[apart(part, found.eps)[0]] for part in parts]
    duplicates += drawn - sum(map(len, parts))
    parts = [part for part in parts if len(part) > k]
    if not parts:
        return _nothing(found, duplicates, k)
    near = np.concatenate([nearest_distances(part, k) for part in parts])
    ratios = _ratios(near)
    local, pooled = _local(near)
    spread = np.quantile(local, (0.05, 0.95))
    return IntrinsicDimension(
        two_nn=_two_nn(ratios),
        two_nn_fit=_fitted(ratios, DISCARD),
        local=torch.from_numpy(local),
        local_mean=float(local.mean()),
        local_median=float(np.median(local)),
        local_spread=(float(spread[0]), float(spread[1])),
        local_pooled=pooled,
        radius=float(np.median(near[:, -1])) / _typical(parts),
        k=k,
        duplicates=duplicates,
        rows=len(near),
        rows_left_out=found.left_out,
        rows_total=found.total,
        rows_of_view=min(map(len, parts)),
        dim=found.dim,
    )


def two_nn(z: Embeddings, *, discard: float | None = None) -> float:
    r"""Intrinsic dimension from the two nearest neighbours of each row.

        two_nn(z) = N / sum over i of  log( r2_i / r1_i )
        two_nn(z, discard=0.1) = slope through 0 of  -log(1 - F)  on  log(r2 / r1),  over the smallest 90 % of ratios

    z: (batch, dim), finite, at least 3 rows that differ; r1, r2: distances to the nearest and second nearest row.
    F: rank of a ratio over N. discard: 0 to below 1, the share of the largest ratios that is left out of the fit; None:
    the maximum likelihood, which uses all. Rows that coincide are taken once.

    Reads about m for rows even in m dimensions, below it when m is large for so many rows; see `intrinsic_dimension`.

    Raises ShapeError, TooFewRows (also when fewer than 3 rows differ), NotFinite, ArgumentError.
    Source: Facco et al. 2017, the second form; the first is the maximum likelihood of their law, Denti et al. 2022.
    """
    if discard is not None:
        shapes.check_nonnegative("two_nn", "discard", discard)
        if discard >= 1:
            raise errors.ArgumentError(f"two_nn: discard is {discard!r}. It is a share below 1, for example 0.1.")
    rows, _ = _checked("two_nn", z, 3)
    near = nearest_distances(rows, 2)
    ratios = _ratios(near)
    return _two_nn(ratios) if discard is None else _fitted(ratios, discard)


def local_intrinsic_dimension(z: Embeddings, *, k: int = NEIGHBOURS) -> Float[Tensor, " batch"]:
    r"""Intrinsic dimension around each row, from its k nearest neighbours.

        m_i = ( 1 / (k - 1)  sum over j < k of  log( r_k / r_j ) )^(-1)

    z: (batch, dim), finite, at least k + 1 rows that differ; r_j: distance of row i to its j-th nearest row. k: >= 3.
    Rows that coincide are taken once, and all read what that one reads. float64.

    Reads about m for rows even in m dimensions, scattered by m / sqrt(k - 2), and high by 1 / (k - 2) on average.

    Raises ShapeError, TooFewRows (also when fewer than k + 1 rows differ), NotFinite, ArgumentError.
    Source: Levina & Bickel 2004, eq. 8; with k - 2 for k - 1 it would be unbiased where the density is flat.
    """
    shapes.check_count("local_intrinsic_dimension", "k", k, least=3)
    rows, member = _checked("local_intrinsic_dimension", z, k + 1)
    return torch.from_numpy(_local(nearest_distances(rows, k))[0][member])


@functools.lru_cache(maxsize=64)
def intrinsic_dimension_null(batch: int, dim: int, *, k: int = NEIGHBOURS) -> IntrinsicNull:
    r"""What `intrinsic_dimension` reads for Gaussian rows that fill all their dimensions.

    batch: rows, >= k + 1. dim: >= 1. k: as for `intrinsic_dimension`.

    Reads about dim while that is below 10, less and less of it above, for want of rows: at 1,024 rows 9.5 for
    10, 37 for 64, 56 for 128 (TwoNN).

    The band of 12 draws with a generator of their own, 4 for very large rows; kept, so it costs about a second once for
    each size.

    Raises ArgumentError.
    Source: no closed form is known; simulated.
    """
    call = "intrinsic_dimension_null"
    shapes.check_count(call, "k", k, least=3)
    shapes.check_count(call, "batch", batch, least=k + 1)
    shapes.check_count(call, "dim", dim)
    random = np.random.default_rng(0)
    draws = int(min(DRAWS, max(4, MOST_SIMULATED / (float(batch) ** 2 * (dim + 64)))))
    found = []
    for _ in range(draws):
        near = nearest_distances(random.standard_normal((batch, dim)), k)
        local, pooled = _local(near)
        found.append((_two_nn(_ratios(near)), float(local.mean()), pooled))
    two, mean, pool = (band(list(column)) for column in zip(*found, strict=True))
    return IntrinsicNull(two, mean, pool)


def _ratios(near: Floats) -> Floats:
    """Logarithms of the second distance over the first, kept above 0: rows may all be equally far apart."""
    found: Floats = np.maximum(np.log(near[:, 1] / near[:, 0]), SMALLEST)
    return found


def _two_nn(ratios: Floats) -> float:
    return len(ratios) / float(ratios.sum())


def _fitted(ratios: Floats, discard: float) -> float:
    """The largest ratio has F = 1, so it is always left out."""
    ordered = np.sort(ratios)
    n = len(ordered)
    keep = max(1, min(n - 1, int(n * (1 - discard))))
    y = -np.log1p(-np.arange(1, keep + 1) / n)
    x = ordered[:keep]
    return float(x @ y) / float(x @ x)


def _local(near: Floats) -> tuple[Floats, float]:
    """The estimate of each row, and of all together."""
    k = near.shape[1]
    total = np.log(near[:, -1:] / near[:, :-1]).sum(1)
    total = np.maximum(total, SMALLEST)
    return (k - 1) / total, (k - 1) * len(total) / float(total.sum())


def _drawn(rows: Floats, keep: int, generator: torch.Generator) -> Floats:
    if len(rows) <= keep:
        return rows
    chosen = torch.randperm(len(rows), generator=generator)[:keep].sort().values
    found: Floats = rows[chosen.numpy()]
    return found


def _typical(parts: list[Floats]) -> float:
    """Root mean square distance of two rows of a view."""
    squares = [2 * float(np.square(part - part.mean(0)).sum(1).mean()) for part in parts]
    return float(np.sqrt(np.mean(squares)))


def _checked(call: str, z: Tensor, least: int) -> tuple[Floats, Index]:
    """Rows that differ, and which of them each row is."""
    shapes.check_embeddings(call, "z", z, rows=least)
    shapes.check_finite(call, "z", z)
    eps = torch.finfo(z.dtype).eps
    rows = above_rounding(around_one([z.detach().cpu().double().numpy()])[0], eps)
    first, member = distinct(rows)
    kept, stands_for = apart(rows[first], eps)
    if len(kept) < least:
        raise errors.TooFewRows(
            f"{call}: {len(kept)} of {len(rows)} rows of z differ from one another, {least} are needed. Has the batch "
            "collapsed? Look at unit_spread(z)."
        )
    return rows[first[kept]], stands_for[member]


def _nothing(found: Rows, duplicates: int, k: int) -> IntrinsicDimension:
    return IntrinsicDimension(
        two_nn=None,
        two_nn_fit=None,
        local=torch.empty(0, dtype=torch.float64),
        local_mean=None,
        local_median=None,
        local_spread=None,
        local_pooled=None,
        radius=None,
        k=k,
        duplicates=duplicates,
        rows=found.count - duplicates,
        rows_left_out=found.left_out,
        rows_total=found.total,
        rows_of_view=found.fewest,
        dim=found.dim,
    )
