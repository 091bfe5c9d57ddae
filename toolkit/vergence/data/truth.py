"""Truth: what is known about data that was made, or changed, on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["CLASS_SIZE", "COPY_OF", "Truth"]

COPY_OF, CLASS_SIZE = "copy of", "class size"
"""Factors whose values speak of other samples: the index of one, and how many there are."""

Value = TypeVar("Value")


def _fixed(values: Mapping[str, Value]) -> Mapping[str, Value]:
    return MappingProxyType(dict(values))


@dataclass(frozen=True)
class Truth:
    """What a measurement should find.

    knobs: what the data was made with, by name, such as `{"bits": 8, "shared": 1.0}`.
    factors: the value of each sample, by name: `(samples,)`, integers for kinds and floating point for quantities.
    shared: the factors that both views of a sample have in common, so that an embedding can use them to find its
        partner. What views blur counts as long as it varies more than the noise does.
    nuisance: those that the views redraw or drown, or that an item does not show, so that an embedding cannot.
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
        """This truth beside that of the data inside; what both name is ours.

        A knob of the inside that ours would hide goes on as "noise inside".
        """
        if before is None:
            return self

        def old(names: tuple[str, ...]) -> tuple[str, ...]:
            ours = {*self.factors, *self.shared, *self.nuisance}
            return tuple(name for name in names if name not in ours)

        return Truth(
            knobs={**_beside(before.knobs, self.knobs), **self.knobs},
            factors={**before.factors, **self.factors},
            shared=(*old(before.shared), *self.shared),
            nuisance=(*old(before.nuisance), *self.nuisance),
            drawn=(*old(before.drawn), *self.drawn),
            names={**before.names, **self.names},
        )

    def of_chosen(self, index: Tensor, own: Tensor | None = None, labels: Tensor | None = None) -> Truth:
        """What is known when sample i is what sample `index[i]` was: some were left out, or replaced by others.

        index: (samples,), ids before. own: (samples,), false where i is only a copy of `index[i]`; None: true for all.
        labels: (samples,), of what is there now.

        Two factors speak of the other samples and are made anew. "copy of": where the original is no longer there, the
        first of its copies stands in for it. "class size": how many there are now.
        """
        factors = {name: values[index] for name, values in self.factors.items()}
        knobs = dict(self.knobs)
        if COPY_OF in factors:
            originals = factors[COPY_OF] == index
            factors[COPY_OF] = _first_of(factors[COPY_OF], originals if own is None else originals & own)
            if own is None:  # who plants copies counts them all, and these here stay those of the inside
                knobs["copies"] = int((factors[COPY_OF] != torch.arange(len(index))).sum())
        if CLASS_SIZE in factors and labels is not None:
            _, place, sizes = torch.unique(labels, return_inverse=True, return_counts=True)
            factors[CLASS_SIZE] = sizes[place]
            knobs["realised"] = int(sizes.max()) / int(sizes.min())
        return Truth(knobs, factors, self.shared, self.nuisance, self.drawn, self.names)


def _first_of(groups: Tensor, originals: Tensor) -> Tensor:
    """(samples,): the place of the first original of each one's group, or of its first member where there is none."""
    samples = len(groups)
    ids, place = torch.unique(groups, return_inverse=True)
    # Originals come before all others.
    rank = torch.arange(samples) + samples * (~originals)
    return torch.full_like(ids, 2 * samples).scatter_reduce(0, place, rank, "amin")[place] % samples


def _beside(before: Mapping[str, Value], ours: Mapping[str, Value]) -> dict[str, Value]:
    """The knobs of the inside, by names that are not ours."""
    found: dict[str, Value] = {}
    for given, value in before.items():
        name = given
        while name in ours or name in found:
            name += " inside"
        found[name] = value
    return found


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
