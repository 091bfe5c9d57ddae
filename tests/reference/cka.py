"""CKA as its papers write it: kernels, a centring matrix, and unbiased HSIC term by term."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def kernel(z: Floats) -> Floats:
    """All dot products of rows."""
    return np.asarray([[math.fsum(x * y for x, y in zip(a, b, strict=True)) for b in z] for a in z])


def hsic(k: Floats, m: Floats) -> float:
    """Kornblith et al. 2019, equation 2 without its constant: tr(K H L H)."""
    n = len(k)
    centring = np.eye(n) - np.ones((n, n)) / n
    return float(np.trace(k @ centring @ m @ centring))


def hsic_unbiased(k: Floats, m: Floats) -> float:
    """Song et al. 2012, theorem 2, sum by sum, with zeroed diagonals."""
    n = len(k)
    k, m = k.copy(), m.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    both = math.fsum(k[i, j] * m[j, i] for i in range(n) for j in range(n))
    sums = math.fsum(k.ravel()) * math.fsum(m.ravel()) / ((n - 1) * (n - 2))
    through = math.fsum(k[i, j] * m[j, q] for i in range(n) for j in range(n) for q in range(n))
    return (both + sums - 2 / (n - 2) * through) / (n * (n - 3))


def cka(a: Floats, b: Floats, *, unbiased: bool) -> float:
    """HSIC of the two over the root of each with itself."""
    k, m = kernel(a), kernel(b)
    of = hsic_unbiased if unbiased else hsic
    return of(k, m) / math.sqrt(of(k, k) * of(m, m))
