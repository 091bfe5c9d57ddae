"""Pairs of two kinds: an image and its words, two halves of one thing, two sensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors
from vergence.data.arrays import ArraySource
from vergence.data.base import Base, Pictures
from vergence.data.emoji import Emoji
from vergence.data.words import WIDTH, hashed_words

__all__ = ["EmojiWords", "Paired", "emoji_words", "paired"]


def paired(first: Any, second: Any, labels: object = None, *, name: str | None = None) -> Paired:
    """Your own pairs, for two encoders: `Run(methods.CLIP(), data.paired(images, texts))`.

    first: (n, ...), a tensor or array of images or of vectors, as `source` takes them. second: the same, item i of both
    belonging together; or n strings, which `hashed_words` turns into rows.
    labels: one class per pair, integers or strings. Used to say what the geometry means, never to train.

    The reference set and the map show the first kind.

    Raises ShapeError, TooFewRows, NotFinite, ArgumentError.
    """
    return Paired(first, second, labels, name=name)


class Paired(Base):
    """See `paired`.

    second_shape: the shape of one item of the second kind. words: that item is made of words.
    texts: the strings, where strings came. seconds: (samples, *second_shape).
    """

    def __init__(self, first: Any, second: Any, labels: object = None, *, name: str | None = None) -> None:
        self._first = ArraySource(first, labels, name=name)
        self.texts: tuple[str, ...] | None = None
        strings = isinstance(second, Sequence) and bool(second) and all(isinstance(text, str) for text in second)
        if strings:
            self.texts = tuple(second)
            second = hashed_words(self.texts)
        self._second = ArraySource(second)
        if len(self._first) != len(self._second):
            raise errors.ShapeError(
                f"paired: first has {len(self._first)} items and second {len(self._second)}. Item i of both is a pair, "
                "so they must be equally many."
            )
        kind = self._first.name if self._first.name not in ("tensor", "array") else "pairs"
        super().__init__(name or kind, self._first.item_shape, ("given pair",))
        self.second_shape = self._second.item_shape
        self.words = strings
        self.labels = self._first.labels
        self.label_names = self._first.label_names

    def __len__(self) -> int:
        return len(self._first)

    def __repr__(self) -> str:
        first, second = (" x ".join(map(str, shape)) for shape in (self.item_shape, self.second_shape))
        return f"paired({self.name}: {len(self)} pairs of {first} and {second})"

    @property
    def seconds(self) -> Tensor:
        """Every item of the second kind."""
        return self._second.pair(torch.arange(len(self)), torch.Generator())[0]

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The two items of each pair."""
        return self._first.pair(index, generator)[0], self._second.pair(index, generator)[0]

    def label_of(self, index: Tensor) -> Tensor | None:
        """The labels of the pairs, or None."""
        return self._first.label_of(index)

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """`n` items of the first kind, spread evenly over the set."""
        return self._first.reference(n)

    def thumbnails(self, n: int) -> Pictures | None:
        """The items of `reference(n)` as pictures."""
        return self._first.thumbnails(n)


WORDS = ("name and keywords", "name")


def emoji_words(
    positives: str = "name and keywords", split: str = "train", labels: str = "group", width: int = WIDTH
) -> EmojiWords:
    """The emoji set with words: a drawing by one of three artists, and what it is called.

    positives: "name and keywords" ("red apple" with apple, diet, food, fruit, ...), or the "name" alone.
    split, labels: as in `emoji`. width: places of the rows of words (`hashed_words`).

    The artist is drawn at random each time. The reference set is the held-out drawings.

    Raises UnknownName, ArgumentError.
    """
    return EmojiWords(positives=positives, split=split, labels=labels, width=width)


class EmojiWords(Emoji):
    """See `emoji_words`. Beside what `Emoji` has: second_shape, (width,), and seconds, the rows of words."""

    words = True

    def __init__(
        self,
        *,
        positives: str = "name and keywords",
        split: str = "train",
        labels: str = "group",
        width: int = WIDTH,
    ) -> None:
        super().__init__(positives="same image", split=split, labels=labels)
        self.name = "emoji-words"
        self.kinds_of_positives = WORDS
        self.set_positives(positives)
        self.second_shape = (width,)
        names = hashed_words(self.texts, width)
        every = [f"{text} {' '.join(words)}" for text, words in zip(self.texts, self.keywords, strict=True)]
        self._rows = {"name": names, "name and keywords": hashed_words(every, width)}

    @property
    def seconds(self) -> Float[Tensor, "samples width"]:
        """The words of every emoji, as `pair` returns them."""
        return self._rows[self.positives]

    def pair(
        self, index: Tensor, generator: torch.Generator
    ) -> tuple[Float[Tensor, "batch 3 32 32"], Float[Tensor, "batch width"]]:
        """A drawing of each emoji, by an artist drawn at random, and its words."""
        kind, self._positives = self._positives, "same image"
        try:
            image, _ = super().pair(index, generator)
        finally:
            self._positives = kind
        return image, self.seconds[self.check_index(index)]

    def __repr__(self) -> str:
        drawn = f"{len(self)} emoji x {len(self.artists)} artists and their words"
        return f"emoji_words({self.split}: {drawn}, positives={self.positives!r})"
