"""Faults in what a batch holds: bits that both views share, classes that are too few."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vergence.lab.fault import Fault, Strength
from vergence.lab.pairs import NO_LABELS
from vergence.training.around import Part
from vergence.training.trainer import Trainer

__all__ = ["FewClasses", "SharedBits"]

COLOURS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0))
BITS = 8


class SharedBits(Fault):
    """Random bits are written into every view of a sample, the same into each.

    Into pictures as small squares along the upper edge, into vectors in place of the last entries; drawn anew in each
    step. The items of the reference set get bits as well, which stay. `data.rand_bits` does the same
    beside the content, in channels of their own, with probes of the bits; it must be chosen before the model is made.
    """

    name = "shared bits"
    line = "random bits are written into all views of a sample: a shortcut that tells partners without their content"
    looks = "loss, alignment, uniformity and spread get better, while probes and neighbours by content fall"
    knob = Strength("how many bits", BITS, 1, 64, whole=True)

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs pictures or vectors with room for bits."""
        if any(len(shape) not in (1, 3) for shape in _shapes(trainer)):
            shapes = " and ".join(map(str, _shapes(trainer)))
            return f"its items are {shapes}; bits are written into pictures and vectors."
        return "" if _room(trainer) else "its items are too small for a single bit."

    @classmethod
    def knob_for(cls, trainer: Trainer) -> Strength | None:
        """No more bits than half of an item has room for."""
        room = max(1, _room(trainer))
        return Strength("how many bits", min(BITS, room), 1, room, whole=True)

    def views(self, part: Part, items: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """With bits."""
        made: tuple[Tensor, ...] = part(items)
        bits = torch.randint(2, (len(made[0]), int(self.strength)), generator=self.generator)
        return tuple(written(view, bits, _untouched(self.trainer), _ends(self.trainer)) for view in made)

    def enter(self) -> None:
        """Bits into the reference set."""
        if self.reference is None:
            return
        self._before = self.reference.items
        # Drawn apart: whether anybody looks must not move what the steps draw.
        bits = torch.randint(2, (len(self._before), int(self.strength)), generator=self.apart())
        self.reference.items = written(self._before, bits, _untouched(self.trainer), _ends(self.trainer))

    def leave(self) -> None:
        """The reference set as it was."""
        if self.reference is not None:
            self.reference.items = self._before


def _untouched(trainer: Trainer) -> int:
    return int(getattr(trainer.source, "untouched", 0))


def _ends(trainer: Trainer) -> tuple[float, float]:
    """The darkest and the brightest of a picture: 0 and 1, or the ends of its own range where that goes beyond."""
    low, high = getattr(trainer.source, "value_range", (0.0, 1.0))
    return (0.0, 1.0) if low >= 0 and high <= 1 else (float(low), float(high))


def _shapes(trainer: Trainer) -> set[tuple[int, ...]]:
    source: Any = trainer.source
    return {tuple(source.item_shape), tuple(getattr(source, "second_shape", source.item_shape))}


def _room(trainer: Trainer) -> int:
    """So many bits leave half of an item as it is."""
    spared, found = _untouched(trainer), []
    for shape in _shapes(trainer):
        side = max(1, min(shape[1:]) // 8) if len(shape) == 3 else 1
        found.append((shape[0] - spared) // 2 if len(shape) == 1 else (shape[2] // side) * (shape[1] // (2 * side)))
    return min(found)


def written(x: Tensor, bits: Tensor, spared: int = 0, ends: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """x `(rows, ...)` with bits `(rows, k)` in it; the last `spared` channels or entries stay as they are.

    ends: of pictures, the values of a square that is dark and of one that is bright.
    """
    x, bits = x.clone(), bits.to(x.device)
    own = x[:, : x.shape[1] - spared]
    if x.ndim == 2:
        spread = own.float().std().nan_to_num(1.0).clamp(min=1e-6)
        own[:, own.shape[1] - bits.shape[1] :] = ((2 * bits - 1) * spread).to(x.dtype)
        return x
    side = max(1, min(x.shape[2:]) // 8)
    across = x.shape[3] // side
    colours = torch.tensor(COLOURS, dtype=x.dtype, device=x.device)
    for place in range(bits.shape[1]):
        top, left = place // across * side, place % across * side
        colour = colours[place % len(colours)] if own.shape[1] == 3 else colours.new_ones(own.shape[1])
        square = (bits[:, place, None].to(x.dtype) * colour)[:, :, None, None]
        own[:, :, top : top + side, left : left + side] = ends[0] + (ends[1] - ends[0]) * square
    return x


class FewClasses(Fault):
    """Batches of a few classes: most negatives of an anchor are of its own class."""

    name = "false negatives"
    line = "each batch is drawn from a few classes only, so that many negatives are of the anchor's own class"
    looks = "samples of one class are pushed apart: tolerance and probes of the class fall, uniformity does not"
    knob = Strength("how many classes a batch is drawn from, at least", 2, 1, float("inf"), whole=True)

    @classmethod
    def knob_for(cls, trainer: Trainer) -> Strength | None:
        """Fewer than there are."""
        labels: Any = trainer.source.labels
        most = len(torch.unique(labels[labels >= 0])) - 1
        return Strength("how many classes a batch is drawn from, at least", min(2, most), 1, most, whole=True)

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs labels, negatives, and a loss that does not look at the labels."""
        if getattr(trainer.loss, "couples", "pairs") != "pairs":
            return "its loss has no negatives."
        if "labels" in getattr(trainer.loss, "needs", ()):
            return "its loss looks at the labels: samples of a class are positives there."
        labels: Any = trainer.source.labels
        if labels is None:
            return NO_LABELS + " (Those of a Dataset are known once all was read; hand over labels=.)"
        return "" if len(torch.unique(labels[labels >= 0])) > 1 else "its data has a single class."

    def index(self, part: Part) -> Tensor:
        """A batch of few classes."""
        del part
        labels: Any = self.trainer.source.labels
        classes = torch.unique(labels[labels >= 0])
        order = classes[torch.randperm(len(classes), generator=self.generator)]
        for count in range(min(int(self.strength), len(classes)), len(classes) + 1):
            inside = torch.nonzero(torch.isin(labels, order[:count])).flatten()
            if len(inside) >= self.trainer.batch:
                break
        else:  # most samples have no label
            inside = torch.cat([inside, torch.nonzero(labels < 0).flatten()])
        return inside[torch.randperm(len(inside), generator=self.generator)[: self.trainer.batch]]
