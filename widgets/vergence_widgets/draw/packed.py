"""The browser's pen, Python's half: a message of specs becomes JSON and binary buffers.

Arrays of floating point travel as little-endian float32 beside the JSON, `{"$buffer": i, "dtype": ..., "shape": ...}`,
or inside it as base64 where there are no buffers (the one-file report). Layers carry their kind as `"type"`.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels import spec

__all__ = ["pack", "pack_inline"]

LAYERS = get_args(spec.Layer)


def pack(message: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """A message with specs in it, as JSON and the buffers it refers to."""
    buffers: list[bytes] = []

    def beside(array: NDArray[Any]) -> dict[str, Any]:
        buffers.append(_bytes(array))
        return {"$buffer": len(buffers) - 1, "dtype": "float32", "shape": list(array.shape)}

    return {key: _plain(value, beside) for key, value in message.items()}, buffers


def pack_inline(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message with specs in it, as JSON that holds its arrays."""

    def within(array: NDArray[Any]) -> dict[str, Any]:
        text = base64.b64encode(_bytes(array)).decode()
        return {"$base64": text, "dtype": "float32", "shape": list(array.shape)}

    return {key: _plain(value, within) for key, value in message.items()}


def _bytes(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def _plain(value: Any, place: Any) -> Any:
    if isinstance(value, np.ndarray):
        return place(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        made = {field.name: _plain(getattr(value, field.name), place) for field in dataclasses.fields(value)}
        if isinstance(value, LAYERS):
            made["type"] = type(value).__name__.lower()
        return made
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, place) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, place) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
