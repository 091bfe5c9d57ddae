"""Derived numbers that rules read beside those of the History; each from the History alone.

A new file is found by itself.

A quantity takes a Lens and a place and gives a Series, or None where it cannot be told.
"""

from __future__ import annotations

import importlib
import pkgutil

from vergence.diagnosis.lens import Quantity

__all__ = ["QUANTITIES"]

QUANTITIES: dict[str, Quantity] = {
    key: quantity
    for found in pkgutil.iter_modules(__path__)
    for key, quantity in importlib.import_module(f"{__name__}.{found.name}").QUANTITIES.items()
}
"""By key; `{place}` is h or z."""
