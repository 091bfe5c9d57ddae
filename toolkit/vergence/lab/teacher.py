"""Faults in the teacher: it never follows, or at once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from vergence.lab.fault import Fault, swapped
from vergence.methods import Batch, Outputs
from vergence.models import Teacher
from vergence.training.around import Part
from vergence.training.trainer import Trainer

__all__ = ["FrozenTeacher", "InstantTeacher"]


class OfTeacher(Fault):
    """A teacher with another momentum than was set."""

    momentum: ClassVar[float]
    already: ClassVar[str]

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a teacher."""
        every = teachers(trainer)
        if not every:
            return "it has no teacher (a vergence.models.Teacher)."
        return cls.already if all(teacher.momentum == cls.momentum for teacher in every) else ""

    def follow(self, part: Part, outputs: Outputs, batch: Batch) -> None:
        """With the wrong momentum."""
        with ExitStack() as stack:
            for teacher in teachers(self.trainer):
                stack.enter_context(swapped(teacher, momentum=self.momentum, steps=None))
            part(outputs, batch)


class FrozenTeacher(OfTeacher):
    """The teacher never follows."""

    name = "frozen teacher"
    line = "the teacher stays as it is: momentum 1, whatever was set"
    looks = "the student copies a network that learns nothing: the loss falls and rests, probes stay near the first"
    momentum = 1.0
    already = "its teacher does not move already: momentum is 1."


class InstantTeacher(OfTeacher):
    """The teacher is the student itself, without its gradient."""

    name = "instant teacher"
    line = "the teacher is the student itself, without its gradient: momentum 0, whatever was set"
    looks = "targets jump; without a predictor or negatives the embeddings shrink, with them learning is rougher"
    momentum = 0.0
    already = "its teacher is the student already: momentum is 0."


def teachers(trainer: Trainer) -> list[Teacher]:
    """Every teacher of a learner."""
    return [part for part in trainer.learner.modules() if isinstance(part, Teacher)]
