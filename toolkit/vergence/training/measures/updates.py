"""What the optimiser does to each part of a model, look by look: cheap enough to be seen within seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from vergence.metrics.gradients import named_parts, own_parameters
from vergence.training.measures.base import Measured
from vergence.training.measures.now import Make, Never, Now, Setup

__all__ = ["MOST_WEIGHTS", "make_updates"]

MOST_WEIGHTS = 8192
"""Of one part that are looked at, evenly spread."""


def make_updates(setup: Setup) -> Make:
    r"""Of the parts that stand side by side in what is trained (encoder, projector, ...):

        updates/<part>/ratio     ||w - w'|| / ||w'|| / steps        w' the weights at the look before; 0: it stands
        updates/<part>/moved     the share of weights that are another number than before
        updates/<part>/gradient  the length of its gradient; 0 also where none came
        updates/<part>/reached   the share of its parameters to which a gradient came

    and of the model: the length of all gradients, and how many parameters hold NaN or infinity, in gradient or weight.
    """
    model = setup.model
    if model is None:
        raise Never("No model was handed over, so no weight can be seen to move. Type: Monitor(encoder, ...).")
    inside = {id(module) for module in model.modules()}
    loss = setup.objective if isinstance(setup.objective, nn.Module) else None
    beside = {"projector": setup.projector, "loss": loss}
    before: dict[str, dict[str, Tensor]] = {}
    since = 0

    def measure(now: Now, place: str) -> Measured:
        nonlocal before, since
        del place
        fitting = {name: one for name, one in beside.items() if one is not None and id(one) not in inside}
        parts = {name: part for name, part in named_parts(model, **fitting).items() if "." not in name}
        held = {name: _held(part) for name, part in parts.items()}
        measured = Measured()
        unsound = 0
        for name, weights in held.items():
            unsound += sum(not bool(values.isfinite().all()) for values in weights.values())
            found = _moved(weights, before.get(name, {}), now.step - since)
            measured.scalars |= {f"updates/{name}/{key}": value for key, value in found.items()}
        measured.scalars["updates/model/weights_not_finite"] = float(unsound)
        if now.fresh:
            measured.scalars |= _gradients(parts)
        before, since = held, now.step
        return measured

    return measure


def _held(part: nn.Module) -> dict[str, Tensor]:
    """Some of the weights of each parameter: every k-th, the same ones each time."""
    own = own_parameters(part)
    total = sum(p.numel() for _, p in own)
    stride = max(1, math.ceil(total / MOST_WEIGHTS))
    found = {}
    for name, parameter in own:
        flat = parameter.detach().reshape(-1)
        # A short one (a bias) is kept whole: it may be all that moves.
        some = flat if len(flat) <= 64 else flat[::stride]
        found[name] = (torch.view_as_real(some) if some.is_complex() else some).to("cpu", torch.float32, copy=True)
    return found


def _moved(now: Mapping[str, Tensor], before: Mapping[str, Tensor], steps: int) -> dict[str, float]:
    """Change per step relative to the length, and the share of weights that changed."""
    same = [name for name, values in now.items() if name in before and before[name].shape == values.shape]
    if not same or steps < 1:
        return {}
    one, other = (torch.cat([held[name].reshape(-1) for name in same]) for held in (now, before))
    length, change, moved = torch.stack(
        [torch.linalg.vector_norm(other), torch.linalg.vector_norm(one - other), (one != other).float().mean()]
    ).tolist()
    found = {"moved": moved}
    if length > 0 and math.isfinite(length) and math.isfinite(change):
        found["ratio"] = change / length / steps
    return found


def _gradients(parts: Mapping[str, nn.Module]) -> dict[str, float]:
    """Lengths of the gradients that stand in the model."""
    found: dict[str, float] = {}
    lengths: dict[int, float] = {}
    for name, part in parts.items():
        own = [parameter for _, parameter in own_parameters(part)]
        came = [(p, p.grad.detach()) for p in own if p.grad is not None]
        dense = [grad.coalesce().values() if grad.is_sparse else grad for _, grad in came]
        # In single precision: the square of what half precision holds may not be one of its numbers.
        norms = torch._foreach_norm(dense, dtype=torch.float32) if dense else ()
        each = [float(length) for length in norms] if len({g.device for g in dense}) > 1 else _at_once(norms)
        lengths |= {id(p): length for (p, _), length in zip(came, each, strict=True)}
        found[f"updates/{name}/gradient"] = math.hypot(*each)
        found[f"updates/{name}/reached"] = len(came) / len(own)
    found["updates/model/gradient"] = math.hypot(*lengths.values())
    found["updates/model/gradient_not_finite"] = float(sum(not math.isfinite(each) for each in lengths.values()))
    return found


def _at_once(lengths: Sequence[Tensor]) -> list[float]:
    """With one wait for the device."""
    found: list[float] = torch.stack(list(lengths)).tolist() if lengths else []
    return found
