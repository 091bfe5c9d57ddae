"""Two spectra of a batch, of its rows as they are and around their mean, from one reduction of a small matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vergence import errors

__all__ = ["Parts", "measure"]

Floats = NDArray[np.float64]

MOST_COLUMNS = 512
"""Above this many columns and fewer rows than columns, correlations are measured on so many, drawn evenly."""
ROUNDING = 0.3
"""A number is rounded by about 0.2 eps of itself on average (uniform within half a unit of the last digit); with
some room, since the size of the matrix of roundings is only bounded."""
CONSTANT = 1e-12
"""A column whose length around its mean is less, beside a largest entry of 1, is constant but for rounding."""


@dataclass(frozen=True)
class Parts:
    """Singular values of a batch, and what of them is rounding."""

    plain: Floats
    """Singular values of rows divided by `scale`."""
    centred: Floats
    scale: float
    floor: float
    floor_centred: float
    """Of the noise without its largest columns, where those are few and would hide what the others tell."""
    correlation: float | None

    @property
    def spread(self) -> Floats:
        """`centred`, or zeros when no value is above rounding: noise must not pass for a spectrum."""
        length = math.sqrt(float(np.square(self.centred).sum()))
        return self.centred if self.centred[0] > self.floor_centred * length else np.zeros_like(self.centred)


def measure(rows: Floats, eps: float) -> Parts:
    """rows: (n, dim), finite. eps: of the precision they came in."""
    scale = float(np.abs(rows).max()) or 1.0
    rows = rows / scale
    around = rows - rows[0]  # of rows that coincide nothing is left, not even the rounding of their mean
    shift = around.mean(0)
    around -= shift
    plain, centred, correlation = _eigenvalues(around, rows[0] + shift)
    limit = max(rows.shape) * np.finfo(np.float64).eps
    sigma, spread = (np.sqrt(np.where(one > limit * one[0], one, 0.0)) for one in (plain, centred))
    noise = ROUNDING * eps * _longest(rows)
    floors = []
    for one, least in ((sigma, noise[0]), (spread, _told_apart(spread, noise))):
        length = math.sqrt(float(np.square(one).sum()))
        floors.append(max(float(least), math.sqrt(limit) * float(one[0])) / length if length else 1.0)
    return Parts(sigma, spread, scale, floors[0], floors[1], correlation)


def _longest(rows: Floats) -> Floats:
    """How large a matrix of roundings is, at most about its longest row plus its longest column (Seginer 2000).

    Without its j largest columns, j = 0 .. dim - 1.
    """
    squares = np.square(rows)
    columns = squares.sum(0)
    order = np.argsort(columns)
    longest_row = np.cumsum(squares[:, order], axis=1).max(0)
    found: Floats = (np.sqrt(longest_row) + np.sqrt(columns[order]))[::-1]
    return found


def _told_apart(values: Floats, noise: Floats) -> float:
    """The one of the floors over which most values lie that cannot be rounding.

    j columns of noise make at most j values larger than the rest of the noise can (Weyl's inequality).
    """
    over = len(values) - np.searchsorted(values[::-1], noise, side="right")
    return float(noise[int(np.argmax(over - np.arange(len(noise))))])


def _eigenvalues(around: Floats, mean: Floats) -> tuple[Floats, Floats, float | None]:
    """Squared singular values of the rows and of the centred rows, largest first; and the mean correlation.

    The two matrices differ in one direction only. That direction is turned onto the first axis, which the
    reduction to a tridiagonal matrix leaves alone, so one reduction, the dear part, serves both.
    """
    n, dim = around.shape
    if dim <= n:
        gram = around.T @ around
        correlation = _correlation(gram)
        length = math.sqrt(float(mean @ mean))
        if length > 0:
            axis = _mirror(mean)
            image = gram @ axis
            image = 2 * (image - (axis @ image) * axis)
            update = np.outer(axis, image)
            gram -= update
            gram -= update.T
        diagonal, beside = _tridiagonal(gram)
        shifted = diagonal.copy()
        shifted[0] += n * length**2
        return _values(shifted, beside), _values(diagonal, beside), correlation
    axis = _mirror(np.ones(n))
    turned = around - 2 * np.outer(axis, axis @ around)
    turned[0] = math.sqrt(n) * mean  # the mirror puts all of the mean row into the first one
    diagonal, beside = _tridiagonal(turned @ turned.T)
    within = np.append(_values(diagonal[1:], beside[1:]), 0.0)  # n rows around their mean span n - 1 directions
    if dim > MOST_COLUMNS:
        drawn = torch.randperm(dim, generator=torch.Generator().manual_seed(0))[:MOST_COLUMNS]
        around = around[:, drawn.sort().values.numpy()]
    return _values(diagonal, beside), within, _correlation(around.T @ around)


def _mirror(direction: Floats) -> Floats:
    """The unit vector w for which I - 2 w w^T turns `direction` onto the first axis."""
    axis = direction.copy()
    axis[0] += math.copysign(math.sqrt(float(direction @ direction)), direction[0])
    found: Floats = axis / math.sqrt(float(axis @ axis))
    return found


def _tridiagonal(matrix: Floats) -> tuple[Floats, Floats]:
    """A symmetric matrix made tridiagonal, its first axis left where it is: the diagonal, and what is beside it."""
    if len(matrix) == 1:
        return matrix[0].copy(), np.empty(0)
    from scipy.linalg import lapack  # type: ignore[import-untyped, unused-ignore]

    # Without a work space of its own choice LAPACK goes column by column, which takes twice as long.
    work = int(lapack.dsytrd_lwork(len(matrix), lower=1)[0])
    _, diagonal, beside, _, _ = lapack.dsytrd(matrix.T, lower=1, lwork=work, overwrite_a=1)
    return diagonal, beside


def _values(diagonal: Floats, beside: Floats) -> Floats:
    """The eigenvalues of a tridiagonal matrix, largest first; what rounding has put under 0 is 0."""
    if len(diagonal) == 1:
        return np.maximum(diagonal, 0.0)
    from scipy.linalg import lapack  # type: ignore[import-untyped, unused-ignore]

    found, info = lapack.dsterf(diagonal, beside)
    if info:  # has never been seen to happen for finite input
        raise errors.ArgumentError(f"spectrum: the eigenvalues did not converge ({info} of {len(diagonal)}).")
    values: Floats = np.maximum(found[::-1], 0.0)
    return values


def _correlation(gram: Floats) -> float | None:
    """Mean |correlation| of different columns; gram: their products after centring, entries of rows up to 1."""
    size = np.sqrt(np.diag(gram))
    vary = size > CONSTANT
    count = int(vary.sum())
    if count < 2:
        return None
    weight = np.zeros_like(size)
    weight[vary] = 1 / size[vary]
    return float((weight @ np.abs(gram) @ weight - count) / (count * (count - 1)))
