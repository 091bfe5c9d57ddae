"""The SNR distance and the contrastive loss on it, as Yuan et al. 2019 (CVPR) have them, with means for sums."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from torch import Tensor


def snr_distance(anchor: Sequence[float], other: Sequence[float]) -> float:
    """Variance of the noise over variance of the signal."""
    noise = [x - y for x, y in zip(anchor, other, strict=True)]
    return statistics.pvariance(noise) / statistics.pvariance(anchor)


def snr_contrastive(rows: Tensor, ids: Sequence[int], margin: float) -> float:
    """Each pair both ways."""
    z = rows.double().tolist()
    positive, negative = [], []
    for i in range(len(z)):
        for j in range(len(z)):
            if i == j:
                continue
            distance = snr_distance(z[i], z[j])
            if ids[i] == ids[j]:
                positive.append(distance)
            else:
                negative.append(max(0.0, margin - distance))
    return math.fsum(positive) / len(positive) + math.fsum(negative) / len(negative)
