"""HCL after Robinson et al. 2020 (arXiv:2010.04592): importance weights, debiasing, the bound; in loops."""

from __future__ import annotations

import math

from torch import Tensor

from tests.reference.cosine import cosine


def hard_negatives(a: Tensor, b: Tensor, temperature: float, tau_plus: float, beta: float) -> float:
    """Mean over 2N anchors."""
    n = len(a)
    z = a.double().tolist() + b.double().tolist()
    losses = []
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        positive = math.exp(cosine(z[i], z[partner]) / temperature)
        negatives = [math.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * n) if k not in (i, partner)]
        count = len(negatives)
        weights = [e**beta for e in negatives]
        mean_weight = math.fsum(weights) / count
        hard = math.fsum(w / mean_weight * e for w, e in zip(weights, negatives, strict=True))
        left = (hard - tau_plus * count * positive) / (1 - tau_plus)
        left = max(left, count * math.exp(-1 / temperature))
        losses.append(-math.log(positive / (positive + left)))
    return math.fsum(losses) / len(losses)
