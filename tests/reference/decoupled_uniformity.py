"""Decoupled uniformity from Dufumier et al. 2022 (arXiv:2206.01646), centroid by centroid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor


def centroids(views: Sequence[Tensor]) -> list[list[float]]:
    """Means of the unit rows of a sample."""
    rows = [[[x / math.hypot(*row) for x in row] for row in view.double().tolist()] for view in views]
    return [
        [math.fsum(entry) / len(rows) for entry in zip(*samples, strict=True)] for samples in zip(*rows, strict=True)
    ]


def decoupled_uniformity(views: Sequence[Tensor], t: float, kernel: Tensor | None = None, ridge: float = 0.01) -> float:
    """The log of the mean kernel over pairs of centroids."""
    m = centroids(views)
    if kernel is not None:
        k = kernel.double().numpy()
        m = (np.linalg.inv(k + ridge * np.eye(len(k))) @ k @ np.array(m)).tolist()
    pairs = [(i, j) for i in range(len(m)) for j in range(len(m)) if i != j]
    return math.log(math.fsum(math.exp(-t * math.dist(m[i], m[j]) ** 2) for i, j in pairs) / len(pairs))
