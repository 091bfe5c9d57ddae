"""What a metric promises at its door: read by `test_every.py`, stated in each `test_<noun>.py` as `CASES`.

CASES = [
    Case(tolerance, more=labelled, needs=("labels",), lengths="refused"),
    Case(similarity, views(2), lengths="ignored", bad="left out"),
]
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from vergence.errors import InputError

Make = Callable[[int, int, torch.dtype, int], tuple[Any, ...]]
"""(rows, columns, dtype, seed) -> what the metric is called with, in their order."""
More = Callable[..., dict[str, Any]]
"""Of those arguments: the keywords."""
Numbers = dict[str, Tensor]


def views(count: int = 1, *, unit: bool = False, classes: int = 0) -> Make:
    """So many views of one batch, alike and not the same; of rows in `classes` clouds, if there are any."""

    def make(n: int, dim: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(seed)
        first = torch.randn(n, dim, generator=generator, dtype=torch.float64)
        if classes:
            centres = 2 * torch.randn(classes, dim, generator=generator, dtype=torch.float64)
            first = first + centres[torch.arange(n) % classes]
        own = [0.5 * torch.randn(n, dim, generator=generator, dtype=torch.float64) for _ in range(count)]
        rows = [first + noise for noise in own]
        return tuple((normalize(z) if unit else z).to(dtype) for z in rows)

    return make


def nothing(*given: Any) -> dict[str, Any]:
    """No keywords."""
    del given
    return {}


def labelled(*given: Any, classes: int = 3) -> dict[str, Any]:
    """`labels`, one integer per row of the first argument."""
    return {"labels": torch.arange(len(given[0])) % classes}


def numbers(found: Any, name: str = "value") -> Numbers:
    """Every number in a result, by name: of dataclasses, tuples, dicts, tensors. None, words and settings are none."""
    if isinstance(found, Tensor | np.ndarray):
        return {name: torch.as_tensor(found).detach().double().cpu()}
    if isinstance(found, bool | int | float | np.number):
        return {name: torch.tensor(float(found), dtype=torch.float64)}
    parts: Mapping[Any, Any] = {}
    if dataclasses.is_dataclass(found):
        parts = {each.name: getattr(found, each.name) for each in dataclasses.fields(found)}
    elif isinstance(found, Mapping):
        parts = found
    elif isinstance(found, tuple | list):
        parts = dict(enumerate(found))
    return {key: value for own, part in parts.items() for key, value in numbers(part, f"{name}.{own}").items()}


@dataclass(frozen=True)
class Case:
    """One metric, and how `test_every.py` may treat it.

    metric: the public function. make: its arguments (rows, columns, dtype, seed). more: the keywords for them,
    deterministic in their shapes.
    of: positions of the arguments that hold rows of embeddings, (batch, dim) each. Empty: it takes none, and only what
    holds of any function is tried: the same number twice, nothing changed, no random state moved.
    size: rows and columns that are enough for it. least: the fewest rows; one less is refused with an InputError.
    wide: fewer rows than columns work; False: they are refused.
    lengths: what rows of other lengths do. "ignored": the same number (one of `was_unit` apart). "refused":
    NotUnitLength; make then gives unit rows. "count": lengths are part of what is measured.
    bad: a row of NaN or infinity. "refused": NotFinite. "left out": and counted in `left_out`, a field of the result.
    needs: keywords that are refused when they do not come.
    golden: of the two golden views and their labels, the number, and what it is.
    single: float32 against float64, relative to the largest entry. half: rows of half precision against the same
    rows in float32, likewise. apart: names of numbers that depend on the dtype (a floor of rounding).
    meta: several arguments of rows on different devices are refused with DeviceMismatch.
    """

    metric: Callable[..., Any]
    make: Make = field(default_factory=views)
    more: More = nothing
    of: tuple[int, ...] | None = None
    size: tuple[int, int] = (24, 8)
    least: int = 2
    wide: bool = True
    lengths: Literal["ignored", "refused", "count"] = "count"
    bad: Literal["refused", "left out"] = "refused"
    left_out: str = "rows_left_out"
    needs: tuple[str, ...] = ()
    golden: tuple[Callable[[Tensor, Tensor, Tensor], Any], float] | None = None
    single: float = 1e-4
    half: float = 1e-4
    apart: tuple[str, ...] = ("was_unit",)
    meta: bool = True
    label: str = ""

    def __str__(self) -> str:
        return self.label or self.metric.__name__

    def given(
        self, n: int | None = None, dim: int | None = None, dtype: torch.dtype = torch.float64, seed: int = 0
    ) -> tuple[Any, ...]:
        """Good arguments."""
        return self.make(n or self.size[0], dim or self.size[1], dtype, seed)

    def rows(self, given: tuple[Any, ...]) -> tuple[int, ...]:
        """Positions of the arguments that hold rows."""
        if self.of is not None:
            return self.of
        return tuple(at for at, x in enumerate(given) if isinstance(x, Tensor) and x.is_floating_point())

    def each(self, change: Callable[[Tensor], Any], given: tuple[Any, ...] | None = None) -> tuple[Any, ...]:
        """The arguments, with every one that holds rows changed."""
        given = self.given() if given is None else given
        where = self.rows(given)
        return tuple(change(x) if at in where else x for at, x in enumerate(given))

    def __call__(self, *given: Any, **more: Any) -> Any:
        """The metric's result; keywords are made where none are handed over."""
        return self.metric(*given, **(more or self.more(*given)))

    def read(self, *given: Any, **more: Any) -> Numbers:
        """The numbers of the result."""
        found = numbers(self(*given, **more))
        return {name: value for name, value in found.items() if name.rpartition(".")[2] not in self.apart}

    def outcome(self, *given: Any, **more: Any) -> Numbers | type[Exception]:
        """The numbers, or which error it was that refused."""
        try:
            return self.read(*given, **more)
        except InputError as error:
            return type(error)


def same(one: Numbers | type[Exception], other: Numbers | type[Exception], close: float = 1e-9) -> None:
    """Both refused alike, or all numbers alike, each to `close` of the largest entry of its kind (or of 1)."""
    if isinstance(one, type) or isinstance(other, type):
        assert one is other
        return
    assert one.keys() == other.keys()
    for name, value in one.items():
        scale = max(1.0, float(value.abs().nan_to_num(0, 0, 0).max())) if value.numel() else 1.0
        torch.testing.assert_close(
            other[name], value, rtol=0, atol=close * scale, equal_nan=True, msg=lambda text, at=name: f"{at}: {text}"
        )


def finite(found: Numbers) -> bool:
    """Every number is one."""
    return all(math.isfinite(float(value.sum())) for value in found.values())


def every() -> list[Case]:
    """The cases of all test files in this folder."""
    names = sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"tests.metrics.{name}") for name in names if name.startswith("test_")]
    return [case for module in modules for case in getattr(module, "CASES", ())]
