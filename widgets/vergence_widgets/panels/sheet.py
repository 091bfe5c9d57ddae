"""The name of the sheet that holds the small pictures and names of the reference set.

A panel says the name only; the browser asks for the sheet once and keeps it. Another content is another name.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["asset_name", "item_names", "thumbnails"]

_KEPT = 8
_known: dict[tuple[int, int], tuple[Any, Any, str]] = {}
"""By the identities of pictures and names: a weak reference to the pictures, the names, and the name of the sheet."""
_lock = threading.Lock()


def asset_name(history: History) -> str:
    """`reference/<hash of the content>`; "" when the reference set has neither pictures nor names.

    The content is read once: while the same pictures and names lie in the History this costs nothing.
    """
    pictures, names = thumbnails(history), _names(history)
    if pictures is None and not names:
        return ""
    place = (id(pictures), id(names))
    with _lock:
        found = _known.get(place)
    if found is not None:
        held = found[0]() if found[0] is not None else None
        if held is pictures and found[1] is names:  # another object may live where one died
            return found[2]
    name = f"reference/{_digest(pictures, names)}"
    with _lock:
        while len(_known) >= _KEPT:
            del _known[next(iter(_known))]
        _known[place] = (None if pictures is None else weakref.ref(pictures), names, name)
    return name


def thumbnails(history: History) -> NDArray[np.uint8] | None:
    """Pictures of the reference items, `(items, height, width, 3)`; None when there are none."""
    found = history.arrays.get("reference/thumbnails")
    return found if found is not None and found.ndim == 4 and len(found) and found.shape[3] == 3 else None


def item_names(history: History) -> list[str]:
    """What each reference item is called; empty when they have no names."""
    return [str(name) for name in _names(history) or ()]


def _names(history: History) -> Any:
    entry = history.static.get("reference")
    return entry.get("names") if isinstance(entry, dict) else None


def _digest(pictures: NDArray[np.uint8] | None, names: Any) -> str:
    told = hashlib.blake2b(digest_size=8)
    if pictures is not None:
        told.update(repr(pictures.shape).encode())
        told.update(pictures.tobytes())
    for name in names or ():
        told.update(str(name).encode() + b"\x00")
    return told.hexdigest()
