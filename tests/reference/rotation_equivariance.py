"""The equivariance loss of Gupta et al. 2023 (arXiv:2306.13924): an expectation over pairs of inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine
from tests.reference.nt_xent import nt_xent


def gram_matching(a: Tensor, b: Tensor, groups: Sequence[int] | None = None) -> float:
    """[f(a(x'))^T f(a(x)) - f(a'(x'))^T f(a'(x))]^2 over pairs x, x' that share their augmentations."""
    x, y = a.double().tolist(), b.double().tolist()
    terms = [
        (cosine(x[i], x[j]) - cosine(y[i], y[j])) ** 2
        for i in range(len(x))
        for j in range(i)
        if groups is None or groups[i] == groups[j]
    ]
    return math.fsum(terms) / len(terms)


def rotation_equivariance(
    a: Tensor, b: Tensor, temperature: float, weight: float, groups: Sequence[int] | None = None
) -> float:
    """InfoNCE over both views and the weighted equivariance loss."""
    return nt_xent(a, b, temperature) + weight * gram_matching(a, b, groups)
