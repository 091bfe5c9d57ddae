"""What a step hands over, put in order: rows by place, what the model saw, labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vergence import errors, shapes

__all__ = ["inputs_of", "labels_of", "places_of"]


def places_of(views: tuple[Any, ...], h: object) -> dict[str, tuple[Any, ...]]:
    """Rows of each view, by place: z, and h under its name or names. Stacked views of h are parted."""
    places: dict[str, tuple[Any, ...]] = {"z": views} if views else {}
    named = h if isinstance(h, Mapping) else {"h": h} if h is not None else {}
    for name, value in named.items():
        parts = tuple(value) if isinstance(value, tuple | list) else (value,)
        if len(parts) == 1 and isinstance(parts[0], Tensor) and len(views) > 1:
            rows = [len(view) for view in views if isinstance(view, Tensor) and view.ndim]
            if parts[0].ndim and len(parts[0]) == sum(rows) and len(rows) == len(views):
                parts = torch.split(parts[0], rows)
        places[str(name)] = parts
    return places


def inputs_of(inputs: object) -> tuple[tuple[Tensor, ...] | None, str]:
    """What the model saw, detached; or None and why."""
    if inputs is None:
        return None, ""
    parts = (inputs,) if isinstance(inputs, Tensor) else inputs
    if isinstance(parts, tuple | list) and parts and all(isinstance(part, Tensor) for part in parts):
        return tuple(part.detach() for part in parts), ""
    return None, (
        f"inputs is a {type(inputs).__name__}. Hand over what the model saw, one tensor per view: inputs=(x1, x2)."
    )


def labels_of(labels: object, views: tuple[Any, ...]) -> tuple[Tensor | tuple[Tensor | None, ...] | None, str]:
    """One tensor, or one tensor or None per view; or None and why."""
    if labels is None or not views:
        return None, ""
    if isinstance(labels, tuple | list) and all(own is None or isinstance(own, Tensor) for own in labels):
        return tuple(labels), ""
    try:
        shapes.check_labels("Monitor.step", labels, len(views[0]))
    except (errors.InputError, TypeError) as error:
        return None, f"{error} Measured without labels."
    return (labels, "") if isinstance(labels, Tensor) else (None, "")
