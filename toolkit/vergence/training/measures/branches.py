"""Which views arrive at the loss with a gradient, and whether one that has none is treated like one that has."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vergence import errors
from vergence.losses import Loss
from vergence.training.measures.now import Make, Now, Read, Setup
from vergence.training.measures.parts import Called, Parts
from vergence.training.randomness import generator

__all__ = ["make_branches"]

ALIKE = 1e-5
"""Of the loss: exchanging two views that are treated alike changes it by rounding only."""
TRIES = 4
MOST_ROWS = 512
"""A larger batch is not tried with exchanged views."""


def make_branches(setup: Setup) -> Make:
    """How many views there are, how many of them have a gradient, and whether a gradient is missing.

        branches/z/views, with_gradient
        branches/z/detached   1: a view without a gradient could change places with one that has a gradient, and the
                              loss would be the same. A loss that treats two views alike has no use for a gradient
                              through one of them alone; the keys of a queue, or of a teacher, it treats otherwise.

    Whether it treats them alike is tried on rows that make any difference show, once for each pair of views.
    """
    objective = setup.objective if isinstance(setup.objective, Loss) else None
    known: dict[tuple[object, ...], bool | None] = {}

    def measure(now: Now, place: str) -> Read:
        del place
        if now.called is None:
            raise errors.ArgumentError("branches: it is not known what the loss was called with.")
        views = [view for view in now.called.given if isinstance(view, Tensor)]
        learns = [view.requires_grad for view in views]
        values: dict[str, float | None] = {"views": float(len(views)), "with_gradient": float(sum(learns))}
        if not any(learns):
            return Read(values)  # handed over without its graph
        missing = False
        for at in [at for at, own in enumerate(learns) if not own]:
            for other in [at for at, own in enumerate(learns) if own]:
                key = (at, other, len(views), *(tuple(view.shape) for view in views), *now.called.more)
                if key not in known:
                    known[key] = _alike(objective, now.called, at, other, now.samples["z"].labels)
                alike = known[key]
                if alike is None:
                    return Read(values)
                missing = missing or alike
        return Read(values | {"detached": float(missing)})

    return measure


def _alike(objective: Loss | None, called: Called, at: int, other: int, labels: object) -> bool | None:
    """Whether two views may change places; None where that cannot be tried."""
    views = called.given
    if objective is None or views[at].shape != views[other].shape or len(views[0]) > MOST_ROWS:
        return None
    draws = generator(0, "branches")
    # More than once: over many rows and negatives two losses that differ may come out alike by chance.
    for _ in range(TRIES):
        one = torch.randn(views[at].shape, generator=draws)
        # Rows in few heaps: a direction from one view to the other has other neighbours than the way back.
        heaps = one[torch.arange(len(one)) // 4 * 4] + 0.3 * torch.randn(one.shape, generator=draws)
        tried = list(views)
        tried[at], tried[other] = (rows.to(views[at].device, views[at].dtype) for rows in (one, heaps))
        alike = _alike_on(tuple(tried), objective, called, at, other, labels)
        if not alike:
            return alike
    return True


def _alike_on(
    tried: tuple[Any, ...], objective: Loss, called: Called, at: int, other: int, labels: object
) -> bool | None:
    """The same for these rows."""
    parts, views = Parts(copy.deepcopy(objective)), called.given
    swapped = {name: _swapped(value, at, other, len(views)) for name, value in called.more.items()}
    found = [
        parts.total(Called(tuple(rows), more, called.random), labels)
        for rows, more in ((tried, called.more), (_swapped(tried, at, other, len(views)), swapped))
    ]
    if found[0] is None or found[1] is None:
        return None
    return abs(found[0] - found[1]) <= ALIKE * max(1.0, abs(found[0]))


def _swapped(value: Any, at: int, other: int, views: int) -> Any:
    """What belongs to the views one by one (targets, rows themselves) changes places with them."""
    if isinstance(value, Sequence) and len(value) == views:
        order = list(range(views))
        order[at], order[other] = other, at
        return tuple(value[place] for place in order)
    return value
