"""Truth: what is known about data that was made, or changed, on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from torch import Tensor

__all__ = ["Truth"]

Value = TypeVar("Value")


def _fixed(values: Mapping[str, Value]) -> Mapping[str, Value]:
    return MappingProxyType(dict(values))


@dataclass(frozen=True)
class Truth:
    """What a measurement should find.

    knobs: what the data was made with, by name, such as `{"bits": 8, "shared": 1.0}`.
    factors: the value of each sample, by name: `(samples,)`, integers for kinds and floating point for quantities.
    shared: the factors that both views of a sample have in common, so that an embedding can use them to find its
        partner.
    nuisance: those that the views redraw or drown, so that an embedding cannot.
    drawn: those that a sample has no value of, because they are drawn anew for every pair; each also stands in
        `shared` or `nuisance`.
    names: the name of each value, by factor, where values have names.
    """

    knobs: Mapping[str, float | bool | str]
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    nuisance: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("knobs", "factors", "names"):
            object.__setattr__(self, name, _fixed(getattr(self, name)))

    def __repr__(self) -> str:
        knobs = ", ".join(f"{name}={value!r}" for name, value in self.knobs.items())
        return f"Truth({knobs}; shared: {_listed(self.shared)}; nuisance: {_listed(self.nuisance)})"

    def added_to(self, before: Truth | None) -> Truth:
        """This truth beside that of the data inside; what both name is ours."""
        if before is None:
            return self

        def old(names: tuple[str, ...]) -> tuple[str, ...]:
            ours = {*self.factors, *self.shared, *self.nuisance}
            return tuple(name for name in names if name not in ours)

        return Truth(
            knobs={**before.knobs, **self.knobs},
            factors={**before.factors, **self.factors},
            shared=(*old(before.shared), *self.shared),
            nuisance=(*old(before.nuisance), *self.nuisance),
            drawn=(*old(before.drawn), *self.drawn),
            names={**before.names, **self.names},
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
