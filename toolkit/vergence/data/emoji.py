"""The emoji set: 1,595 emoji by three artists, with groups, labels and keywords. Shipped with the package.

The same emoji drawn by another artist is a natural second view: content stays, style changes. Made by
`tools/build_emoji.py`; licences and attribution in `licences/ARTWORK.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors
from vergence.data.base import Base, Pictures, check_count, to_pictures

__all__ = ["Emoji", "emoji"]

KINDS = ("other artist", "same image")
SPLITS = ("train", "held out", "all")
LABELS = ("group", "subgroup")


def emoji(positives: str = "other artist", split: str = "train", labels: str = "group") -> Emoji:
    """1,595 emoji by three artists (Noto, Twemoji, Fluent), 32 x 32 RGB on white.

    positives: "other artist", two different artists' drawings of the emoji, drawn at random each time;
        "same image", one artist's drawing twice, so that only the views make a difference.
    split: "train" (1,213 emoji), "held out" (382) or "all". Emoji are split, not images: no artist's drawing
        of a held-out emoji is ever trained on. Related emoji (man running, woman running) may part.
    labels: "group" (9, such as food-drink) or "subgroup" (95, such as food-fruit).

    A sample is an emoji, so a batch without repetition holds one positive pair of each and never another
    artist's copy among the negatives.

    Raises UnknownName, with the nearest name that exists.
    """
    return Emoji(positives=positives, split=split, labels=labels)


class Emoji(Base):
    """See `emoji`. Beside what every source has, for all samples of the split, in order:

    images: (samples, 3 artists, 32, 32, 3) uint8, (row, column, RGB) of each drawing.
    artists: the three names.
    hexcodes, texts: code points such as "1F600", and the label such as "grinning face".
    keywords: a tuple of words for each.
    """

    def __init__(self, *, positives: str = "other artist", split: str = "train", labels: str = "group") -> None:
        super().__init__("emoji", (3, 32, 32), KINDS)
        if split not in SPLITS:
            raise errors.UnknownName("emoji", str(split), SPLITS, "split")
        if labels not in LABELS:
            raise errors.UnknownName("emoji", str(labels), LABELS, "kind of labels")
        self.set_positives(positives)
        self.split = split
        self._kind = labels
        stored = _stored()
        apart = stored["held_out"]
        members = np.flatnonzero({"train": ~apart, "held out": apart, "all": np.ones_like(apart)}[split])
        self._all_images = torch.from_numpy(stored["images"])
        self._all_labels = torch.from_numpy(stored[labels].astype(np.int64))
        self._members = torch.from_numpy(members)
        self._held_out = torch.from_numpy(np.flatnonzero(apart))

        self.artists: tuple[str, ...] = tuple(stored["artists"].tolist())
        self.labels: Int[Tensor, " samples"] = self._all_labels[self._members]
        self.label_names: Sequence[str] = tuple(stored[f"{labels}_names"].tolist())
        self.hexcodes: tuple[str, ...] = tuple(stored["hexcodes"][members].tolist())
        texts = str(stored["texts"]).split("\n")
        keywords = str(stored["keywords"]).split("\n")
        self.texts: tuple[str, ...] = tuple(texts[i] for i in members)
        self.keywords: tuple[tuple[str, ...], ...] = tuple(tuple(keywords[i].split("|")) for i in members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        drawn = f"{len(self)} emoji x {len(self.artists)} artists"
        return f"emoji({self.split}: {drawn}, positives={self.positives!r})"

    @property
    def images(self) -> Tensor:
        """(samples, 3 artists, 32, 32, 3) uint8, a copy."""
        return self._all_images[self._members]

    def pair(
        self, index: Int[Tensor, " batch"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "batch 3 32 32"], Float[Tensor, "batch 3 32 32"]]:
        """Two drawings of each emoji: by two artists, or one drawing twice. channels_last in memory."""
        rows = self._members[self.check_index(index)]
        artists = len(self.artists)
        # Both are drawn whatever the kind, so changing the kind does not shift what is drawn afterwards.
        first = torch.randint(artists, (len(rows),), generator=generator)
        further = torch.randint(1, artists, (len(rows),), generator=generator)
        a = _as_float(self._all_images[rows, first])
        if self.positives == "same image":
            return a, a
        return a, _as_float(self._all_images[rows, (first + further) % artists])

    def label_of(self, index: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """The group, or subgroup, of each emoji."""
        return self.labels[self.check_index(index)]

    def reference(self, n: int) -> tuple[Float[Tensor, "items 3 32 32"], Int[Tensor, " items"]]:
        """Held-out drawings, the same whatever the split.

        Up to 382: Noto's. Up to 764: Noto's of n/2 emoji, then Twemoji's of the same; beyond, Fluent's too,
        so at most 1,146. Row i and row i + n/2 are then the same emoji, and should come close on a map.
        """
        rows, artists = self._reference_rows(n)
        return _as_float(self._all_images[rows, artists]), self._all_labels[rows]

    def thumbnails(self, n: int) -> Pictures:
        """The drawings of `reference(n)`, (items, 32, 32, 3)."""
        return to_pictures(self.reference(n)[0])

    def about_reference(self, n: int) -> dict[str, Any]:
        """What is known about the items of `reference(n)` beside their labels: artist, which show the same emoji."""
        rows, artists = self._reference_rows(n)
        texts = str(_stored()["texts"]).split("\n")
        return {
            "label": self._kind,
            "factors": {"artist": artists},
            "factor_names": {"artist": self.artists},
            "groups": rows,
            "names": [texts[row] for row in rows.tolist()],
        }

    def _reference_rows(self, n: int) -> tuple[Tensor, Tensor]:
        held_out, artists = len(self._held_out), len(self.artists)
        n = min(check_count("emoji.reference", n), held_out * artists)
        parts = -(-n // held_out)  # artists that are needed
        each = -(-n // parts)
        place = torch.arange(n)
        # Evenly spread over the emoji, which are stored group by group.
        return self._held_out[(place % each) * held_out // each], place // each


def _as_float(images: Tensor) -> Tensor:
    """(batch, height, width, 3) uint8 as (batch, 3, height, width) in [0, 1], channels_last."""
    return images.permute(0, 3, 1, 2).float().div_(255)


@lru_cache(maxsize=1)
def _stored() -> dict[str, np.ndarray]:
    """The arrays of the shipped file, read once."""
    path = resources.files("vergence.data") / "files" / "emoji.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
