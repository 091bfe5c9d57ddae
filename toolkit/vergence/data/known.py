"""Data that is made here, with factors that are known, held-out items, and views of its own where it needs them."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.data.arrays import ArraySource
from vergence.data.base import spread
from vergence.data.truth import Truth

__all__ = ["FactorViews", "Items", "Known", "about", "check_amount", "check_most", "check_seed", "turned"]

MOST_SEED = 2**62


@dataclass(frozen=True)
class Items:
    """Items that were made, and the value of each factor. items: (n, ...). factors: (n,) each, by name."""

    items: Tensor
    factors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.items)


class Known(ArraySource):
    """A source whose every factor is known. Made by `tri_feature`, `latent_factors`, `signal_noise`, `subclasses`.

    truth: what it was made with, and the factors of the training samples.
    held_out: the items of which `reference` is taken, with their factors.
    views: the views that go with it, which a run takes where none are given; None for pictures, which have the usual
        ones.

    label: the factor that stands as labels, or None.
    """

    def __init__(
        self,
        name: str,
        train: Items,
        held_out: Items,
        *,
        knobs: Mapping[str, float | bool | str],
        shared: Sequence[str],
        nuisance: Sequence[str] = (),
        names: Mapping[str, tuple[str, ...]] | None = None,
        label: str | None = None,
        views: FactorViews | None = None,
    ) -> None:
        names = names or {}
        super().__init__(
            train.items,
            None if label is None else train.factors[label],
            name=name,
            channels="first" if train.items.ndim == 4 else None,
            label_names=names.get(label) if label is not None else None,
            held_out=(held_out.items, None if label is None else held_out.factors[label]),
        )
        self.held_out = held_out
        self.views = views
        self._label = label
        self.truth = Truth(
            knobs=knobs, factors=train.factors, shared=tuple(shared), nuisance=tuple(nuisance), names=names
        )

    def about_reference(self, n: int) -> dict[str, Any]:
        """What is known about the items of `reference(n)`: every factor, by name."""
        return about(self.held_out, spread(len(self.held_out), n), self._label, self.truth)

    def __repr__(self) -> str:
        return f"{self.name}: {len(self)} samples, {self.truth!r}"


def about(held_out: Items, index: Tensor, label: str | None, truth: Truth) -> dict[str, Any]:
    """What a run is told of the held-out items `index`: the name of their labels, all other factors, and which of them
    nobody wants to be kept."""
    others = {name: values[index] for name, values in held_out.factors.items() if name != label}
    found: dict[str, Any] = {
        "factors": others,
        "factor_names": {name: truth.names[name] for name in others if name in truth.names},
        "nuisance": tuple(name for name in others if name in truth.nuisance),
    }
    return found if label is None else {"label": label, **found}


class FactorViews:
    """Views of rows that lie in known directions: some are drawn anew, others get noise, the rest is kept.

    With the rows of A and B as directions of length 1, at right angles to one another, and e ~ N(0, 1):

        redraw = (A, size)      the part c of x along A becomes sqrt(1 - s^2) c + s size e
        noise  = (B, size)      s size e is added along B

    strength: s, from 0 (nothing changes) to 1. Redrawing at 1 leaves nothing of what was there; between, the part keeps
        its size where it is Gaussian with standard deviation `size`.

    Raises ArgumentError for a strength outside [0, 1], ShapeError for rows of another length.
    """

    def __init__(
        self,
        *,
        redraw: tuple[Tensor, float] | None = None,
        noise: tuple[Tensor, float] | None = None,
        strength: float = 1.0,
    ) -> None:
        self._redraw, self._noise = redraw, noise
        self.strength = strength

    @property
    def strength(self) -> float:
        """0, nothing changes, to 1; may be set between two steps."""
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = check_amount(
            "FactorViews", "strength", value, "0 changes nothing, at 1 nuisance is all new", most=1.0
        )

    def __repr__(self) -> str:
        return f"FactorViews(strength={self.strength:g})"

    def __call__(self, x: Float[Tensor, "batch dim"], generator: torch.Generator) -> Float[Tensor, "batch dim"]:
        """One random view of every row of `x`."""
        dim = next((part[0].shape[1] for part in (self._redraw, self._noise) if part is not None), x.shape[-1])
        if x.ndim != 2 or x.shape[1] != dim:
            raise errors.ShapeError(
                f"FactorViews: x is {tuple(x.shape)}. These views know the directions of rows of {dim} alone: "
                f"(batch, {dim}). For other items give views: SimCLR(views=views.Vectors())."
            )
        s = self.strength
        # Both are drawn whatever the strength, so moving it changes views smoothly.
        parts = [self._part(x, which, generator) for which in (self._redraw, self._noise)]
        if s == 0:
            return x
        view = x
        if parts[0] is not None:
            directions, drawn = parts[0]
            part = x @ directions.T
            view = view + ((1 - s**2) ** 0.5 * part + s * drawn - part) @ directions
        if parts[1] is not None:
            directions, drawn = parts[1]
            view = view + s * drawn @ directions
        return view

    @staticmethod
    def _part(
        x: Tensor, which: tuple[Tensor, float] | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor] | None:
        if which is None:
            return None
        directions, size = which
        drawn = torch.randn(len(x), len(directions), generator=generator, device=generator.device)
        return directions.to(x.device, x.dtype), size * drawn.to(x.device, x.dtype)


def turned(dim: int, generator: torch.Generator) -> Float[Tensor, "dim dim"]:
    """A random rotation: rows are directions at right angles, none of them along an axis."""
    found: Tensor = torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))[0].float()
    return found


def check_amount(
    call: str, name: str, value: object, ends: str, *, least: float = 0.0, most: float = float("inf")
) -> float:
    """A finite number from `least` to `most`."""
    number = float("nan") if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
    if not least <= number <= most or number == float("inf"):
        reach = f"from {least:g} to {most:g}" if most < float("inf") else f"{least:g} or above"
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It is a number, {reach}: {ends}.")
    return number


def check_most(call: str, name: str, value: int, least: int, most: int, why: str) -> int:
    """A whole number from `least` to `most`."""
    shapes.check_count(call, name, value, least=least)
    if value > most:
        raise errors.ArgumentError(f"{call}: {name} is {value}. At most {most:,} is possible: {why}.")
    return int(value)


def check_seed(call: str, seed: int) -> int:
    """A whole number that a generator takes, with room for one or two more beside it."""
    return check_most(call, "seed", seed, 0, MOST_SEED, "a generator takes 64 bits")
