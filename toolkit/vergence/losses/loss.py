"""What every loss can do, and what the losses share."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.shapes import Scalar

__all__ = ["Adjustable", "Loss", "check_scale", "check_two_views", "check_weights", "mean_over_pairs", "two_views"]

Weights = Float[Tensor, " batch"]
Check = Callable[[str, str, float], None]


@runtime_checkable
class Loss(Protocol):
    """A number to minimise that can be taken apart and knows its own scale.

    To watch a loss of your own with its terms, chance and floor, give a class these members; nothing is
    inherited. `nt_xent.py` is the model to follow.
    """

    name: str
    """As in its paper: "NT-Xent"."""
    variant: str
    """Which of the forms in use this is, in words: "2N anchors, both views, mean over anchors"."""
    source: str
    """Authors, year, where: "Chen et al. 2020, arXiv:2002.05709"."""
    views: int
    """How many views it takes."""

    def __call__(self, *views: Tensor) -> Tensor:
        """The loss, a scalar. NaN in gives NaN out, so that a training loop sees it."""
        ...

    def terms(self, *views: Tensor) -> dict[str, Tensor]:
        """Parts to plot, each multiplied by its coefficient: they add up to the loss."""
        ...

    def chance(self, batch: int, dim: int) -> float | None:
        """Its value when the embeddings tell nothing apart; None where there is no such value."""
        ...

    def floor(self, batch: int, dim: int) -> float | None:
        """Its value at a stated good arrangement; None where there is no such value."""
        ...

    def pair_weights(self, *views: Tensor) -> Tensor | None:
        """dL/ds (V * batch, V * batch), by anchor and partner; None where the loss is no function of cosines."""
        ...

    def settings(self) -> dict[str, float]:
        """What may be changed while it runs, and its value now."""
        ...

    def set(self, name: str, value: float) -> None:
        """Change one of `settings`."""
        ...

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """How the lines "chance" and "floor" are labelled."""
        ...


class Adjustable:
    """Settings that keep to their ranges, also while another thread changes them between two steps."""

    ranges: ClassVar[dict[str, Check]]
    """For each setting the check of `vergence.shapes` that its values must pass."""

    def __init__(self, **settings: float) -> None:
        for name, value in settings.items():
            self.ranges[name](type(self).__name__, name, value)
        self._settings = {name: float(value) for name, value in settings.items()}

    def settings(self) -> dict[str, float]:
        """What may be changed while it runs, and its value now."""
        return dict(self._settings)

    def set(self, name: str, value: float) -> None:
        """Change a setting, from the next call on. Raises UnknownName, ArgumentError."""
        call = f"{type(self).__name__}.set"
        if name not in self.ranges:
            raise errors.UnknownName(call, name, self.ranges, what="setting")
        self.ranges[name](call, name, value)
        self._settings[name] = float(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value:g}' for name, value in self._settings.items())})"


def two_views(loss: str, views: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The two views a loss was called with. Raises ShapeError for any other number of them."""
    if len(views) != 2:
        raise errors.ShapeError(
            f"{loss}: {len(views)} view{'' if len(views) == 1 else 's'} came, 2 are needed. "
            f"Call it with the embeddings of both views: loss(z1, z2)."
        )
    return views[0], views[1]


def check_two_views(call: str, a: Tensor, b: Tensor) -> None:
    """Two embeddings of one shape, on one device, of at least two rows. Looks at no value, so it costs no sync."""
    shapes.check_embeddings(call, "a", a)
    shapes.check_embeddings(call, "b", b)
    shapes.check_same_shape(call, a=a, b=b)
    if len(a) < 2:
        raise errors.TooFewRows(
            f"{call}: a and b have 1 row each, 2 are needed: a single pair has nothing to be compared with. "
            "Use a larger batch; did the loader hand over a last, partial one? Set drop_last=True."
        )


def check_weights(call: str, weights: object, batch: int, device: torch.device) -> None:
    """One floating weight per positive pair, where the pairs are."""
    if weights is None:
        return
    if not isinstance(weights, Tensor) or not weights.is_floating_point() or weights.shape != (batch,):
        came = f"{shapes.shape_of(weights)}" + (f" {weights.dtype}" if isinstance(weights, Tensor) else "")
        raise errors.ShapeError(
            f"{call}: weights is {came} but there are {batch} positive pairs. One floating point number, 0 or above, "
            f"per pair is needed: ({batch},)."
        )
    if weights.device != device:
        raise errors.DeviceMismatch(
            f"{call}: a is on {device} but weights is on {weights.device}. Use weights.to(a.device)."
        )


def check_scale(call: str, batch: int, dim: int) -> None:
    """A batch and a dimension for which chance and floor can be asked."""
    shapes.check_count(call, "batch", batch)
    shapes.check_count(call, "dim", dim)


def mean_over_pairs(values: Float[Tensor, " batch"], weights: Weights | None) -> Scalar:
    """The mean, or the mean weighted by `weights` (which need not sum to 1)."""
    if weights is None:
        return values.mean()
    weights = weights.to(values.dtype)
    return (values * weights).sum() / weights.sum()
