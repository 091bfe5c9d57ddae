"""The multi-similarity loss as equations 10, 11 and 15 of Wang et al. 2019 (arXiv:1904.06627) have it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def multi_similarity(
    rows: Tensor, ids: Sequence[int], alpha: float, base: float, beta: float, epsilon: float | None = None
) -> float:
    """Mean over all rows as anchors; epsilon: mine with that margin."""
    z = rows.double().tolist()
    total = 0.0
    for i in range(len(z)):
        positives = [cosine(z[i], z[k]) for k in range(len(z)) if k != i and ids[k] == ids[i]]
        negatives = [cosine(z[i], z[k]) for k in range(len(z)) if ids[k] != ids[i]]
        if epsilon is not None:
            mined_negatives = [s for s in negatives if positives and s > min(positives) - epsilon]
            mined_positives = [s for s in positives if negatives and s < max(negatives) + epsilon]
            positives, negatives = mined_positives, mined_negatives
        total += math.log(1 + math.fsum(math.exp(-alpha * (s - base)) for s in positives)) / alpha
        total += math.log(1 + math.fsum(math.exp(beta * (s - base)) for s in negatives)) / beta
    return total / len(z)
