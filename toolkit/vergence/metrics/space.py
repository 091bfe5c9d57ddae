"""Rows of one representation, prepared once for every factor that is probed in it."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.directions import to_unit
from vergence.metrics.halves import Halves
from vergence.shapes import Embeddings

__all__ = ["Space"]

MOST_PRODUCTS = 2048
"""With more rows to learn from than this, a ridge is solved by features and not by rows."""
LEAST_SPREAD = 1e-6
"""A feature that varies by less than this part of its size varies by rounding error."""


class Space:
    """Rows of one representation, and its two halves.

    rows: (items, dim). Rows that are zero or not finite are `bad` and must not be asked for.

    Raises ShapeError, TooFewRows when all items are of one group, NotFinite when no row of the fit half is left.
    """

    def __init__(self, call: str, rows: Embeddings, parted: Halves) -> None:
        shapes.check_embeddings(call, "rows", rows, rows=2)
        if len(rows) != len(parted.groups):
            raise errors.ShapeError(
                f"{call}: rows is {shapes.shape_of(rows)} but {len(parted.groups)} items were parted in halves. "
                "One row per item is needed, in the same order."
            )
        if not len(parted.fit) or not len(parted.test):
            raise errors.TooFewRows(
                f"{call}: all {len(rows)} items are of one group, so none is left to learn from or to be asked about. "
                "Two groups are needed at least."
            )
        self.rows = rows.detach().to("cpu", torch.promote_types(rows.dtype, torch.float32))
        size = self.rows.abs().amax(1)
        good = (size > 0) & torch.isfinite(size)
        self.bad = ~good
        self._fit, self._test = parted.fit[good[parted.fit]], parted.test[good[parted.test]]
        if not len(self._fit):
            raise errors.NotFinite(
                f"{call}: none of {len(parted.fit)} rows to learn from can be read: each is zero or not finite. Is a "
                "ReLU the last layer, or did the step before overflow?"
            )
        self._place = torch.full((len(rows),), -1)
        self._place[self._fit] = torch.arange(len(self._fit))
        self._place[self._test] = torch.arange(len(self._test))

    @functools.cached_property
    def _apart(self) -> Tensor:
        """1 - cosine of each row to ask about with each to learn from, less what all of a row's have in common."""
        fit, test = to_unit(self.rows[self._fit]), to_unit(self.rows[self._test])
        # cosine = 1 - distance^2 / 2, and distances stay when all rows move: with their mean at 0 the digits of a
        # collapsed encoder, whose cosines are all 0.9999999, are still there.
        middle = fit.mean(0, dtype=torch.float64).to(fit.dtype)
        fit, test = fit - middle, test - middle
        return fit.square().sum(1) / 2 - test @ fit.T

    @functools.cached_property
    def _standard(self) -> tuple[Tensor, Tensor]:
        """Every feature with mean 0 and standard deviation 1 over the fit half; one that never varies is 0."""
        learned = self.rows[self._fit].double()
        mean, spread = learned.mean(0), learned.std(0, correction=0)
        steady = spread <= LEAST_SPREAD * learned.abs().amax(0)
        scale = torch.where(steady, 0.0, 1 / torch.where(steady, 1.0, spread))
        tested = self.rows[self._test].double()
        fit, test = (((rows - mean) * scale).to(self.rows.dtype) for rows in (learned, tested))
        return fit, test

    @functools.cached_property
    def _products(self) -> tuple[Tensor, Tensor]:
        fit, test = self._standard
        return fit @ fit.T, test @ fit.T

    def nearest(self, fit: Tensor, test: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k nearest of `fit` for each row of `test`: 1 - cosine up to a constant of that row, and which."""
        apart = _picked(self._apart, self._place[test], self._place[fit])
        near, index = torch.topk(apart, k, dim=1, largest=False)
        return near, index

    def standard(self, fit: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of `fit` and of `test`, every feature with mean 0 and standard deviation 1 over the fit half."""
        learned, asked = self._standard
        return learned[self._place[fit]], asked[self._place[test]]

    def products(self, fit: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
        """Of standardised rows: `fit` among themselves, and of `test` with them."""
        a, b = self._place[fit], self._place[test]
        if len(self._fit) <= MOST_PRODUCTS:
            among, across = self._products
            return _picked(among, a, a), _picked(across, b, a)
        learned, asked = self._standard[0][a], self._standard[1][b]
        return learned @ learned.T, asked @ learned.T

    def ridge(self, fit: Tensor, test: Tensor, wanted: Tensor, penalty: float) -> Tensor:
        """What  argmin |wanted - x W - b|^2 + penalty |W|^2  says of `test`, less b. wanted: columns of mean 0."""
        if len(fit) <= MOST_PRODUCTS:
            among, across = self.products(fit, test)
            dual, offset = solve(among[None], wanted, penalty)
            return across @ dual[0] - offset[0]
        learned, asked = self._standard[0][self._place[fit]], self._standard[1][self._place[test]]
        middle = learned.mean(0)
        learned, asked = learned - middle, asked - middle
        gram = learned.T @ learned
        gram.diagonal().add_(penalty)
        return asked @ torch.cholesky_solve(learned.T @ wanted, torch.linalg.cholesky(gram))


def solve(among: Tensor, wanted: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Ridge with an intercept, in the products of its rows.

    among: (draws, n, n). wanted: (n, classes), columns of mean 0. What is said of a row whose products with the n
    rows are p is  p @ dual - offset.
    """
    means = among.mean(2, keepdim=True)
    # The mean of the rows is taken off, in the products: that is what an intercept does.
    inner = among - means - means.transpose(1, 2) + means.mean(1, keepdim=True)
    inner.diagonal(dim1=1, dim2=2).add_(penalty)
    dual = torch.cholesky_solve(wanted.expand(len(among), -1, -1), torch.linalg.cholesky(inner))
    # The columns of the dual sum to 0, so what all products of a row have in common drops out.
    return dual, (means * dual).sum(1)


def _picked(matrix: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Some rows and columns of a matrix; the matrix itself when that is all of them, in order."""
    if len(rows) == matrix.shape[0] and len(columns) == matrix.shape[1]:
        return matrix
    return matrix[rows].index_select(1, columns)
