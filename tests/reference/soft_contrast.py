"""Adaptive soft contrastive learning after Feng & Patras 2022 (arXiv:2207.11163), in loops."""

from __future__ import annotations

import math

from torch import Tensor

from tests.reference.cosine import cosine


def soft_contrast(
    a: Tensor, keys: Tensor, temperature: float, sharp: float, neighbours: float, queue: Tensor | None = None
) -> float:
    """Mean over anchors of the cross-entropy with the soft target."""
    anchors, own = a.double().tolist(), keys.double().tolist()
    losses = []
    for i, anchor in enumerate(anchors):
        others = [k for j, k in enumerate(own) if j != i] if queue is None else queue.double().tolist()
        e = [math.exp(cosine(own[i], k) / sharp) for k in others]
        p = [x / math.fsum(e) for x in e]
        confidence = 1 + math.fsum(x * math.log(x) for x in p) / math.log(len(others))
        shares = [1.0] + [min(1.0, neighbours * confidence * x) for x in p]
        logits = [cosine(anchor, k) / temperature for k in [own[i], *others]]
        total = math.log(math.fsum(math.exp(s) for s in logits))
        losses.append(-math.fsum(t * (s - total) for t, s in zip(shares, logits, strict=True)) / math.fsum(shares))
    return math.fsum(losses) / len(losses)
