"""Batches with at most one item of each pseudo-class, so that fewer negatives are really of the anchor's class."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from vergence import errors, shapes
from vergence.data import Source
from vergence.methods.pairs.clusters import Clusters, clusters

__all__ = ["OneOfEach", "false_negative_rate", "one_of_each"]

CHUNK = 512


def one_of_each(
    ids: Int[Tensor, " items"], batch: int, generator: torch.Generator | None = None
) -> Int[Tensor, "batches batch"]:
    """The items in batches, no two of a batch with the same id.

    ids: (items,), the pseudo-class of each. batch: items in each batch, at most as many as there are classes.
    generator: which items meet, and in which order the batches come.

    Each batch takes one item from the classes of which most is left, ties at random; so there are as many
    full batches as there can be. What is left of large classes when fewer than `batch` classes have items comes
    in no batch this time, and another time others are left.

    Raises ShapeError, ArgumentError.
    Source: Chakraborty et al. 2020, arXiv:2009.12007, section 3: a batch holds samples of different pseudo labels.
    """
    shapes.check_labels("one_of_each", ids, len(ids), name="ids")
    shapes.check_count("one_of_each", "batch", batch)
    _, ids = torch.unique(ids.cpu(), return_inverse=True)
    left = torch.bincount(ids)
    if batch > len(left):
        raise errors.ArgumentError(
            f"one_of_each: batch is {batch} but there are {len(left)} pseudo-classes, and no two items of a batch may "
            f"share one. Use batch={len(left)}, or more clusters: OneOfEach(clusters={2 * batch})."
        )
    order = torch.randperm(len(ids), generator=generator)
    members = torch.split(order[torch.sort(ids[order], stable=True).indices], left.tolist())
    batches = []
    while int((left > 0).sum()) >= batch:
        # A fraction below 1 on top decides between classes of which equally much is left.
        chosen = (left + torch.rand(len(left), generator=generator)).topk(batch).indices
        left[chosen] -= 1
        batches.append(torch.stack([members[i][left[i]] for i in chosen.tolist()]))
    return torch.stack(batches)[torch.randperm(len(batches), generator=generator)]


class OneOfEach:
    """A batch order for `Recipe(batches=...)`: k-means on the raw items, at most one of each cluster in a batch.

        methods.SimCLR(batches=methods.pairs.OneOfEach(clusters=256))

    clusters: how many pseudo-classes; at least the batch size. ids: (items,), pseudo-classes of your own instead.
    seed: of the k-means.

    The paper clusters the codes of a denoising auto-encoder; raw items stand for them here, and `ids` takes any codes'
    clusters. The items are read once, before the first step.

    Raises ArgumentError. Source: Chakraborty et al. 2020, arXiv:2009.12007.
    """

    def __init__(self, clusters: int = 256, *, ids: Int[Tensor, " items"] | None = None, seed: int = 0) -> None:
        shapes.check_count("OneOfEach", "clusters", clusters, least=2)
        self.clusters, self.ids, self.seed = clusters, ids, seed
        self.found: Clusters | None = None
        """The clusters, after the first batch."""

    def __call__(self, source: Source, batch: int, generator: torch.Generator) -> Int[Tensor, " order"]:
        """Positions in the source, batch by batch. Raises ArgumentError, ShapeError."""
        if self.ids is None:
            rows = torch.cat([part.flatten(1) for part in items_of(source)])
            if not bool(torch.isfinite(rows).all()):
                rows = torch.nan_to_num(rows, posinf=0.0, neginf=0.0)
            self.found = clusters(rows, min(self.clusters, len(rows)), seed=self.seed, unit=False)
            self.ids = self.found.ids
        shapes.check_labels("OneOfEach", self.ids, len(source), name="ids")
        return one_of_each(self.ids, batch, generator).flatten()

    def __repr__(self) -> str:
        return f"OneOfEach(clusters={self.clusters})"


def items_of(source: Source, chunk: int = CHUNK) -> list[Tensor]:
    """Every item of a source, the first of its pair, in order and in pieces."""
    # One of its own: looking at the items must not change which ones are trained on.
    own = torch.Generator().manual_seed(0)
    return [source.pair(index, own)[0] for index in torch.split(torch.arange(len(source)), chunk)]


def false_negative_rate(labels: Int[Tensor, "*batches batch"]) -> float:
    """The share of a batch's pairs of different items that have the same label: the false negatives.

    labels: (batch,), or (batches, batch), whose rates are averaged. At random about the sum of the squared class
    shares: 0.1 for ten classes of one size. 0 where every item has a class of its own.

    Raises ShapeError.
    """
    if labels.is_floating_point() or labels.ndim < 1 or labels.shape[-1] < 2:
        raise errors.ShapeError(
            f"false_negative_rate: labels is {shapes.shape_of(labels)}. Give integers (batch,) or (batches, batch), at "
            "least 2 in a batch."
        )
    same = labels[..., :, None] == labels[..., None, :]
    n = labels.shape[-1]
    return float((same.sum((-1, -2)) - n).float().mean() / (n * (n - 1)))
