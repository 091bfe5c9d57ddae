"""Over how many directions images differ, once what differs between views of one image is taken as noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import Chance
from vergence.metrics.grouping import grouping
from vergence.metrics.isotropic import effective, isotropic
from vergence.metrics.rows import Floats, above_rounding, rows_of
from vergence.shapes import Labels

__all__ = ["DELTA", "Lidar", "lidar"]

DELTA = 1e-4
"""Added to the diagonal of the covariance within images, as in the paper."""
EPS = 1e-8
"""Added to each share; the code that the number is compared with has it at the same place."""
HUGE = 256
"""Rows of 2^256 and more are divided down first, as their squares, and products of those, would overflow."""

Members = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lidar:
    """The rank, and whether the rows can have been grouped by image. `float()` of it is `rank`, or an error."""

    rank: float | None
    """Directions in which images differ, 1 to `bound`. None: views of one image are no closer than those of two, so the
    rows are shuffled, or the layer knows nothing of images; `rank_as_given` would then be a rank of noise."""
    rank_as_given: float
    """The formula on the rows as they were grouped, also where `rank` is None. 0: all rows are one point."""
    bound: int
    """min(dim, images - 1): no rank exceeds it."""
    ceiling: float
    """What so many images read when they differ evenly in all directions."""
    within: float
    """Variance within images over the variance of all rows: 0 when the views of an image are one point, 1 when they are
    no closer than any."""
    within_null: Chance
    """Of `within`, for the same rows shuffled: mean 1."""
    within_even: float
    """As `within`, with every direction counted alike however much it varies: small also where the views of an image
    differ wildly in some directions and agree in others."""
    grouped: bool
    """One of the two is smaller than in 9,999 of 10,000 shuffled batches, and below 0.95."""
    eigenvalues: Float[Tensor, " k"] = field(repr=False)
    """Of Sw^-1/2 Sb Sw^-1/2, largest first: how far images differ along each direction, in units of their views."""
    images: int
    """Measured: those with two views or more."""
    images_left_out: int
    """With one usable view: nothing can be said of their scatter."""
    views: float
    """Mean number of views of an image."""
    rows: int
    rows_left_out: int
    """Not finite, in no group (below 0), or alone in theirs."""
    dim: int

    def __float__(self) -> float:
        if self.rank is None:
            raise errors.ArgumentError(f"lidar: {_not_grouped(self)}")
        return self.rank


@torch.no_grad()
def lidar(z: Tensor, groups: Labels | None = None, *, delta: float = DELTA) -> Lidar:
    r"""Effective rank of the differences between images, measured in units of the differences between their views.

        rank = exp( - sum over k of  p_k log p_k ),   p_k = lambda_k / (sum of lambda) + 1e-8
        lambda: eigenvalues of  Sw^(-1/2) Sb Sw^(-1/2)
        Sb: covariance of the images' mean rows;   Sw: covariance within images (degrees of freedom) + delta I

    z: (images, views, dim), the views of an image side by side, images >= 2, views >= 2; or rows (batch, dim) with
    groups. groups: (batch,) integers, rows with the same one are views of one image; below 0: not grouped, left out.
    Two views a and b of a batch: `torch.stack([a, b], 1)`, *not* `torch.stack([a, b])`.
    delta: > 0, in squared units of the rows: what differs by much less than sqrt(delta) counts as noise.

    Reads about k when images differ in k directions beyond what their views do, `bound` = min(dim, images - 1) at most,
    `ceiling` for images that differ evenly in all; 1 for one direction, 0 when all rows coincide. It wants more images
    than dimensions, and compares only at equal numbers of images and views. With two views Sw is made of `images`
    differences, so 10 and more are better.

    Grouping decides the number: rows in 8 directions, 200 images by 10 views, read 8 when they are grouped, and 50
    when they are shuffled, which looks like a healthy rank. So the scatter within images is compared with that of the
    same rows dealt out at random, exactly, without draws; where it is as large (to 5 %, or to chance), `rank` is None
    and `grouped` False. Rows of which a part is shuffled pass that test: watch `within`.

    Raises ShapeError (rows without groups, too), TooFewRows (fewer than two images with two views; one group for each
    row), NotFinite, DeviceMismatch, ArgumentError.
    Source: Thilak et al. 2023, LiDAR, arXiv:2312.04000; their n, q, p are our images, views, dim. The covariance within
    is divided by its degrees of freedom, images (views - 1), as in the library that the number was compared with.
    """
    shapes.check_positive("lidar", "delta", delta)
    given, member = _rows("lidar", z, groups)
    found = rows_of("lidar", (given,), least=1, max_rows=None, generator=None, zeros=True)
    member = member[torch.isfinite(given).all(1).cpu().numpy()]  # as `rows_of` keeps them
    rows, member, alone = _in_groups(found.by_view[0][member >= 0], member[member >= 0])
    images = int(member.max()) + 1 if len(member) else 0
    if images < 2:
        raise _too_few(len(given), found.left_out, images, alone)
    rows, delta = _bounded(above_rounding(rows, found.eps), delta)
    seen, even = grouping(rows, member), grouping(_evened(rows, delta), member)
    grouped = seen.grouped or even.grouped
    values = _eigenvalues(rows, member, images, delta)
    rank = _rank(values)
    bound = min(found.dim, images - 1)
    ceiling = isotropic(images, found.dim).singular_centred.square().numpy()
    return Lidar(
        rank=rank if grouped else None,
        rank_as_given=rank,
        bound=bound,
        ceiling=effective(ceiling, 0.0),
        within=seen.within,
        within_null=seen.null,
        within_even=even.within,
        grouped=grouped,
        eigenvalues=torch.from_numpy(values[:bound].copy()),
        images=images,
        images_left_out=alone,
        views=len(rows) / images,
        rows=len(rows),
        rows_left_out=len(given) - len(rows),
        dim=found.dim,
    )


def _rows(call: str, z: object, groups: Tensor | None) -> tuple[Tensor, Members]:
    """Rows one under the other, and the group of each."""
    if isinstance(z, Tensor) and z.ndim == 3:
        if groups is not None:
            raise errors.ShapeError(
                f"{call}: z is {shapes.shape_of(z)}, so (images, views, dim), and groups came as well. Leave groups "
                "out, or hand over z.flatten(0, 1) with one group per row."
            )
        images, views, _ = z.shape
        flat = z.flatten(0, 1)
        shapes.check_embeddings(call, "z.flatten(0, 1)", flat, rows=1)
        if views < 2:
            raise errors.TooFewRows(
                f"{call}: z is {shapes.shape_of(z)}, one view per image. Two are needed to tell what differs between "
                "views from what differs between images: torch.stack([z1, z2], 1)."
            )
        return flat, np.repeat(np.arange(images), views)
    if not isinstance(z, Tensor) or z.ndim != 2 or groups is None:
        why = "groups is missing" if isinstance(z, Tensor) and z.ndim == 2 else "that is not it"
        raise errors.ShapeError(
            f"{call}: z is {shapes.shape_of(z)} and {why}. It must be (images, views, dim), torch.stack([z1, z2], 1) "
            "for two views, or rows (batch, dim) with groups=, one integer per row, the same for views of one image."
        )
    shapes.check_embeddings(call, "z", z)
    shapes.check_labels(call, groups, len(z), name="groups")
    if groups.device != z.device:
        raise errors.DeviceMismatch(
            f"{call}: z is on {z.device} but groups is on {groups.device}. Use groups.to(z.device)."
        )
    return z, groups.detach().cpu().numpy().astype(np.int64)


def _in_groups(rows: Floats, member: Members) -> tuple[Floats, Members, int]:
    """The rows of groups of two and more, their groups numbered from 0, and how many groups have one row."""
    _, member, sizes = np.unique(member, return_inverse=True, return_counts=True)
    member = member.reshape(-1)
    keep = sizes[member] > 1 if len(sizes) else np.zeros(0, bool)
    _, numbered = np.unique(member[keep], return_inverse=True)
    return rows[keep], numbered.reshape(-1).astype(np.int64), int((sizes == 1).sum())


def _evened(rows: Floats, delta: float) -> Floats:
    """Rows with covariance I, but for directions that vary by less than delta."""
    from scipy.linalg import cholesky, solve_triangular  # type: ignore[import-untyped, unused-ignore]

    around = rows - rows[0]
    around = around - around.mean(0)
    covariance = _raised(around.T @ around / len(around), delta)
    found: Floats = solve_triangular(cholesky(covariance, lower=True), around.T, lower=True).T
    return found


def _bounded(rows: Floats, delta: float) -> tuple[Floats, float]:
    """Both in units in which the squares of the rows do not overflow: the eigenvalues are without units."""
    _, exponent = np.frexp(np.abs(rows).max())
    if exponent < HUGE:
        return rows, delta
    return np.ldexp(rows, -exponent), float(np.ldexp(delta, -2 * exponent))


def _too_few(total: int, left_out: int, images: int, alone: int) -> errors.InputError:
    if left_out:
        return errors.TooFewRows(
            f"lidar: {left_out:,} of {total:,} rows are not finite (NaN or infinity), and without them {images} "
            f"image{'' if images == 1 else 's'} with two views or more remain, 2 are needed. Look at the step before: "
            "a learning rate too high, a division by zero, or half precision overflow."
        )
    if images == 0 and alone > 1:
        return errors.TooFewRows(
            f"lidar: each of {alone:,} groups has one row, so nothing says which rows are views of one image. Give "
            "views of an image the same group: groups=torch.arange(batch).repeat(2) for torch.cat([z1, z2])."
        )
    return errors.TooFewRows(
        f"lidar: {images} image{'' if images == 1 else 's'} with two usable views or more among {total:,} "
        "rows, 2 are needed. Use a larger batch."
    )


def _eigenvalues(rows: Floats, member: Members, images: int, delta: float) -> Floats:
    """Largest first, as many as min(images, dim)."""
    rows = rows - rows[0]
    sums = np.zeros((images, rows.shape[1]))
    np.add.at(sums, member, rows)
    sizes = np.bincount(member)
    means = sums / sizes[:, None]
    own = rows - means[member]
    within = _raised(own.T @ own / (len(rows) - images), delta)
    between = means - means.mean(0)
    from scipy.linalg import cholesky, solve_triangular  # type: ignore[import-untyped, unused-ignore]

    # With Sw = L L^T these are the eigenvalues of L^-1 Sb L^-T, so of the products of the rows of (L^-1 means^T)^T.
    whitened = solve_triangular(cholesky(within, lower=True), between.T, lower=True)
    gram = whitened @ whitened.T if len(whitened) <= images else whitened.T @ whitened
    values: Floats = np.maximum(np.linalg.eigvalsh(gram / (images - 1))[::-1], 0.0)
    return values


def _raised(covariance: Floats, delta: float) -> Floats:
    """With delta on the diagonal, or what float64 can tell from 0 there: a root must exist."""
    diagonal = np.diag_indices_from(covariance)
    covariance[diagonal] += max(delta, len(covariance) * np.finfo(np.float64).eps * float(covariance[diagonal].max()))
    return covariance


def _rank(values: Floats) -> float:
    total = float(values.sum())
    if total <= 0:
        return 0.0
    shares = values / total + EPS
    return math.exp(-float((shares * np.log(shares)).sum()))


def _not_grouped(found: Lidar) -> str:
    return (
        f"views of one image are as far apart as any rows (variance within images {found.within:.3f} of all), so the "
        "rows are shuffled, or nothing in them tells images apart. Hand over views side by side, "
        "torch.stack([z1, z2], 1), not a queue of rows."
    )
