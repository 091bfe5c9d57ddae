"""How long the rows of an embedding are, before anything normalises them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vergence import errors, shapes

__all__ = ["Norms", "norms"]


@dataclass(frozen=True)
class Norms:
    """Lengths of the rows of all views together."""

    mean: float
    """Mean length, 0 or above."""
    spread: float
    """Standard deviation of the lengths over their mean; 0: all are equally long (unit rows, for one)."""
    largest: float
    """The longest row."""
    rows: int
    rows_left_out: int
    """Not finite."""


@torch.no_grad()
def norms(*views: Tensor) -> Norms:
    r"""How long rows are, how much that differs from row to row, and how long the longest is.

        n_i = ||z_i||,   mean = (1/N) sum of n_i,   spread = sqrt( (1/N) sum of (n_i - mean)^2 ) / mean

    views: (batch, dim) each, one or more, as they are handed to the loss; their rows count alike. N is their number.

    A loss on cosines does not see lengths, so there they only drift (upwards, since its gradient is orthogonal to the
    row) and make steps smaller: the gradient on a row goes as 1/n. A loss on dot products sees nothing more easily:
    mean grows without bound and the loss falls by it. Ends: mean 0, every row is zero, spread is then 0 too; spread 0,
    unit rows; of Gaussian rows spread is about 1/sqrt(2 dim), 0.06 at 128 dimensions; spread sqrt(N - 1), one row has
    all the length.

    Raises ShapeError, TooFewRows (no view, no row), NotFinite (no row is finite).
    Source: gradients on a row and its length: Wang et al. 2017, arXiv:1704.06369.
    """
    if not views:
        raise errors.TooFewRows("norms: no view came, 1 is needed. Call it with the embeddings: norms(z1, z2).")
    for number, view in enumerate(views, 1):
        shapes.check_embeddings("norms", f"view {number}", view)
    # A row may hold 1e30: its square is no float32. Half precision adds up in single.
    wide = [view.to(torch.promote_types(view.dtype, torch.float32)) for view in views]
    largest = [view.abs().amax(1) for view in wide]
    scales = [torch.where((each > 0) & each.isfinite(), each, 1.0) for each in largest]
    found = torch.cat(
        [
            (torch.linalg.vector_norm(v / s[:, None], dim=1).double() * s).cpu()
            for v, s in zip(wide, scales, strict=True)
        ]
    )
    sound = found[found.isfinite()]
    if not len(sound):
        raise errors.NotFinite(
            f"norms: none of {len(found)} rows is finite (NaN or infinity). Look at the step before: a learning rate "
            "too high, a division by zero, or half precision overflow."
        )
    mean = sound.mean()
    spread = sound.std(correction=0) / mean if mean > 0 else mean
    return Norms(float(mean), float(spread), float(sound.max()), len(sound), len(found) - len(sound))
