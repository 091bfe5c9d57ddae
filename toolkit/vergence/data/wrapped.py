"""A source around another one: everything that is not changed on purpose is as it was."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vergence.data.arrays import ArraySource
from vergence.data.base import Base, Pictures, Source, spread
from vergence.data.datasets import DatasetSource
from vergence.data.source import source as as_source
from vergence.data.truth import Truth

__all__ = ["Wrapped", "inner_source", "only"]


LOOKED_AT = 32


class Wrapped(Base):
    """What the sources around a source have in common. Labels, groups, kinds of positives, held-out items and pictures
    are those of the source inside.

    inside: a copy of the source, so that choosing other positives here leaves yours alone.
    untouched: how many last channels or entries of an item views leave alone.
    """

    truth: Truth

    def __init__(self, given: Any, name: str) -> None:
        self.inside: Source = copy.copy(as_source(given))
        super().__init__(f"{self.inside.name}-{name}", tuple(self.inside.item_shape), self.inside.kinds_of_positives)
        self.untouched: int = getattr(self.inside, "untouched", 0)

    def __copy__(self) -> Any:
        """A copy with a copy of the source inside: its positives may be set without touching these."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.inside = copy.copy(self.inside)
        return made

    def __len__(self) -> int:
        return len(self.inside)

    @property
    def positives(self) -> str:
        """The kind of positives in use, one of `kinds_of_positives`."""
        return self.inside.positives

    @positives.setter
    def positives(self, kind: str) -> None:
        self.set_positives(kind)

    def set_positives(self, kind: str) -> None:
        """Choose among `kinds_of_positives`. Raises UnknownName, with the nearest name that exists."""
        self.inside.set_positives(kind)

    @property
    def labels(self) -> Tensor | None:
        """(samples,) integers, or None."""
        return self.inside.labels

    @property
    def label_names(self) -> Sequence[str] | None:
        """The name of each label id, or None."""
        return self.inside.label_names

    @property
    def views(self) -> Any:
        """The views that the source inside brings along, or None."""
        return getattr(self.inside, "views", None)

    @property
    def second_shape(self) -> tuple[int, ...]:
        """The shape of the second items of its pairs."""
        return tuple(getattr(self.inside, "second_shape", self.inside.item_shape))

    @property
    def two_kinds(self) -> bool:
        """The second item of a pair is of another kind than the first, even where both have one shape."""
        return hasattr(inner_source(self), "seconds")

    @property
    def words(self) -> bool:
        """The second item of a pair is made of words."""
        return bool(getattr(self.inside, "words", False))

    @property
    def value_range(self) -> tuple[float, float]:
        """Smallest and largest value of an item of the source inside; 0 and 1 where it does not say."""
        return getattr(self.inside, "value_range", (0.0, 1.0))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the data that somebody should see."""
        return tuple(getattr(self.inside, "notes", ()))

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two items for each sample."""
        return self.inside.pair(self.check_index(index), generator)

    def label_of(self, index: Tensor) -> Tensor | None:
        """The labels of the samples, or None."""
        return self.inside.label_of(self.check_index(index))

    def positives_of(self, index: Tensor) -> Tensor | None:
        """Group ids (batch,), -1 for none, where samples of a batch may belong together; else None."""
        find = getattr(self.inside, "positives_of", None)
        found: Tensor | None = None if find is None else find(self.check_index(index))
        return found

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """The reference items of the source inside."""
        return self.inside.reference(n)

    def thumbnails(self, n: int) -> Pictures | None:
        """The pictures of the source inside."""
        return self.inside.thumbnails(n)

    def about_reference(self, n: int) -> dict[str, Any]:
        """What is known about the items of `reference(n)` beside their labels."""
        find = getattr(self.inside, "about_reference", None)
        return {} if find is None else dict(find(n))

    def some(self) -> tuple[Tensor, Tensor]:
        """A few pairs of the source inside, always the same ones, to learn how large its entries are.

        A Dataset that draws finds torch's own numbers as they are left, and they are left as they were.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.inside.pair(spread(len(self.inside), LOOKED_AT), torch.Generator().manual_seed(0))

    def only(self, kept: Tensor) -> None:
        """From now on no sample outside `kept`, (samples,) true or false, is chosen as a partner in a group."""
        only(self.inside, kept)

    def truth_inside(self) -> Truth | None:
        """What is known of the source inside, where it was made on purpose too."""
        return getattr(self.inside, "truth", None)

    def __repr__(self) -> str:
        return f"{self.name}: {self.truth!r} on {self.inside!r}"


def only(given: Source, kept: Tensor) -> None:
    """Sources with groups choose partners among `kept` alone: what was taken away on purpose must not come back.

    Raises ArgumentError when no two of them share a group.
    """
    if isinstance(given, Wrapped | ArraySource | DatasetSource):
        given.only(kept)


def inner_source(given: Source) -> Source:
    """The source that reads the data: what is left when everything around it is taken off."""
    while isinstance(given, Wrapped):
        given = given.inside
    return given
