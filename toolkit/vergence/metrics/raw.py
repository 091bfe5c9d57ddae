"""The raw input as rows: what a representation has to beat, and where two samples may turn out to be one."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from vergence import errors, shapes

__all__ = ["MOST_COLUMNS", "raw_rows"]

MOST_COLUMNS = 4096
"""Of a raw input; larger ones are averaged over space or time, or counted."""

Items = Shaped[Tensor, "items ..."]


def raw_rows(items: Items) -> tuple[Float[Tensor, "items columns"], str]:
    r"""Inputs as rows of at most 4,096 numbers, and in words what was done to them.

    items: (items, ...). What comes out:
        vectors (items, dim)                       as they are; more than 4,096: neighbours averaged
        images (items, channels, height, width)    every pixel; larger ones averaged to squares of pixels
        series (items, channels, steps)            every value; longer ones averaged over neighbours
        integers (items, tokens)                   how often each token occurs; ids beyond 4,095 share a column

    Nothing is scaled or centred: what compares the rows decides that. Not-finite entries stay.

    Raises ShapeError for what has no entries.
    """
    if items.ndim < 2 or 0 in items.shape[1:]:
        raise errors.ShapeError(
            f"raw_rows: items is {shapes.shape_of(items)}. It must be (items, ...) with at least one entry per item."
        )
    x = items.detach().cpu()
    if x.is_complex():
        x = torch.view_as_real(x)
    if not x.is_floating_point() and x.ndim == 2 and x.dtype != torch.uint8:
        return _bag(x.long())
    # In chunks: a set of large images as float32 at once could be more than fits.
    parts = [_bounded(part.float()) for part in torch.split(x, 64)]
    rows = torch.cat(parts)
    return rows.flatten(1), _words(tuple(x.shape[1:]), tuple(rows.shape[1:]))


def _bounded(x: Tensor) -> Tensor:
    size = x[0].numel()
    if size <= MOST_COLUMNS:
        return x
    if x.ndim == 4:
        channels = x.shape[1]
        side = max(1, math.isqrt(MOST_COLUMNS // channels))
        if channels <= MOST_COLUMNS:
            height, width = min(side, x.shape[2]), min(side, x.shape[3])
            return torch.nn.functional.adaptive_avg_pool2d(x, (height, width))
    if x.ndim == 3 and x.shape[1] <= MOST_COLUMNS:
        steps = max(1, MOST_COLUMNS // x.shape[1])
        return torch.nn.functional.adaptive_avg_pool1d(x, min(steps, x.shape[2]))
    return torch.nn.functional.adaptive_avg_pool1d(x.flatten(1)[:, None], MOST_COLUMNS)[:, 0]


def _bag(ids: Tensor) -> tuple[Tensor, str]:
    """Counts of tokens. Ids below 0 are padding and are not counted."""
    columns = min(MOST_COLUMNS, max(1, int(ids.max()) + 1))
    counts = torch.zeros(len(ids), columns)
    counts.scatter_add_(1, ids.clamp(min=0) % columns, (ids >= 0).float())
    return counts, "counts of tokens"


def _words(was: tuple[int, ...], now: tuple[int, ...]) -> str:
    what = {1: "numbers", 3: "pixels"}.get(len(was), "values")
    shape = " × ".join(f"{side:,}" for side in now)
    return f"{shape} {what}" if was == now else f"{' × '.join(f'{side:,}' for side in was)} {what}, averaged to {shape}"
