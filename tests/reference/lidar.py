"""LiDAR from Thilak et al. 2023 (arXiv:2312.04000), equations 1 to 4, image by image, with matrix roots."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def rank(images: Sequence[Tensor], delta: float = 1e-4) -> float:
    """images: one (views, dim) for each, at least two views."""
    images = [image.double() for image in images]
    n, dim = len(images), images[0].shape[1]
    means = [image.mean(0) for image in images]
    grand = torch.stack(means).mean(0)
    between = torch.zeros(dim, dim, dtype=torch.float64)
    within = torch.zeros(dim, dim, dtype=torch.float64)
    free = 0
    for image, mean in zip(images, means, strict=True):
        between += torch.outer(mean - grand, mean - grand) / (n - 1)
        free += len(image) - 1
        for row in image:
            within += torch.outer(row - mean, row - mean)
    values, axes = torch.linalg.eigh(within / free + delta * torch.eye(dim, dtype=torch.float64))
    root = axes @ torch.diag(values.rsqrt()) @ axes.T
    found = torch.linalg.eigvalsh(root @ between @ root).clamp(min=0).tolist()
    total = math.fsum(found)
    shares = [value / total + 1e-8 for value in sorted(found)[-n:]]
    return math.exp(-math.fsum(share * math.log(share) for share in shares))


def share_between(rows: Sequence[Sequence[float]], groups: Sequence[int]) -> float:
    """Scatter of group means, each as often as it has rows, over the scatter of all rows."""
    dim = len(rows[0])
    grand = [math.fsum(row[k] for row in rows) / len(rows) for k in range(dim)]
    total = math.fsum((row[k] - grand[k]) ** 2 for row in rows for k in range(dim))
    between = 0.0
    for group in set(groups):
        own = [row for row, other in zip(rows, groups, strict=True) if other == group]
        mean = [math.fsum(row[k] for row in own) / len(own) for k in range(dim)]
        between += len(own) * math.fsum((mean[k] - grand[k]) ** 2 for k in range(dim))
    return between / total
