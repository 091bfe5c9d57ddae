"""Labels and groups of the user's own data: from what they come as to integer ids; partners in a group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from vergence import errors

__all__ = ["Groups", "fits", "label_of_item", "read_labels"]


def read_labels(call: str, labels: object, samples: int, what: str = "labels") -> tuple[Tensor, list[str] | None]:
    """Labels as (samples,) int64 and, where they were strings, their names in alphabetical order.

    labels: a tensor, an array, a list or a pandas column of integers, whole floats, booleans or strings.
    """
    values = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if values.ndim == 2 and values.shape[1] > 1:
        raise errors.ShapeError(
            f"{call}: {what} are {values.shape}. One number per sample is needed, ({samples},); "
            f"if they are one-hot, use {what}.argmax(1)."
        )
    values = values.reshape(-1)
    if len(values) != samples:
        raise errors.ShapeError(
            f"{call}: {what} has {len(values)} entries but there are {samples} samples. One for each is "
            "needed; were some samples filtered out, or is it another split?"
        )
    if values.dtype.kind in "US" or (values.dtype == object and all(isinstance(v, str) for v in values)):
        names, ids = np.unique(values.astype(str), return_inverse=True)
        return torch.from_numpy(ids.astype(np.int64)), [str(name) for name in names]
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.round(values)).all()):
        raise errors.ArgumentError(
            f"{call}: {what} hold values such as {_first_odd(values)} that are not whole. Classes are "
            "wanted, integers or strings; put quantities into bins first: np.digitize(values, edges)."
        )
    if values.dtype.kind not in "iufb":
        raise errors.ArgumentError(
            f"{call}: {what} have type {values.dtype}. Integers or strings are wanted, one per sample."
        )
    return torch.from_numpy(values.astype(np.int64)), None


def _first_odd(values: np.ndarray) -> float:
    odd = ~np.isfinite(values) | (values != np.round(values))
    return float(values[odd][0])


def label_of_item(call: str, index: int, label: object) -> int | str | None:
    """The label that came with one item of a Dataset, as an integer or a string; None stays None."""
    if label is None or isinstance(label, str):
        return label
    if isinstance(label, Tensor | np.ndarray | np.generic) and len(label.reshape(-1)) == 1:
        label = label.item()
    if isinstance(label, str | int):  # bool is an int
        return label if isinstance(label, str) else int(label)
    if isinstance(label, float) and label.is_integer():
        return int(label)
    if isinstance(label, Tensor | np.ndarray) or hasattr(label, "convert"):
        raise errors.ArgumentError(
            f"{call}: item {index} holds two pictures or arrays. One per item is wanted, because "
            "the second view is made here: return the item before augmentation. If the second is not "
            "needed, labels=False ignores it."
        )
    raise errors.ArgumentError(
        f"{call}: the label of item {index} is {label!r}, a {type(label).__name__}. An integer or a string "
        "is wanted; labels=False ignores what comes with the items."
    )


class Groups:
    """Which samples belong together, and a random other member of a sample's group.

    ids: (samples,) integers; equal ids belong together, and a negative id belongs to no group.
    """

    def __init__(self, call: str, ids: Int[Tensor, " samples"]) -> None:
        self.ids = ids.clamp(min=-1)
        apart = ids.clone()
        alone = ids < 0
        apart[alone] = int(ids.max()) + 1 + torch.arange(int(alone.sum()))
        inverse = torch.unique(apart, return_inverse=True)[1]
        self._group = inverse
        self._order = torch.argsort(inverse, stable=True)  # members, group by group
        self._size = torch.bincount(inverse)
        self._start = self._size.cumsum(0) - self._size
        self._place = torch.empty_like(self._order)
        self._place[self._order] = torch.arange(len(ids)) - self._start[inverse[self._order]]
        if int(self._size.max()) < 2:
            raise errors.ArgumentError(
                f"{call}: no two samples share a group. Give equal ids to samples that belong together, "
                "or leave groups out: two views of one sample are then the positives."
            )

    def among(self, kept: Tensor) -> Groups:
        """The same groups without the samples that are not `kept`, (samples,) true or false.

        Raises ArgumentError when no two that are left share one.
        """
        return Groups("groups among the samples that are left", torch.where(kept, self.ids, -1))

    def partner(self, index: Int[Tensor, " batch"], generator: torch.Generator) -> Int[Tensor, " batch"]:
        """For each sample another member of its group, each equally likely; itself where it is alone."""
        group = self._group[index]
        size = self._size[group]
        draw = torch.rand(len(index), generator=generator, dtype=torch.float64)
        step = 1 + (draw * (size - 1)).long().clamp(max=(size - 2).clamp(min=0))
        return self._order[self._start[group] + (self._place[index] + step) % size]


def fits(names: object) -> Sequence[str] | None:
    """A Dataset's `classes` where it is a list of strings."""
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        return [str(name) for name in names]
    return None
