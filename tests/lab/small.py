"""Runs with a fault, and what a step of them does inside."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import vergence as vg
from tests.methods.small import CASES, Case, start, state
from vergence.training.around import Around

__all__ = ["CASES", "Case", "Seen", "case", "seen", "start", "state"]


def case(label: str) -> Case:
    """The method of this label."""
    return next(one for one in CASES if one.label == label)


class Seen(Around):
    """What went through the parts of the last step: innermost, so as the model and the loss got it."""

    def index(self, part):
        self.at = part()
        return self.at

    def items(self, part, index):
        self.asked, self.got = index, part(index)
        return self.got

    def views(self, part, items):
        self.seconds = items
        self.made = part(items)
        return self.made

    def embed(self, part, views, batch):
        self.viewed, self.batch = views, batch
        out = part(views, batch)
        for rows in (*out.z, *out.given):
            if rows.requires_grad:
                rows.retain_grad()
        self.out = out
        return out

    def loss(self, part, *given, **more):
        if "targets" in more:  # the same, to tell the gradient that comes through them from any other
            more["targets"] = tuple(target.view_as(target) for target in more["targets"])
            for target in more["targets"]:
                if target.requires_grad:
                    target.retain_grad()
        self.given, self.more = given, more
        found = part(*given, **more)
        self.value = found.detach()
        return found

    def update(self, part, loss):
        self.before = {name: value.detach().clone() for name, value in self.learner.named_parameters()}
        part(loss)
        self.held = [value for group in self.optimiser.param_groups for value in group["params"]]
        self.rates = [group["lr"] for group in self.optimiser.param_groups]


def seen(recipe: vg.methods.Recipe, name: str | None = None, steps: int = 1, data: Any = None, **more: Any):
    """A run of a few steps with a fault in it, and what its last step saw. more: strength of the fault."""
    run = start(recipe, data)
    eye = Seen()
    eye.learner, eye.optimiser = run.session.trainer.learner, run.session.trainer.optimiser
    run.session.trainer.around = (eye,)
    fault = None if name is None else vg.lab.inject(run, name, **more)
    run.start(steps=steps)
    return run, eye, fault


def gradient(rows: Tensor) -> float:
    """How much of a gradient reached these rows."""
    return 0.0 if rows.grad is None else float(torch.linalg.vector_norm(rows.grad))
