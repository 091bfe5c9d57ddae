"""DCL and DCLW as equation 6 and section 3.2 of Yeh et al. 2021 (arXiv:2110.06848) have them, in loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def dcl(
    a: Tensor, b: Tensor, temperature: float, sigma: float | None = None, weights: Sequence[float] | None = None
) -> float:
    """Mean over the 2N parts; sigma: of DCLW."""
    views = a.double().tolist(), b.double().tolist()
    n = len(a)
    mean = 0.0
    if sigma is not None:
        mean = math.fsum(math.exp(cosine(p, q) / sigma) for p, q in zip(*views, strict=True)) / n
    total, count = 0.0, 0.0
    for k in (0, 1):
        for i in range(n):
            positive = cosine(views[0][i], views[1][i])
            w = 1.0 if sigma is None else 2 - math.exp(positive / sigma) / mean
            negatives = math.fsum(
                math.exp(cosine(views[k][i], views[other][j]) / temperature)
                for other in (0, 1)
                for j in range(n)
                if j != i
            )
            own = 1.0 if weights is None else weights[i]
            total += own * (-w * positive / temperature + math.log(negatives))
            count += own
    return total / count
