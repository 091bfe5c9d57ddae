"""Where the gradient arrives and how far each part moves: looked at between `backward` and the next `zero_grad`."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from vergence import errors
from vergence.metrics.gradients import Gradients, gradients, named_parts
from vergence.metrics.weight_change import PartChange, WeightSample, weight_change, weight_sample
from vergence.training.measures.base import Measured
from vergence.training.measures.now import Make, Never, Now, Setup

__all__ = ["Moves", "make_gradients"]

MOST_PARTS = 24
"""Curves are kept of so many parts; the frame has all."""
STATES = ("alive", "zero", "no gradient", "frozen", "not finite", "empty")
ONE_BY_ONE = ("norm", "share", "relative")


class Moves:
    """Gradients and changes of the parts of a model, from look to look.

    model: with a child `encoder`, or the encoder itself. projector, loss: beside it, where they are known. optimiser:
    tells which parameters it was never given.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        projector: nn.Module | None = None,
        loss: nn.Module | None = None,
        optimiser: torch.optim.Optimizer | None = None,
    ) -> None:
        self.model, self.beside, self.optimiser = model, {"projector": projector, "loss": loss}, optimiser
        self._before: WeightSample | None = None
        self._since = 0

    def measure(self, step: int) -> Measured:
        """Scalars of the larger parts and a frame of all.

        A frame of kind `gradients` holds, one entry for each part of `meta["parts"]`,

            norm, share, relative   as in `metrics.gradients`; NaN where a part has none
            change                  relative change of the weights since the look before, at step `meta["since"]`
            state                   place in `meta["states"]`
            entries                 numbers in its parameters

        Raises ArgumentError when nothing has a parameter, or no gradient is there.
        """
        parts = named_parts(self.model, **self._fitting())
        found = gradients(parts, optimiser=self.optimiser)
        if all(part.state in ("no gradient", "frozen", "empty") for part in found.parts):
            raise errors.ArgumentError(
                "gradients: no parameter has a gradient when the step is handed over. Call m.step after "
                "loss.backward() and before optimiser.zero_grad()."
            )
        before, since = self._before, self._since
        changes = () if before is None else weight_change({n: m for n, m in parts.items() if n in before.parts}, before)
        self._before, self._since = weight_sample(parts), step
        return _measured(found, changes, since if before is not None else None, step)

    def _fitting(self) -> dict[str, nn.Module | None]:
        """What stands beside the model and is no part of it already."""
        inside = {id(module) for module in self.model.modules()}
        return {name: one for name, one in self.beside.items() if one is not None and id(one) not in inside}


def _measured(found: Gradients, changes: tuple[PartChange, ...], since: int | None, step: int) -> Measured:
    names = [part.name for part in found.parts]
    moved = {change.name: change.relative for change in changes}
    measured = Measured()
    for part in found.parts[:MOST_PARTS]:
        for key in ONE_BY_ONE:
            value = getattr(part, key)
            if value is not None:
                measured.scalars[f"gradients/{part.name}/{key}"] = float(value)
        change = moved.get(part.name)
        if change is not None:
            measured.scalars[f"weight_change/{part.name}/relative"] = change
    if found.norm is not None:
        measured.scalars["gradients/model/norm"] = found.norm
    measured.scalars["gradients/model/unreached"] = float(_count(found, "unreached"))
    measured.scalars["gradients/model/zero"] = float(_count(found, "zero"))
    if since is not None:
        measured.scalars["weight_change/model/steps"] = float(step - since)
    if found.outside is not None:
        measured.scalars["gradients/model/outside"] = float(found.outside_count)
    arrays = {key: np.array([_number(getattr(part, key)) for part in found.parts], np.float32) for key in ONE_BY_ONE}
    arrays["change"] = np.array([_number(moved.get(name)) for name in names], np.float32)
    arrays["state"] = np.array([STATES.index(part.state) for part in found.parts], np.int32)
    arrays["entries"] = np.array([part.entries for part in found.parts], np.int64)
    meta = {
        "parts": names, "states": list(STATES), "since": since, "unreached": list(found.unreached),
        "zero": list(found.zero), "outside": None if found.outside is None else list(found.outside),
        "outside_count": found.outside_count, "shared": found.shared, "entries": found.entries,
        "drawn": {change.name: change.drawn for change in changes},
        "note": "Behind a GradScaler norm and relative are multiplied by its scale; shares and changes are not.",
    }  # fmt: skip
    measured.frames["gradients"] = (arrays, meta)
    return measured


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _count(found: Gradients, key: str) -> int:
    """Over the parts that lie inside no other."""
    names = [part.name for part in found.parts]
    outer = [part for part in found.parts if not any(part.name.startswith(f"{name}.") for name in names)]
    return sum(getattr(part, key) for part in outer)


def make_gradients(setup: Setup) -> Make:
    """Gradients and changes of the parts of what is trained."""
    if setup.model is None:
        raise Never("No model was handed over, so there are no gradients to look at. Type: Monitor(encoder, ...).")
    loss = setup.objective if isinstance(setup.objective, nn.Module) else None
    moves = Moves(setup.model, projector=setup.projector, loss=loss, optimiser=setup.optimiser)

    def measure(now: Now, place: str) -> Measured:
        del place
        return moves.measure(now.step) if now.fresh else Measured()

    return measure
