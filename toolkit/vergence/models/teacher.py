"""Teacher: a copy of a model whose weights follow it slowly."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from vergence import errors, shapes

__all__ = ["Teacher"]


class Teacher(nn.Module):
    r"""A second network that no gradient trains: its weights are a moving average of the student's.

        theta' <- m theta' + (1 - m) theta          after each step; EMA: exponential moving average
        m(k) = 1 - (1 - m) (cos(pi k / K) + 1) / 2  with steps=K: from m at the first step to 1 at step K

    student: copied as it is. momentum: m, 0 to 1: at 1 the teacher never moves, at 0 it is the student. It looks
    back over about 1 / (1 - m) steps: 100 at 0.99, 250 at 0.996. steps: the length of the schedule; None: m stays.

    Buffers (running statistics of BatchNorm) are copied at each update. A call never records a gradient. In training
    BatchNorm takes the statistics of the teacher's own batch, as in MoCo, BYOL and DINO; dropout is off, so that a
    target is not noise.

    Raises ArgumentError.
    Source: He et al. 2019, arXiv:1911.05722, equation 2; the schedule: Grill et al. 2020, arXiv:2006.07733,
    appendix F.6; their tau is our m.
    """

    def __init__(self, student: nn.Module, momentum: float = 0.99, steps: int | None = None) -> None:
        super().__init__()
        if steps is not None:
            shapes.check_count("Teacher", "steps", steps)
        self.model = copy.deepcopy(student).requires_grad_(False)
        self.steps = steps
        self._momentum = 0.0
        self.momentum = momentum
        self.train(student.training)

    @property
    def momentum(self) -> float:
        """m before the first step; what a schedule starts from. Raises ArgumentError outside 0 to 1."""
        return self._momentum

    @momentum.setter
    def momentum(self, value: float) -> None:
        shapes.check_nonnegative("Teacher", "momentum", value)
        if value > 1:
            raise errors.ArgumentError(
                f"Teacher: momentum is {value!r}. It must lie between 0 (the teacher is the student) and 1 (it never "
                "moves), for example 0.99."
            )
        self._momentum = float(value)

    def at(self, step: int) -> float:
        """m after `step` updates, counted from 0."""
        if self.steps is None:
            return self._momentum
        done = min(step, self.steps) / self.steps
        return 1 - (1 - self._momentum) * (math.cos(math.pi * done) + 1) / 2

    @torch.no_grad()
    def follow(self, student: nn.Module, step: int = 0) -> None:
        """One update: move towards the student's weights, copy its buffers. Raises ShapeError for another model."""
        mine: list[Tensor] = list(self.model.parameters())
        theirs: list[Tensor] = list(student.parameters())
        kept, newest = list(self.model.buffers()), list(student.buffers())
        if [tuple(p.shape) for p in mine] != [tuple(p.shape) for p in theirs] or len(kept) != len(newest):
            raise errors.ShapeError(
                "Teacher.follow: the student does not have the teacher's parameters. Follow the model that the "
                "teacher was made of."
            )
        if mine:
            # One call for all weights. At m = 1 nothing moves and at m = 0 the student is copied, to the last bit.
            torch._foreach_lerp_(mine, [p.detach() for p in theirs], 1 - self.at(step))
        for old, new in zip(kept, newest, strict=True):
            old.copy_(new)

    def train(self, mode: bool = True) -> Teacher:
        """As for every module; dropout stays off."""
        super().train(mode)
        for part in self.model.modules():
            if isinstance(part, _DropoutNd):
                part.training = False
        return self

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the copy makes of x, without a gradient."""
        out: Tensor | tuple[Tensor, ...] = self.model(x)
        return out
