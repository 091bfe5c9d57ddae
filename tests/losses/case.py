"""What a loss promises beyond the protocol: read by `test_every.py`, stated in each `test_<name>.py` as `CASES`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from vergence.losses import Loss

More = Callable[..., dict[str, Any]]


def nothing(*views: Tensor) -> dict[str, Any]:
    """No keywords."""
    del views
    return {}


@dataclass(frozen=True)
class Case:
    """One loss, and how `test_every.py` may treat it.

    make: a fresh one. more: the keywords for these views, `{"labels": ...}`; deterministic in the views' shapes.
    golden: its value on the golden batch; None where there is none.
    symmetric: in the order of the views (with `more` made anew). rotates: blind to one rotation of all rows.
    lengths: blind to the lengths of rows. order: blind to the order of the batch.
    smooth: gradcheck holds. values: looks at values, so it cannot run on the meta device.
    collapse: `chance` is what it reads when every row is the same; more is made of those rows.
    rows: the least batch it takes (a batch one smaller is refused with TooFewRows). close: float32 against float64.
    """

    make: Callable[[], Loss]
    more: More = nothing
    views: int = 2
    golden: float | None = None
    symmetric: bool = True
    rotates: bool = True
    lengths: bool = True
    order: bool = True
    smooth: bool = True
    values: bool = False
    collapse: bool = True
    rows: int = 2
    close: float = 1e-4
    label: str = field(default="")

    def __str__(self) -> str:
        return self.label or self.make().name


def every() -> list[Case]:
    """The cases of all test files in this folder."""
    names = sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"tests.losses.{name}") for name in names if name.startswith("test_")]
    return [case for module in modules for case in getattr(module, "CASES", ())]
