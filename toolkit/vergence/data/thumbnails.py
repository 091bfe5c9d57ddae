"""A small picture of any item: an image made small, a series as a curve, a vector as bars.

Pictures are for telling items apart at a glance, on a map or in a list, so all of a set share one scale. The same
items always give the same pictures.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vergence.data.base import LARGEST_THUMBNAIL, Pictures, to_pictures

__all__ = ["MOST_BYTES", "thumbnails"]

MOST_BYTES = 1_600_000
"""Of all pictures together: 512 of 32 x 32 in three colours, sent to a browser once."""
SMALLEST = 12
WIDE, HIGH = 40, 24
"""px of a curve or of bars."""
MOST_BARS = WIDE
"""A longer row is a series and drawn as a curve."""
MOST_CHANNELS = 16
GROUND, INK, FAINT = 255, 48, 150
CUT = (0.5, 99.5)
"""Percentiles between which a picture is drawn: one wild value must not make all others grey."""
SAMPLED = 200_000

Floats = NDArray[np.float64]


def thumbnails(items: Tensor) -> Pictures | None:
    """`(items, height, width, 3)` uint8, sides at most 64, together at most 1.6 MB; None for what has no picture.

    items: the first axis counts them. What one is, is told by its shape and kind:

    - `(n, channels, height, width)` or `(n, height, width, channels)` with 1, 3 or 4 channels, and
      `(n, height, width)`: a picture. Of one channel grey, of two their mean, of more the first three. Values from 0
      to 1 and bytes are
      drawn as they are; others between their 0.5 and 99.5 per cent.
    - `(n, channels, length)` that is at least four times as long as it has channels, `(n, length)` of more than 40
      numbers: curves; of up to 16 channels, the later ones fainter.
    - `(n, dim)` of up to 40 numbers: bars from 0.
    - Whole numbers in rows (token ids), rows with a single one (one-hot), a number alone: None, their text is better.

    What is not finite is left out: NaN is a gap, or black in a picture.
    """
    if items.ndim < 2 or items.ndim > 4 or not items.numel():
        return None
    values = items.detach().cpu()
    if values.is_complex():
        values = values.abs()
    if values.ndim < 4 and _is_one_hot(values):
        return None
    if values.ndim == 2 and not (values.is_floating_point() or values.dtype == torch.bool):
        return None
    is_bytes = values.dtype == torch.uint8
    values = values.float()
    if values.ndim == 4:
        return _picture(_channels_first(values), is_bytes)
    if values.ndim == 3 and not _is_series(values):
        return _picture(values[:, None], is_bytes)
    rows = values.numpy().astype(np.float64)
    if rows.ndim == 2 and rows.shape[1] <= MOST_BARS:
        return _bars(rows)
    return _curves(rows[:, None] if rows.ndim == 2 else rows[:, :MOST_CHANNELS])


def _is_one_hot(values: Tensor) -> bool:
    """Each row along the last axis holds a single 1 and else 0."""
    if values.shape[-1] < 2:
        return False
    if values.dtype != torch.bool and not bool(((values == 0) | (values == 1)).all()):
        return False
    return bool((values != 0).sum(-1).eq(1).all())


def _is_series(values: Tensor) -> bool:
    """(n, channels, length) and not (n, height, width)."""
    first, second = values.shape[1:]
    return first == 1 or (first <= MOST_CHANNELS and second >= 4 * first) or second >= 16 * first


def _channels_first(values: Tensor) -> Tensor:
    known = (1, 2, 3, 4)
    last = values.shape[1] not in known and values.shape[3] in known
    return values.permute(0, 3, 1, 2) if last else values


def _picture(images: Tensor, is_bytes: bool) -> Pictures:
    low, high = (0.0, 255.0) if is_bytes else _range(images.numpy())
    images = torch.nan_to_num(images, nan=low, posinf=high, neginf=low).clamp(low, high)
    height, width = images.shape[2:]
    room = MOST_BYTES / (3 * len(images))
    scale = min(1.0, LARGEST_THUMBNAIL / max(height, width), math.sqrt(room / (height * width)))
    if scale < 1:
        least = min(SMALLEST, height, width)
        sides = [max(1, least if side * scale < least else math.floor(side * scale)) for side in (height, width)]
        sides = [min(side, LARGEST_THUMBNAIL) for side in sides]
        images = torch.nn.functional.interpolate(images, sides, mode="bilinear", antialias=True)
    return to_pictures(images, low, high)


def _range(values: NDArray[np.floating]) -> tuple[float, float]:
    """What is black and what is white: 0 and 1 where all lies there, else what nearly all lies between."""
    finite = _finite(values)
    if not len(finite):
        return 0.0, 1.0
    if finite.min() >= 0 and finite.max() <= 1:
        return 0.0, 1.0
    low, high = np.percentile(finite, CUT).tolist()
    return (low, high) if high > low else (float(finite.min()), float(finite.max()) + 1e-9)


def _finite(values: NDArray[np.floating]) -> Floats:
    """A sample of the finite values, always the same one."""
    flat = values.reshape(-1)
    flat = flat[:: -(-len(flat) // SAMPLED)].astype(np.float64)
    return np.asarray(flat[np.isfinite(flat)])


def _curves(series: Floats) -> Pictures:
    """(n, channels, length) as curves over each other; where a pixel holds many values, all that they span."""
    scaled = _upward(series, *_spread(series))
    n, channels, length = scaled.shape
    if length >= WIDE:
        each = -(-length // WIDE)
        filled = np.full((n, channels, WIDE * each), np.nan)
        # Spread evenly: a last column that stands for fewer values than the others is no gap.
        edges = np.arange(WIDE * each) * length // (WIDE * each)
        filled[:] = scaled[:, :, edges]
        parts = filled.reshape(n, channels, WIDE, each)
        low, high = _least(parts), -_least(-parts)
    else:
        at = np.linspace(0, max(length - 1, 0), WIDE)
        left = np.minimum(at.astype(np.int64), max(length - 2, 0))
        right = np.minimum(left + 1, length - 1)
        part = at - left
        low = scaled[:, :, left] * (1 - part) + scaled[:, :, right] * part
        high = low.copy()
    # Half way to the next column on both sides, so that a steep curve has no holes.
    middle = (low + high) / 2
    half = (middle[:, :, 1:] + middle[:, :, :-1]) / 2
    for edge, column in ((half, slice(1, None)), (half, slice(None, -1))):
        low[:, :, column] = np.fmin(low[:, :, column], np.where(np.isnan(middle[:, :, column]), np.nan, edge))
        high[:, :, column] = np.fmax(high[:, :, column], np.where(np.isnan(middle[:, :, column]), np.nan, edge))
    drawn = np.full((n, HIGH, WIDE), GROUND, np.uint8)
    row = np.arange(HIGH)[None, :, None]
    for channel in reversed(range(channels)):
        ink = INK + (FAINT - INK) * channel // max(1, channels - 1)
        inside = (row >= low[:, channel, None] - 0.5) & (row <= high[:, channel, None] + 0.5)
        drawn[inside] = ink
    return _coloured(drawn)


def _bars(rows: Floats) -> Pictures:
    """(n, dim) as bars from a base line at 0; those below it fainter."""
    low, high = _spread(rows)
    low, high = min(0.0, low), max(0.0, high)
    tops = _upward(rows, low, high)
    base = float(_upward(np.zeros(1), low, high)[0])
    column = np.arange(WIDE) * rows.shape[1] // WIDE
    tops = tops[:, None, column]
    row = np.arange(HIGH)[None, :, None]
    drawn = np.full((len(rows), HIGH, WIDE), GROUND, np.uint8)
    drawn[:, min(HIGH - 1, round(base))] = FAINT
    drawn[np.broadcast_to((row >= tops - 0.5) & (row <= base), drawn.shape)] = INK
    drawn[np.broadcast_to((row <= tops + 0.5) & (row > base), drawn.shape)] = FAINT
    # A white line between bars, where there is room for one.
    if rows.shape[1] <= WIDE // 3:
        drawn[:, :, np.flatnonzero(np.diff(column)) + 1] = GROUND
    return _coloured(drawn)


def _spread(values: Floats) -> tuple[float, float]:
    finite = _finite(values)
    if not len(finite):
        return 0.0, 1.0
    low, high = np.percentile(finite, CUT).tolist()
    if high > low:
        return low, high
    return low - 0.5, low + 0.5


def _upward(values: Floats, low: float, high: float) -> Floats:
    """Rows of the picture, 0 at the top, where values stand; NaN for what is no number."""
    share = (np.clip(values, low, high) - low) / max(high - low, 1e-300)
    return np.asarray((1 - share) * (HIGH - 1))


def _least(parts: Floats) -> Floats:
    """The least along the last axis; NaN only where all are."""
    lowest = np.where(np.isnan(parts), np.inf, parts).min(-1)
    return np.where(np.isinf(lowest), np.nan, lowest)


def _coloured(drawn: NDArray[np.uint8]) -> Pictures:
    return np.ascontiguousarray(np.repeat(drawn[..., None], 3, axis=-1))
