"""NT-Xent whose negatives come from the anchor's own cluster (arXiv:2402.11816), in loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def cluster_contrast(a: Tensor, b: Tensor, groups: Sequence[int], temperature: float) -> float:
    """Mean over 2N anchors, those without a negative included: they read 0."""
    n = len(a)
    z = a.double().tolist() + b.double().tolist()
    losses = []
    for i in range(2 * n):
        near = [k for k in range(2 * n) if k != i and groups[k % n] == groups[i % n]]
        total = math.fsum(math.exp(cosine(z[i], z[k]) / temperature) for k in near)
        losses.append(math.log(total) - cosine(z[i], z[(i + n) % (2 * n)]) / temperature)
    return math.fsum(losses) / len(losses)
