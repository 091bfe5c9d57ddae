"""What a source of training pairs is, and what all of ours share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from vergence import errors

__all__ = ["Base", "Pictures", "Source", "check_count", "spread", "to_pictures"]

Pictures = UInt8[np.ndarray, "items height width 3"]
LARGEST_THUMBNAIL = 64


@runtime_checkable
class Source(Protocol):
    """Where training pairs come from: items that can be anchors, and which pairs are positive.

    name: what to call it on screen.
    item_shape: the shape of one item, (channels, height, width) or (dim,).
    labels: (samples,) integers, or None when there are none or they are not known without reading everything.
    label_names: the name of each label id, or None.
    kinds_of_positives: what `positives` may be; the first is the default.
    positives: how the second item of a pair is chosen; may be set while a run trains.
    """

    name: str
    item_shape: tuple[int, ...]
    kinds_of_positives: tuple[str, ...]

    @property
    def labels(self) -> Tensor | None:
        """(samples,) integers."""
        ...

    @property
    def label_names(self) -> Sequence[str] | None:
        """The name of label id 0, 1, ..."""
        ...

    @property
    def positives(self) -> str:
        """One of `kinds_of_positives`."""
        ...

    @positives.setter
    def positives(self, kind: str) -> None: ...

    def set_positives(self, kind: str) -> None:
        """The same as setting `positives`. Raises UnknownName, with the nearest name that exists."""
        ...

    def __len__(self) -> int:
        """How many samples can be anchors."""
        ...

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two items for each sample of `index` (batch,), before any augmentation.

        Two float32 tensors (batch, *item_shape), images in [0, 1]. They may be one and the same tensor:
        views return new ones. What is random about the choice comes from `generator`.
        """
        ...

    def label_of(self, index: Tensor) -> Tensor | None:
        """The labels of the samples `index`, (batch,), or None."""
        ...

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """At most `n` items that stay the same for the whole run, to be embedded again and again; and labels.

        Held out of training where the set has such a part, else spread evenly over it.
        """
        ...

    def thumbnails(self, n: int) -> Pictures | None:
        """The items of `reference(n)` as small pictures, row by row; None for what is no picture."""
        ...


class Base:
    """The name, the kinds of positives and the current one."""

    def __init__(self, name: str, item_shape: tuple[int, ...], kinds: tuple[str, ...]) -> None:
        self.name = name
        self.item_shape = item_shape
        self.kinds_of_positives = kinds
        self._positives = kinds[0]

    @property
    def positives(self) -> str:
        """The kind of positives in use, one of `kinds_of_positives`."""
        return self._positives

    @positives.setter
    def positives(self, kind: str) -> None:
        self.set_positives(kind)

    def set_positives(self, kind: str) -> None:
        """Choose among `kinds_of_positives`. Raises UnknownName, with the nearest name that exists."""
        if kind not in self.kinds_of_positives:
            raise errors.UnknownName(f"{self.name}.positives", str(kind), self.kinds_of_positives, "kind of positives")
        self._positives = kind

    def check_index(self, index: object) -> Tensor:
        """`index` as a 1-d integer tensor of samples that exist."""
        samples = len(self)  # type: ignore[arg-type]
        if not isinstance(index, Tensor) or index.ndim != 1 or index.is_floating_point() or index.dtype == torch.bool:
            raise errors.ShapeError(
                f"{self.name}: index must be a 1-d integer tensor of samples, for example torch.arange(4)."
            )
        if len(index) and (int(index.min()) < 0 or int(index.max()) >= samples):
            raise errors.ArgumentError(
                f"{self.name}: index goes from {int(index.min())} to {int(index.max())}, "
                f"but there are {samples} samples, 0 to {samples - 1}."
            )
        return index.long()


def check_count(call: str, n: object) -> int:
    """A number of reference items is at least 1."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise errors.ArgumentError(f"{call}: n is {n!r}. Ask for at least 1 item, for example 512.")
    return n


def spread(samples: int, n: int) -> Tensor:
    """At most `n` of `samples` indices, evenly spread: sets sorted by class give every class."""
    n = min(n, samples)
    return torch.arange(n) * samples // n


def to_pictures(x: Tensor, low: float = 0.0, high: float = 1.0) -> Pictures:
    """Images (items, channels, height, width) with values from `low` to `high` as uint8 RGB, sides <= 64.

    One channel is drawn as grey, of four or more the first three, of two the mean.
    """
    x = x.detach().to("cpu", torch.float32)
    largest = max(x.shape[2:])
    if largest > LARGEST_THUMBNAIL:
        scale = LARGEST_THUMBNAIL / largest
        sides = [max(1, round(side * scale)) for side in x.shape[2:]]
        x = torch.nn.functional.interpolate(x, sides, mode="bilinear", antialias=True)
    x = x[:, :3] if x.shape[1] >= 3 else x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    levels = ((x - low) / max(high - low, 1e-12) * 255).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().numpy()
