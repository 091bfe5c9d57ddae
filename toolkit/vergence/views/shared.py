"""Views in which several items are changed in one and the same way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.views.base import check_strength

__all__ = ["Shared"]


class Shared:
    """`inner`, with one draw for each `size` items that follow one another in the batch.

        Shared(Images(0.5))(x, generator)               one crop, one flip, one change of colours for the whole batch
        Shared(Images(0.5), size=16)(x, generator)      items 0 to 15 have one, items 16 to 31 another, ...

    Views drawn for each item alone can only be ignored or remembered. Views drawn for many items at once can be
    *answered*: if all pictures of a batch are turned by one angle, all embeddings may turn as one. That is what
    `methods.CARE` asks for, and only such views let it ask.

    inner: any views, ours or a function of x and generator. Those without a method `shared` are called with one item
        at a time and the generator set back, which takes as many calls as there are items; they then see batches
        of one, so nothing of an item may depend on the others.
    size: how many items share one draw, at least 1; None: the whole batch. The last group is smaller where the batch
        is no multiple of it.
    strength: that of `inner`; where it has none, there is no such attribute, and a run has no slider for it.

    `groups(n)` says which items of a batch share: what `losses.RotationEquivariance` takes as `groups`.

    Raises ArgumentError for a size that is no count, ShapeError for views that do not return one item for each.
    Source: Gupta et al. 2023, arXiv:2306.13924, whose batches on CIFAR-10 are in groups of 16.
    """

    def __init__(self, inner: Callable[[Tensor, torch.Generator], Tensor], size: int | None = None) -> None:
        if size is not None:
            shapes.check_count("Shared", "size", size)
        self.inner, self.size = inner, size

    @property
    def strength(self) -> float:
        """That of the views inside. Setting it sets theirs; where they have none, neither have these."""
        return float(self.inner.strength)  # type: ignore[attr-defined]

    @strength.setter
    def strength(self, value: float) -> None:
        value = check_strength("Shared", value)
        if not hasattr(self.inner, "strength"):
            raise AttributeError(f"Shared: the views inside, {self.inner!r}, have no strength to be set.")
        self.inner.strength = value

    def __repr__(self) -> str:
        return f"Shared({self.inner!r}, size={self.size})"

    def groups(self, n: int) -> Tensor:
        """`(n,)`, the number of the draw that each item of a batch of n has."""
        return torch.arange(n) // (self.size or max(n, 1))

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A view of each item; within a group all are changed alike."""
        size = self.size or max(len(x), 1)
        own = getattr(self.inner, "shared", None)
        if callable(own):
            view: Tensor = own(x, generator, size)
            return view
        return self._one_by_one(x, generator, size) if len(x) else x

    def _one_by_one(self, x: Tensor, generator: torch.Generator, size: int) -> Tensor:
        parts = []
        state = generator.get_state()
        for number in range(len(x)):
            if number % size == 0:
                state = generator.get_state()
            generator.set_state(state)
            part: object = self.inner(x[number : number + 1], generator)
            if not isinstance(part, Tensor) or part.ndim == 0 or len(part) != 1:
                raise errors.ShapeError(
                    f"Shared: the views inside turned one item into {shapes.shape_of(part)}. They must return a batch "
                    "as they were given one: (1, ...)."
                )
            parts.append(part)
        return torch.cat(parts)
