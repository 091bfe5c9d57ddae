"""InfoNCE as equation 1 of He et al. 2019 (arXiv:1911.05722) has it: the keys are the other view, or a queue."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def info_nce(a: Tensor, b: Tensor, temperature: float, weights: Sequence[float] | None = None) -> float:
    """Mean over the queries, rows of a."""
    queries, keys = a.double().tolist(), b.double().tolist()
    total, weight = 0.0, 0.0
    for i, q in enumerate(queries):
        denominator = math.fsum(math.exp(cosine(q, k) / temperature) for k in keys)
        own = 1.0 if weights is None else weights[i]
        total += own * -math.log(math.exp(cosine(q, keys[i]) / temperature) / denominator)
        weight += own
    return total / weight


def moco(a: Tensor, b: Tensor, negatives: Tensor, temperature: float) -> float:
    """Mean over the queries, rows of a: k+ is the row of b, the other keys are those of the queue."""
    queries, positives, keys = a.double().tolist(), b.double().tolist(), negatives.double().tolist()
    total = 0.0
    for q, own in zip(queries, positives, strict=True):
        logits = [cosine(q, own) / temperature] + [cosine(q, k) / temperature for k in keys]
        peak = max(logits)
        total += math.log(math.fsum(math.exp(logit - peak) for logit in logits)) + peak - logits[0]
    return total / len(queries)
