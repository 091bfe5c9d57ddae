"""Trainer: one training step, and everything it needs. It knows nothing of threads, controls or pictures."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.data import DatasetSource, Source
from vergence.methods import Recipe
from vergence.training.randomness import OwnRandomness, generator, is_ours, may_draw

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
    inputs: tuple[Tensor, ...] = ()
    """The views, as the model saw them."""


class Trainer:
    """Takes training steps of a recipe on a source, with random numbers of its own.

    Data order, views, initial weights and dropout each have a generator seeded from `seed`, so the same
    seed gives the same weights whatever else draws random numbers in the process.
    """

    def __init__(self, recipe: Recipe, source: Source, *, seed: int, batch: int, device: torch.device) -> None:
        self.loss = copy.deepcopy(recipe.loss)
        self.source = copy.copy(source)
        self.views = recipe.views_for(source.item_shape)
        self.batch = min(batch, len(source))
        self.device = device
        with OwnRandomness(generator(seed, "model")):
            self.learner = recipe.build(source.item_shape).to(device)
        self.optimiser = recipe.optimiser(self.learner)
        self._data = generator(seed, "data")
        self._views = generator(seed, "views", device)
        self._inside = generator(seed, "dropout", device)
        # A Dataset of the user's may draw (random crops): looked at until a few batches have shown that it does not,
        # since a batch of items is many small operations.
        self._items_draw = isinstance(self.source, DatasetSource)
        self._batches = 0
        self._views_draw, self._model_draws = not is_ours(self.views), may_draw(self.learner)
        self._loss_draws = not is_ours(self.loss)
        self._order = torch.empty(0, dtype=torch.long)
        self._bad = 0

    def step(self) -> Taken:
        """One step: batch, views, forward, backward, update.

        Raises ShapeError when the loss is not one number; whatever else goes wrong in data, model or loss
        passes through.
        """
        index = self._next_batch()
        items = self._items(index)
        with self._own(self._views, self._views_draw):
            views = tuple(self.views(item.to(self.device), self._views) for item in items)
        with self._own(self._inside, self._model_draws):
            h, z = self.learner(torch.cat(views))
        self._check_rows(h=h, z=z, items=len(index), views=len(views))
        embedded = z.split(len(index))
        with self._own(self._inside, self._loss_draws):
            found: object = self.loss(*embedded)
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
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
        labels = self.source.label_of(index)
        group = getattr(self.source, "positives_of", None)
        positives = None if group is None else group(index)
        return Taken(embedded, h.split(len(index)), loss.detach(), labels, positives, skipped, views)

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
    def _check_rows(*, h: object, z: object, items: int, views: int) -> None:
        for name, rows in (("h", h), ("z", z)):
            if not isinstance(rows, Tensor) or rows.ndim == 0 or len(rows) != views * items:
                raise errors.ShapeError(
                    f"The model turned {views} views of {items} items into {name} of {shapes.shape_of(rows)}. It must "
                    f"return one row per item and view: ({views * items}, dim)."
                )

    @staticmethod
    def _own(source: torch.Generator, draws: bool) -> AbstractContextManager[object]:
        return OwnRandomness(source) if draws else nullcontext()

    def _next_batch(self) -> Tensor:
        if len(self._order) < self.batch:
            self._order = torch.randperm(len(self.source), generator=self._data)
        index, self._order = self._order[: self.batch], self._order[self.batch :]
        return index
