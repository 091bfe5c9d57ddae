"""One look at attention as a frame: which layers have maps of one shape, quantised maps, and numbers of every head."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vergence.metrics.attention import distance, entropy, rollout, sinks, uniform_distance
from vergence.metrics.attention_sinks import SMALL
from vergence.observe.attention import Layer
from vergence.training.measures.base import Measured

__all__ = ["Drawn", "frame_of", "quantised"]

SINK = 3.0
"""Multiples of the even share from which a token is a sink, as in `metrics.sinks`."""
GridOf = Callable[[int, int], tuple[int, int, int]]


@dataclass(frozen=True)
class Drawn:
    """The layers whose maps fit beside each other: the most frequent shape, self-attention before any other."""

    places: tuple[int, ...]
    """Among all layers."""
    weights: tuple[Tensor, ...]
    """Of each, `(items, heads, queries, keys)`; windows of one item are averaged."""
    prefix: int
    rows: int
    columns: int
    cls: bool
    """There is a class token, and its row stands for the whole map."""
    whole: bool
    """Queries are the same tokens as keys: a row belongs to a place on the item."""
    left_out: tuple[str, ...]
    """What is not drawn, in words."""

    @classmethod
    def of(cls, layers: Sequence[Layer], items: int, grid: GridOf) -> Drawn:
        """Choose among what was captured. A layer that does not hold `items` samples is not drawn."""
        shapes = [_shape(layer, items) for layer in layers]
        counted = Counter(shape for shape in shapes if shape is not None)
        if not counted:
            return cls((), (), 0, 1, 1, False, False, (_count(len(layers), "layer") + " not drawn",))
        best = max(counted, key=lambda shape: (shape[0] == "self", counted[shape], -shapes.index(shape)))
        places = tuple(place for place, shape in enumerate(shapes) if shape == best)
        kind, windows, queries, keys = best
        weights = tuple(_joined(layers[place].weights, windows) for place in places)
        prefix, rows, columns = grid(keys, windows)
        whole = kind == "self" and windows == 1 and queries == keys
        if not whole and prefix:
            prefix, rows, columns = 0, 1, keys
        words = () if len(places) == len(layers) else (_words(shapes, best),)
        return cls(places, weights, prefix, rows, columns, whole and prefix > 0, whole, words)

    @property
    def full_bytes(self) -> int:
        """What the full maps of one item take; 0 where there are none to speak of."""
        return sum(w.shape[1] * w.shape[2] * w.shape[3] for w in self.weights) if self.whole else 0


def frame_of(
    layers: Sequence[Layer], drawn: Drawn, items: Sequence[int], full: Sequence[int], grid: GridOf
) -> Measured:
    """The frame `attention` with its scalars.

    items: the numbers of the items in the reference set. full: those of them whose full maps are kept.
    """
    measured = Measured()
    arrays, meta = _numbers(layers, grid, measured)
    heads = max((w.shape[1] for w in drawn.weights), default=0)
    keys = drawn.weights[0].shape[-1] if drawn.weights else 0
    shape = (len(items), len(drawn.places), heads)
    rows = np.full((*shape, keys), np.nan, np.float32)
    for place, weights in enumerate(drawn.weights):
        row = weights[:, :, 0] if drawn.cls else weights.nanmean(2)
        rows[:, place, : weights.shape[1]] = row.numpy()
    arrays["rows"], arrays["rows_scale"] = quantised(rows)
    kept = [item for item in full if drawn.whole]
    if kept:
        at = torch.tensor([items.index(item) for item in kept])
        whole = np.full((len(kept), *shape[1:], keys, keys), np.nan, np.float32)
        for place, weights in enumerate(drawn.weights):
            whole[:, place, : weights.shape[1]] = weights[at].numpy()
        arrays["full"], arrays["full_scale"] = quantised(whole)
    rolls = drawn.whole and all(layer.kind == "self" for layer in layers) and len(drawn.places) == len(layers)
    if rolls:
        rolled = rollout(drawn.weights)
        row = rolled[:, 0] if drawn.cls else rolled.mean(1)
        arrays["rollout"], arrays["rollout_scale"] = quantised(row.numpy())
    meta |= {
        "items": list(items), "full_items": kept, "drawn": list(drawn.places), "grid": [drawn.rows, drawn.columns],
        "prefix": drawn.prefix, "query": "CLS" if drawn.cls else "mean of queries", "full_bytes": drawn.full_bytes,
        "not_drawn": list(drawn.left_out), "whole": drawn.whole,
        "uniform": {"entropy": 1.0, "distance": _even_distance(drawn), "sink_mass": 1 / keys if keys else None},
    }  # fmt: skip
    measured.frames["attention"] = (arrays, meta)
    return measured


def _numbers(
    layers: Sequence[Layer], grid: GridOf, measured: Measured
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Entropy, distance and sinks of every head of every layer; scalars by layer, counted from 1."""
    most = max(layer.heads for layer in layers)
    names = ("entropy", "distance", "sink_mass", "sink_count")
    arrays = {name: np.full((len(layers), most), np.nan, np.float32) for name in names}
    kinds: set[str] = set()
    for group in _groups(layers):
        found = _heads([layers[place] for place in group], grid)
        kinds |= found.kinds
        begin = 0
        for place in group:
            end = begin + layers[place].heads
            for name in names:
                arrays[name][place, : end - begin] = getattr(found, name)[begin:end].numpy()
            begin = end
    for place in range(len(layers)):
        _say(measured, f"attention/entropy/{place + 1}", arrays["entropy"][place])
    for name in ("entropy", "distance", "sink_mass"):
        _say(measured, f"attention/{name}", arrays[name])
    measured.scalars["attention/sinks"] = float(np.nansum(arrays["sink_count"]))
    meta = {
        "layers": [layer.name for layer in layers], "heads": [layer.heads for layer in layers],
        "sink_kinds": sorted(kinds), "causal": any(layer.causal for layer in layers),
        "rows_masked": sum(layer.masked for layer in layers),
    }  # fmt: skip
    return arrays, meta


@dataclass(frozen=True)
class _Heads:
    """Means over items and queries, one entry for each head."""

    entropy: Tensor
    distance: Tensor
    sink_mass: Tensor
    sink_count: Tensor
    kinds: set[str]


def _groups(layers: Sequence[Layer]) -> list[list[int]]:
    """Layers whose heads can be measured together: many small calls cost more than a large one."""
    found: dict[tuple[object, ...], list[int]] = {}
    for place, layer in enumerate(layers):
        samples, _, queries, keys = layer.weights.shape
        found.setdefault((samples, queries, keys, layer.windows, layer.kind, layer.causal), []).append(place)
    return list(found.values())


def _heads(layers: Sequence[Layer], grid: GridOf) -> _Heads:
    """The heads of layers of one shape, side by side."""
    first = layers[0]
    weights = torch.cat([layer.weights for layer in layers], 1)
    norms = torch.cat([layer.value_norms for layer in layers], 1)
    queries, keys = weights.shape[-2:]
    prefix, rows, columns = grid(keys, first.windows)
    far = torch.full((weights.shape[1],), math.nan)
    if first.kind == "self" and queries == keys and rows * columns > 1:
        far = distance(weights, (rows, columns), prefix).nanmean(0)
    found = sinks(weights, value_norms=norms, causal=first.causal)
    mass = found.mass.nanmean(0)
    over = (mass / found.uniform).nan_to_num(nan=-1.0)
    key = over.argmax(-1, keepdim=True)
    strongest = mass.gather(-1, key)[:, 0]
    many = over.gather(-1, key)[:, 0] > SINK
    kinds: set[str] = set()
    if found.value_ratio is not None and bool(many.any()):
        ratio = found.value_ratio.nanmean(0).gather(-1, key)[:, 0][many]
        kinds = {"no-op" if value < SMALL else "broadcast" for value in ratio.tolist() if not math.isnan(value)}
    share = entropy(weights, share=True, causal=first.causal).nanmean((0, 2))
    return _Heads(share, far, strongest, many.float(), kinds)


def quantised(values: NDArray[np.floating[Any]]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rows of the last axis as bytes from 0 to their own largest value, which comes beside them; NaN: an empty row."""
    known = np.isfinite(values).all(-1)
    plain = np.nan_to_num(values)
    scale = plain.max(-1, initial=0.0)
    unit = np.where(scale > 0, scale, 1.0)
    levels = np.rint(255.0 * (plain / unit[..., None])).astype(np.uint8)  # in this order: a row may be tiny
    return levels, np.where(known, scale, np.nan).astype(np.float32)


def _shape(layer: Layer, items: int) -> tuple[str, int, int, int] | None:
    rows, _, queries, keys = layer.weights.shape
    if rows != items * layer.windows:
        return None
    kind = "window" if layer.windows > 1 else layer.kind
    return kind, layer.windows, queries, keys


def _joined(weights: Tensor, windows: int) -> Tensor:
    return weights if windows == 1 else weights.view(-1, windows, *weights.shape[1:]).nanmean(1)


def _words(shapes: Sequence[tuple[str, int, int, int] | None], best: tuple[str, int, int, int]) -> str:
    """ "2 of 6 layers not drawn: cross attention, other tokens"."""
    others = [shape for shape in shapes if shape != best]
    why = {"window": "windows", "cross": "cross attention"}
    reasons = sorted({why.get(shape[0], "other tokens") if shape else "other items" for shape in others})
    return f"{len(others)} of {len(shapes)} layers not drawn: {', '.join(reasons)}"


def _count(many: int, what: str) -> str:
    return f"{many:,} {what}" + ("" if many == 1 else "s")


def _even_distance(drawn: Drawn) -> float | None:
    if not drawn.whole or drawn.rows * drawn.columns < 2:
        return None
    return uniform_distance((drawn.rows, drawn.columns))


def _say(measured: Measured, key: str, values: NDArray[np.float32]) -> None:
    finite = values[np.isfinite(values)]
    measured.scalars[key] = float(finite.mean()) if len(finite) else math.nan
