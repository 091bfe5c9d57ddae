"""Attention weights at the door of a metric."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes

__all__ = ["LEAST", "Weights", "check_grid", "check_weights", "patches"]

Weights = Float[Tensor, "samples heads queries keys"]

LEAST = 1e-6
"""A row with less on the patches than this says nothing about where on them it looks."""


def check_weights(call: str, weights: object, *, name: str = "weights") -> None:
    """`(samples, heads, queries, keys)`, not negative, rows that sum to 1 (to 1e-3; 2e-2 in half) or NaN."""
    if not isinstance(weights, Tensor) or weights.ndim != 4 or not weights.is_floating_point() or not weights.numel():
        raise errors.ShapeError(
            f"{call}: {name} is {shapes.shape_of(weights)}. It must be a floating tensor (samples, heads, queries, "
            "keys), such as seen.layers[0].weights; for one map write weights[None, None]."
        )
    bad = ~weights.isfinite()
    masked = weights.isnan().all(-1)
    broken = int((bad.any(-1) & ~masked).sum())
    if broken:
        raise errors.NotFinite(
            f"{call}: {broken} of {masked.numel()} rows of {name} hold NaN or infinity in some places. A row is "
            "finite, or NaN throughout where every key is masked."
        )
    if bool((weights < 0).any()):
        raise errors.ArgumentError(
            f"{call}: {int((weights < 0).any(-1).sum())} of {masked.numel()} rows of {name} hold negative numbers. "
            "Attention weights come out of a softmax: are these the scores? Use scores.softmax(-1)."
        )
    total = weights.detach().double().sum(-1).masked_fill(masked, 1.0)
    tolerance = 2e-2 if weights.dtype in (torch.float16, torch.bfloat16) else 1e-3
    off = (total - 1).abs() > tolerance
    if bool(off.any()):
        raise errors.ArgumentError(
            f"{call}: {int(off.sum())} of {masked.numel()} rows of {name} do not sum to 1 (sums {total.min():.4g} to "
            f"{total.max():.4g}). Are they taken after dropout, or is the last axis not the keys?"
        )


def check_grid(call: str, grid: object) -> None:
    """Two whole numbers of at least 1."""
    if (
        not isinstance(grid, tuple | list)
        or len(grid) != 2
        or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in grid)
    ):
        raise errors.ArgumentError(
            f"{call}: grid is {grid!r}. It must be (rows, columns) of patches, for example (14, 14)."
        )


def patches(call: str, weights: Tensor, grid: tuple[int, int], prefix: int) -> Tensor:
    """Attention of patches to patches, rows made to sum to 1 again; NaN where a row gives the patches nothing."""
    check_weights(call, weights)
    check_grid(call, grid)
    shapes.check_count(call, "prefix", prefix, least=0)
    wanted = prefix + grid[0] * grid[1]
    if tuple(weights.shape[-2:]) != (wanted, wanted):
        raise errors.ShapeError(
            f"{call}: weights are {shapes.shape_of(weights)}, but {prefix} tokens in front and a grid of {grid[0]} x "
            f"{grid[1]} are {wanted} tokens. Give the grid of this layer, see grid_of(tokens); cross attention has "
            "none."
        )
    inner = weights[..., prefix:, prefix:]
    total = inner.sum(-1, keepdim=True)
    return inner / total.where(total > LEAST, torch.nan)
