"""Every exception of this package.

    VergenceError
    ├── InputError (ValueError)       something that was passed in cannot be used
    │   ├── ShapeError                wrong rank, or two things that should agree in size do not
    │   ├── TooFewRows                fewer rows than the quantity needs
    │   ├── NotFinite                 NaN or infinity where a number is needed
    │   ├── NotUnitLength             rows that must have length 1 do not
    │   ├── ZeroRows                  rows without a direction
    │   ├── DeviceMismatch            tensors on different devices
    │   ├── ArgumentError             an argument outside its range
    │   └── UnknownName               a name that does not exist; the nearest one is offered
    ├── StateError (RuntimeError)     the call does not fit what the run is doing now
    ├── TrainingFailed (RuntimeError) the training step raised; the cause is chained
    ├── Stopped                       raised in somebody's own loop when Stop was pressed
    ├── StoreError (OSError)          a run directory cannot be read
    └── MissingExtra (ImportError)    an optional dependency is absent; the line to type

A message finishes the sentence: what was called, what came, what was needed, what to type.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "DeviceMismatch",
    "InputError",
    "MissingExtra",
    "NotFinite",
    "NotUnitLength",
    "ShapeError",
    "StateError",
    "Stopped",
    "StoreError",
    "TooFewRows",
    "TrainingFailed",
    "UnknownName",
    "VergenceError",
    "ZeroRows",
]


class VergenceError(Exception):
    """The root: `except vergence.errors.VergenceError` catches all of ours and nothing else."""


class InputError(VergenceError, ValueError):
    """Something that was passed in cannot be used."""


class ShapeError(InputError):
    """Wrong rank, or two things that should agree in size do not."""


class TooFewRows(InputError):
    """Fewer rows than the quantity needs."""


class NotFinite(InputError):
    """NaN or infinity where a number is needed."""


class NotUnitLength(InputError):
    """Rows that must have length 1 do not."""


class ZeroRows(InputError):
    """Rows of length 0 have no direction, so no cosine."""


class DeviceMismatch(InputError):
    """Tensors that meet in one computation lie on different devices."""


class ArgumentError(InputError):
    """An argument lies outside its range."""


class UnknownName(InputError):
    """A name that does not exist. The nearest existing one is offered."""

    def __init__(self, call: str, name: str, known: Iterable[str], what: str = "name") -> None:
        self.name = name
        self.known = tuple(known)
        near = difflib.get_close_matches(name, self.known, n=1, cutoff=0.5)
        offer = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(self.known) if self.known else "none here"
        super().__init__(f"{call}: there is no {what} {name!r}.{offer} Known: {listed}.")


class StateError(VergenceError, RuntimeError):
    """The call does not fit what the run is doing now."""


class TrainingFailed(VergenceError, RuntimeError):
    """The training step raised. The original exception is `__cause__`."""


class Stopped(VergenceError):
    """Raised by `Monitor.step` in somebody's own loop when Stop was pressed.

    IPython shows one calm line instead of a traceback. In a script, catch it around the loop.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class StoreError(VergenceError, OSError):
    """A run directory cannot be read."""


class MissingExtra(VergenceError, ImportError):
    """An optional dependency is absent."""

    def __init__(self, call: str, module: str, extra: str) -> None:
        super().__init__(f"{call} needs {module}, which is not installed. Type: pip install 'vergence[{extra}]'")
