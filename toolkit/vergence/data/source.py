"""Your own data as a source of training pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from vergence import errors
from vergence.data.arrays import ArraySource
from vergence.data.base import Base, Source
from vergence.data.datasets import DatasetSource
from vergence.data.reading import Channels

__all__ = ["Source", "source"]


def source(
    x: Any,
    labels: object = None,
    size: int | None = None,
    name: str | None = None,
    *,
    groups: object = None,
    channels: Channels | None = None,
) -> Source:
    """Your own data, ready to train on.

    x: one of
        a tensor or array of images, (n, channels, height, width), (n, height, width, channels) or, grey,
            (n, height, width); or of vectors, (n, dim). Any number type, any strides; memory is shared.
        (x, labels), or a TensorDataset: the same with labels.
        a map-style Dataset or list whose items are an image, (image, label), (image, label, ...) or a
            dictionary with "image" and maybe "label". An image is a PIL picture of any size and mode (RGB
            comes out, white where it was transparent), an array or a tensor; 1-d items are vectors. Items are
            read when they are needed; 32 of them at once, to learn their size.
    labels: one class per sample, integers or strings; None takes what comes with x; False takes none.
        Used to say what the geometry means, never to train.
    size: side in pixels. The shorter side is scaled to it and the rest cut around the centre. Left out,
        pictures keep their size if the 32 looked at agree, else they become squares of their median shorter
        side, at least 32 and at most 64.
    name: what to call it on screen.
    groups: one id per sample, integers or strings; samples with the same id are positives of each other
        (frames of a video, photos of a person), and -1 belongs to none.
    channels: "first" or "last", where the shape alone does not say.

    Positives are two views of one sample ("same image", or "same row" for vectors); with `groups`, by
    default, two samples of a group ("same group").

    uint8 becomes its share of 255, and other integers from 0 to 255 as well when they are pixels.
    Floating-point images outside [0, 1] (normalised ones, for example) are left as they are; the source's
    `value_range` and `notes` say so.

    Raises ShapeError, TooFewRows, NotFinite, ArgumentError; InputError with the index when an item of a
    Dataset cannot be read.
    """
    if isinstance(x, Base) and isinstance(x, Source):
        return _as_it_is(x, labels, size, name, groups, channels)
    if isinstance(x, TensorDataset):
        x = x.tensors[:2] if len(x.tensors) > 1 else x.tensors[0]
    if isinstance(x, tuple) and 1 <= len(x) <= 2 and isinstance(x[0], Tensor | np.ndarray):
        if len(x) == 2 and labels is not None and labels is not False:
            raise errors.ArgumentError("source: labels came twice, in (x, labels) and in labels=. Give them once.")
        x, labels = x[0], labels if len(x) == 1 or labels is False else x[1]
    if isinstance(x, Tensor | np.ndarray):
        return ArraySource(x, labels, groups=groups, size=size, name=name, channels=channels)
    _refuse(x)
    return DatasetSource(x, labels, groups=groups, size=size, name=name, channels=channels)


def _as_it_is(x: Source, *given: object) -> Source:
    """A source is returned unchanged; what cannot be changed any more is refused."""
    if any(argument is not None for argument in given):
        raise errors.ArgumentError(
            f"source: x is a source already ({x.name}). Give labels, size and the rest when it is made."
        )
    return x


def _refuse(x: object) -> None:
    """An error with what to type for what is neither an array nor a map-style Dataset."""
    kind = type(x).__name__
    if isinstance(x, DataLoader):
        hint = "Give what it loads: source(loader.dataset). Batches and their order are made here."
    elif isinstance(x, IterableDataset):
        hint = (
            "It can only be read in order, but samples are drawn at random. Collect what fits into memory: "
            "source(list(itertools.islice(dataset, 10_000)))."
        )
    elif isinstance(x, str | bytes | Path):
        hint = "Text and paths are not read here. A folder of pictures: torchvision.datasets.ImageFolder(path)."
    elif isinstance(x, dict):
        hint = f"Take out what is meant; it has the keys {', '.join(map(repr, list(x)[:6])) or 'none'}."
    elif hasattr(x, "to_numpy"):
        hint = "Give its numbers: source(x.to_numpy(), labels)."
    elif not (hasattr(x, "__getitem__") and hasattr(x, "__len__")):
        hint = (
            "A list of items works: source(list(x))."
            if hasattr(x, "__iter__")
            else "Is it a class that was not called?"
        )
    else:
        return
    raise errors.ArgumentError(
        f"source: x is a {kind}. A tensor, an array, (x, labels) or a map-style Dataset is wanted. {hint}"
    )
