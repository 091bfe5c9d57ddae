"""Trainer: one training step, and everything it needs. It knows nothing of threads, controls or pictures."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.data import DatasetSource, Source, inner_source
from vergence.methods import Batch, Learner, Outputs, Recipe
from vergence.training.around import Around, Part, through
from vergence.training.randomness import OwnRandomness, generator, is_ours, loss_draws, may_draw
from vergence.views import Spare

__all__ = ["Taken", "Trainer"]

BAD_LOSSES = 10
"""After so many losses in a row that are not finite, training has failed."""


QUIET_BATCHES = 3
"""A Dataset that drew nothing in so many batches is taken not to draw."""


@dataclass(frozen=True)
class Taken:
    """What one step handed on: embeddings and representations by view, loss, labels, groups."""

    z: tuple[Tensor, ...]
    h: tuple[Tensor, ...]
    loss: Tensor
    labels: Tensor | None
    positives: Tensor | None
    """Group ids, where samples of a batch may belong together; None: each sample is its own group."""
    skipped: bool
    """The loss was not finite, so the weights were left as they were."""
    inputs: tuple[Tensor, ...] | None = ()
    """The views, as the model saw them; None where its `forward` cannot embed all of them again."""
    given: tuple[Tensor, ...] = ()
    """What the loss was called with."""
    more: dict[str, Any] = field(default_factory=dict)
    """The keywords it was called with."""
    random: Tensor | None = None
    """Where random numbers stood when it was called; None: it draws none."""
    items: Tensor | None = None
    """What the views were made of."""


class Trainer:
    """Takes training steps of a recipe on a source, with random numbers of its own.

    Data order, views, initial weights and dropout each have a generator seeded from `seed`, so the same
    seed gives the same weights whatever else draws random numbers in the process.
    """

    def __init__(self, recipe: Recipe, source: Source, *, seed: int, batch: int, device: torch.device) -> None:
        self.source = copy.copy(source)
        self.views = recipe.views_on(source)
        # A pair of two kinds (an image and its words) has views of its own for each.
        parts = tuple(getattr(self.views, "parts", ())) or (self.views,)
        # What a source appended on purpose (`data.rand_bits`) reaches the model as it was drawn.
        untouched = getattr(source, "untouched", 0)
        self._views_of = tuple(_sparing(part, untouched) for part in parts) if untouched else parts
        self.batch = min(batch, len(source))
        self.device = device
        with OwnRandomness(generator(seed, "model")):
            self.learner = recipe.build_on(source).to(device)
            self.loss = recipe.loss_for(self.learner)
            if isinstance(self.loss, nn.Module):
                self.loss.to(device)
        self.learner.joined(self.loss)
        self.optimiser = recipe.optimiser(self.learner)
        self._train_loss_too()
        self._wanted = tuple(dict.fromkeys((*getattr(self.loss, "needs", ()), *getattr(self.loss, "takes", ()))))
        self._check_labels()
        self._data = generator(seed, "data")
        self._views = generator(seed, "views", device)
        self._inside = generator(seed, "dropout", device)
        # A Dataset of the user's may draw (random crops): looked at until a few batches have shown that it does not,
        # since a batch of items is many small operations.
        self._items_draw = isinstance(inner_source(self.source), DatasetSource)
        self._batches = 0
        self._views_draw = not all(is_ours(part) for part in parts)
        self._model_draws = may_draw(self.learner) or self.learner.draws
        self._begins = type(self.learner).begin is not Learner.begin
        self._loss_draws = loss_draws(self.loss)
        self._batches_of = copy.deepcopy(recipe.batches)
        self._order = torch.empty(0, dtype=torch.long)
        self._bad = 0
        self._steps = 0
        self.around: tuple[Around, ...] = ()
        """What stands around the parts of a step; changed between two steps only."""

    def step(self) -> Taken:
        """One step: batch, views, forward, backward, update.

        Raises ShapeError when the loss is not one number, or the model does not return a row per item; whatever
        else goes wrong in data, model or loss passes through.
        """
        taken: Taken = self._part("step", self._step)()
        return taken

    def _part(self, name: str, part: Part) -> Part:
        return through(self.around, name, part)

    def _step(self) -> Taken:
        self._steps += 1
        with self._own(self._inside, self._begins):
            self.learner.begin(self._steps, self.source)
        index = self._part("index", self._next_batch)()
        items = self._part("items", self._items)(index)
        with self._own(self._views, self._views_draw):
            views = self._part("views", self._views_on)(items)
        batch = self._part("known", self._known)(index)
        with self._own(self._inside, self._model_draws):
            outputs = self._part("embed", self.learner.embed)(views, batch)
        self._check_rows(outputs, items=len(index))
        more = outputs.more | {
            name: value for name, value in self._beside(batch).items() if outputs.more.get(name) is None
        }
        random = self._random()
        with self._own(self._inside, self._loss_draws):
            found: object = self._part("loss", self.loss)(*outputs.given, **more)
        if not isinstance(found, Tensor) or found.numel() != 1:
            raise errors.ShapeError(
                f"{type(self.loss).__name__} returned {shapes.shape_of(found)}. A loss is one number; "
                "return loss.mean()."
            )
        loss = found.reshape(())
        skipped = not bool(torch.isfinite(loss.detach()))
        if skipped:
            self._bad += 1
        else:
            self._bad = 0
            self._part("update", self._update)(loss)
            with torch.no_grad(), self._own(self._inside, self.learner.draws):
                self._part("follow", self.learner.updated)(outputs, batch)
        return Taken(
            outputs.z, outputs.h, loss.detach(), batch.labels, batch.groups, skipped,
            views if self.learner.takes_every_view else None, outputs.given, more, random, items[0],
        )  # fmt: skip

    def _views_on(self, items: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Whoever wants more than two views gets them of both items in turn."""
        return tuple(
            self._views_of[number % len(self._views_of)](items[number % len(items)].to(self.device), self._views)
            for number in range(self.loss.views)
        )

    def _update(self, loss: Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def _random(self) -> Tensor | None:
        """The state of the generator that the loss is about to draw from."""
        if not self._loss_draws:
            return None
        own = getattr(self.loss, "generator", None)
        state: Tensor = (own if isinstance(own, torch.Generator) else self._inside).get_state()
        return state

    def _train_loss_too(self) -> None:
        """What is learned inside the loss (prototypes, a temperature) is moved by the same optimiser."""
        if not isinstance(self.loss, nn.Module):
            return
        there = {id(value) for group in self.optimiser.param_groups for value in group["params"]}
        own = [value for value in self.loss.parameters() if value.requires_grad and id(value) not in there]
        if own:
            self.optimiser.add_param_group({"params": own})

    def _check_labels(self) -> None:
        if "labels" in getattr(self.loss, "needs", ()) and self.source.label_of(torch.arange(1)) is None:
            raise errors.ArgumentError(
                f"{self.loss.name} needs labels, and {self.source.name} has none. "
                "Hand over both: Run(method, data=(x, labels))."
            )

    def _known(self, index: Tensor) -> Batch:
        # After the items were read: a Dataset knows the labels of what it has read.
        labels = self.source.label_of(index)
        find = getattr(self.source, "positives_of", None)
        groups = None if find is None else find(index)
        return Batch(index.to(self.device), self._there(labels), self._there(groups), self._steps)

    def _there(self, values: Tensor | None) -> Tensor | None:
        return None if values is None else values.to(self.device)

    def _beside(self, batch: Batch) -> dict[str, Tensor]:
        """Of what is known of the batch, the part that the loss wants."""
        known = {"labels": batch.labels, "index": batch.index, "groups": batch.groups}
        return {name: value for name, value in known.items() if name in self._wanted and value is not None}

    def check(self) -> None:
        """Raise when the loss has not been finite for too long."""
        if self._bad >= BAD_LOSSES:
            raise errors.NotFinite(
                f"the loss has not been finite for {self._bad} steps. No update was made in them, so the weights are "
                "those of the last good step. Lower the learning rate, or look for NaN in the data or a division by "
                "zero in the model; run.reset() begins again."
            )

    def _items(self, index: Tensor) -> tuple[Tensor, Tensor]:
        if not self._items_draw:
            return self.source.pair(index, self._data)
        with OwnRandomness(self._data) as own:
            items = self.source.pair(index, self._data)
        self._batches += 1
        self._items_draw = own.drawn > 0 or self._batches < QUIET_BATCHES
        return items

    @staticmethod
    def _check_rows(outputs: Outputs, *, items: int) -> None:
        views: tuple[tuple[str, tuple[object, ...]], ...] = (("h", outputs.h), ("z", outputs.z))
        for name, parts in views:
            for rows in parts:
                if not isinstance(rows, Tensor) or rows.ndim == 0 or len(rows) != items:
                    raise errors.ShapeError(
                        f"The model turned {items} items into {name} of {shapes.shape_of(rows)}. It must return one "
                        f"row per item in each view: ({items}, dim)."
                    )

    @staticmethod
    def _own(source: torch.Generator, draws: bool) -> AbstractContextManager[object]:
        return OwnRandomness(source) if draws else nullcontext()

    def _next_batch(self) -> Tensor:
        if len(self._order) < self.batch:
            self._order = self._next_order()
        index, self._order = self._order[: self.batch], self._order[self.batch :]
        return index

    def _next_order(self) -> Tensor:
        if self._batches_of is None:
            return torch.randperm(len(self.source), generator=self._data)
        order: object = self._batches_of(self.source, self.batch, self._data)
        if not isinstance(order, Tensor) or order.ndim != 1 or len(order) < self.batch:
            raise errors.ShapeError(
                f"batches returned {shapes.shape_of(order)}. It must return positions of samples in one row, at least "
                f"one batch of them: ({self.batch},)."
            )
        return order


def _sparing(part: Callable[[Tensor, torch.Generator], Tensor], last: int) -> Spare:
    """Views that leave the last channels alone; what the user's own spare already are not counted off twice."""
    if not isinstance(part, Spare):
        return Spare(part, last)
    return part if part.last >= last else Spare(part.inner, last)
