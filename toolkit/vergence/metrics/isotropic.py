"""The ceiling of every rank: what random rows without any structure read, for want of rows."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vergence import shapes

__all__ = ["Isotropic", "effective", "isotropic"]

Floats = NDArray[np.float64]

FEW = 32
"""Under so many singular values their law for large matrices is not good enough, and draws are cheap."""
DRAWS = 256
EPS = 1e-7
"""As in `rank_me`."""


@dataclass(frozen=True, eq=False)
class Isotropic:
    """What `batch` rows drawn evenly in all `dim` directions read: no real batch of that size exceeds it by much."""

    rank: float
    """Of `rank_me`."""
    rank_centred: float
    participation: float
    stable_rank: float
    correlation: float | None
    """Of `mean_correlation`: what columns that know nothing of one another read; None in one dimension."""
    singular: Float[Tensor, " k"]
    """Expected singular values of the rows, largest first, divided by their root sum of squares."""
    singular_centred: Float[Tensor, " k"]
    """The same of the rows minus their mean row."""


@functools.lru_cache(maxsize=256)
def isotropic(batch: int, dim: int) -> Isotropic:
    r"""The ceiling of rank, participation ratio and stable rank at this batch size and width.

    batch: rows, >= 2. dim: >= 1.

    A batch has few rows, so even a perfectly even cloud looks uneven: at dim = 128 the effective rank of 128 random
    rows reads 103, of 256 rows 119, of 4,096 rows 127.5. A rank is to be compared with this number, and with another
    rank only at the same batch and dim.

    From 32 singular values on, those of a Gaussian matrix are the quantiles of their law for large matrices, for
    n rows and y = min / max of n and dim

        density of lambda / max(n, dim)  ~  sqrt((b - x) (x - a)) / x   on  [a, b] = [(1 - sqrt y)^2, (1 + sqrt y)^2]

    with n = batch for `rank` and n = batch - 1 for what is centred; under 32 they are means of 256 draws with a
    generator of their own. Either is right to 0.2 of a dimension. The participation ratio is the ratio of two exact
    means, (n dim + 2) / (n + dim + 1); the correlation is the exact mean of |r|, Gamma((batch - 1) / 2) /
    (sqrt(pi) Gamma(batch / 2)).

    Raises ArgumentError.
    Source: Marchenko & Pastur 1967; for draws the triangular form of Bartlett 1933, the exact law of Gaussian rows.
    """
    shapes.check_count("isotropic", "batch", batch, least=2)
    shapes.check_count("isotropic", "dim", dim)
    plain, around = _spectra(batch, dim), _spectra(batch - 1, dim)
    padded = np.zeros(min(batch, dim))  # with no more rows than dimensions the mean takes one direction away
    padded[: around.shape[1]] = around.mean(0)
    correlation = math.exp(math.lgamma((batch - 1) / 2) - math.lgamma(batch / 2)) / math.sqrt(math.pi)
    n = batch - 1
    return Isotropic(
        rank=float(np.mean([effective(sigma, EPS) for sigma in plain])),
        rank_centred=float(np.mean([effective(sigma, 0.0) for sigma in around])),
        participation=(n * dim + 2) / (n + dim + 1),
        stable_rank=float((1 / np.square(around[:, 0])).mean()),
        correlation=correlation if dim > 1 else None,
        singular=torch.from_numpy(plain.mean(0) / math.sqrt(float(np.square(plain.mean(0)).sum()))),
        singular_centred=torch.from_numpy(padded / math.sqrt(float(np.square(padded).sum()))),
    )


def effective(sigma: Floats, eps: float) -> float:
    """Exp of the entropy of shares of `sigma`; 0 when all of it is 0."""
    total = float(sigma.sum())
    if total <= 0:
        return 0.0
    shares = sigma / total + eps
    shares = shares[shares > 0]
    return math.exp(-float((shares * np.log(shares)).sum()))


def _spectra(n: int, dim: int) -> Floats:
    """(draws, k) singular values of n Gaussian rows in dim dimensions, largest first, root sum of squares 1."""
    small, large = min(n, dim), max(n, dim)
    values = _drawn(small, large) if small < FEW else _quantiles(small, large)[None]
    found: Floats = values / np.sqrt(np.square(values).sum(1, keepdims=True))
    return found


def _quantiles(small: int, large: int) -> Floats:
    # x = 1 + y - 2 sqrt(y) cos(t) takes the density to sin(t)^2 / x on (0, pi), which is smooth at both ends.
    y = small / large
    t = (np.arange(8192) + 0.5) * math.pi / 8192
    x = 1 + y - 2 * math.sqrt(y) * np.cos(t)
    below = np.cumsum(np.square(np.sin(t)) / x)
    values = np.interp((np.arange(small) + 0.5) / small, below / below[-1], x)
    found: Floats = np.sqrt(values[::-1])
    return found


def _drawn(small: int, large: int) -> Floats:
    random = np.random.default_rng(0)
    triangle = np.tril(random.standard_normal((DRAWS, small, small)), -1)
    index = np.arange(small)
    triangle[:, index, index] = np.sqrt(random.chisquare(large - index, (DRAWS, small)))
    return np.asarray(np.linalg.svd(triangle, compute_uv=False), np.float64)
