"""Faults in the data: pairs that are none, views that say too little or too much, items that are broken."""

from __future__ import annotations

import numbers
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vergence import errors
from vergence.lab.fault import Fault, Strength, swapped
from vergence.methods import Batch
from vergence.training.around import Part
from vergence.training.randomness import OwnRandomness
from vergence.training.trainer import Trainer
from vergence.views import Identity

__all__ = [
    "BrokenInputs",
    "Duplicates",
    "NoisyPositives",
    "OtherClasses",
    "SameViewTwice",
    "ShuffledPairs",
    "ViewsTooStrong",
    "ViewsTooWeak",
    "shuffled",
]

NO_LABELS = "its data has no labels."


def shuffled(x: Tensor, share: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Rows of x, of which a share has changed places: none of these is where it was, the others are.

    For a loop of your own: `loss(z1, lab.shuffled(z2))` is a loss of pairs that are none.

    x: (rows, ...). share: 0 to 1; at least two rows change places, unless it is 0. generator: None: torch's own.

    Raises ArgumentError for a share outside 0 to 1.
    """
    given: Any = share
    if isinstance(given, bool) or not isinstance(given, numbers.Real) or not 0 <= float(given) <= 1:
        raise errors.ArgumentError(f"lab.shuffled: share is {share!r}. It is the share of the rows, from 0 to 1.")
    chosen = torch.randperm(len(x), generator=generator)[: _at_least(round(share * len(x)), share, 2)]
    where = torch.arange(len(x))
    where[chosen] = chosen.roll(1)
    return x[where.to(x.device)]


def _at_least(count: int, share: float, least: int) -> int:
    return max(count, least) if share > 0 else 0


class ShuffledPairs(Fault):
    """The second item of a pair is another sample of the batch."""

    name = "shuffled pairs"
    line = "the second items of a batch have changed places: row i of view 2 is not row i of view 1"
    looks = "the loss rests at chance, positives are as far apart as negatives; what is learned is common to all items"
    knob = Strength("the share of a batch that has changed places", 1.0, 0.0, 1.0)

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """The second ones in another order."""
        first, *rest = part(index)
        return (first, *(shuffled(second, self.strength, self.generator) for second in rest))


class NoisyPositives(Fault):
    """The second item of some pairs is any other sample."""

    name = "noisy positives"
    line = "in a share of the pairs the second item is another sample, drawn from the whole set"
    looks = "positives have two humps, one of them where negatives are; the loss falls less far"
    knob = Strength("the share of pairs", 0.3, 0.0, 1.0)

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """Some of the second ones replaced."""
        first, second = part(index)
        rows = torch.randperm(len(index), generator=self.generator)[: self.count(len(index))]
        # An offset of 1 or more: never the sample itself.
        offset = torch.randint(1, len(self.trainer.source), (len(rows),), generator=self.generator)
        others = (index[rows] + offset) % len(self.trainer.source)
        if len(rows) == 0:
            return first, second
        with OwnRandomness(self.generator):
            drawn = self.trainer.source.pair(others, self.generator)[1]
        return first, second.index_copy(0, rows.to(second.device), drawn.to(second))


class OtherClasses(Fault):
    """The second item of some pairs is of another class."""

    name = "positives of other classes"
    line = "in a share of the pairs the second item is a sample of the batch with another label"
    looks = "positives have two humps; classes move into one another, and probes of them fall"
    knob = Strength("the share of pairs", 0.3, 0.0, 1.0)

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs labels."""
        return "" if trainer.source.label_of(torch.arange(1)) is not None else NO_LABELS

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """Some of the second ones replaced."""
        first, second = part(index)
        labels: Any = self.trainer.source.label_of(index)
        other = (labels[:, None] != labels).float()
        rows = torch.randperm(len(index), generator=self.generator)[: self.count(len(index))]
        rows = rows[other[rows].any(1)]  # a batch of one class has nobody to choose
        if len(rows) == 0:
            return first, second
        chosen = torch.multinomial(other[rows], 1, generator=self.generator)[:, 0]
        return first, second.index_copy(0, rows.to(second.device), second[chosen.to(second.device)])


class SameViewTwice(Fault):
    """Both views are one and the same."""

    name = "same view twice"
    line = "every view is the first view: the augmentation was drawn once, or the wrong variable handed over"
    looks = "positives meet exactly from the first step; only the negatives teach, and probes stay near the first"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs items of one kind."""
        second = tuple(getattr(trainer.source, "second_shape", trainer.source.item_shape))
        return "" if second == tuple(trainer.source.item_shape) else "the two items of its pairs are of two kinds."

    def views(self, part: Part, items: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The first one, again and again."""
        made: tuple[Tensor, ...] = part(items)
        return (made[0],) * len(made)


class ViewsTooStrong(Fault):
    """Views of views of views, at full strength."""

    name = "views too strong"
    line = "views are made at full strength, and views of these again"
    looks = "positives stay far apart, the loss rests high, probes fall: what defines an item does not survive"
    knob = Strength("how often a view is made of a view", 3, 1, 20, whole=True)

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs views that change something."""
        return "its views change nothing, at any strength." if isinstance(trainer.views, Identity) else ""

    def views(self, part: Part, items: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One after the other."""
        with _strength(self.trainer, 1.0):
            for _ in range(int(self.strength)):
                items = part(items)
        return items


class ViewsTooWeak(Fault):
    """Views that hardly differ."""

    name = "views too weak"
    line = "views are made at hardly any strength, whatever was set"
    looks = "positives meet early and the loss falls fast; neighbours by content are no better than before"
    knob = Strength("the strength of the views", 0.02, 0.0, 1.0)

    @classmethod
    def knob_for(cls, trainer: Trainer) -> Strength | None:
        """Less than what is set."""
        there = float(trainer.views.strength)
        return Strength("the strength of the views", min(0.02, there / 2), 0.0, there, below=True)

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs views whose strength can be set."""
        if not hasattr(trainer.views, "strength"):
            return "its views have no strength to be set."
        return "its views change nothing already." if trainer.views.strength == 0 else ""

    def views(self, part: Part, items: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Weak ones."""
        with _strength(self.trainer, self.strength):
            made: tuple[Tensor, ...] = part(items)
        return made


def _strength(trainer: Trainer, value: float) -> AbstractContextManager[object]:
    views = trainer.views
    return swapped(views, strength=value) if hasattr(views, "strength") else nullcontext()


class Duplicates(Fault):
    """Many samples are copies of a few others."""

    name = "duplicates in the data"
    line = "a share of the samples are copies of others, eight of each, with their labels and numbers of their own"
    looks = "some negatives lie where the positives are; the loss cannot fall below what telling copies apart costs"
    knob = Strength("the share of samples that are copies", 0.3, 0.0, 0.9)

    def enter(self) -> None:
        """Who is a copy of whom."""
        samples = len(self.trainer.source)
        order = torch.randperm(samples, generator=self.generator)
        copies = order[: self.count(samples)]
        originals = order[len(copies) :][: -(-len(copies) // 8)]
        self.original = torch.arange(samples)
        if len(originals):
            self.original[copies] = originals[torch.arange(len(copies)) % len(originals)]

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """Those of the originals."""
        found: tuple[Tensor, ...] = part(self.original[index])
        return found

    def known(self, part: Part, index: Tensor) -> Batch:
        """Labels of the originals, numbers of the copies."""
        found: Batch = part(self.original[index])
        return replace(found, index=index.to(found.index.device))


class BrokenInputs(Fault):
    """Some samples are NaN."""

    name = "NaN in the inputs"
    line = "a few samples of the set are NaN"
    looks = "steps with such a sample are skipped; BatchNorm keeps the NaN, so that at rest all embeddings are NaN"
    knob = Strength("the share of samples, at least one", 0.002, 0.0, 1.0)

    def enter(self) -> None:
        """Which ones."""
        samples = len(self.trainer.source)
        self.broken = torch.zeros(samples, dtype=torch.bool)
        self.broken[torch.randperm(samples, generator=self.generator)[: max(1, self.count(samples))]] = True

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """With NaN."""
        rows = torch.nonzero(self.broken[index]).flatten()
        return tuple(item.index_fill(0, rows.to(item.device), float("nan")) for item in part(index))
