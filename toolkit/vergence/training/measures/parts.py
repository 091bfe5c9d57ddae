"""The parts of the loss, measured by calling it with what it was called with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vergence import shapes
from vergence.losses import Loss
from vergence.losses.loss import sum_of
from vergence.training.measures.base import Measured
from vergence.training.randomness import OwnRandomness, generator, loss_draws

__all__ = ["Called", "Parts"]


@dataclass(frozen=True)
class Called:
    """What a loss was called with.

    given: embeddings, or what a predictor made of them. more: keywords. random: the state of the generator that it
    drew from, so that its parts are measured with the same draws; None: it is not known. found: what came out of it.
    items: what the views were made of; None: it is not known.
    """

    given: tuple[Any, ...]
    more: Mapping[str, Any] = field(default_factory=dict)
    random: Tensor | None = None
    found: Any = None
    items: Tensor | None = None


class Parts:
    """Terms, chance and floor of an objective.

    Called without gradients, and by `terms`, so nothing that the loss remembers is moved. Where the loss learns or
    remembers something itself (prototypes, a centre), the terms are those of its state when they are measured.
    """

    def __init__(self, objective: Loss) -> None:
        self.objective = objective
        self._scale: tuple[object, ...] = ()
        self._settings: dict[str, float] | None = None

    def changed(self) -> bool:
        """A setting is another than at the last call: the terms and lines drawn so far are those of another loss."""
        settings = self.objective.settings()
        changed, self._settings = settings != self._settings, settings
        return changed

    def measure(self, called: Called, labels: object = None) -> Measured:
        """The plottable parts of the loss, which sum to it; its scale where that has changed.

        labels: those of the step; used where the loss needs labels and was handed none.
        """
        given, more, missing = self._handed(called, labels)
        if missing:
            return Measured(marks={"needs": self._asks_for(missing)})
        with self._same_draws(called.random, given[0].device):
            terms = self.objective.terms(*given, **more)
        found = Measured({f"loss/{name}": float(value) for name, value in terms.items()})
        batch, dim = given[0].shape[0], given[0].shape[-1]
        sizes = tuple((name, len(value)) for name, value in more.items() if isinstance(value, Tensor) and value.ndim)
        scale = (batch, dim, sizes, *self.objective.settings().items())
        if scale != self._scale:
            self._scale = scale
            for name, value in (
                ("loss/chance", self.objective.chance(batch, dim)),
                ("loss/floor", self.objective.floor(batch, dim)),
            ):
                if value is not None:
                    found.scalars[name] = float(value)
            words = self.objective.reference_words(batch, dim)
            found.static = {"loss_words": words, "batch": batch, "dim": dim}
        return found

    def total(self, called: Called, labels: object = None) -> float | None:
        """What the loss is by its class, whatever took the place of its methods; None where a keyword is missing."""
        given, more, missing = self._handed(called, labels)
        if missing:
            return None
        with torch.no_grad(), self._same_draws(called.random, given[0].device):
            return float(sum_of(type(self.objective).terms(self.objective, *given, **more)))

    def _handed(self, called: Called, labels: object) -> tuple[tuple[Any, ...], dict[str, Any], list[str]]:
        """Detached, with the labels of the step where they are needed; and which keywords are missing."""
        more = {name: _detached(value) for name, value in called.more.items() if value is not None}
        if "labels" in self._needs and isinstance(labels, Tensor):
            more.setdefault("labels", labels)
        missing = [name for name in self._needs if name not in more]
        return tuple(_detached(rows) for rows in called.given), more, missing

    def check(self, views: Sequence[Any]) -> None:
        """What a user's loop handed over: embeddings `(batch, dim)` each, or ShapeError, in words."""
        for number, view in enumerate(views, 1):
            shapes.check_embeddings(self.objective.name, f"view {number}", view)

    @contextmanager
    def _same_draws(self, state: Tensor | None, device: torch.device) -> Iterator[None]:
        """A loss that draws random numbers takes them from elsewhere: being watched must not move its own."""
        if not loss_draws(self.objective):
            yield
            return
        own = getattr(self.objective, "generator", None)
        if isinstance(own, torch.Generator):
            before = own.get_state()
            try:
                own.set_state(before if state is None else state)
                yield
            finally:
                own.set_state(before)
            return
        ours = generator(0, "parts", device)
        if state is not None:
            ours.set_state(state)
        with OwnRandomness(ours):
            yield

    @property
    def _needs(self) -> tuple[str, ...]:
        return tuple(getattr(self.objective, "needs", ()))

    def _asks_for(self, missing: Sequence[str]) -> str:
        shown = ["labels=labels"] if "labels" in missing else []
        beside = ", ".join(f'"{name}": {name}' for name in missing if name != "labels")
        shown += [f"more={{{beside}}}"] if beside else []
        return (
            f"{self.objective.name} needs {', '.join(missing)}, which did not come, so its parts are not measured. "
            f"Hand over what it was called with: m.step(z1, z2, {', '.join(shown)})."
        )


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, tuple | list):
        return tuple(_detached(part) for part in value)
    return value
