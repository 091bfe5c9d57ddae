"""From arrays, tensors and pictures of any layout and type to tensors (channels, height, width) or (dim,)."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vergence import errors

__all__ = ["Channels", "cover", "finite_range", "read_array", "read_item", "split_item", "to_float"]

Channels = Literal["first", "last"]
FEW = (1, 2, 3, 4)  # numbers of channels that say by themselves which axis is the channels
CHUNK = 1024
IMAGE_KEYS = ("image", "img", "pixel_values", "x", "picture", "features")
LABEL_KEYS = ("label", "labels", "target", "y", "fine_label", "class")


def to_float(x: Tensor) -> Tensor:
    """float32; uint8 as its share of 255, everything else as it is."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x.float()


def finite_range(call: str, x: Tensor, what: str = "x") -> tuple[float, float]:
    """Smallest and largest value. Raises NotFinite, saying how many rows and the first of them."""
    if x.dtype == torch.uint8:
        return 0.0, 1.0
    lows, highs, bad = [], [], 0
    first = -1
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK].float()
        fine = torch.isfinite(part).flatten(1).all(1)
        if not bool(fine.all()):
            bad += int((~fine).sum())
            first = start + int(torch.nonzero(~fine)[0]) if first < 0 else first
            continue
        low, high = torch.aminmax(part)
        lows.append(float(low))
        highs.append(float(high))
    if bad:
        raise errors.NotFinite(
            f"{call}: {bad} of {len(x)} rows of {what} hold NaN or infinity, the first is row {first}. "
            f"Leave them out or fill them: {what} = {what}[torch.isfinite({what}).flatten(1).all(1)]."
        )
    return min(lows), max(highs)


def _tensor(call: str, x: Tensor | np.ndarray) -> Tensor:
    """A tensor that shares memory where it can."""
    if isinstance(x, Tensor):
        if x.layout != torch.strided or x.is_quantized or x.is_complex():
            raise errors.ArgumentError(f"{call}: x is {x.layout}, {x.dtype}. An ordinary real tensor is wanted.")
        return x.detach()
    if x.dtype.kind not in "biuf":
        kind = "text" if x.dtype.kind in "US" else f"entries of type {x.dtype}"
        raise errors.ArgumentError(
            f"{call}: the array holds {kind}. Numbers are wanted: images, or vectors (n, dim). "
            "Pictures of different sizes go in as a list or a Dataset; text needs to be embedded first."
        )
    if x.dtype.itemsize > 8 or not x.dtype.isnative:
        x = x.astype(np.float64 if x.dtype.kind == "f" else np.int64)
    elif x.dtype.kind == "u" and x.dtype.itemsize > 1:
        x = x.astype(np.int64)
    if any(stride < 0 for stride in x.strides):
        x = np.ascontiguousarray(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about read-only memory: nothing here writes into it
        return torch.from_numpy(x)


def _channel_axis(call: str, x: Tensor, channels: Channels | None) -> Channels:
    """Which end of the last three axes of `x` holds the channels, or an error that asks."""
    if channels is not None:
        return channels
    first, last = x.shape[-3] in FEW, x.shape[-1] in FEW
    if first == last:
        what = "Both" if first else "Neither"
        raise errors.ShapeError(
            f"{call}: {tuple(x.shape)} may be (..., channels, height, width) or "
            "(..., height, width, channels). "
            f'{what} of the two ends look like channels (1 to 4); say which: channels="first" or "last".'
        )
    return "first" if first else "last"


def _pixels(call: str, x: Tensor, where: str) -> Tensor:
    """Images as uint8 or floating point: other integers must be levels from 0 to 255."""
    if x.dtype == torch.bool:
        return x.float()
    if x.is_floating_point() or x.dtype == torch.uint8:
        return x
    low, high = (int(v) for v in torch.aminmax(x))
    if low < 0 or high > 255:
        raise errors.ArgumentError(
            f"{call}: {where} are integers from {low} to {high}. Pixels as integers go from 0 to 255; "
            f"otherwise bring them to [0, 1] as floats: x.astype('float32') / {max(high, 1)}."
        )
    return x.to(torch.uint8)


def read_array(call: str, x: Tensor | np.ndarray, channels: Channels | None) -> Tensor:
    """A whole set: (n, channels, height, width) or (n, dim), uint8 or float, memory shared if possible."""
    t = _tensor(call, x)
    if t.ndim not in (2, 3, 4):
        hint = "Is it one item? Stack several." if t.ndim < 2 else "Flatten it: x.reshape(len(x), -1)."
        raise errors.ShapeError(
            f"{call}: x is {tuple(t.shape)}. It must be vectors (n, dim), grey images (n, height, width) or "
            f"images (n, channels, height, width) or (n, height, width, channels). {hint}"
        )
    if t.numel() == 0 and len(t) > 0:
        raise errors.ShapeError(f"{call}: x is {tuple(t.shape)}: its items are empty.")
    if len(t) < 2:
        raise errors.TooFewRows(
            f"{call}: x is {tuple(t.shape)}: {'it is empty' if len(t) == 0 else 'that is one sample'}. "
            "Contrast needs at least 2 samples; is the first axis the samples?"
        )
    if t.ndim == 2:
        return t if t.is_floating_point() or t.dtype == torch.uint8 else t.float()
    if t.ndim == 3:
        if t.shape[-1] in FEW:
            raise errors.ShapeError(
                f"{call}: x is {tuple(t.shape)}, which reads as {t.shape[0]} grey images of {t.shape[1]} x "
                f"{t.shape[2]}. If it is one picture, stack several: (n, height, width, channels); "
                "if it is a series, flatten it: x.reshape(len(x), -1)."
            )
        return _pixels(call, t[:, None], "the images")
    if _channel_axis(call, t, channels) == "last":
        t = t.permute(0, 3, 1, 2)
    return _pixels(call, t, "the images")


def cover(x: Tensor, sides: tuple[int, int]) -> Tensor:
    """Images (n, channels, height, width) scaled until they cover `sides`, then cut around the centre."""
    height, width = x.shape[2:]
    if (height, width) == sides:
        return x
    scale = max(sides[0] / height, sides[1] / width)
    scaled = [max(sides[0], round(height * scale)), max(sides[1], round(width * scale))]
    top, left = (scaled[0] - sides[0]) // 2, (scaled[1] - sides[1]) // 2
    parts = []
    for start in range(0, len(x), CHUNK):
        part = F.interpolate(x[start : start + CHUNK].float(), scaled, mode="bilinear", antialias=True)
        part = part[:, :, top : top + sides[0], left : left + sides[1]]
        parts.append(part.round().clamp(0, 255).to(torch.uint8) if x.dtype == torch.uint8 else part)
    return torch.cat(parts)


def split_item(call: str, index: int, item: object) -> tuple[object, object]:
    """What a Dataset returned, as (image or vector, label or None)."""
    if isinstance(item, Mapping):
        image = next((key for key in IMAGE_KEYS if key in item), None)
        label = next((key for key in LABEL_KEYS if key in item), None)
        if image is None:
            raise errors.ArgumentError(
                f"{call}: item {index} is a dictionary with {', '.join(map(repr, item))}. None of these is "
                f"known to be the image ({', '.join(IMAGE_KEYS)}); rename it, or return (image, label)."
            )
        return item[image], None if label is None else item[label]
    if isinstance(item, tuple) or (isinstance(item, list) and item and not isinstance(item[0], int | float)):
        if not item:
            raise errors.ArgumentError(f"{call}: item {index} is empty. Return an image, or (image, label).")
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def read_item(call: str, index: int, item: object, sides: tuple[int, int] | None, channels: Channels | None) -> Tensor:
    """One picture, array or tensor as (channels, height, width) or (dim,), uint8 or floating point.

    sides: what a picture is brought to, by `cover`; None keeps its size. Pictures of PIL, of any mode, come
    out as RGB, white where they were transparent.
    """
    pil = sys.modules.get("PIL.Image")  # loaded already if the item is one of its pictures
    if pil is not None and isinstance(item, pil.Image):
        return _picture(pil, item, sides)
    if isinstance(item, list):
        item = np.asarray(item)
    if not isinstance(item, Tensor | np.ndarray):
        hint = " Text needs to be embedded first." if isinstance(item, str | bytes) else ""
        raise errors.ArgumentError(
            f"{call}: item {index} is a {type(item).__name__}. A picture (PIL), an array or a tensor is "
            f"wanted, or (image, label).{hint}"
        )
    where = f"{call}: item {index}"
    t = _tensor(where, item)
    if t.ndim not in (1, 2, 3) or t.numel() == 0:
        raise errors.ShapeError(
            f"{where} is {tuple(t.shape)}. It must be a vector (dim,), a grey image (height, width) or an "
            "image (channels, height, width) or (height, width, channels)."
        )
    if t.is_floating_point() and not bool(torch.isfinite(t).all()):
        raise errors.NotFinite(f"{where} holds NaN or infinity. Leave it out of the Dataset, or fill the gaps there.")
    if t.ndim == 1:
        return t if t.is_floating_point() or t.dtype == torch.uint8 else t.float()
    if t.ndim == 2:
        t = t[None]
    elif _channel_axis(where, t, channels) == "last":
        t = t.permute(2, 0, 1)
    t = _pixels(where, t, "its pixels")
    return t if sides is None else cover(t[None], sides)[0]


def _picture(pil: Any, picture: Any, sides: tuple[int, int] | None) -> Tensor:
    """A PIL picture as (3, height, width) uint8."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        # Pillow cuts these off at 255 when it converts them; 16 bits are brought to 8 instead.
        levels = np.asarray(picture, np.float64)
        levels = levels / 257 if picture.mode != "F" and levels.max(initial=0) > 255 else levels
        levels = levels * 255 if picture.mode == "F" and levels.max(initial=0) <= 1 else levels
        picture = pil.fromarray(levels.clip(0, 255).round().astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        page = pil.new("RGBA", picture.size, "white")
        page.alpha_composite(picture)
        picture = page
    picture = picture.convert("RGB")
    if sides is not None and picture.size != (sides[1], sides[0]):
        scale = max(sides[0] / picture.height, sides[1] / picture.width)
        high, wide = sides[0] / scale, sides[1] / scale
        # Rounding may put an edge 1e-15 outside, which Pillow refuses.
        left, top = max(0.0, (picture.width - wide) / 2), max(0.0, (picture.height - high) / 2)
        box = (left, top, min(picture.width, left + wide), min(picture.height, top + high))
        picture = picture.resize((sides[1], sides[0]), pil.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
