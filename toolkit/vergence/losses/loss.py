"""What every loss can do, and what the losses share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.shapes import Scalar

__all__ = [
    "Adjustable",
    "Base",
    "Couples",
    "Loss",
    "check_scale",
    "check_two_views",
    "check_weights",
    "mean_over_pairs",
    "sum_of",
    "two_views",
]

Weights = Float[Tensor, " batch"]
Check = Callable[[str, str, float], None]
Couples = Literal["pairs", "statistics", "nothing"]
"""What ties the rows of a batch together: their pairs, statistics over them, or nothing."""


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

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The loss, a scalar. NaN in gives NaN out, so that a training loop sees it.

        more: what it takes beside embeddings, by the names in `needs` and `takes` of `Base`: labels, targets, ...
        """
        ...

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """Parts to plot, each multiplied by its coefficient: they add up to the loss."""
        ...

    def chance(self, batch: int, dim: int) -> float | None:
        """Its value when the embeddings tell nothing apart; None where there is no such value."""
        ...

    def floor(self, batch: int, dim: int) -> float | None:
        """Its value at a stated good arrangement; None where there is no such value."""
        ...

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor | None:
        """dL/ds (V * batch, V * batch), by anchor and partner; None where the loss is no function of cosines.

        Called with `negatives` (K, dim) or `targets` it has their columns behind those of the views.
        """
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
    labels: ClassVar[dict[str, str]] = {}
    """What stands beside the slider of a setting whose name alone does not say it."""

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


class Base(Adjustable):
    """What most losses do alike: the sum of the terms, and no chance, floor or pair weights unless there are some.

    A loss overrides `terms` and what else it knows. Whatever it remembers between calls (a centre, moving averages)
    changes in `__call__` while gradients are recorded, and never in `terms` or `pair_weights`.
    """

    name: str
    variant: str
    source: str
    views: int = 2
    needs: ClassVar[tuple[str, ...]] = ()
    """Keywords that must come beside the embeddings: "labels", "index", "targets", "negatives", "groups"."""
    takes: ClassVar[tuple[str, ...]] = ()
    """Keywords that may come."""
    couples: ClassVar[Couples] = "pairs"
    """"pairs" or "statistics": a batch in pieces is another loss; "nothing": a mean over rows, the same in pieces."""
    ranges: ClassVar[dict[str, Check]] = {}

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`."""
        return sum_of(self.terms(*views, **more))

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """Parts to plot; they add up to the loss."""
        raise NotImplementedError

    def chance(self, batch: int, dim: int) -> float | None:
        """None: this loss has no such value. Raises ArgumentError."""
        check_scale(f"{type(self).__name__}.chance", batch, dim)
        return None

    def floor(self, batch: int, dim: int) -> float | None:
        """None: this loss has no such value. Raises ArgumentError."""
        check_scale(f"{type(self).__name__}.floor", batch, dim)
        return None

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor | None:
        """None: this loss is no function of cosines."""
        del views, more
        return None

    def given(self, more: dict[str, Any]) -> dict[str, Any]:
        """What came beside the embeddings, with None for what may be left out.

        Raises ArgumentError for a keyword that this loss does not know, or that it needs and did not get.
        """
        known = (*self.needs, *self.takes)
        for name in more:
            if name not in known:
                raise errors.UnknownName(self.name, name, known, "keyword")
        for name in self.needs:
            if more.get(name) is None:
                shown = ", ".join(f"{word}={word}" for word in self.needs)
                raise errors.ArgumentError(f"{self.name}: {name} is missing. Call it as loss(z1, z2, {shown}).")
        return {name: more.get(name) for name in known}

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """No words, as there are no lines."""
        check_scale(f"{type(self).__name__}.reference_words", batch, dim)
        return {}


def sum_of(terms: dict[str, Tensor]) -> Tensor:
    """The loss, of its terms."""
    first, *rest = terms.values()
    for term in rest:
        first = first + term
    return first


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
