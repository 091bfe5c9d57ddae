"""The TCM loss as Zhang et al. 2023 (arXiv:2307.04047) have it: over unordered pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def threshold_consistent(
    rows: Tensor, ids: Sequence[int], m_plus: float, m_minus: float, lambda_plus: float, lambda_minus: float
) -> float:
    """Mean shortfall of the positives that fall short, and mean excess of the negatives that exceed."""
    z = rows.double().tolist()
    short, excess = [], []
    for i in range(len(z)):
        for j in range(i):
            s = cosine(z[i], z[j])
            if ids[i] == ids[j] and s <= m_plus:
                short.append(m_plus - s)
            if ids[i] != ids[j] and s >= m_minus:
                excess.append(s - m_minus)
    loss = 0.0
    if short:
        loss += lambda_plus * math.fsum(short) / len(short)
    if excess:
        loss += lambda_minus * math.fsum(excess) / len(excess)
    return loss
