"""Attention on the same few items through training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vergence import errors
from vergence.metrics.attention import grid_of
from vergence.observe.attention import Layer, attention
from vergence.training.measures.attention_frame import Drawn, frame_of
from vergence.training.measures.base import Measured
from vergence.training.reference import Reference, at_rest, fitting

__all__ = ["AttentionMaps"]

ITEMS = 4
SMALL_BYTES = 300_000
"""Full maps of one item up to this size are in every frame; larger ones come when they are asked for ..."""
MOST_BYTES = 8_000_000
"""... up to this size: more would hold up the page."""
MOST_NUMBERS = 2_000_000
"""Of all maps of all items together; with more, later looks are at the one item that is shown."""
PATIENCE = 3
"""After so many failures in a row, and no success before, the model is left alone."""


class AttentionMaps:
    """Attention of the model at rest on four items of the reference set, one of each class as far as there are so many.

    reference: its model is run on these items, in eval mode and without gradients.

    A frame of kind `attention` holds

        rows, rows_scale        (items, layers, heads, keys) bytes, (items, layers, heads): `rows / 255 * rows_scale` is
                                the attention of the class token, or without one the mean over all queries
        full, full_scale        (items, layers, heads, queries, keys) bytes, (items, layers, heads, queries): the same
                                for every query; of one item, in the first frame of all; absent where it is large
        rollout, rollout_scale  (items, keys) bytes, (items,)
        entropy, distance, sink_mass, sink_count     (layers, heads): means over queries and items

    of the layers that have maps of one shape (`meta["drawn"]`); entropy and what follows is there of all layers. The
    first frame is the untrained model's, if the first look was before the first step.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.items = _spread(reference.labels, len(reference.items))
        self.possible = len(self.items) > 0
        """The model has attention, as far as is known."""
        self._seen = False
        self._large = False
        self._failures = 0

    def measure(self, step: int, wishes: Mapping[str, str]) -> Measured:
        """The maps now. `wishes`: {"item": number of a reference item, "full": "yes" for full maps that are large}.

        A model without attention is found out by the first call: then `possible` is False, and the static entry
        `attention` says why. Whatever goes wrong inside the model is a mark; nothing is raised.
        """
        asked = str(wishes.get("item", ""))
        item = next((item for item in self.items if str(item) == asked), self.items[0])
        items = [item] if self._large else self.items
        try:
            layers, why, notes = self._look(items)
        except Exception as error:  # a model may refuse to be looked at; the run goes on
            return self._failed(error, step)
        if not layers:
            return self._without(why)
        try:
            measured = self._measured(layers, items, item, full=wishes.get("full") == "yes")
        except errors.VergenceError as error:
            return self._failed(error, step)
        arrays, meta = measured.frames["attention"]
        measured.frames["attention"] = arrays, {**meta, "choices": list(self.items), "notes": list(notes)}
        self._large = sum(layer.weights.numel() for layer in layers) * len(self.items) > MOST_NUMBERS * len(items)
        self._seen, self._failures = True, 0
        return measured

    def _look(self, items: list[int]) -> tuple[tuple[Layer, ...], str, tuple[str, ...]]:
        model = self.reference.model
        part = self.reference.items[torch.tensor(items)]
        with at_rest(model, self.reference.projector), attention(model, samples=slice(len(items))) as seen:
            model(fitting(model, part))
        return seen.layers, seen.why, seen.notes

    def _measured(self, layers: tuple[Layer, ...], items: list[int], item: int, *, full: bool) -> Measured:
        drawn = Drawn.of(layers, len(items), self._grid)
        each = drawn.full_bytes
        wanted: list[int] = []
        if each and (each <= SMALL_BYTES or (full and each <= MOST_BYTES)):
            wanted = [item] if self._seen or each > SMALL_BYTES else items
        return frame_of(layers, drawn, items, wanted, self._grid)

    def _grid(self, keys: int, windows: int) -> tuple[int, int, int]:
        """(prefix, rows, columns) of that many tokens; what is no picture, or fits no grid, is one row."""
        items = self.reference.items
        if items.ndim != 4 or not items.is_floating_point():
            return 0, 1, keys
        aspect = items.shape[-1] / max(1, items.shape[-2]) if windows == 1 else 1.0
        return grid_of(keys, aspect) or (0, 1, keys)

    def _failed(self, error: Exception, step: int) -> Measured:
        why = str(error) if isinstance(error, errors.VergenceError) else f"{type(error).__name__}: {error}"
        text = f"Attention could not be seen at step {step:,}: {why}"
        self._failures += 1
        if not self._seen and self._failures >= PATIENCE:
            self.possible = False
            return Measured(static={"attention": {"why": text}})
        return Measured(marks={"attention": text})

    def _without(self, why: str) -> Measured:
        if self._seen:  # it has attention, and this time none was seen
            return Measured(marks={"attention": f"No attention was seen this time: {why}"})
        self.possible = False
        return Measured(static={"attention": {"why": f"This model has no attention that can be seen: {why}"}})


def _spread(labels: Any, count: int) -> list[int]:
    """The first item of each class, then the first ones, up to four."""
    chosen: list[int] = []
    if isinstance(labels, Tensor) and labels.ndim == 1 and len(labels) == count:
        known: set[int] = set()
        for place, value in enumerate(labels.tolist()):
            if value not in known:
                known.add(value)
                chosen.append(place)
            if len(chosen) == ITEMS:
                break
    rest = (place for place in range(count) if place not in chosen)
    while len(chosen) < min(ITEMS, count):
        chosen.append(next(rest))
    return chosen
