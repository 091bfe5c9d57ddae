"""The spectrum as its papers write it: `svdvals`, shares, entropies, and correlations column by column."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor


def singular(z: Tensor, *, centred: bool) -> list[float]:
    """From the matrix itself, by the algorithm that keeps small values."""
    z = z.double()
    found: list[float] = torch.linalg.svdvals(z - z.mean(0) if centred else z).tolist()
    return found


def entropy_rank(sigma: list[float], eps: float) -> float:
    """RankMe, eq. 1 and 2."""
    total = math.fsum(sigma)
    shares = [value / total + eps for value in sigma]
    return math.exp(-math.fsum(share * math.log(share) for share in shares if share > 0))


def participation(sigma: list[float]) -> float:
    """(sum of eigenvalues)^2 over the sum of their squares."""
    return math.fsum(value**2 for value in sigma) ** 2 / math.fsum(value**4 for value in sigma)


def stable_rank(sigma: list[float]) -> float:
    """Sum of eigenvalues over the largest."""
    return math.fsum(value**2 for value in sigma) / sigma[0] ** 2


def std(column: list[float], ddof: int) -> float:
    """The standard deviation of a column."""
    mean = math.fsum(column) / len(column)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in column) / (len(column) - ddof))


def unit_spread(z: Tensor, ddof: int) -> float:
    """Mean std of the columns of unit rows, times sqrt(dim)."""
    rows = [[value / math.sqrt(math.fsum(v * v for v in row)) for value in row] for row in z.tolist()]
    columns = list(map(list, zip(*rows, strict=True)))
    return math.fsum(std(column, ddof) for column in columns) / len(columns) * math.sqrt(len(columns))


def mean_correlation(z: Tensor) -> float:
    """Mean |r| over pairs of columns that vary."""
    columns = [column for column in z.T.tolist() if max(column) > min(column)]
    pairs = list(itertools.combinations(columns, 2))
    return math.fsum(abs(_correlation(a, b)) for a, b in pairs) / len(pairs)


def _correlation(a: list[float], b: list[float]) -> float:
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    both = math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    return both / (len(a) * std(a, 0) * std(b, 0))
