"""Cloud: items on a map, coloured and shaped by what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cloud"]


@dataclass(frozen=True)
class Cloud:
    """One mark per item. An item that is not finite is drawn nowhere and counted in the panel's foot.

    Both axes have one scale: pens widen the limits of the plot, never stretch them.
    """

    key: str
    x: NDArray[np.float64]
    """(items,)"""
    y: NDArray[np.float64]
    """(items,)"""
    kind: NDArray[np.int32]
    """(items,) index into `kinds`; -1: of no kind."""
    kinds: tuple[str, ...]
    """What each kind is called: colour and shape follow the order (`theme.CLASSES`, `theme.SHAPES`); see `coloured`."""
    links: NDArray[np.int32]
    """(links, 2) items that show the same thing; a thin line joins them."""
    asset: str = ""
    """Name of the sheet with the items' thumbnails and names ("" when there is none)."""
    tried: str = ""
    """What the colours stand for: "group", "artist"."""
    choices: tuple[str, ...] = ()
    """What else they could stand for (the panel's option "colour")."""
    names: tuple[str, ...] = ()
    """What each item is called, for a finished figure: the browser has the names in its sheet."""

    def coloured(self, most: int = 8) -> tuple[int, ...]:
        """The kinds that have a colour of their own, in its order: all, or of more than `most` the largest."""
        kinds = range(len(self.kinds))
        if len(self.kinds) <= most:
            return tuple(kinds)
        counts = np.bincount(self.kind[self.kind >= 0], minlength=len(self.kinds))
        return tuple(sorted(sorted(kinds, key=lambda kind: (-counts[kind], kind))[:most]))
