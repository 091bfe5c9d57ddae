"""The grid of attention maps, made of one frame, or of one frame and the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.sheet import item_names, thumbnails
from vergence_widgets.panels.spec import Maps, fixed

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["DIFFERENCE", "NOW", "Chosen", "choose", "maps", "share_text"]

NOW = "now"
DIFFERENCE = "difference to untrained"
LONGEST = 14
"""Letters of an item's name under its picture; the rest is in the sheet of names."""
MOST_PIXELS = 64
"""Sides of the picture that is sent along."""
MOST_BYTES = 8_000_000
"""Of the full maps of one item, as in the measurement."""
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """Which of a frame's items is shown, and how."""

    place: int
    """Among the items of the frame."""
    item: int
    """Among the items of the reference set."""
    show: str
    shows: tuple[str, ...]


def choose(frame: Frame, first: Frame, options: Mapping[str, str]) -> Chosen:
    """What a reader asked for, as far as the frame has it: an unknown wish is the first item, as it is now."""
    items = [int(item) for item in frame.meta["items"]]
    asked = str(options.get("item", ""))
    place = next((at for at, item in enumerate(items) if str(item) == asked), 0)
    fits = first.step < frame.step and _alike(first, frame, items[place])
    shows = (NOW, DIFFERENCE) if fits else (NOW,)
    show = str(options.get("show", NOW))
    return Chosen(place, items[place], show if show in shows else NOW, shows)


def maps(history: History, frame: Frame, first: Frame, chosen: Chosen) -> Maps:
    """The layer: `frame` as it is, or what it has more and less than `first`, the untrained model."""
    meta, arrays = frame.meta, frame.arrays
    place = chosen.place
    levels, scale = _flat(arrays["rows"][place], arrays["rows_scale"][place])
    full, full_scale = _full(frame, chosen.item)
    signed = chosen.show == DIFFERENCE
    if signed:
        then = [int(item) for item in first.meta["items"]].index(chosen.item)
        levels, scale = _less(levels, scale, *_flat(first.arrays["rows"][then], first.arrays["rows_scale"][then]))
        before, before_scale = _full(first, chosen.item)
        if full.size and before.shape == full.shape:
            full, full_scale = _less_full(full, full_scale, before, before_scale)
        else:
            full, full_scale = np.zeros((0, 0), np.uint8), np.zeros((0, 0))
    drawn = [int(layer) for layer in meta["drawn"]]
    # What is measured of each head is a mean over queries and items; maps are of one item.
    entropy, distance, sinks = (arrays[name][drawn].astype(np.float64) for name in ("entropy", "distance", "sink_mass"))
    grid = (int(meta["grid"][0]), int(meta["grid"][1]))
    return Maps(
        "maps",
        levels,
        scale,
        full,
        full_scale,
        signed,
        tuple(str(layer + 1) for layer in drawn),
        int(entropy.shape[1]),
        tuple(share_text(_mean(row)) for row in entropy),
        entropy.ravel(),
        distance.ravel(),
        sinks.ravel(),
        arrays["rollout"][place] if "rollout" in arrays and not signed else np.zeros(0, np.uint8),
        float(arrays["rollout_scale"][place]) if "rollout" in arrays and not signed else 0.0,
        grid,
        int(meta["prefix"]),
        str(meta["query"]),
        _picture(history, chosen.item),
        _caption(history, chosen.item, grid),
        str(chosen.item),
        tuple(str(int(item)) for item in meta.get("choices", meta["items"])),
        chosen.show,
        chosen.shows,
        ("less", "more vs untrained") if signed else ("0", "max"),
        _refused(meta),
    )


def _refused(meta: Mapping[str, Any]) -> str:
    """Why there can be no full maps."""
    if not meta.get("whole", True):
        return "only the mean row: queries are no patches"
    size = int(meta.get("full_bytes", 0))
    return "" if size <= MOST_BYTES else f"full maps would take {size / 1e6:.0f} MB"


def share_text(value: float | None) -> str:
    """A share of even attention: two digits, and a third where two would call it even though it is not."""
    near = value is not None and 0.985 <= value < 0.9995
    return fixed(value, 3 if near else 2)


def _mean(values: Floats) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def _alike(one: Frame, other: Frame, item: int) -> bool:
    """Both hold the item, in maps of one shape."""
    same = one.arrays["rows"].shape[1:] == other.arrays["rows"].shape[1:]
    return same and item in [int(held) for held in one.meta["items"]] and one.meta["query"] == other.meta["query"]


def _flat(levels: Bytes, scale: NDArray[Any]) -> tuple[Bytes, Floats]:
    """(layers, heads, keys) as (maps, keys)."""
    return levels.reshape(-1, levels.shape[-1]), scale.astype(np.float64).ravel()


def _full(frame: Frame, item: int) -> tuple[Bytes, Floats]:
    """Every query's row of the item, where the frame has them."""
    held = [int(one) for one in frame.meta.get("full_items", ())]
    if item not in held or "full" not in frame.arrays:
        return np.zeros((0, 0), np.uint8), np.zeros((0, 0))
    levels = frame.arrays["full"][held.index(item)]
    scale = frame.arrays["full_scale"][held.index(item)]
    count = levels.shape[0] * levels.shape[1]
    return levels.reshape(count, -1), scale.astype(np.float64).reshape(count, -1)


def _less(levels: Bytes, scale: Floats, before: Bytes, before_scale: Floats) -> tuple[Bytes, Floats]:
    """The difference of two quantised rows, quantised itself: 128 is none, 127 levels are its largest size."""
    now = levels * (scale / 255)[..., None]
    then = before * (before_scale / 255)[..., None]
    less = now - then
    largest = np.nan_to_num(np.abs(less).max(-1))
    unit = np.where(largest > 0, largest, 1.0)
    found = np.rint(np.nan_to_num(less) / unit[..., None] * 127) + 128
    return found.astype(np.uint8), np.where(np.isfinite(scale) & np.isfinite(before_scale), largest, np.nan)


def _less_full(levels: Bytes, scale: Floats, before: Bytes, before_scale: Floats) -> tuple[Bytes, Floats]:
    shape = (*scale.shape, -1)
    found, largest = _less(levels.reshape(shape), scale, before.reshape(shape), before_scale)
    return found.reshape(levels.shape), largest


def _picture(history: History, item: int) -> Bytes:
    held = thumbnails(history)
    if held is None or item >= len(held):
        return np.zeros((0, 0, 3), np.uint8)
    stride = max(1, -(-max(held.shape[1:3]) // MOST_PIXELS))
    return np.ascontiguousarray(held[item, ::stride, ::stride])


def _caption(history: History, item: int, grid: tuple[int, int]) -> tuple[str, ...]:
    names = item_names(history)
    name = names[item] if item < len(names) else ""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    rows, columns = grid
    what = "image" if thumbnails(history) is not None else "item"
    size = f"{columns:,} tokens" if rows == 1 else f"{rows} × {columns}"
    return tuple(words for words in (f"{what} {item}", short, size) if words)
