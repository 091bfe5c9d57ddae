"""Ridge for numbers, whose penalty is chosen by leaving out one group at a time. No refit: all in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from vergence.metrics.space import Space

__all__ = ["RIDGES", "Smooth"]

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties per row learned from."""
LEAST_SHARE = 1e-12
"""Of the largest eigenvalue: what is smaller is rounding error."""
MOST_BLOCKS = 4e6
"""Numbers in the blocks of all groups, padded to the largest: beyond that each row is left out by itself."""


class Smooth:
    r"""Ridge of rows that are parted, ready for any number of targets.

        minimises  sum_i |y_i - W x_i - b|² + penalty n |W|²,   x standardised on the fit half, b without penalty

    Left out, a group errs by  (1 - H_gg)^-1 (y - said)_g,  H the matrix that turns y into what is said: exactly what a
    fit without it would err by.
    """

    def __init__(self, space: Space, fit: Tensor, test: Tensor, groups: Tensor) -> None:
        learned, asked = (part.double() for part in space.standard(fit, test))
        middle = learned.mean(0)
        learned, asked = learned - middle, asked - middle
        n, dim = learned.shape
        if n <= dim:
            values, left = _eigen(learned @ learned.T)
            across = asked @ (learned.T @ left) / values.sqrt()
        else:
            values, right = _eigen(learned.T @ learned)
            left, across = learned @ right / values.sqrt(), asked @ right
        self._values, self._left, self._across = values, left, across
        self._members, self._there = _blocks(groups)

    def read(self, y: Tensor) -> tuple[Tensor, float]:
        """What is said of the rows to ask about, and the penalty per row that was chosen. y: of the fit half."""
        n = len(y)
        mean = y.mean()
        inside = self._left.T @ (y - mean)
        errs = []
        for ridge in RIDGES:
            kept = self._values / (self._values + ridge * n)
            errs.append(self._left_out(y - mean - self._left @ (kept * inside), kept))
        # The strongest of those that err alike: of a number that is not there, less is said.
        best = max(at for at, one in enumerate(errs) if one <= min(errs) * (1 + 1e-9))
        weight = self._values.sqrt() / (self._values + RIDGES[best] * n)
        return self._across @ (weight * inside) + mean, RIDGES[best]

    def _left_out(self, residual: Tensor, kept: Tensor) -> float:
        """Mean square of what each group errs by when it is left out."""
        n = len(residual)
        rows = self._left[self._members]
        hat = (rows * kept) @ rows.transpose(1, 2) + 1 / n
        there = self._there.double()
        hat = hat * there[:, :, None] * there[:, None, :]
        system = torch.eye(hat.shape[1], dtype=hat.dtype) - hat
        errs = torch.linalg.solve(system, (residual[self._members] * there)[:, :, None])
        return float(errs.square().sum()) / n


def _eigen(gram: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(gram)
    kept = values > LEAST_SHARE * values[-1].clamp(min=0)
    return values[kept], vectors[:, kept]


def _blocks(groups: Tensor) -> tuple[Tensor, Tensor]:
    """(groups, largest): the rows of each group, and which of these entries are there."""
    _, place, sizes = torch.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) * int(sizes.max()) ** 2 > MOST_BLOCKS:
        place, sizes = torch.arange(len(groups)), torch.ones(len(groups), dtype=torch.long)
    order = torch.argsort(place, stable=True)
    there = torch.arange(int(sizes.max()))[None] < sizes[:, None]
    members = torch.zeros(there.shape, dtype=torch.long)
    members[there] = order
    return members, there
