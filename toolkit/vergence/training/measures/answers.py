"""What a method's own outputs say, now and then: use of prototypes, a teacher's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize, softmax

from vergence import errors
from vergence.losses import DINO, IBOT, Loss
from vergence.metrics.prototype_usage import prototype_usage
from vergence.metrics.teacher import teacher
from vergence.training.measures.now import Make, Never, Now, Read, Setup
from vergence.training.measures.parts import Called

__all__ = ["make_prototype_usage", "make_teacher"]

MOST_ROWS = 512
"""Of each view; classes may be many."""


def make_prototype_usage(setup: Setup) -> Make:
    """Which prototypes (SwAV) or classes (DINO, iBOT) the rows of a step choose."""
    loss: Any = setup.objective
    prototypes = isinstance(loss, Loss) and isinstance(getattr(loss, "prototypes", None), Tensor)
    if not prototypes and not isinstance(loss, DINO | IBOT):
        raise Never("prototype_usage is about losses with prototypes or classes without a meaning: SwAV, DINO, iBOT.")

    def measure(now: Now, place: str) -> Read:
        del place
        called = _called(now)
        if prototypes:
            among = normalize(loss.prototypes.detach().float())
            views = [normalize(view.detach().float()[:MOST_ROWS]) @ among.T for view in called.given]
            views = [softmax(scores / loss.settings()["temperature"], 1) for scores in views]
        else:
            sharp = loss.settings()["teacher_temperature"]
            views = [softmax(logits / sharp, 1) for logits in _targets(loss, called)]
        found = prototype_usage(*views)
        names = (
            "entropy", "largest", "entropy_soft", "largest_soft", "confidence", "sharpness", "consistency",
            "consistency_chance",
        )  # fmt: skip
        values: dict[str, float | None] = {name: getattr(found, name) for name in names}
        values |= {"live": float(found.live), "undecided": float(found.undecided)}
        arrays = {"counts": found.counts.cpu().numpy(), "shares": found.shares.cpu().numpy().astype(np.float32)}
        meta = {"prototypes": found.prototypes, "items": found.items, "of": "prototypes" if prototypes else "classes"}
        null = found.null
        bands = {"entropy": null.entropy, "live": null.live, "largest": null.largest}
        return Read(values, lambda: bands, arrays, meta)

    return measure


def make_teacher(setup: Setup) -> Make:
    """How sure a teacher is of its classes, and whether its answers tell rows apart."""
    loss: Any = setup.objective
    if not isinstance(loss, DINO | IBOT):
        raise Never("teacher is about a teacher that answers with classes: DINO, iBOT.")

    def measure(now: Now, place: str) -> Read:
        del place
        called = _called(now)
        targets = _targets(loss, called)
        students = [view.detach().float()[:MOST_ROWS] for view in called.given]
        # Every pair of different views, as the loss sums them.
        both = [(t, s) for i, t in enumerate(targets) for j, s in enumerate(students) if i != j]
        if not both:
            raise errors.ArgumentError("teacher: there are no two different views of teacher and student in this step.")
        settings = loss.settings()
        found = teacher(
            torch.cat([t for t, _ in both]), torch.cat([s for _, s in both]), temperature=settings["temperature"],
            teacher_temperature=settings["teacher_temperature"],
        )  # fmt: skip
        names = (
            "entropy", "divergence", "cross_entropy", "entropy_of_mean", "information", "information_ceiling", "chance",
        )  # fmt: skip
        return Read({name: getattr(found, name) for name in names})

    return measure


def _called(now: Now) -> Called:
    if now.called is None or not all(isinstance(view, Tensor) and view.ndim == 2 for view in now.called.given):
        raise errors.ArgumentError("It is not known what the loss was called with in this step.")
    return now.called


def _targets(loss: DINO | IBOT, called: Called) -> list[Tensor]:
    """The teacher's logits, centred as the loss centres them."""
    targets = called.more.get("targets")
    if not isinstance(targets, tuple | list) or not all(isinstance(one, Tensor) and one.ndim == 2 for one in targets):
        raise errors.ArgumentError(
            f"{loss.name}: the teacher's answers did not come. Hand over what the loss was called with: "
            'm.step(z1, z2, more={"targets": (t1, t2)}).'
        )
    return [loss.centre.off(loss.name, one.detach().float()[:MOST_ROWS]) for one in targets]
