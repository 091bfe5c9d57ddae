"""A network that follows another: how far behind it is, and whether it moves."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor, nn

from vergence.metrics.gradients import own_parameters
from vergence.training.measures.now import Make, Never, Now, Read, Setup

__all__ = ["make_follower"]

MOST_WEIGHTS = 16_384
"""That are compared, evenly spread."""
LEAST_TENSORS = 2
"""Two single matrices of one shape say nothing of a copy."""

Weights = list[nn.Parameter]


def make_follower(setup: Setup) -> Make:
    r"""Of a part that is never trained and has a twin that is (a teacher and its student):

        follower/model/distance       ||teacher - student|| / ||student||   0: they are one
        follower/model/moved          ||teacher - teacher'|| / ||teacher'|| / steps     ' at the look before
        follower/model/student_moved  the same of the student

    Found by their shapes: the largest part none of whose parameters asks for a gradient, and parameters elsewhere in
    the model that ask for one, in the same shapes and order. With an average of 1 - m a step, moved stays below
    (1 - m) distance, and is 0 for a teacher that never follows.
    """
    if setup.model is None:
        raise Never("No model was handed over, so a teacher cannot be compared. Type: Monitor(model, ...).")
    model, beside = setup.model, setup.projector
    pair: tuple[Weights, Weights] | None = None
    before: tuple[int, Tensor, Tensor] | None = None

    def measure(now: Now, place: str) -> Read:
        nonlocal pair, before
        del place
        if pair is None:
            pair = _pair([model, *([] if beside is None else [beside])])
        if pair is None:
            raise Never("follower is about a teacher inside the model, and this one holds no untrained twin of a part.")
        teacher, student = (_held(weights) for weights in pair)
        values: dict[str, float | None] = {"distance": _relative(teacher, student)}
        if before is not None and now.step > before[0]:
            steps = now.step - before[0]
            moved = _relative(teacher, before[1]), _relative(student, before[2])
            values |= {
                name: None if value is None else value / steps
                for name, value in zip(("moved", "student_moved"), moved, strict=True)
            }
        before = now.step, teacher, student
        return Read(values)

    return measure


def _pair(models: list[nn.Module]) -> tuple[Weights, Weights] | None:
    """Teacher and student."""
    every = {id(p): p for model in models for _, p in own_parameters(model) if p.requires_grad}
    learning = list(every.values())
    by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for at, parameter in enumerate(learning):
        by_shape[tuple(parameter.shape)].append(at)
    found: list[Weights] = []
    for model in models:
        for part in model.modules():
            own = [parameter for _, parameter in own_parameters(part)]
            if len(own) >= LEAST_TENSORS and not any(p.requires_grad for p in own):
                found.append(own)
    for own in sorted(found, key=len, reverse=True):
        shapes = [tuple(p.shape) for p in own]
        for begin in by_shape[shapes[0]]:
            twin = learning[begin : begin + len(own)]
            if [tuple(p.shape) for p in twin] == shapes:
                return own, twin
    return None


def _held(weights: Weights) -> Tensor:
    """Some of them, the same ones each time."""
    stride = max(1, math.ceil(sum(p.numel() for p in weights) / MOST_WEIGHTS))
    some = [p.detach().reshape(-1)[:: stride if p.numel() > 64 else 1] for p in weights]
    some = [torch.view_as_real(each).reshape(-1) if each.is_complex() else each for each in some]
    return torch.cat([each.to("cpu", torch.float32, copy=True) for each in some])


def _relative(one: Tensor, other: Tensor) -> float | None:
    apart, length = float((one - other).norm()), float(other.norm())
    return apart / length if length > 0 and math.isfinite(apart) and math.isfinite(length) else None
