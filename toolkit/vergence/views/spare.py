"""Views that leave some channels alone: what was appended to an item on purpose must arrive as it was sent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.views.base import check_strength

__all__ = ["Spare"]


class Spare:
    """`inner` on all but the last channels of an image, or the last entries of a row.

        Spare(Images(0.5), last=8)(x, generator)        x: (batch, 3 + 8, height, width); the 8 come back unchanged

    inner: any views, ours or a function of x and generator; it sees items without what is spared.
    last: how many channels or entries at the end of axis 1 are spared; 0 spares nothing.
    strength: that of `inner`; where it has none, there is no such attribute, and a run has no slider for it.

    A run does this by itself for a source that says so (`source.untouched`, as `data.rand_bits` does).

    Raises ShapeError for a batch that has no more than `last` channels, ArgumentError for a `last` below 0.
    """

    def __init__(self, inner: Callable[[Tensor, torch.Generator], Tensor], last: int) -> None:
        self.inner = inner
        shapes.check_count("Spare", "last", last, least=0)
        self.last = last

    @property
    def strength(self) -> float:
        """That of the views inside. Setting it sets theirs; where they have none, neither have these."""
        return float(self.inner.strength)  # type: ignore[attr-defined]

    @strength.setter
    def strength(self, value: float) -> None:
        value = check_strength("Spare", value)
        if not hasattr(self.inner, "strength"):
            raise AttributeError(f"Spare: the views inside, {self.inner!r}, have no strength to be set.")
        self.inner.strength = value

    def __repr__(self) -> str:
        return f"Spare({self.inner!r}, last={self.last})"

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A view of each item, with the last channels as they came."""
        if self.last == 0:
            return self.inner(x, generator)
        if x.ndim < 2 or x.shape[1] <= self.last:
            raise errors.ShapeError(
                f"Spare: x is {tuple(x.shape)}, and the last {self.last} along axis 1 are left alone. There must be "
                "more than these: (batch, channels, ...)."
            )
        ours = x.shape[1] - self.last
        # A copy in one piece: views may rely on how an image lies in memory.
        view = self.inner(x[:, :ours].contiguous(), generator)
        if view.ndim != x.ndim or len(view) != len(x):
            raise errors.ShapeError(
                f"Spare: the views inside turned {(len(x), ours, *x.shape[2:])} into {tuple(view.shape)}. They must "
                "return one item for each, with as many axes."
            )
        kept = x[:, ours:].to(view.dtype)
        if kept.shape[2:] != view.shape[2:]:
            kept = _stretched(kept, view.shape[2:])
        both = torch.cat([view, kept], dim=1)
        is_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        return both.contiguous(memory_format=torch.channels_last) if is_last else both


def _stretched(kept: Tensor, sides: torch.Size) -> Tensor:
    """Views that cut a smaller picture out: the spared channels follow, by the nearest pixel, which keeps values."""
    if kept.ndim not in (3, 4, 5):
        raise errors.ShapeError(
            f"Spare: the views inside changed the sides to {tuple(sides)}, and channels {tuple(kept.shape)} cannot "
            "follow. Use views that keep the sides."
        )
    return torch.nn.functional.interpolate(kept, tuple(sides), mode="nearest")
