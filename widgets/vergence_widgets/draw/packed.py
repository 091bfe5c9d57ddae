"""The browser's pen, kernel side: a message with panels as plain JSON and a list of binary buffers.

`pack` is for live messages; `inline` puts the same arrays as base64 inside the JSON, for a file that
has no channel beside it. Both give what `widgets/front/src/protocol.ts` reads.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels import spec

__all__ = ["inline", "pack"]

Keep = Callable[[NDArray[Any]], dict[str, Any]]

_LAYERS = frozenset(get_args(spec.Layer))
"""Layers carry the name of their class as "type", so that the browser knows which pen draws them."""
_fields: dict[type, tuple[str, ...]] = {}


def pack(message: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """JSON with a place-holder `{"$buffer": i, "dtype", "shape"}` for every array, and the buffers.

    Arrays of uint8, uint16 and int32 travel as they are, all others as little-endian float32; numbers outside of
    arrays stay exact. What is not finite becomes null: JSON has no word for it.
    """
    buffers: list[bytes] = []

    def keep(array: NDArray[Any]) -> dict[str, Any]:
        kind = _kind(array)
        buffers.append(_bytes(array, kind))
        return {"$buffer": len(buffers) - 1, "dtype": kind, "shape": list(array.shape)}

    return {name: _plain(value, keep) for name, value in message.items()}, buffers


def inline(message: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every array inside, as `{"$base64": text, "dtype", "shape"}`."""

    def keep(array: NDArray[Any]) -> dict[str, Any]:
        kind = _kind(array)
        text = base64.b64encode(_bytes(array, kind)).decode("ascii")
        return {"$base64": text, "dtype": kind, "shape": list(array.shape)}

    return {name: _plain(value, keep) for name, value in message.items()}


def _kind(array: NDArray[Any]) -> str:
    return array.dtype.name if array.dtype.name in ("uint8", "uint16", "int32") else "float32"


def _bytes(array: NDArray[Any], kind: str) -> bytes:
    return np.ascontiguousarray(array, dtype=np.dtype(kind).newbyteorder("<")).tobytes()


def _plain(value: Any, keep: Keep) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):  # numpy's float64 is one too
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return keep(value)
    if isinstance(value, tuple | list):
        return [_plain(item, keep) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item, keep) for name, item in value.items()}
    if isinstance(value, np.generic):
        return _plain(value.item(), keep)
    plain = {name: _plain(getattr(value, name), keep) for name in _names(type(value))}
    if type(value) in _LAYERS:
        plain["type"] = type(value).__name__.lower()
    return plain


def _names(kind: type) -> tuple[str, ...]:
    known = _fields.get(kind)
    if known is None:
        known = _fields[kind] = tuple(item.name for item in fields(kind))
    return known
