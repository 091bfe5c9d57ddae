"""Assets: what the browser asks for once and keeps. So far one: the sheet of the reference set.

A sheet is one PNG with the small pictures of all items, row by row, and the items' names.
"""

from __future__ import annotations

import io
import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.sheet import asset_name, item_names, thumbnails

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["NOTHING", "name_of", "sheet"]

NOTHING: dict[str, Any] = {"name": "", "png": None, "count": 0, "columns": 0, "width": 0, "height": 0, "names": []}
"""The sheet of a History without one."""
_last: dict[str, dict[str, Any]] = {}
"""The newest sheet, by name: several views of a run ask for the same one."""
_lock = threading.Lock()


def name_of(history: History) -> str:
    """The name of the sheet that belongs to a History; "" when there is none."""
    return asset_name(history)


def sheet(history: History) -> dict[str, Any]:
    """The sheet of the reference set.

    Gives `name`, `png` (bytes of the file as uint8, or None where items have no pictures or Pillow is absent),
    `count` items, `columns` of tiles, `width` and `height` of one tile in px, and `names` (empty, or one per item).
    """
    name = asset_name(history)
    with _lock:
        found = _last.get(name)
    if found is not None:
        return found
    pictures, names = thumbnails(history), item_names(history)
    made = NOTHING | {"name": name, "count": len(names), "names": names}
    if pictures is not None:
        count, height, width, _ = pictures.shape
        columns = math.ceil(math.sqrt(count * height / width))
        made |= {"count": count, "columns": columns, "width": width, "height": height}
        made["png"] = _png(_tiled(pictures, columns))
    with _lock:
        _last.clear()
        _last[name] = made
    return made


def _tiled(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """One picture of all, `columns` to a row; what is left of the last row is black."""
    count, height, width, _ = pictures.shape
    rows = math.ceil(count / columns)
    room = np.zeros((rows * columns, height, width, 3), np.uint8)
    room[:count] = pictures
    tiles = room.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return np.ascontiguousarray(tiles).reshape(rows * height, columns * width, 3)


def _png(picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    try:
        from PIL import Image  # comes with Matplotlib
    except ImportError:
        return None
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=6)
    return np.frombuffer(file.getvalue(), np.uint8)
