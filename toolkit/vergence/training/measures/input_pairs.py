"""Pairs of inputs, by their numbers alone: how far partners are apart, where they stand, who stands there twice."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["MOST_NUMBERS", "input_pairs"]

MOST_PLACES, MOST_NUMBERS = 128, 256
"""Samples, and numbers of each at even steps, that are compared."""
FEWEST_PLACES = 8
HALF, NEARLY_ALL = 0.5, 0.975


def input_pairs(inputs: tuple[Tensor, ...]) -> dict[str, float]:
    """Of every two views whose inputs are of one shape, in floating point; the mean over these.

    distance    squared distance of the two inputs of a pair over that of inputs of different pairs, mean over mean: 0,
                the views are one and the same; 1, partners are strangers
    elsewhere   share of rows of which another row of the other view, the partner apart, is nearer than any of their own
                view: 0.5 where rows stand beside their partners, or no partner can be told; towards 1 where partners
                stand at other places of the batch
    copies      different samples that are nearer than half of the partners are, per sample
    near        the same, nearer than 97.5 % of the partners are. Of copies half are copies, of mere neighbours few

    Rows that are not finite are left out. Nothing where there are fewer than 8 rows, or all are alike.
    """
    views = [x.detach().flatten(1) for x in inputs if x.ndim > 1 and x.numel() and x.is_floating_point()]
    found: dict[str, list[float]] = {}
    for at, a in enumerate(views):
        for b in views[at + 1 :]:
            if a.shape == b.shape:
                for name, value in _two(a, b).items():
                    found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _two(a: Tensor, b: Tensor) -> dict[str, float]:
    every = -(-a.shape[1] // MOST_NUMBERS)
    a, b = _sound(a[:MOST_PLACES, ::every], b[:MOST_PLACES, ::every])
    if len(a) < FEWEST_PLACES or not bool((a != a[:1]).any()):
        return {}
    far = _distance(a, b)
    return _places(a, b) | ({} if far is None else {"distance": far})


def _sound(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Rows that are finite, around their common middle."""
    a, b = a.cpu().float(), b.cpu().float()
    kept = torch.isfinite(a).all(1) & torch.isfinite(b).all(1)
    a, b = a[kept], b[kept]
    middle = torch.cat([a, b]).mean(0) if len(a) else 0.0
    return a - middle, b - middle


def _distance(a: Tensor, b: Tensor) -> float | None:
    count, a, b = len(a), a.double(), b.double()
    partners = (a - b).square().sum(1)
    # Over all (i, j), without the partners; the squares are summed apart, so nothing of size count^2 x dim is made.
    every = count * (a.square().sum() + b.square().sum()) - 2 * (a.sum(0) * b.sum(0)).sum()
    strangers = float(every - partners.sum()) / (count * (count - 1))
    return float(partners.mean()) / strangers if strangers > 0 else None


def _places(a: Tensor, b: Tensor) -> dict[str, float]:
    first, second = a.square().sum(1), b.square().sum(1)
    across = (first[:, None] + second - 2 * a @ b.T).clamp_(min=0)
    # By differences: what products lose would make copies of views that hardly differ.
    partners = (a - b).square().sum(1)
    rounding = 1e-5 * float(first.mean() + second.mean())
    across.fill_diagonal_(torch.inf)
    nearer = 0.0
    for rows, lengths, others in ((a, first, across), (b, second, across.T)):
        within = (lengths[:, None] + lengths - 2 * rows @ rows.T).clamp_(min=0).fill_diagonal_(torch.inf).amin(1)
        outside = others.amin(1)
        tied = (within - outside).abs() <= rounding
        nearer += float(((outside < within) & ~tied).sum()) + 0.5 * float(tied.sum())
    half, most = (float(partners.quantile(share)) + rounding for share in (HALF, NEARLY_ALL))
    count = len(a)
    return {
        "elsewhere": nearer / (2 * count),
        "copies": float((across <= half).sum()) / count,
        "near": float((across <= most).sum()) / count,
    }
