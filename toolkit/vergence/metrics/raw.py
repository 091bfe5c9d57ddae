"""The raw input as rows: what a representation has to beat, and where two samples may turn out to be one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes

__all__ = ["MOST_COLUMNS", "Evened", "evened", "raw_rows"]

MOST_COLUMNS = 4096
"""Of a raw input; larger ones are averaged over space or time, or counted."""

FEWEST, FAR = 8, 20
"""From so many samples on, the furthest one in twenty, one at least, has no say in what is usual."""
BEYOND = 2.0**40
"""Rows are looked through no further out than this: their squares have to stay finite."""

Items = Shaped[Tensor, "items ..."]
Index = NDArray[np.int64]


def raw_rows(items: Items) -> tuple[Float[Tensor, "items columns"], str]:
    r"""Inputs as rows of at most 4,096 numbers, and in words what was done to them.

    items: (items, ...). What comes out:
        vectors (items, dim)                       as they are; more than 4,096: neighbours averaged
        images (items, channels, height, width)    every pixel; larger ones averaged to squares of pixels
        series (items, channels, steps)            every value; longer ones averaged over neighbours
        integers (items, tokens)                   how often each token occurs; ids beyond 4,095 share a column

    Nothing is scaled or centred: what compares the rows decides that. Not-finite entries stay, and so does float64;
    everything else becomes float32.

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
    parts = [_bounded(part if part.dtype == torch.float64 else part.float()) for part in torch.split(x, 64)]
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


@dataclass(frozen=True, eq=False)
class Evened:
    """Rows about their middle, in units of their own spread, so that squares are neither infinite nor zero."""

    rows: Float[Tensor, "n columns"]
    """In float32, to look through; rows that lie absurdly far out are drawn in."""
    usual: Shaped[Tensor, " n"]
    """Which rows say what distance is usual: the furthest samples are left out."""
    _raw: Tensor = field(repr=False)
    _unit: float
    _middle: Tensor = field(repr=False)
    _spread: float

    def exact(self, index: Index | Tensor) -> Float[Tensor, "some columns"]:
        """Some of the rows in float64, none of them drawn in."""
        apart = self._raw[torch.as_tensor(index)].double() / self._unit - self._middle
        return (apart / self._spread).clamp_(-1e300, 1e300)


def evened(rows: Float[Tensor, "n columns"], samples: Index) -> Evened:
    """Finite rows as `Evened`. samples: (n,) which sample each row is a view of."""
    largest = float(rows.abs().max())
    # A power of two: nothing is rounded by it.
    unit = 2.0 ** min(max(math.frexp(largest)[1], -1000), 1000)
    every = torch.ones(len(rows), dtype=torch.bool)
    middle = _middle(rows, unit)
    lengths = torch.cat([(part.double() / unit - middle).square().sum(1) for part in torch.split(rows, 1024)])
    for usual in (torch.from_numpy(_nearest(lengths.numpy(), samples)), every):
        picked = rows[usual]
        middle = _middle(picked, unit)
        spread = max(float((ends.double() / unit - middle).abs().max()) for ends in (picked.amax(0), picked.amin(0)))
        if spread > 2.0**-50 * float(picked.abs().max()) / unit:
            break  # else all these are equal, and what is usual is left to the others
    found = Evened(rows, usual, rows, unit, middle, spread if spread > 0 else 1.0)
    near = [found.exact(part).clamp_(-BEYOND, BEYOND).float() for part in torch.split(torch.arange(len(rows)), 1024)]
    return replace(found, rows=torch.cat(near))


def _middle(rows: Tensor, unit: float) -> Tensor:
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for part in torch.split(rows, 1024):
        total += (part.double() / unit).sum(0)
    return total / len(rows)


def _nearest(lengths: NDArray[np.float64], samples: Index) -> NDArray[np.bool_]:
    """Rows of all samples but the furthest; where samples are as far, of all of them."""
    names, place = np.unique(samples, return_inverse=True)
    count = len(names)
    furthest = np.zeros(count)
    np.maximum.at(furthest, place, lengths)
    last = count - 1 - (max(1, count // FAR) if count >= FEWEST else 0)
    found: NDArray[np.bool_] = furthest[place] <= np.partition(furthest, last)[last]
    return found
