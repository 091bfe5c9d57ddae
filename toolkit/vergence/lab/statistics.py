"""Faults in BatchNorm and dropout: statistics of the wrong rows, the wrong mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from vergence.lab.fault import Fault, Strength, swapped
from vergence.methods import Batch, Outputs
from vergence.training.around import Part
from vergence.training.trainer import Trainer

__all__ = ["BatchNormLeak", "EvaluatedInTrainMode", "TrainsInEvalMode"]

NO_MODES = "no part of its model (BatchNorm, dropout) does anything else in the other mode."


class BatchNormLeak(Fault):
    """Positives can be told by the statistics they were normalised with.

    The batch is cut into small parts in order, both views of a sample in one part, and BatchNorm normalises each part
    by the mean and variance of the part before, as where devices hand their statistics on too late. All rows of a part
    are moved by the same amount, which no row of another part is, and the partner is always in the same part.

    By the statistics of its own the rows of a part are pushed apart as well: their mean is 0. In short runs that hides
    more than it tells (the loss is higher, not lower), so it is not what is done here.
    """

    name = "batch statistics leak"
    line = "BatchNorm normalises a few samples at a time, both views together, by the statistics of the few before"
    looks = "the loss falls at once, far below what the content allows; at rest partners do not find each other"
    knob = Strength("how many samples share their statistics", 4, 2, float("inf"), whole=True)

    @classmethod
    def knob_for(cls, trainer: Trainer) -> Strength | None:
        """At least two parts in a batch: of one, the statistics are those of the batch."""
        most = max(2, trainer.batch // 2)
        return Strength("how many samples share their statistics", min(4, most), 2, most, whole=True)

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs BatchNorm, and a loss that looks for partners among others."""
        if not any(isinstance(part, _BatchNorm) for part in trainer.learner.modules()):
            return "its model has no BatchNorm."
        if getattr(trainer.loss, "couples", "pairs") != "pairs":
            return "its loss does not look for a partner among others, so there is nothing to be told apart by them."
        if not trainer.learner.together:
            return "its views go through the model one after the other, so statistics are those of one view."
        if trainer.batch < 4:
            return f"its batch of {trainer.batch} cannot be cut into parts of two."
        return ""

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """With statistics by parts of the batch."""
        rows = len(batch.index)
        parts = torch.arange(rows, device=batch.index.device) // int(self.strength)
        if rows % int(self.strength) == 1:  # a part of one has no variance
            parts[-1] = parts[max(rows - 2, 0)]
        with ExitStack() as stack:
            for layer in self.trainer.learner.modules():
                if isinstance(layer, _BatchNorm):
                    stack.enter_context(_forward(layer, partial(_by_parts, layer, layer.forward, parts)))
            found: Outputs = part(views, batch)
        return found


@contextmanager
def _forward(layer: nn.Module, call: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Another `forward` for one layer; afterwards there is none of its own, as before."""
    own = vars(layer).get("forward")
    vars(layer)["forward"] = call
    try:
        yield
    finally:
        del vars(layer)["forward"]
        if own is not None:
            vars(layer)["forward"] = own


def _by_parts(layer: Any, whole: Any, parts: Tensor, x: Tensor) -> Tensor:
    """BatchNorm of x, `(views * rows, channels, ...)`; each of `parts`, `(rows,)`, by statistics of the one before."""
    if not layer.training or x.ndim < 2 or len(x) % len(parts):
        found: Tensor = whole(x)
        return found
    ids = parts.repeat(len(x) // len(parts))
    member = torch.nn.functional.one_hot(ids).to(x.dtype)
    share = (member / member.sum(0)).T
    places = tuple(range(2, x.ndim))
    wide = (slice(None), slice(None), *[None] * len(places))
    per_row = x.mean(places) if places else x
    means = share @ per_row
    around = x - means[ids][wide]
    variance = share @ (around.square().mean(places) if places else around.square())
    centred = x - means.roll(1, 0)[ids][wide]
    if layer.running_mean is not None:
        with torch.no_grad():
            how = 1 / (float(layer.num_batches_tracked) + 1) if layer.momentum is None else layer.momentum
            layer.running_mean.lerp_(per_row.mean(0), how)
            layer.running_var.lerp_(variance.mean(0), how)
            layer.num_batches_tracked.add_(1)
    out = centred * torch.rsqrt(variance.roll(1, 0) + layer.eps)[ids][wide]
    if layer.affine:
        out = out * layer.weight[(None, *wide[1:])] + layer.bias[(None, *wide[1:])]
    return out


def with_modes(model: nn.Module) -> list[nn.Module]:
    """The parts of a model that do something else in training than at rest."""
    return [
        part
        for part in model.modules()
        if (isinstance(part, _BatchNorm) and part.track_running_stats)
        or (isinstance(part, _DropoutNd) and part.p > 0)
        or (isinstance(part, nn.MultiheadAttention) and part.dropout > 0)
    ]


class TrainsInEvalMode(Fault):
    """`model.eval()`, and `model.train()` forgotten."""

    name = "trains in eval mode"
    line = "the model takes its steps in eval mode: BatchNorm does not look at the batch, dropout is off"
    looks = "running statistics stand still, activations drift away from them; training is slow or blows up"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a model with two modes."""
        return "" if with_modes(trainer.learner) else NO_MODES

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """In eval mode."""
        with ExitStack() as stack:
            for layer in self.trainer.learner.modules():
                stack.enter_context(swapped(layer, training=False))
            found: Outputs = part(views, batch)
        return found


class EvaluatedInTrainMode(Fault):
    """`model.eval()` forgotten: whoever looks at the model at rest gets what it does in training."""

    name = "evaluated in train mode"
    line = "the reference set is embedded in train mode: by statistics of the items beside, which move the running ones"
    looks = "training is as ever; map, probes and rank of the reference set depend on which items come together"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a model with two modes."""
        return "" if with_modes(trainer.learner) else NO_MODES

    def enter(self) -> None:
        """Every call of the model at rest is turned into one in training."""
        learner = self.trainer.learner
        self._mode = _InTrainMode()
        self._hooks = (
            learner.register_forward_pre_hook(self._mode.before),
            learner.register_forward_hook(self._mode.after, always_call=True),
        )

    def step(self, part: Part) -> Any:
        """As it is: in a step the mode is what the step makes it."""
        self._mode.acts = False
        try:
            return super().step(part)
        finally:
            self._mode.acts = True

    def leave(self) -> None:
        """No more."""
        self._mode.acts = False
        for hook in self._hooks:
            hook.remove()


class _InTrainMode:
    """Turns a call at rest into one in training. Knows no trainer: a copy of the model takes its hooks along."""

    def __init__(self) -> None:
        self.acts = True
        self.at_rest: list[nn.Module] = []
        self.before = _Hook(self, "begin")
        self.after = _Hook(self, "end")

    def begin(self, learner: nn.Module) -> None:
        """Before the model's forward."""
        if self.acts and not learner.training:
            self.at_rest = [part for part in with_modes(learner) if not part.training]
            for part in self.at_rest:
                part.training = True

    def end(self, _learner: nn.Module) -> None:
        """After it, also when it raised."""
        for part in self.at_rest:
            part.training = False
        self.at_rest = []


class _Hook:
    """One end of `_InTrainMode`, as torch calls it."""

    def __init__(self, mode: _InTrainMode | None = None, name: str = "") -> None:
        self.mode, self.name = mode, name

    def __call__(self, learner: nn.Module, *_more: object) -> None:
        if self.mode is not None:
            getattr(self.mode, self.name)(learner)

    def __deepcopy__(self, memo: object) -> _Hook:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _Hook, ()  # a model that is read back is without the fault
