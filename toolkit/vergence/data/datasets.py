"""A map-style Dataset as a source of pairs: read lazily, one item at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vergence import errors
from vergence.data.arrays import check_size, describe_range, kinds_of_positives
from vergence.data.base import Base, Pictures, check_count, spread, to_pictures
from vergence.data.labels import Groups, fits, label_of_item, read_labels
from vergence.data.reading import Channels, cover, read_item, split_item, to_float
from vergence.data.thumbnails import thumbnails

__all__ = ["DatasetSource"]

PROBED = 32  # items that are read at once to learn size and kind
SMALLEST, LARGEST = 32, 64  # the side chosen for pictures of different sizes lies between these
UNREAD = torch.iinfo(torch.int64).min


class DatasetSource(Base):
    """Items of a map-style Dataset or list; see `vergence.data.source`, which makes these.

    value_range, notes: as in ArraySource, of the items that were probed.
    """

    def __init__(
        self,
        dataset: Any,
        labels: object = None,
        *,
        groups: object = None,
        size: int | None = None,
        name: str | None = None,
        channels: Channels | None = None,
    ) -> None:
        self._dataset, self._channels = dataset, channels
        self._call = "source"
        self._samples = len(dataset)
        if self._samples < 2:
            raise errors.TooFewRows(
                f"{self._call}: {type(dataset).__name__} has {self._samples} items. "
                "Contrast needs at least 2; is the path right, or a filter too strict?"
            )
        probe = spread(self._samples, PROBED).tolist()
        split = [split_item(self._call, i, self._fetch(i)) for i in probe]
        first = [read_item(self._call, i, item, None, channels) for i, (item, _) in zip(probe, split, strict=True)]
        is_image = first[0].ndim == 3
        check_size(self._call, size, is_image)
        self._sides = _sides(first, size) if is_image else None
        depth = max(t.shape[0] for t in first)
        shape = (depth, *self._sides) if self._sides is not None else tuple(first[0].shape)
        super().__init__(name or type(dataset).__name__, shape, kinds_of_positives(is_image, groups is not None))
        values = [to_float(self._fitted(i, t)) for i, t in zip(probe, first, strict=True)]
        self.value_range = (min(float(v.min()) for v in values), max(float(v.max()) for v in values))
        self.notes = describe_range(self.value_range) if is_image else ()
        self._groups = None
        if groups is not None:
            self._groups = Groups(self._call, read_labels(self._call, groups, self._samples, "groups")[0])
        self._reference: tuple[int, Tensor, Tensor | None] | None = None
        self._set_labels(labels, probe, [label for _, label in split])

    def __len__(self) -> int:
        return self._samples

    def __repr__(self) -> str:
        shape = " x ".join(str(n) for n in self.item_shape)
        said = "".join(f"\n  note: {note}" for note in self.notes)
        return f"source({self.name}: {len(self)} items read as {shape}, positives={self.positives!r}){said}"

    @property
    def labels(self) -> Tensor | None:
        """(samples,) where every label is known: given, listed by the Dataset, or all items read by now."""
        if self._ids is None or bool((self._ids == UNREAD).any()):
            return None
        return self._ids

    @property
    def label_names(self) -> Sequence[str] | None:
        """Names of the ids: the Dataset's `classes`, or strings in the order in which they were met."""
        return tuple(self._names) if self._names else None

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Each item twice, or with another member of its group. An item is read once for both views."""
        index = self.check_index(index)
        first = self._read(index)
        if self.positives == "same group" and self._groups is not None:
            return first, self._read(self._groups.partner(index, generator))
        return first, first

    def label_of(self, index: Tensor) -> Tensor | None:
        """The labels of the items, or None. What was not read before is read for it."""
        index = self.check_index(index)
        if self._ids is None:
            return None
        unread = index[self._ids[index] == UNREAD]
        if len(unread):
            self._read(unread)
        return self._ids[index]

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
        """`n` items spread evenly over the Dataset; fewer where there are fewer. Read once and kept."""
        n = min(check_count(f"{self.name}.reference", n), len(self))
        if self._reference is None or self._reference[0] != n:
            index = spread(len(self), n)
            self._reference = (n, self._read(index), self.label_of(index))
        return self._reference[1], self._reference[2]

    def thumbnails(self, n: int) -> Pictures | None:
        """The items of `reference(n)` as pictures: images made small, vectors as bars or curves."""
        if len(self.item_shape) != 3:
            return thumbnails(self.reference(n)[0])
        items = self.reference(n)[0]
        low, high = self.value_range
        return to_pictures(items) if low >= 0 and high <= 1 else to_pictures(items, low, high)

    def _fetch(self, index: int) -> object:
        """One item. Whatever goes wrong inside the Dataset comes out with the index."""
        try:
            return self._dataset[index]
        except Exception as error:
            raise errors.InputError(
                f"{self._call}: item {index} of {type(self._dataset).__name__} could not be read: "
                f"{type(error).__name__}: {error}. Try it alone: dataset[{index}]."
            ) from error

    def _read(self, index: Tensor) -> Tensor:
        """Items as one float32 batch; notes their labels on the way."""
        rows = []
        for i in index.tolist():
            item, label = split_item(self._call, i, self._fetch(i))
            self._note_label(i, label)
            rows.append(self._fitted(i, read_item(self._call, i, item, self._sides, self._channels)))
        if all(row.dtype == torch.uint8 for row in rows):
            return to_float(torch.stack(rows))
        return torch.stack([to_float(row) for row in rows])

    def _fitted(self, index: int, item: Tensor) -> Tensor:
        """`item` in the shape of all: covering the same sides, grey repeated where others have colour."""
        if item.ndim == len(self.item_shape) == 3 and self._sides is not None:
            item = cover(item[None], self._sides)[0]
            if item.shape[0] == 1:
                item = item.expand(self.item_shape[0], -1, -1)
        if tuple(item.shape) != self.item_shape:
            raise errors.ShapeError(
                f"{self._call}: item {index} is {tuple(item.shape)} but others are {self.item_shape}. "
                "All need the same number of channels, or the same length as vectors."
            )
        return item

    def _set_labels(self, labels: object, probe: list[int], found: list[object]) -> None:
        """Decide where labels come from: the argument, the Dataset's own list, the items, or nowhere."""
        self._ids: Tensor | None = None
        self._names: list[str] = []
        self._from_items = False
        if labels is False:
            return
        if labels is not None:
            self._ids, names = read_labels(self._call, labels, self._samples)
            self._names = names or []
            return
        if found[0] is None:
            return
        self._from_items = True
        self._names = list(fits(getattr(self._dataset, "classes", None)) or [])
        self._ids = torch.full((self._samples,), UNREAD)
        # Sorted first, so that names do not depend on which item happens to come first.
        read = [label_of_item(self._call, i, label) for i, label in zip(probe, found, strict=True)]
        for name in sorted({label for label in read if isinstance(label, str)}):
            self._id_of(name)
        for i, label in zip(probe, found, strict=True):
            self._note_label(i, label)
        listed = getattr(self._dataset, "targets", None)
        if listed is not None and len(listed) == self._samples:
            ids, names = read_labels(self._call, listed, self._samples)
            # A target_transform changes what items carry: believe the list only where it agrees with them.
            if names is None and torch.equal(ids[probe], self._ids[probe]):
                self._ids = ids

    def _note_label(self, index: int, label: object) -> None:
        if not self._from_items or self._ids is None:
            return
        read = label_of_item(self._call, index, label)
        if read is None:
            raise errors.ArgumentError(
                f"{self._call}: item {index} has no label but others have one. Give every item one (-1 for "
                "unknown), or ignore them all: labels=False."
            )
        self._ids[index] = self._id_of(read) if isinstance(read, str) else read

    def _id_of(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)


def _sides(items: list[Tensor], size: int | None) -> tuple[int, int]:
    """Height and width for all pictures: as asked, as they are if they agree, else a square of 32 to 64."""
    if size is not None:
        return size, size
    sizes = [(int(item.shape[1]), int(item.shape[2])) for item in items if item.ndim == 3]
    if len(set(sizes)) == 1:
        return sizes[0]
    shorter = sorted(min(pair) for pair in sizes)
    side = min(LARGEST, max(SMALLEST, shorter[len(shorter) // 2]))
    return side, side
