"""The losses of Koromilas et al. 2025 (arXiv:2507.06979) in loops; i, j are samples, v, w are views."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tests.reference.cosine import cosine


def several(views: int, batch: int, dim: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Views of one batch: alike, not the same."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    return [(first + torch.randn(batch, dim, generator=generator, dtype=torch.float64)).to(dtype) for _ in range(views)]


def mv_info_nce(views: Sequence[Tensor], temperature: float, form: str = "across") -> float:
    """Across: the equation. All: the code, which leaves out nothing but the row itself."""
    rows = [view.double().tolist() for view in views]
    numbers, batch = range(len(rows)), range(len(rows[0]))
    terms = []
    for i in batch:
        top = math.fsum(_e(rows[v][i], rows[w][i], temperature) for v in numbers for w in numbers if v != w)
        bottom = math.fsum(
            _e(rows[v][i], rows[w][j], temperature)
            for v in numbers
            for w in numbers
            for j in batch
            if (v != w if form == "across" else (v, i) != (w, j))
        )
        terms.append(-math.log(top / bottom))
    return math.fsum(terms) / len(terms)


def mv_dhel(views: Sequence[Tensor], temperature: float) -> float:
    """A product of one sum for each view below the line."""
    rows = [view.double().tolist() for view in views]
    numbers, batch = range(len(rows)), range(len(rows[0]))
    terms = []
    for i in batch:
        top = math.fsum(_e(rows[v][i], rows[w][i], temperature) for v in numbers for w in numbers if v < w)
        bottom = math.prod(math.fsum(_e(rows[v][i], rows[v][j], temperature) for j in batch if j != i) for v in numbers)
        terms.append(-math.log(top / bottom))
    return math.fsum(terms) / len(terms)


def _e(x: Sequence[float], y: Sequence[float], temperature: float) -> float:
    return math.exp(cosine(x, y) / temperature)
