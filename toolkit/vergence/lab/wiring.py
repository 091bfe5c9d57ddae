"""Faults in the wiring: what flows where, between the model and the loss."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from vergence.lab.fault import Fault, LossFault, swapped
from vergence.methods import Batch, Outputs
from vergence.models import Queue
from vergence.training.around import Part
from vergence.training.trainer import Trainer

__all__ = ["DetachedBranch", "NoPredictor", "NoStopGradient"]


class NoStopGradient(LossFault):
    """The targets are no constants any more: the gradient goes through them too.

    Where a teacher makes the targets, it is left out: the student's own embeddings take its place, with their
    gradient, as if both networks shared their weights.
    """

    name = "no stop-gradient"
    line = "the gradient goes through the targets as well; a teacher's are replaced by the student's own"
    looks = "the loss nears its best value at once, and the embeddings lose their directions, then their spread"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a loss that stops a gradient at its targets."""
        stops = getattr(trainer.loss, "stop_gradient", None)
        if stops is None or "targets" not in getattr(trainer.loss, "needs", ()):
            return "its loss has no stop of the gradient that could be taken out."
        return "" if stops else "its stop of the gradient is off already."

    def inside(self) -> AbstractContextManager[object]:
        """Without the stop."""
        return swapped(self.trainer.loss, stop_gradient=False)

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """Targets with a gradient."""
        out: Outputs = part(views, batch)
        if any(target.requires_grad for target in out.more["targets"]):
            return out
        return replace(out, more=out.more | {"targets": out.z[: len(out.more["targets"])]})


class NoPredictor(Fault):
    """The embedding itself is the guess."""

    name = "no predictor"
    line = "the predictor is left out: the embedding itself is compared with the target"
    looks = "the loss nears its best value at once, and the embeddings lose their spread, with a teacher more slowly"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a predictor."""
        learner = trainer.learner
        if "predictor" in learner.switches:
            return "" if learner.switches["predictor"] else "its predictor is off already."
        return "" if isinstance(getattr(learner, "predictor", None), nn.Module) else "it has no predictor."

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """Without it."""
        learner: Any = self.trainer.learner
        there = learner.switches.get("predictor")
        out: AbstractContextManager[object] = nullcontext()
        if there is None:
            out = swapped(learner, predictor=nn.Identity())
        elif there:
            out = swapped(learner, switches=learner.switches | {"predictor": False})
        with out:
            found: Outputs = part(views, batch)
        return found


class DetachedBranch(Fault):
    """One view gets no gradient."""

    name = "detached branch"
    line = "what comes of the last view is detached: the gradient goes through the other views alone"
    looks = "slower, else much as before; of two encoders one never learns, of what the other learns half is missing"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a gradient through at least two views."""
        if any(isinstance(part, Queue) for part in trainer.learner.modules()):
            return "its second view goes through the teacher, and has no gradient anyway."
        return ""

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """The last view without a gradient."""
        out: Outputs = part(views, batch)
        if sum(rows.requires_grad for rows in out.given) < 2:
            return out
        last = out.given[-1]
        cut = last.detach()
        z = tuple(cut if rows is last else rows for rows in out.z)
        return replace(out, z=z, given=(*out.given[:-1], cut))
