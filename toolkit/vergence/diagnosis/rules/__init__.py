"""The rules, one file per phenomenon. A new file is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from vergence.diagnosis.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = tuple(
    importlib.import_module(f"{__name__}.{found.name}").RULE for found in pkgutil.iter_modules(__path__)
)
"""In alphabetical order of their files."""
