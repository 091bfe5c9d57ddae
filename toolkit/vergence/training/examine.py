"""examine: a diagnosis of embeddings that were handed over once, without a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.diagnosis import Diagnosis, diagnose
from vergence.losses import Loss
from vergence.record import History
from vergence.training.monitor import Monitor
from vergence.training.randomness import OwnRandomness, generator

__all__ = ["examine", "looked_at_once"]

NOT_OF_A_MODEL = ("probes/raw", "probes/untrained", "cka/", "drift/")
"""What is read of inputs or of a model before training, of which embeddings alone know nothing."""
MODEL = "vg.examine is handed embeddings, and this is measured on a model: it needs a Run or a Monitor."
INPUTS = "vg.examine is handed embeddings, and this is measured on the items that were embedded."
BASE_LINES = "vg.examine is handed embeddings, and this compares them with raw inputs and with the model untrained."
LABELS = "vg.examine was handed no labels. Hand them over: vg.examine(z1, z2, labels=labels)."


def examine(
    z1: Tensor,
    z2: Tensor | None = None,
    *,
    h: Tensor | tuple[Tensor, Tensor] | None = None,
    labels: Tensor | Mapping[str, Tensor] | None = None,
    objective: Loss | None = None,
    loss: float | None = None,
) -> Diagnosis:
    """Say what is wrong with embeddings, from one look at them.

        print(vg.examine(z1, z2, labels=labels, objective=vg.losses.NTXent(temperature=0.5)))

    z1: (batch, dim), embeddings of any length; batch >= 2, and 512 or more tell best. z2: (batch, dim), the second view
    of the same items, row for row; None: nothing can be said of positive pairs. h: (batch, dim_h), representations in
    the same order, one tensor or one for each view; they are then looked at as well. labels: (batch,) integers, below 0
    where there is none; or a dict of several things that are known, the class first: `{"animal": a, "breed": b}` tells
    whether the finer one is still there. objective: the loss that made them: its value then stands between its chance
    and its floor. loss: that value, where it cannot be computed from z1, z2 and the labels alone.

    Every rule of `diagnose` is asked, on a single measurement: nothing can be said of what changes through time, and
    `not_checked` lists that, and what needs a model or its inputs. Without labels it cannot be excluded that something
    that is wanted is missing: no number of z alone tells a shortcut from a good run.

    Nothing is changed: the tensors are read detached, and no global random number is drawn.

    Raises ShapeError, TooFewRows, NotFinite (no row is finite), DeviceMismatch, ArgumentError.
    """
    return diagnose(looked_at_once(z1, z2, h=h, labels=labels, objective=objective, loss=loss), once=True)


def looked_at_once(
    z1: Tensor,
    z2: Tensor | None = None,
    *,
    h: Tensor | tuple[Tensor, Tensor] | None = None,
    labels: Tensor | Mapping[str, Tensor] | None = None,
    objective: Loss | None = None,
    loss: float | None = None,
) -> History:
    """The History of one step that `examine` reads: every measurement of these embeddings, at step 1."""
    views = _views(z1, z2)
    factors = _factors(labels, len(z1))
    both = _representations(h, views)
    held = _Held(views[0] if both is None else both[0], views[0])
    monitor = Monitor(
        held,
        reference=(torch.arange(len(z1)), factors or None),
        objective=objective,
        name="examined",
        save=False,
        every=1,
    )
    monitor.observer.diagnosing.rules = ()  # one look is enough
    label = next((values for values in factors.values() if not values.is_floating_point()), None)
    why: dict[str, str] = {}
    if loss is None and objective is not None:
        loss, said = _loss(objective, views, label)
        why |= {"loss": said} if said else {}
    monitor.step(*views, h=both, loss=loss, labels=label)
    history = _one_step(monitor.history, h=both is not None)
    monitor.close()
    history.describe(not_measured=_reasons(monitor.history, labels=bool(factors)) | why)
    return history


class _Held(nn.Module):
    """An encoder that knows the answer for each item by its number."""

    def __init__(self, h: Tensor, z: Tensor) -> None:
        super().__init__()
        self._h, self._z = h.detach().cpu(), z.detach().cpu()

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self._h[index], self._z[index]


def _views(z1: Tensor, z2: Tensor | None) -> tuple[Tensor, ...]:
    call = "examine"
    shapes.check_embeddings(call, "z1", z1, rows=2)
    if z2 is not None:
        shapes.check_embeddings(call, "z2", z2, rows=2)
        if z1.shape != z2.shape:
            raise errors.ShapeError(
                f"{call}: z1 is {shapes.shape_of(z1)} but z2 is {shapes.shape_of(z2)}. Both must be (batch, dim) of "
                "the same items, row for row; leave z2 out where there is one view."
            )
    if not bool(torch.isfinite(z1.detach()).all(1).any()):
        shapes.check_finite(call, "z1", z1)
    return tuple(view.detach() for view in (z1, z2) if view is not None)


def _representations(h: Tensor | tuple[Tensor, Tensor] | None, views: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    if h is None:
        return None
    given = (h,) if isinstance(h, Tensor) else tuple(h)
    for one in given:
        shapes.check_embeddings("examine", "h", one, rows=2)
        if len(one) != len(views[0]):
            raise errors.ShapeError(
                f"examine: h is {shapes.shape_of(one)} but z1 is {shapes.shape_of(views[0])}. It needs a row for each."
            )
    return tuple(one.detach() for one in given)


def _factors(labels: Tensor | Mapping[str, Tensor] | None, batch: int) -> dict[str, Tensor]:
    if labels is None:
        return {}
    named = dict(labels) if isinstance(labels, Mapping) else {"class": labels}
    for name, values in named.items():
        if not getattr(values, "dtype", torch.int64).is_floating_point:
            shapes.check_labels("examine", values, batch, name=f"labels[{name!r}]" if len(named) > 1 else "labels")
    return named


def _loss(objective: Loss, views: tuple[Tensor, ...], labels: Tensor | None) -> tuple[float | None, str]:
    """What the objective makes of these views, or why it cannot be told."""
    more: dict[str, Any] = {"labels": labels} if labels is not None and "labels" in _needs(objective) else {}
    missing = [name for name in _needs(objective) if name not in more]
    if missing or len(views) < objective.views:
        lacks = " and ".join(missing) if missing else f"{objective.views} views"
        return None, f"{objective.name} needs {lacks}, which vg.examine was not handed. Hand over its value: loss=..."
    with torch.no_grad(), OwnRandomness(generator(0, "examine", views[0].device)):
        value = float(objective(*views, **more))
    return (value, "") if math.isfinite(value) else (None, f"{objective.name} is {value} on these embeddings.")


def _needs(objective: Loss) -> tuple[str, ...]:
    return tuple(getattr(objective, "needs", ()))


def _one_step(seen: History, *, h: bool) -> History:
    """Everything at step 1, whenever it was measured: it is of the same rows, and none of it is of a model untrained.

    h: False where h was not handed over, and z stood in for it.
    """
    history = History(seen.static)
    history.describe(seen.arrays)
    kept = {key: seen.last(key) for key in seen.scalar_keys() if _ours(key, h)}
    history.add_scalars(1, {key: value for key, value in kept.items() if value is not None})
    frames = {kind: seen.frame(kind) for kind in seen.frame_kinds() if _ours(kind, h)}
    history.add_frames(1, {kind: (frame.arrays, frame.meta) for kind, frame in frames.items()})
    for event in seen.events():
        if event.kind in ("mark", "failed"):
            history.add_event(event.kind, 1, **event.data)
    return history


def _ours(key: str, h: bool) -> bool:
    return not key.startswith(NOT_OF_A_MODEL) and (h or "/h" not in key)


def _reasons(seen: History, *, labels: bool) -> dict[str, str]:
    """Why the rest is not measured, where the measurement cannot know that there is no model."""
    held = seen.static.get("not_measured", {})
    reasons = {name: str(text) for name, text in held.items()} if isinstance(held, Mapping) else {}
    of_model = ("gradients", "updates", "weight_change", "drift", "cka", "modes", "at_rest", "consistency", "attention")
    reasons |= dict.fromkeys((*of_model, "branches", "follower"), MODEL) | dict.fromkeys(
        ("duplicates", "inputs"), INPUTS
    )
    return reasons | {"probes": BASE_LINES if labels else LABELS}
