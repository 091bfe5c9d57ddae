"""Which rows of several views are positives of one another, by labels or by views alone."""

from __future__ import annotations

import numbers

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from vergence import errors, shapes

__all__ = ["check_cosine", "ids_of", "positives_and_negatives"]


def check_cosine(call: str, name: str, value: object) -> None:
    """A number that a cosine can be: from -1 to 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not -1 <= float(value) <= 1:
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a cosine, a number from -1 to 1.")


def ids_of(call: str, views: tuple[Tensor, ...], labels: Tensor | None) -> Int[Tensor, " rows"]:
    """One id for each row of all views: rows with the same id are positives of one another.

    Without labels the views of one sample share its place in the batch. With labels rows of one class share the
    label; a label below 0 says that the class is not known, and then only the views of that sample share an id.

    Raises ShapeError, DeviceMismatch, and ArgumentError where the labels leave no positive or no negative pair. That is
    looked for on the CPU only, where it costs nothing; elsewhere a mean over no pairs reads NaN.
    """
    batch, device = len(views[0]), views[0].device
    place = torch.arange(batch, device=device)
    if labels is None:
        if len(views) < 2:
            raise errors.ArgumentError(
                f"{call}: one view came without labels, so no pair is positive. Call it with both views, "
                "loss(z1, z2), or with labels: loss(z1, labels=labels)."
            )
        return place.repeat(len(views))
    shapes.check_labels(call, labels, batch)
    if labels.device != device:
        raise errors.DeviceMismatch(
            f"{call}: the views are on {device} but labels is on {labels.device}. Use labels.to(z1.device)."
        )
    ids = torch.where(labels < 0, -1 - place, labels.long()).repeat(len(views))
    if ids.device.type == "cpu":
        distinct = len(torch.unique(ids))
        if distinct == 1:
            raise errors.ArgumentError(
                f"{call}: all {batch} labels are the same, so no pair is negative. Draw batches of two classes or "
                "more; shuffle=True in the loader does."
            )
        if distinct == len(ids):
            raise errors.ArgumentError(
                f"{call}: all {batch} labels differ and there is one view, so no pair is positive. Draw two of each "
                "class or more, or call it with two views: loss(z1, z2, labels=labels)."
            )
    return ids


def positives_and_negatives(ids: Int[Tensor, " rows"]) -> tuple[Bool[Tensor, "rows rows"], Bool[Tensor, "rows rows"]]:
    """Which entries of the cosine matrix are positives, which negatives; each pair twice, the diagonal neither."""
    same = ids[:, None] == ids
    negative = ~same
    return same.fill_diagonal_(False), negative
