"""The datum index as target, as Ibrahim et al. 2024 (arXiv:2406.10743) have it: cross-entropy with smoothed targets."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor


def datum_index(z: Tensor, index: Sequence[int], layer: Tensor, smoothing: float) -> float:
    """Mean over rows of the cross-entropy to a target with 1 - smoothing on the item and the rest spread evenly."""
    rows, classes = z.double().tolist(), layer.double().tolist()
    total = 0.0
    for row, item in zip(rows, index, strict=True):
        logits = [math.fsum(w * x for w, x in zip(line, row, strict=True)) for line in classes]
        denominator = math.fsum(math.exp(logit) for logit in logits)
        for k, logit in enumerate(logits):
            target = smoothing / len(classes) + (1 - smoothing if k == item else 0)
            total -= target * math.log(math.exp(logit) / denominator)
    return total / len(rows)
