"""NT-Xent as algorithm 1 of Chen et al. 2020 (arXiv:2002.05709) has it: loops over anchors and others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def nt_xent(a: Tensor, b: Tensor, temperature: float, weights: Sequence[float] | None = None) -> float:
    """Mean over 2N anchors; the paper interleaves the views, here view 1 comes first."""
    n = len(a)
    z = a.double().tolist() + b.double().tolist()
    total, weight = 0.0, 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        denominator = math.fsum(math.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * n) if k != i)
        loss = -math.log(math.exp(cosine(z[i], z[partner]) / temperature) / denominator)
        own = 1.0 if weights is None else weights[i % n]
        total += own * loss
        weight += own
    return total / weight
