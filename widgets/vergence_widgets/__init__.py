"""Live views of a training run for notebooks.

    from vergence_widgets import Cockpit, watch

Nothing heavy is imported before it is used: panels and the report need neither Jupyter nor plotly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vergence.errors import UnknownName

if TYPE_CHECKING:
    from vergence_widgets.cockpit import Cockpit
    from vergence_widgets.figure import figure
    from vergence_widgets.watching import watch

__all__ = ["Cockpit", "figure", "watch"]

_HOMES = {"Cockpit": "cockpit", "figure": "figure", "watch": "watching"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name.startswith("__") or name not in _HOMES:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(str(UnknownName("vergence_widgets", name, __all__)))
    found = getattr(import_module(f"vergence_widgets.{_HOMES[name]}"), name)
    globals()[name] = found  # a submodule of the same name must not hide the function
    return found


def __dir__() -> list[str]:
    return list(__all__)
