"""Rows with a class: those a measurement of classes can use, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from vergence import errors, shapes

__all__ = ["Labelled", "class_means", "labelled"]

ROUNDING = 1e-14
"""Sums of some thousand rows in float64 are right to this part of their size."""

Rows = Float[Tensor, "n dim"]
Places = Int[Tensor, " n"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The rows that take part, in float64 on the CPU. Made by `labelled`."""

    rows: Float[Tensor, "n dim"]
    place: Int[Tensor, " n"]
    """Class of each row, as an index into `names`."""
    names: Int[Tensor, " classes"]
    """The labels, ascending."""
    sizes: Float[Tensor, " classes"]
    index: Int[Tensor, " n"]
    """Row numbers in what came."""
    rows_left_out: int
    """Rows that are not finite."""
    unlabelled: int
    """Rows whose label is below 0, or that belong to a class too small."""
    eps: float
    """How exact the numbers are that came: that of float32 at best, also for half precision."""

    def scaled(self) -> Labelled:
        """With 1 as the largest number: the squares of what ratios are made of are then neither infinite nor zero."""
        largest = self.rows.abs().amax()
        return self if float(largest) == 0 else replace(self, rows=self.rows / largest)

    def shuffled(self, generator: torch.Generator) -> Labelled:
        """The same rows and class sizes, with nothing in common."""
        return replace(self, place=self.place[torch.randperm(len(self.place), generator=generator)])


def labelled(
    call: str, z: Rows, labels: Shaped[Tensor, " rows"], *, least: int = 2, classes: int = 2, name: str = "z"
) -> Labelled:
    """Rows with a label, of classes with `least` rows or more; the others are left out and counted.

    Raises ShapeError, NotFinite (no row is finite), TooFewRows (fewer than `classes` such classes).
    """
    shapes.check_embeddings(call, name, z)
    shapes.check_labels(call, labels, len(z))
    rows = z.detach().cpu()
    values = labels.detach().cpu().long()
    finite = torch.isfinite(rows).all(1)
    if len(z) and not bool(finite.any()):
        shapes.check_finite(call, name, rows)
    names, place, sizes = torch.unique(values[finite], return_inverse=True, return_counts=True)
    enough = (names >= 0) & (sizes >= least)
    if int(enough.sum()) < classes:
        have = "has" if int(enough.sum()) == 1 else "have"
        raise errors.TooFewRows(
            f"{call}: {int(enough.sum())} of {int((names >= 0).sum())} classes {have} "
            f"{least} row{'' if least == 1 else 's'} or more, {classes} such classes are needed ({len(z)} rows; labels "
            "below 0 mean: not labelled). Use a larger batch, or fewer, larger classes."
        )
    index = torch.nonzero(finite).squeeze(1)
    taken = enough[place]
    number = torch.cumsum(enough.long(), 0) - 1
    dtype = torch.promote_types(z.dtype, torch.float32)
    return Labelled(
        rows=rows[index[taken]].double(),
        place=number[place[taken]],
        names=names[enough],
        sizes=sizes[enough].double(),
        index=index[taken],
        rows_left_out=int((~finite).sum()),
        unlabelled=int((~taken).sum()),
        eps=max(torch.finfo(dtype).eps, ROUNDING),
    )


def class_means(rows: Rows, place: Places, sizes: Float[Tensor, " classes"]) -> Float[Tensor, "classes dim"]:
    """Mean row of each class."""
    return rows.new_zeros(len(sizes), rows.shape[1]).index_add_(0, place, rows) / sizes[:, None]
