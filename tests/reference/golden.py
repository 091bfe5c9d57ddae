"""The golden batch: needs no file and no random generator, so every library can be asked about it."""

from __future__ import annotations

import torch
from torch import Tensor


def golden_batch() -> tuple[Tensor, Tensor, Tensor]:
    """Two views (8, 6) in float64, not normalised, and labels 0 0 1 1 2 2 3 3."""
    i = torch.arange(8, dtype=torch.float64)[:, None]
    j = torch.arange(6, dtype=torch.float64)[None, :]
    za = torch.sin(0.7 * i + 1.3 * j + 0.1 * i * j)
    zb = za + 0.3 * torch.cos(0.5 * i - 0.9 * j + 0.05 * i * j)
    return za, zb, torch.arange(8) // 2


def random_batch(batch: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Two views that are alike but not the same."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    b = a + torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    return a.to(dtype), b.to(dtype)


def rotation(dim: int, seed: int) -> Tensor:
    """An orthogonal matrix in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64)).Q
