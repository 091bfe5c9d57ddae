"""The pairs themselves: a fixed batch of them, as the model saw it, embedded again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vergence import errors
from vergence.data.thumbnails import thumbnails
from vergence.geometry import pairs as who_belongs
from vergence.metrics.pairs import Chosen, PairLists, near_duplicates, pairs
from vergence.training.measures.base import Measured, Sample
from vergence.training.reference import at_rest, fitting, outputs

__all__ = ["LISTS", "FixedPairs"]

LISTS = ("positives", "negatives", "duplicates", "false_negatives")
MOST_PAIRS = 128
MOST_BYTES = 64_000_000
MOST_SHOWN = 5
SIDE = 32
"""px of a picture at most."""
Pictures = NDArray[np.uint8]


@dataclass
class _Batch:
    """What the model saw, and what is known about it."""

    inputs: tuple[Tensor, ...] | None
    labels: Any
    positives: Any
    of: int
    """Rows of view 1 there were."""
    sizes: tuple[int, ...]
    pictures: list[Pictures | None] = field(default_factory=list)
    duplicates: Chosen | None = None
    then: tuple[Tensor, ...] | None = None
    means: tuple[float | None, float | None] = (None, None)
    """Of positives and negatives, then."""
    step: int = 0


class FixedPairs:
    """The pairs of the first batch whose inputs were handed over, embedded at each look by the model at rest.

    Where there is no model, no input, or the model gives no z, the pairs of the batch at hand: other ones each time.
    """

    def __init__(self, model: nn.Module | None, projector: nn.Module | None) -> None:
        self.model = model
        self.projector = projector
        self._fixed: _Batch | None = None
        self._why = "" if model is not None else "no model was handed over"
        self._tried = False

    @property
    def possible(self) -> bool:
        """Always: where nothing is held, the batch at hand is looked at."""
        return True

    def measure(self, step: int, inputs: tuple[Tensor, ...] | None, sample: Sample) -> Measured:
        """Worst positives, hardest negatives, near-duplicates, likely false negatives."""
        if not sample.views and self._fixed is None:
            return Measured()  # before the first step
        if self._fixed is None:
            who_belongs(sample.views, sample.labels, sample.positives, call="pairs")  # refuses, in words
        if self._fixed is None and inputs is not None and self.model is not None and not self._tried:
            self._hold(step, inputs, sample)
        if self._fixed is not None:
            return self._measured(self._fixed, self._embed(self._fixed), "fixed")
        batch = _first(inputs, sample)
        if batch.inputs is not None:
            batch.pictures = _pictures(batch.inputs)
        return self._measured(batch, tuple(view[:MOST_PAIRS] for view in sample.views), "batch")

    def _hold(self, step: int, inputs: tuple[Tensor, ...], sample: Sample) -> None:
        """Keep this batch, if the model turns it into z."""
        self._tried = True
        batch = _first(inputs, sample)
        if batch.inputs is None:
            self._why = f"{len(inputs)} inputs came with {len(sample.views)} views"
            return
        batch.inputs = tuple(x.to("cpu", copy=True) for x in batch.inputs)
        try:
            batch.then = self._embed(batch)
        except Exception as error:  # another tower's input, or a forward that needs more than x
            self._why = f"the model does not take them: {type(error).__name__}: {error}"[:200]
            return
        given = [rows.shape[1] for rows in batch.then]
        handed = [view.shape[1] for view in sample.views]
        if given != handed:
            # The encoder of a loop that keeps its head to itself: its rows are h, and the losses' are z.
            text = f"the model gives {_dims(given)} and the step handed over {_dims(handed)}"
            self._why = f"{text}; hand over the projector too"
            return
        found = pairs(*batch.then, labels=batch.labels, positives=batch.positives, most=1)
        batch.means = found.positive_mean, found.negative_mean
        batch.step = step
        batch.pictures = _pictures(batch.inputs)
        self._fixed = batch

    def _embed(self, batch: _Batch) -> tuple[Tensor, ...]:
        """z of every view, by the model at rest."""
        model = self.model
        if model is None or batch.inputs is None:
            raise errors.StateError("FixedPairs: there is no model, or no inputs, to embed.")
        found = []
        with at_rest(model, self.projector):
            for x in batch.inputs:
                parts = []
                for part in torch.split(x, MOST_PAIRS):
                    h, z = outputs(model(fitting(model, part)))
                    if z is None and self.projector is not None:
                        z, _ = outputs(self.projector(h))
                    parts.append((h if z is None else z).detach().flatten(1).float().cpu())
                found.append(torch.cat(parts))
        return tuple(found)

    def _measured(self, batch: _Batch, views: tuple[Tensor, ...], source: str) -> Measured:
        found = pairs(*views, labels=batch.labels, positives=batch.positives, most=MOST_SHOWN)
        if batch.inputs is not None and batch.duplicates is None:
            batch.duplicates = near_duplicates(*batch.inputs, positives=batch.positives, most=MOST_SHOWN)
        lists = {"positives": found.worst_positives, "negatives": found.hardest_negatives}
        lists |= {} if batch.duplicates is None else {"duplicates": batch.duplicates}
        lists["false_negatives"] = found.false_negatives
        arrays: dict[str, NDArray[Any]] = {}
        for name, chosen in lists.items():
            arrays |= {f"{name}_{key}": value for key, value in self._drawn(chosen, batch, views).items()}
        meta = _meta(found, lists, batch, source) | {"why": self._why}
        meta |= dict(zip(("positive_mean_then", "negative_mean_then"), batch.means, strict=True))
        measured = Measured(_scalars(found, lists), {"pairs/z": (arrays, meta)})
        if found.rows_left_out:
            measured.marks["rows_left_out"] = (
                f"{found.rows_left_out} of {found.rows + found.rows_left_out} rows of the pairs are zero or not "
                "finite; they are on no list."
            )
        return measured

    def _drawn(self, chosen: Chosen, batch: _Batch, views: tuple[Tensor, ...]) -> dict[str, NDArray[Any]]:
        """Numbers of each pair, and its two pictures."""
        starts = np.cumsum((0, *batch.sizes))
        rows = torch.stack([chosen.i, chosen.j], dim=1).cpu().numpy()
        view = np.searchsorted(starts, rows, side="right") - 1
        drawn = {
            "now": _cosines(views, rows),
            "then": np.full(len(rows), math.nan, np.float32) if batch.then is None else _cosines(batch.then, rows),
            "view": view.astype(np.int32),
            "row": (rows - starts[view]).astype(np.int32),
            "label": _labels(batch.labels, view, rows - starts[view]),
        }
        for side, name in enumerate(("first", "second")):
            drawn[name] = _picked(batch.pictures, view[:, side], (rows - starts[view])[:, side])
        return drawn


def _first(inputs: tuple[Tensor, ...] | None, sample: Sample) -> _Batch:
    """The first pairs of a batch: as many as fit."""
    sizes = tuple(len(view) for view in sample.views)
    fits = inputs is not None and len(inputs) == len(sizes)
    fits = fits and all(len(x) == size for x, size in zip(inputs or (), sizes, strict=True))
    most = MOST_PAIRS
    if fits and inputs is not None:
        each = sum(x[:1].numel() * x.element_size() for x in inputs)
        most = max(2, min(most, int(MOST_BYTES / max(1, each))))
    kept = None if not fits or inputs is None else tuple(x[:most] for x in inputs)
    sizes_kept = tuple(min(size, most) for size in sizes)
    return _Batch(kept, _cut(sample.labels, most), _cut(sample.positives, most), sizes[0] if sizes else 0, sizes_kept)


def _cut(given: Any, most: int) -> Any:
    """Labels or positives of the first rows of each view."""
    if isinstance(given, Tensor):
        matrix = given.dtype == torch.bool and given.ndim == 2
        return (given[:most, :most] if matrix else given[:most]).detach().cpu()
    if isinstance(given, tuple | list):
        return tuple(None if one is None else one[:most].detach().cpu() for one in given)
    return None


def _dims(dims: Sequence[int]) -> str:
    """`128` for views that agree, `128, 64` for towers that do not."""
    return ", ".join(str(dim) for dim in dict.fromkeys(dims)) + " columns"


def _cosines(views: Sequence[Tensor], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    every = torch.cat([view.detach().float().cpu() for view in views])
    i, j = torch.from_numpy(rows[:, 0]), torch.from_numpy(rows[:, 1])
    found = torch.nn.functional.cosine_similarity(every[i].double(), every[j].double(), dim=1, eps=0.0)
    return np.asarray(found.clamp(-1, 1).float().numpy())


def _labels(labels: Any, view: NDArray[Any], row: NDArray[Any]) -> NDArray[np.int64]:
    """(pairs, 2), -1 where nothing is known."""
    found = np.full(view.shape, -1, np.int64)
    for at in np.ndindex(*view.shape):
        own = labels if isinstance(labels, Tensor) else labels[int(view[at])] if labels else None
        if own is not None:
            found[at] = int(own[int(row[at])])
    return found


def _pictures(inputs: Sequence[Tensor]) -> list[Pictures | None]:
    """Small pictures of every input, one range for all views of one shape."""
    shapes = [tuple(x.shape[1:]) for x in inputs]
    made: dict[tuple[int, ...], Any] = {}
    for shape in dict.fromkeys(shapes):
        found = thumbnails(torch.cat([x.detach().cpu() for x, own in zip(inputs, shapes, strict=True) if own == shape]))
        parts = [len(x) for x, own in zip(inputs, shapes, strict=True) if own == shape]
        cuts = [None] * len(parts) if found is None else np.split(_small(found), np.cumsum(parts)[:-1])
        made[shape] = iter(cuts)
    return [next(made[shape]) for shape in shapes]


def _small(pictures: Pictures) -> Pictures:
    """Sides of at most 32 px."""
    largest = max(pictures.shape[1:3])
    if largest <= SIDE:
        return pictures
    sides = [max(1, round(side * SIDE / largest)) for side in pictures.shape[1:3]]
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    x = torch.nn.functional.interpolate(x, sides, mode="bilinear", antialias=True)
    return np.ascontiguousarray(x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy())


def _picked(pictures: Sequence[Pictures | None], view: NDArray[Any], row: NDArray[Any]) -> Pictures:
    """The pictures of some rows, on tiles of one size; no pixels where one of them has no picture."""
    chosen = []
    for v, r in zip(view.tolist(), row.tolist(), strict=True):
        own = pictures[v] if pictures else None
        chosen.append(None if own is None else own[r])
    if not chosen or any(one is None for one in chosen):
        return np.zeros((len(chosen), 0, 0, 3), np.uint8)
    high = max(one.shape[0] for one in chosen if one is not None)
    wide = max(one.shape[1] for one in chosen if one is not None)
    tiles = np.full((len(chosen), high, wide, 3), 255, np.uint8)
    for tile, one in zip(tiles, chosen, strict=True):
        if one is not None:
            tile[: one.shape[0], : one.shape[1]] = one
    return tiles


def _scalars(found: PairLists, lists: dict[str, Chosen]) -> dict[str, float]:
    scalars = {
        f"pairs/z/{name}": float(lists[name].found) for name in ("duplicates", "false_negatives") if name in lists
    }
    for name, value in (("positive_mean", found.positive_mean), ("negative_mean", found.negative_mean)):
        if value is not None:
            scalars[f"pairs/z/{name}"] = value
    for name, chosen in (("worst_positive", found.worst_positives), ("hardest_negative", found.hardest_negatives)):
        if len(chosen.score):
            scalars[f"pairs/z/{name}"] = float(chosen.score[0])
    return scalars


def _meta(found: PairLists, lists: dict[str, Chosen], batch: _Batch, source: str) -> dict[str, Any]:
    return {
        "source": source, "pairs": batch.sizes[0], "of_batch": batch.of, "views": len(batch.sizes),
        "then": batch.step if batch.then is not None else None,
        "positive_mean": found.positive_mean, "negative_mean": found.negative_mean,
        "pairs_positive": found.pairs_positive, "pairs_negative": found.pairs_negative,
        "rows": found.rows, "rows_left_out": found.rows_left_out, "labels": batch.labels is not None,
        "lists": {
            name: {"of": chosen.of, "found": chosen.found, "criterion": chosen.criterion}
            for name, chosen in lists.items()
        },
    }  # fmt: skip
