"""Faults in the optimiser: what it moves, and how far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor, nn

from vergence.lab.fault import Fault, Strength
from vergence.methods import Learner
from vergence.training.around import Part
from vergence.training.trainer import Trainer

__all__ = ["AnotherModel", "FrozenEncoder", "OnlyTheHead", "RateTooHigh", "RateZero"]

NO_HEAD = 'nothing but its encoder learns, so nothing would be left; give it a head: projector="mlp".'


def of_encoders(learner: Learner) -> list[nn.Parameter]:
    """The weights of every encoder that is trained: of both, where there are two, and of all stages."""
    parts = [learner.encoder, getattr(learner, "second", None), getattr(learner, "encoders", None)]
    found = {id(value): value for part in parts if isinstance(part, nn.Module) for value in part.parameters()}
    return list(found.values())


def learned_elsewhere(trainer: Trainer) -> list[nn.Parameter]:
    """What the optimiser moves beside the encoders."""
    inside = {id(value) for value in of_encoders(trainer.learner)}
    held = (value for group in trainer.optimiser.param_groups for value in group["params"])
    return [value for value in held if id(value) not in inside]


class FrozenEncoder(Fault):
    """The encoder gets no gradient."""

    name = "frozen encoder"
    line = "the encoder's weights do not require a gradient; the head learns alone"
    looks = (
        "the loss falls less far and rests; the encoder's weights stay; with BatchNorm, h at rest moves until the "
        "running statistics have settled"
    )

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs something else that learns."""
        return "" if learned_elsewhere(trainer) else NO_HEAD

    def step(self, part: Part) -> Any:
        """Without a gradient in the encoder."""
        self._learning: list[nn.Parameter] = []
        try:
            return super().step(part)
        finally:
            for value in self._learning:
                value.requires_grad_()

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """From here on: what the learner froze for good when the step began stays frozen after it."""
        self._learning = [value for value in of_encoders(self.trainer.learner) if value.requires_grad]
        for value in self._learning:
            value.requires_grad_(False)
        return super().items(part, index)


@contextmanager
def holding(trainer: Trainer, choose: Callable[[list[Tensor]], list[Tensor]]) -> Iterator[None]:
    """The optimiser with other parameters for a while."""
    groups = trainer.optimiser.param_groups
    before = [group["params"] for group in groups]
    try:
        for group in groups:
            group["params"] = choose(group["params"])
        yield
    finally:
        for group, values in zip(groups, before, strict=True):
            group["params"] = values


class OnlyTheHead(Fault):
    """The optimiser was given the parameters of the head."""

    name = "only the head in the optimiser"
    line = "the optimiser holds everything but the encoder, which gets gradients and never moves"
    looks = "as a frozen encoder, but its gradients are there and pile up, since nobody clears them"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs something else that learns."""
        return "" if learned_elsewhere(trainer) else NO_HEAD

    def update(self, part: Part, loss: Tensor) -> None:
        """Without the encoder in the optimiser."""
        encoders = {id(value) for value in of_encoders(self.trainer.learner)}
        with holding(self.trainer, lambda values: [value for value in values if id(value) not in encoders]):
            part(loss)


class AnotherModel(Fault):
    """The optimiser was given the parameters of another copy of the model."""

    name = "another model in the optimiser"
    line = "the optimiser holds a copy of the model, and of what the loss learns, that no loss ever sees"
    looks = "the loss stays where it began, but for noise; gradients are there and pile up, no weight moves"

    def enter(self) -> None:
        """The copy."""
        held = (value for group in self.trainer.optimiser.param_groups for value in group["params"])
        self._copies = {id(value): nn.Parameter(value.detach().clone()) for value in held}

    def update(self, part: Part, loss: Tensor) -> None:
        """With the copy in the optimiser."""
        with holding(self.trainer, lambda values: [self._copies.get(id(value), value) for value in values]):
            part(loss)


class Rate(Fault):
    """A learning rate other than was set."""

    factor: ClassVar[float | None] = None

    def update(self, part: Part, loss: Tensor) -> None:
        """With the wrong learning rate."""
        groups = self.trainer.optimiser.param_groups
        before = [group["lr"] for group in groups]
        try:
            for group in groups:
                group["lr"] = group["lr"] * (self.strength if self.factor is None else self.factor)
            part(loss)
        finally:
            for group, rate in zip(groups, before, strict=True):
                group["lr"] = rate


class RateZero(Rate):
    """Nothing moves."""

    name = "learning rate zero"
    line = "the optimiser steps with a learning rate of 0, whatever was set"
    looks = "the loss stays where it is, but for noise; gradients are there, no weight moves"
    factor = 0.0


class RateTooHigh(Rate):
    """Everything moves too far."""

    name = "learning rate too high"
    line = "the optimiser steps with many times the learning rate that was set"
    looks = "the loss jumps up and rests at chance or worse, or is not finite; weights grow, embeddings often collapse"
    knob = Strength("the factor on the learning rate", 1000, 1, 1e6)
