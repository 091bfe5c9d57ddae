"""Linear kernels of centred rows, and what HSIC needs of them, without holding a square of a large batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vergence.metrics.chance import Chance
from vergence.metrics.rows import above_rounding

__all__ = ["Side", "null_moments", "null_of", "products", "sides", "undefined", "value_of"]

CELLS = 2**22
"""Numbers in one block: 32 MB."""
LEVEL = 1.959963984540054
"""Standard deviations of a normal on either side of its mean that hold 95 %."""
FLAT = 1e-12
"""Of the squares of a kernel: less than this left beside its diagonal is rounding."""


@dataclass(frozen=True, eq=False)
class Side:
    """The rows of one representation minus their mean, divided by their largest entry, in float64 on the CPU.

    Columns that vary by no more than rounding are 0.
    """

    rows: Float[Tensor, "n dim"]
    constant: bool
    """All rows coincide, to rounding."""

    @functools.cached_property
    def diagonal(self) -> Float[Tensor, " n"]:
        """K_ii, squared lengths of the rows."""
        return self.rows.square().sum(1)

    @functools.cached_property
    def moments(self) -> tuple[float, Float[Tensor, " n"], float]:
        """tr K^2, the diagonal of K^2, tr K^3, for K = rows rows^T."""
        n, dim = self.rows.shape
        square, cube = self.rows.new_zeros(n), 0.0
        inner = self.rows.T @ self.rows if dim <= n else None
        for part in _parts(n, max(n, dim)):
            if inner is not None:
                image = self.rows[part] @ inner
                square[part] = (image * self.rows[part]).sum(1)
                cube += float(image.square().sum())
            else:
                block = self.rows[part] @ self.rows.T
                square[part] = block.square().sum(1)
                cube += float((block @ self.rows).square().sum())
        return float(square.sum()), square, cube

    @functools.cached_property
    def spread(self) -> float:
        """Sum over i != j of the squares of the kernel whose every row sums to 0: what the unbiased HSIC is made of."""
        return unbiased(self, self, self.moments[0])

    @functools.cached_property
    def skew(self) -> float:
        """tr K0^3 over the 3/2 power of `spread`; K0: the kernel with zeros on its diagonal."""
        k = self.diagonal
        _, square, cube = self.moments
        inner = cube - 3 * float(k @ square) + 2 * float((k**3).sum())
        return inner / float(self.spread**1.5)


def sides(given: Sequence[Tensor]) -> list[Side]:
    """Each of some finite (n, dim), centred."""
    found = []
    for z in given:
        wide = z.detach().cpu().double().numpy()
        size = float(np.abs(wide).max())
        rows = torch.from_numpy(above_rounding(wide / (size or 1.0), torch.finfo(z.dtype).eps))
        rows = rows - rows[0]  # of rows that coincide nothing is left
        rows = rows - rows.mean(0)
        left = float(rows.abs().max())
        constant = left == 0
        # Fourth powers of entries follow: around 1 they can neither vanish nor overflow.
        found.append(Side(rows if constant else rows / left, constant))
    return found


def products(given: Sequence[Side], wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """tr K_i K_j of the wanted pairs: by features or by rows, whichever is less work."""
    n = len(given[0].rows)
    width = [side.rows.shape[1] for side in given]
    by_features = sum(width[i] * width[j] for i, j in wanted if i != j)
    by_rows = n * sum(width) + n * len(given) ** 2
    found = {(i, i): given[i].moments[0] for i, j in wanted if i == j}
    if by_features <= by_rows:
        for i, j in wanted:
            if i != j:
                a, b = given[i].rows, given[j].rows
                parts = (a[:, part].T @ b for part in _parts(width[i], max(width[j], n)))
                found[i, j] = sum(float(part.square().sum()) for part in parts)
        return found
    total = torch.zeros(len(given), len(given), dtype=torch.float64)
    for part in _parts(n, n * len(given)):
        block = torch.stack([(side.rows[part] @ side.rows.T).flatten() for side in given])
        total += block @ block.T
    return found | {(i, j): float(total[i, j]) for i, j in wanted if i != j}


def unbiased(one: Side, other: Side, shared: float) -> float:
    r"""n (n-3) times the unbiased HSIC of two kernels, from tr K L.

    The rows are centred, so every row of K sums to 0 and the three terms of Song et al. 2012 with zeroed diagonals are

        tr K L  -  n/(n-2) sum over i of  K_ii L_ii  +  tr K tr L / ((n-1)(n-2))
    """
    n = len(one.diagonal)
    k, m = one.diagonal, other.diagonal
    return shared - n / (n - 2) * float(k @ m) + float(k.sum()) * float(m.sum()) / ((n - 1) * (n - 2))


def undefined(side: Side) -> str:
    """What its rows all do, where it has no structure to compare; else nothing."""
    if side.constant:
        return "coincide"
    if side.spread <= FLAT * side.moments[0]:
        return "lie equally far from one another"
    return ""


def value_of(one: Side, other: Side, shared: float, without_bias: bool) -> float | None:
    """CKA of two sides, given tr K L; None where one has nothing to compare."""
    if undefined(one) or undefined(other):
        return None
    if without_bias:
        top, squares = unbiased(one, other, shared), max(one.spread, 0.0) * max(other.spread, 0.0)
    else:
        top, squares = shared, one.moments[0] * other.moments[0]
    # By Cauchy and Schwarz it lies within 1, but for rounding.
    return max(-1.0, min(1.0, top / math.sqrt(squares)))


def null_of(one: Side, other: Side, without_bias: bool) -> Chance | None:
    """What CKA reads over all orders of the rows of one side."""
    return None if undefined(one) or undefined(other) else _band(*null_moments(one, other, without_bias))


def null_moments(one: Side, other: Side, without_bias: bool) -> tuple[float, float, float]:
    """Mean and standard deviation over all orders of the rows of one side, exact; skewness, for many rows."""
    n = len(one.diagonal)
    skew = 8 / 2**1.5 * one.skew * other.skew
    if without_bias:
        return 0.0, math.sqrt(2 / (n * (n - 3))), skew
    (p, tau_one), (q, tau_other) = (_leaning(side) for side in (one, other))
    variance = 2 * (n - 1 - p) * (n - 1 - q) / ((n + 1) * (n - 1) ** 2 * (n - 2))
    variance *= 1 + (n - 3) / (2 * n * (n - 1)) * tau_one * tau_other
    return math.sqrt(p * q) / (n - 1), math.sqrt(max(variance, 0.0)), skew


def _leaning(side: Side) -> tuple[float, float]:
    """Participation ratio, and how far squared lengths differ from those of normal rows (Kazi-Aoual's tau)."""
    n, k, square = len(side.diagonal), side.diagonal, side.moments[0]
    p = float(k.sum()) ** 2 / square
    tau = (n - 1) / ((n - 3) * (n - 1 - p)) * (n * (n + 1) * float(k @ k) / square - (n - 1) * (p + 2))
    return p, tau


def _parts(length: int, beside: int) -> list[slice]:
    """Stretches of a length that hold about CELLS numbers each."""
    step = max(1, CELLS // max(1, beside))
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _band(mean: float, deviation: float, skew: float) -> Chance:
    r"""The band of a number of which three moments are known, by the type III curve of Pearson 1895.

        quantile(p) = mean + deviation skew/2 (G(p) - k),   k = 4 / skew^2,   G: quantiles of a gamma variable, shape k

    skew 0 is the normal distribution, 2.83 the square of one normal variable; HSIC of rows that are independent is a
    sum of such squares. Used for this null by Josse, Pages & Husson 2008.
    """
    if abs(skew) < 1e-3:  # beyond it the gamma quantiles lose digits, and the normal ones are right to 1e-3
        return Chance(mean, mean - LEVEL * deviation, mean + LEVEL * deviation)
    from scipy.special import gammaincinv  # type: ignore[import-untyped, unused-ignore]

    shape = 4 / skew**2
    low, high = sorted(mean + deviation * skew / 2 * (float(gammaincinv(shape, p)) - shape) for p in (0.025, 0.975))
    return Chance(mean, low, high)
