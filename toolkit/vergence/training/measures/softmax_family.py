"""Softmax losses on cosines at any temperature: what an objective that is not known may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

__all__ = ["FAMILIES", "Cosines", "cosines", "products"]


@dataclass(frozen=True)
class Cosines:
    """Of two views, `(n, n)` each."""

    first: Tensor
    """View 1 with itself; -inf on the diagonal: no row is its own negative."""
    second: Tensor
    between: Tensor
    """View 1 (rows) with view 2 (columns)."""


def cosines(one: Tensor, other: Tensor) -> Cosines:
    """All cosines of two views. Rows without a direction give cosines of 0."""
    return products(normalize(one.float()), normalize(other.float()))


def products(one: Tensor, other: Tensor) -> Cosines:
    """Dot products in their place: what a loss sees that was never given rows of length 1."""
    a, b = one.float(), other.float()
    none = torch.full((len(a),), -math.inf, device=a.device)
    return Cosines((a @ a.T).diagonal_scatter(none), (b @ b.T).diagonal_scatter(none), a @ b.T)


def nt_xent(known: Cosines, tau: float) -> float:
    """2N anchors, each against all other rows of both views: Chen et al. 2020, arXiv:2002.05709."""
    forth = torch.cat([known.first, known.between], 1).div(tau).logsumexp(1)
    back = torch.cat([known.second, known.between.T], 1).div(tau).logsumexp(1)
    return float((forth + back).mean() / 2 - known.between.diagonal().mean() / tau)


def info_nce(known: Cosines, tau: float) -> float:
    """N anchors of view 1 against the rows of view 2: van den Oord et al. 2018, arXiv:1807.03748."""
    return float(known.between.div(tau).logsumexp(1).mean() - known.between.diagonal().mean() / tau)


def clip(known: Cosines, tau: float) -> float:
    """The mean of both directions: Radford et al. 2021, arXiv:2103.00020."""
    scores = known.between / tau
    both = scores.logsumexp(1).mean() + scores.logsumexp(0).mean()
    return float(both / 2 - known.between.diagonal().mean() / tau)


FAMILIES: dict[str, Callable[[Cosines, float], float]] = {"nt_xent": nt_xent, "info_nce": info_nce, "clip": clip}
"""By name: (cosines, temperature) -> loss, mean over anchors."""
