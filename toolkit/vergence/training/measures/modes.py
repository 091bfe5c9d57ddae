"""In which mode the model takes its steps, and whether what it says of an item at rest depends on the others."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from vergence import errors
from vergence.training.measures.base import Measured
from vergence.training.measures.now import Make, Never, Now, Read, Setup
from vergence.training.reference import at_rest, fitting, outputs

__all__ = ["make_consistency", "make_modes"]

MOST_HOOKS = 16
ITEMS = 4
"""So many of the reference set, each embedded twice ..."""
BESIDE = 12
"""... beside so many others."""


def make_modes(setup: Setup) -> Make:
    """In which mode the parts of the model that have two (BatchNorm, dropout) run in a step.

        modes/model/modules             so many of them were seen to run in a step, with gradients recorded
        modes/model/training            the share of them that were in train mode then
        modes/model/statistics_updates  by how much running statistics were updated a step, since the look before

    A step is over when it is measured, and modes may have been put back; so a look listens to the step that follows.
    """
    model = setup.model
    if model is None:
        raise Never(
            "No model was handed over, so it is not known in which mode it trains. Type: Monitor(encoder, ...)."
        )
    listening = _Listening([*model.modules(), *([] if setup.projector is None else setup.projector.modules())])
    if not listening.parts:
        raise Never("modes is about BatchNorm and dropout, and this model has neither, so both modes are the same.")
    counted: tuple[int, float] | None = None

    def measure(now: Now, place: str) -> Measured:
        nonlocal counted
        del place
        measured = Measured()
        heard = listening.end()
        if heard:
            measured.scalars["modes/model/modules"] = float(len(heard))
            measured.scalars["modes/model/training"] = sum(heard.values()) / len(heard)
        updates = listening.updates()
        if updates is not None:
            if counted is not None and now.step > counted[0]:
                rate = (updates - counted[1]) / (now.step - counted[0])
                measured.scalars["modes/model/statistics_updates"] = rate
            counted = now.step, updates
        listening.begin()
        return measured

    return measure


class _Listening:
    """Notes in which mode parts are called, until the next look. Copies of the model do not take part."""

    def __init__(self, modules: list[nn.Module]) -> None:
        # What torch.compile made would be compiled anew for a hook.
        compiled = any(hasattr(module, "_orig_mod") for module in modules)
        every = [module for module in dict.fromkeys(modules) if _has_modes(module)]
        self.parts = every[:: max(1, math.ceil(len(every) / MOST_HOOKS))]
        self._counters = [part for part in every if getattr(part, "num_batches_tracked", None) is not None]
        self._hook = None if compiled else _Hook(self)
        self._handles: list[Any] = []
        self.heard: dict[int, bool] = {}

    def begin(self) -> None:
        self.heard = {}
        if self._hook is not None:
            self._handles = [part.register_forward_pre_hook(self._hook) for part in self.parts]

    def end(self) -> dict[int, bool]:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        return self.heard

    def updates(self) -> float | None:
        """How often running statistics were updated so far, mean over the parts that count it."""
        if not self._counters:
            return None
        counts: Any = [part.num_batches_tracked for part in self._counters]
        return float(torch.stack([count.detach().cpu() for count in counts]).double().mean())


class _Hook:
    """As torch calls it. A copy of the model, or one that is read back, has a deaf one."""

    def __init__(self, listening: _Listening | None = None) -> None:
        self._listening = listening

    def __call__(self, part: nn.Module, _inputs: object) -> None:
        # At rest and in a teacher no gradient is recorded.
        if self._listening is not None and torch.is_grad_enabled():
            self._listening.heard[id(part)] = part.training

    def __deepcopy__(self, memo: object) -> _Hook:
        return _Hook()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Hook, ()


def _has_modes(module: nn.Module) -> bool:
    """It does something else in training than at rest."""
    return (
        (isinstance(module, _BatchNorm) and module.track_running_stats)
        or (isinstance(module, _DropoutNd) and module.p > 0)
        or (isinstance(module, nn.MultiheadAttention) and module.dropout > 0)
    )


def make_consistency(setup: Setup) -> Make:
    r"""Whether a few items of the reference set come out the same whatever stands beside them.

        consistency/reference/difference = ||h - h'|| / ||h - mean of h||     over four items

    h and h' the same items as they are embedded for the reference set, each time beside twelve others. 0, but for
    rounding, where the model is at rest; near 1 where an item's own embedding says no more than its neighbours do.
    """
    reference = setup.reference
    if reference is None or len(reference) < 3 * ITEMS:
        raise Never(
            f"consistency embeds {ITEMS} items of the reference set beside different others, and there are not "
            f"{3 * ITEMS}. Hand over a larger one: reference=(items, labels)."
        )
    beside = min(BESIDE, (len(reference) - ITEMS) // 2)
    # Far from each other in the set: neighbours may be of one class.
    order = torch.arange(ITEMS + 2 * beside) * (len(reference) // (ITEMS + 2 * beside))
    same, one, other = order[:ITEMS], order[ITEMS : ITEMS + beside], order[ITEMS + beside :]

    def embedded(index: Tensor) -> Tensor:
        items = reference.items[index.to(reference.items.device)]
        h, _ = outputs(reference.model(fitting(reference.model, items)))
        return h.detach().flatten(1)[:ITEMS].double()

    def measure(now: Now, place: str) -> Read:
        del now, place
        with at_rest(reference.model):  # one after the other, so that each draws its own random numbers
            first, second = (embedded(torch.cat([same, each])) for each in (one, other))
        apart = float((first - first.mean(0)).norm())
        if not math.isfinite(apart) or apart == 0:
            raise errors.ArgumentError("consistency: the items of the reference set come out as one point, or as none.")
        return Read({"difference": float((first - second).norm()) / apart})

    return measure
