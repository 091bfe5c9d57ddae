"""Momentum contrast without a queue, from algorithm 1 of Chen, Xie & He 2021 (arXiv:2104.02057), in loops."""

from __future__ import annotations

import math

from torch import Tensor

from tests.reference.cosine import cosine


def one_direction(q: Tensor, k: Tensor, temperature: float) -> float:
    """ctr(q, k) of the paper, without its factor 2 tau."""
    queries, keys = q.tolist(), k.tolist()
    total = 0.0
    for i, query in enumerate(queries):
        logits = [cosine(query, key) / temperature for key in keys]
        total += -logits[i] + math.log(sum(math.exp(logit) for logit in logits))
    return total / len(queries)


def momentum_contrast(views: list[Tensor], targets: list[Tensor], temperature: float) -> float:
    """The mean over pairs of a view and the keys of another."""
    found = [one_direction(q, k, temperature) for v, q in enumerate(views) for g, k in enumerate(targets) if v != g]
    return sum(found) / len(found)
