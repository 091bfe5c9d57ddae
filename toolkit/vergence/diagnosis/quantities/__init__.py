"""Derived numbers that rules read beside those of the History; each from the History alone.

A new file is found by itself.

A quantity takes a Lens and a place and gives a Series, or None where it cannot be told. A module may have WORDS beside:
what sentences say by name (the factors that are lost), from a Lens and a place as well.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from vergence.diagnosis.lens import Lens, Quantity

__all__ = ["QUANTITIES", "WORDS"]

MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
QUANTITIES: dict[str, Quantity] = {key: make for module in MODULES for key, make in module.QUANTITIES.items()}
"""By key; `{place}` is h or z."""
WORDS: dict[str, Callable[[Lens, str], str]] = {
    key: make for module in MODULES for key, make in getattr(module, "WORDS", {}).items()
}
"""The same, for sentences."""
