"""A tensor or an array in memory as a source of pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vergence import errors
from vergence.data.base import Base, Pictures, check_count, spread, to_pictures
from vergence.data.labels import Groups, read_labels
from vergence.data.reading import Channels, cover, finite_range, read_array, to_float
from vergence.data.thumbnails import thumbnails

__all__ = ["ArraySource", "check_size", "describe_range", "kinds_of_positives"]


class ArraySource(Base):
    """Samples in one tensor or array; see `vergence.data.source`, which makes these.

    label_names: the name of each label id, when labels are integers.
    held_out: (items, labels) that `reference` takes instead of training samples; labels may be None.

    value_range: smallest and largest value of an item, as `pair` returns it.
    notes: sentences about the data that somebody should see, such as values far outside [0, 1].
    """

    def __init__(
        self,
        x: Tensor | np.ndarray,
        labels: object = None,
        *,
        groups: object = None,
        size: int | None = None,
        name: str | None = None,
        channels: Channels | None = None,
        label_names: Sequence[str] | None = None,
        held_out: tuple[Tensor, Tensor | None] | None = None,
    ) -> None:
        call = "source"
        items = read_array(call, x, channels)
        is_image = items.ndim == 4
        check_size(call, size, is_image)
        self.value_range = finite_range(call, items)
        if size is not None:
            items = cover(items, (size, size))
        kinds = kinds_of_positives(is_image, groups is not None)
        super().__init__(name or ("tensor" if isinstance(x, Tensor) else "array"), tuple(items.shape[1:]), kinds)
        self._items = items
        self.labels: Tensor | None = None
        self.label_names: Sequence[str] | None = label_names
        if labels is not None and labels is not False:
            self.labels, names = read_labels(call, labels, len(items))
            self.label_names = label_names if names is None else names
        self._groups = None if groups is None else Groups(call, read_labels(call, groups, len(items), "groups")[0])
        self._held_out = held_out
        self.notes = describe_range(self.value_range) if is_image else ()

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        shape = " x ".join(str(n) for n in self.item_shape)
        said = "".join(f"\n  note: {note}" for note in self.notes)
        return f"source({self.name}: {len(self)} samples of {shape}, positives={self.positives!r}){said}"

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Each sample twice, or with another member of its group."""
        index = self.check_index(index)
        first = self._at(index)
        if self.positives == "same group" and self._groups is not None:
            return first, self._at(self._groups.partner(index, generator))
        return first, first

    def label_of(self, index: Tensor) -> Tensor | None:
        """The labels of the samples, or None."""
        index = self.check_index(index)
        return None if self.labels is None else self.labels[index]

    def positives_of(self, index: Tensor) -> Tensor | None:
        """Group ids (batch,), -1 for none, where the kind of positives is "same group"; else None."""
        if self.positives != "same group" or self._groups is None:
            return None
        return self._groups.ids[self.check_index(index)]

    def only(self, kept: Tensor) -> None:
        """Partners in a group are chosen among `kept`, (samples,) true or false, from now on."""
        if self._groups is not None:
            self._groups = self._groups.among(kept)

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """`n` held-out items, or `n` samples spread evenly over the set; fewer where there are fewer."""
        check_count(f"{self.name}.reference", n)
        if self._held_out is not None:
            items, labels = self._held_out
            index = spread(len(items), n)
            return to_float(items[index]), None if labels is None else labels[index]
        index = spread(len(self), n)
        return self._at(index), self.label_of(index)

    def thumbnails(self, n: int) -> Pictures | None:
        """The items of `reference(n)` as pictures: images made small, vectors as bars or curves."""
        if len(self.item_shape) != 3:
            return thumbnails(self.reference(n)[0])
        return to_pictures(self.reference(n)[0], *_shown_range(self.value_range))

    def _at(self, index: Tensor) -> Tensor:
        return to_float(self._items[index.to(self._items.device)])


def kinds_of_positives(is_image: bool, grouped: bool) -> tuple[str, ...]:
    """What may be positive: groups first where they were given, for whoever gives them means them."""
    same = "same image" if is_image else "same row"
    return ("same group", same) if grouped else (same,)


def check_size(call: str, size: object, is_image: bool) -> None:
    """`size` is the side of an image in pixels."""
    if size is None:
        return
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise errors.ArgumentError(f"{call}: size is {size!r}. It is the side of an image in pixels, for example 32.")
    if not is_image:
        raise errors.ArgumentError(f"{call}: size={size} is for images, but the items are vectors. Leave it out.")


def describe_range(value_range: tuple[float, float]) -> tuple[str, ...]:
    """A note where images do not lie in [0, 1]; they are never rescaled, for only their owner knows why."""
    low, high = value_range
    if low >= 0 and high <= 1:
        return ()
    if low >= 0 and 2 < high <= 255:
        return (
            f"pixels go from {low:.3g} to {high:.3g} and are left as they are. If white is 255, divide by "
            "255 first: the views and the encoder are made for about 0 to 1.",
        )
    return (f"pixels go from {low:.3g} to {high:.3g} (normalised?) and are left as they are.",)


def _shown_range(value_range: tuple[float, float]) -> tuple[float, float]:
    """What is black and what is white in a thumbnail: 0 and 1, or the range where it is wider."""
    low, high = value_range
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
