"""How spread the coordinates are, one by one: the entropy of each beside that of a Gaussian. Sees dead ones."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.gaussian import ENTROPY, gap_entropy, gap_window
from vergence.metrics.chance import Chance
from vergence.metrics.null import band, normal_band
from vergence.metrics.rows import Floats, rows_of

__all__ = ["MarginalEntropy", "Scaling", "marginal_entropy", "marginal_entropy_null", "sphere_entropy"]

Flags = NDArray[np.bool_]
Scaling = Literal["sphere", "columns"]
"""What coordinates are measured in, see `marginal_entropy`."""

ENTRIES = 2**19
"""Simulated for a null."""
SMALL = 2**12
"""Batches of so few entries are simulated whole."""
DRAWS = 200
FEW = 64
"""From so many rows on, the expected logarithm of a standard deviation is right to its first order."""


@dataclass(frozen=True, eq=False)
class MarginalEntropy:
    """Entropies of the coordinates, in nats. `float()` of it is `entropy`, or an error where all are dead."""

    entropy: float | None
    """Mean over the coordinates that are not dead; 1.42 at best. None: all are dead."""
    lowest: float | None
    """Of the coordinate that is least spread, dead ones not counted."""
    by_coordinate: Float[Tensor, " dim"] = field(repr=False)
    """Of each; minus infinity for a dead one."""
    dead: int
    """Coordinates that are the same in all rows, but for rounding."""
    tied: int
    """Coordinates in which more than sqrt(rows) rows share a value (the zeros of a ReLU), dead ones not counted. They
    have no density there, so they read far below others; how far is a convention."""
    of: Scaling
    gaussian: float
    """1.4189, the entropy of a Gaussian of variance 1; nothing of that variance has more."""
    rows: int
    """Measured, of all views."""
    rows_left_out: int
    """Not finite; zero, where directions are measured; in a view with fewer than 4 others."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when rows were drawn."""
    rows_of_view: int
    """Of the smallest view: what `null` is made for."""
    was_unit: bool
    """The rows came with length 1 (to 1e-3; 1e-2 in half precision)."""
    dim: int

    def __float__(self) -> float:
        if self.entropy is None:
            raise errors.ArgumentError(
                f"marginal_entropy: all {self.dim} coordinates are the same in every row, so there is no entropy. The "
                "batch has collapsed to one point: look at the steps before."
            )
        return self.entropy

    @property
    def null(self) -> Chance:
        """Of `entropy`, for an even sphere (or Gaussian columns) at this size: see `marginal_entropy_null`."""
        return marginal_entropy_null(self.rows_of_view, self.dim, of=self.of)

    @property
    def short(self) -> float | None:
        """How many nats `entropy` falls short of the null's mean: 0 for an even spread, more for less."""
        return None if self.entropy is None else self.null.mean - self.entropy


@torch.no_grad()
def marginal_entropy(
    *views: Tensor, of: Scaling = "sphere", max_rows: int | None = None, generator: torch.Generator | None = None
) -> MarginalEntropy:
    r"""The entropy of each coordinate, estimated from the gaps in its sorted values.

        entropy_k = mean over i of  log( (N + 1) / m  (x_(i+m) - x_(i)) ),   x: coordinate k, sorted;  m = sqrt(N)

    views: V >= 1 tensors (batch, dim) with one dim, batch >= 5. Each view on its own; means over views.
    of: "sphere" measures sqrt(dim) z / ||z||, in which an even sphere has coordinates of variance 1: size counts, so
    a coordinate that hardly varies reads low. "columns" measures (z - mean) / std of each column: shape alone.
    max_rows: above this, rows are drawn, as many of each view. generator: on the CPU; None: the same rows each time.

    Reads `sphere_entropy(dim)` or `gaussian` = 1.42 for an even spread and rows without end, and `null` for N rows,
    which is a little less: 1.33 at 1,024. Each halving of a coordinate's spread takes 0.69 off ("sphere"); falls
    without end towards complete collapse, where all coordinates are `dead` and `entropy` is None. A coordinate that is
    even over an interval reads 0.18 less than a Gaussian one ("columns"), one that takes few values far less, and is
    `tied`.

    Sees what lies along the coordinates: dead ones, saturated ones, those of no size. Misses what lies between them:
    columns that repeat one another look as good as others, and rows in 4 of 128 directions, turned at random, still
    read 1.2. Read it beside a rank.

    Raises ShapeError, TooFewRows (no view has 5 rows), NotFinite, ZeroRows, DeviceMismatch, ArgumentError (one column
    on the sphere), UnknownName.
    Source: Vasicek 1976 in the form of Learned-Miller & Fisher 2003, as in Chakraborty et al. 2024, arXiv:2411.15931.
    """
    call = "marginal_entropy"
    _check_of(call, of)
    found = rows_of(call, views, least=5, max_rows=max_rows, generator=generator, zeros=of == "columns")
    if of == "sphere" and found.dim == 1:
        raise errors.ArgumentError(f"{call}: rows of 1 column have the directions -1 and 1. Use of='columns'.")
    parts = [_scaled(rows, of, found.eps) for rows in found.by_view]
    dead = np.array([gone for _, gone in parts]).all(0)
    with np.errstate(invalid="ignore"):
        estimates = np.array([np.where(gone, -np.inf, _entropy(rows)) for rows, gone in parts])
    by_coordinate = _mean_of_finite(estimates)
    alive = by_coordinate[~dead]
    tied = np.array([_tied(rows) for rows, _ in parts]).any(0) & ~dead
    return MarginalEntropy(
        entropy=float(alive.mean()) if len(alive) else None,
        lowest=float(alive.min()) if len(alive) else None,
        by_coordinate=torch.from_numpy(by_coordinate),
        dead=int(dead.sum()),
        tied=int(tied.sum()),
        of=of,
        gaussian=ENTROPY,
        rows=found.count,
        rows_left_out=found.left_out,
        rows_total=found.total,
        rows_of_view=found.fewest,
        was_unit=found.was_unit,
        dim=found.dim,
    )


def sphere_entropy(dim: int) -> float:
    r"""The entropy of one coordinate of an even sphere of radius sqrt(dim), in nats.

        log sqrt(dim) + log B(1/2, (dim - 1)/2) - (dim - 3)/2 ( psi((dim - 1)/2) - psi(dim/2) )

    dim: >= 2. psi: digamma function. Reads 0.80 at 2 (an arc sine), 1.24 at 3 (even over an interval), 1.416 at 16,
    towards 1.4189, the Gaussian's.

    Raises ArgumentError.
    Source: its density is proportional to (1 - x^2 / dim)^((dim - 3) / 2), a shifted Beta.
    """
    shapes.check_count("sphere_entropy", "dim", dim, least=2)
    from scipy.special import betaln, digamma  # type: ignore[import-untyped, unused-ignore]

    b = (dim - 1) / 2
    return float(math.log(dim) / 2 + betaln(0.5, b) - (b - 1) * (digamma(b) - digamma(dim / 2)))


@functools.lru_cache(maxsize=256)
def marginal_entropy_null(batch: int, dim: int, *, of: Scaling = "sphere") -> Chance:
    r"""What `marginal_entropy` reads on average over coordinates, for directions drawn evenly or for Gaussian columns.

    batch: rows, >= 5. dim: >= 2 for of="sphere", >= 1 for "columns".

    Reads less than the entropy itself, as gaps see no further than the outermost rows: 1.33 for 1,024 rows at dim =
    128, 1.27 for 256; `sphere_entropy(dim)` or 1.42 for rows without end.

    Simulated once for each size, in a quarter of a second: small batches as they are, of larger ones single
    coordinates, of which `dim` are averaged. On the sphere the spread of all coordinates together is fixed, so it is
    taken out first and its expected logarithm put in; otherwise the band would be several times too wide.

    Raises ArgumentError, UnknownName.
    Source: no closed form is known for the Gaussian; simulated.
    """
    call = "marginal_entropy_null"
    _check_of(call, of)
    shapes.check_count(call, "batch", batch, least=5)
    shapes.check_count(call, "dim", dim, least=2 if of == "sphere" else 1)
    random = np.random.default_rng(0)
    if batch * dim <= SMALL or batch < FEW:
        narrow = min(dim, SMALL // min(batch, SMALL))
        whole = [_drawn(random, batch, narrow, dim, of) for _ in range(DRAWS)]
        values = np.array([float(_entropy(rows).mean()) for rows in whole])
        # The spread of a few columns varies, that of all together does not.
        around = values - np.array([math.log(float(np.square(rows).mean())) / 2 for rows in whole])
        return band((values.mean() + (around - around.mean()) * math.sqrt(narrow / dim)).tolist())
    columns = min(SMALL, max(16, ENTRIES // batch))
    draws = random.standard_normal((batch, columns))
    if of == "sphere":
        draws *= np.sqrt(dim / (np.square(draws) + random.chisquare(dim - 1, draws.shape)))
    shape = _entropy(draws) - np.log(draws.std(0))
    size = (1 + (dim - 1) / (dim + 2)) / (2 * batch) if of == "sphere" else 0.0
    return normal_band(float(shape.mean()) - size, float(shape.std(ddof=1)) * math.sqrt(1 / dim + 1 / columns))


def _drawn(random: np.random.Generator, batch: int, columns: int, dim: int, of: Scaling) -> Floats:
    """Some columns of rows in `dim` dimensions; what the others add to the length of a row is drawn as a whole."""
    draws = random.standard_normal((batch, columns))
    if of == "columns":
        return _scaled(draws, of, 0.0)[0]
    rest = random.chisquare(dim - columns, (batch, 1)) if dim > columns else 0.0
    found: Floats = draws * np.sqrt(dim / (np.square(draws).sum(1, keepdims=True) + rest))
    return found


def _entropy(rows: Floats) -> Floats:
    found: Floats = gap_entropy(torch.from_numpy(rows)).numpy()
    return found


def _scaled(rows: Floats, of: Scaling, eps: float) -> tuple[Floats, Flags]:
    """Coordinates in the units they are measured in, and which of them are dead."""
    size = np.abs(rows).max(0)
    # Half of eps is how far a number may be rounded, so a constant may come as two neighbours.
    dead = np.ptp(rows, axis=0) <= 2 * eps * size
    if of == "sphere":
        rows = rows / np.abs(rows).max(1, keepdims=True)
        rows = rows * (math.sqrt(rows.shape[1]) / np.sqrt(np.square(rows).sum(1, keepdims=True)))
        dead = dead | (np.ptp(rows, axis=0) <= 2 * eps * np.abs(rows).max(0))
        return rows, dead
    rows = rows / np.where(size > 0, size, 1.0)
    spread = rows.std(0)
    return (rows - rows.mean(0)) / np.where(dead, 1.0, spread), dead


def _tied(rows: Floats) -> Flags:
    """Which columns hold a value more than sqrt(rows) times."""
    m = gap_window(len(rows))
    ordered = np.sort(rows, axis=0)
    found: Flags = (ordered[m:] == ordered[: len(rows) - m]).any(0)
    return found


def _mean_of_finite(estimates: Floats) -> Floats:
    """Over views; minus infinity where a coordinate is dead in all of them."""
    alive = np.isfinite(estimates)
    counted = alive.sum(0)
    total = np.where(alive, estimates, 0.0).sum(0)
    found: Floats = np.where(counted > 0, total / np.maximum(counted, 1), -np.inf)
    return found


def _check_of(call: str, of: str) -> None:
    if of not in get_args(Scaling):
        raise errors.UnknownName(call, str(of), get_args(Scaling), what="scaling")
