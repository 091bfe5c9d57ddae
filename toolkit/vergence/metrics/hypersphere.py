"""Alignment, uniformity and tolerance: where unit rows lie on the sphere."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import Pairs, Positives, at_least_single, full_precision, log_moment, pairs
from vergence.metrics.directions import to_unit, usable
from vergence.shapes import Embeddings, Labels, Scalar

__all__ = [
    "Hypersphere",
    "alignment",
    "hypersphere",
    "same_class_cosine",
    "tolerance",
    "uniformity",
    "uniformity_floor",
]

BLOCK = 1024
"""Rows compared at a time: the largest matrix is BLOCK x n."""


def alignment(a: Embeddings, b: Embeddings) -> Scalar:
    r"""How far apart the two views of a sample lie. Lower is closer.

        alignment(a, b) = mean over i of  ||a_i - b_i||^2  =  2 - 2 mean cosine

    a, b: (batch, dim), rows of length 1 (`geometry.unit`), batch >= 2; row i of both is one sample.

    Reads 0 when views coincide (also at collapse), 2 when they know nothing of one another, 4 when opposite.

    Raises ShapeError, TooFewRows, NotFinite, NotUnitLength, DeviceMismatch.
    Source: Wang & Isola 2020, arXiv:2005.10242; their x, y are our a, b, their alpha is 2.
    """
    for name, z in (("a", a), ("b", b)):
        shapes.check_embeddings("alignment", name, z, rows=2)
    shapes.check_same_shape("alignment", a=a, b=b)
    for name, z in (("a", a), ("b", b)):
        _check_unit_rows("alignment", name, z)
    a, b = at_least_single(a, b)
    return (a - b).square().sum(1).mean()


def uniformity(z: Embeddings, *, t: float = 2.0) -> Scalar:
    r"""How evenly unit vectors cover the sphere. Lower is more even.

        uniformity(z) = log  mean over pairs i < j of  exp(-t ||z_i - z_j||^2)

    z: (batch, dim), rows of length 1 (`geometry.unit`), batch >= 2.
    t: how near two rows must be to count, > 0, no unit.

    Reads 0 when all rows coincide (collapse), `uniformity_floor(dim)` when rows lie as at random on the whole
    sphere: -3.94 at t = 2, dim = 128. A few rows can lie a little below that. Dimensions that vanish move it
    little: evenly on a sphere of 16 dimensions inside the 128 it still reads -3.51.

    Exactly 0 at collapse and right to 1e-6 close to it: distances are taken from differences, not from 2 - 2
    cosine, which in float32 loses everything below 1e-7.

    Raises ShapeError, TooFewRows, NotFinite, NotUnitLength, ArgumentError.
    Source: Wang & Isola 2020, arXiv:2005.10242; their x is our z, their t is our t.
    """
    shapes.check_embeddings("uniformity", "z", z, rows=2)
    shapes.check_positive("uniformity", "t", t)
    _check_unit_rows("uniformity", "z", z)
    (z,) = at_least_single(z)
    return _uniformity(z, t)


@functools.lru_cache(maxsize=1024)
def uniformity_floor(dim: int, *, t: float = 2.0) -> float:
    r"""What `uniformity` reads for directions drawn evenly from the whole sphere.

        uniformity_floor(dim) = -2t + ln 0F1(; dim/2; t^2)

    dim: >= 1. t: > 0, as for `uniformity`. About -2t + 2 t^2 / dim for large dim.

    Reads -1.58 at dim 2, -3.51 at 16, -3.94 at 128, towards -4 for ever more dimensions (t = 2).

    Raises ArgumentError.
    Source: the mean of exp(2t cosine), see `geometry.log_moment`; Wang & Isola 2020, arXiv:2005.10242, prove that
    the even spread is the minimum.
    """
    shapes.check_count("uniformity_floor", "dim", dim)
    shapes.check_positive("uniformity_floor", "t", t)
    return log_moment(2 * t, dim) - 2 * t


def tolerance(z: Embeddings, labels: Labels, *, with_self: bool = True) -> Scalar:
    r"""How much closeness is left between rows of one class, as a share of all pairs.

        tolerance(z) = mean over all pairs i, j of  s_ij [label_i = label_j]

    z: (batch, dim), rows of length 1 (`geometry.unit`); s is their cosine. labels: (batch,) integers; rows with
    a label below 0 are not labelled and are left out. At least 2 labelled rows.
    with_self: pairs (i, i), which count 1 each, are among them, as in the definition; without, i != j only.

    Reads at most the share of same-class pairs, so 1/C for C equal classes, when each class is one point (also
    at collapse); near 0 when rows of one class are as far apart as any. Not to be confused with
    `same_class_cosine`, the mean over same-class pairs alone, which is about C times as large.

    Raises ShapeError, TooFewRows, NotFinite, NotUnitLength.
    Source: Wang & Liu 2020, arXiv:2012.09740, their tolerance T; their f(x) is our z, their l(x) our label.
    """
    found = _class_sums(*_labelled("tolerance", z, labels))
    n = found.rows
    return found.total / n**2 if with_self else (found.total - found.own) / (n * (n - 1))


def same_class_cosine(z: Embeddings, labels: Labels, *, with_self: bool = False) -> Scalar:
    r"""Mean cosine of two rows of one class.

        same_class_cosine(z) = mean of  s_ij  over pairs i, j with label_i = label_j

    z, labels: as for `tolerance`. with_self: pairs (i, i), which count 1 each, are among them.

    Reads 1 when each class is one point (also at collapse), 0 when rows of one class are as far apart as any.

    Raises ShapeError, TooFewRows (also when no two rows share a label), NotFinite, NotUnitLength.
    Source: what several papers call tolerance; Wang & Liu 2020, arXiv:2012.09740, divide by all pairs instead.
    """
    found = _class_sums(*_labelled("same_class_cosine", z, labels))
    if with_self:
        return found.total / found.pairs
    if found.pairs == found.rows:
        raise errors.TooFewRows(
            f"same_class_cosine: no two of {found.rows} labelled rows share a label. Use a larger batch, or "
            "with_self=True to count each row with itself."
        )
    return (found.total - found.own) / (found.pairs - found.rows)


@dataclass(frozen=True)
class Hypersphere:
    """Where the rows of a batch lie on the sphere. None: there was nothing to measure it on."""

    alignment: float | None
    """Mean squared distance of positive pairs; None without positives."""
    uniformity: float
    uniformity_floor: float
    tolerance: float | None
    """Mean over all pairs, each row with itself included; None without labels."""
    rows: int
    """Rows that have a direction."""
    rows_left_out: int
    """Rows that are zero or not finite: measured without them."""
    was_unit: bool
    """The rows came with length 1 (to 1e-3; 1e-2 in half precision)."""
    dim: int


@torch.no_grad()
def hypersphere(
    *views: Tensor,
    labels: Tensor | tuple[Tensor | None, ...] | None = None,
    positives: Positives | None = None,
    max_rows: int = 1024,
    generator: torch.Generator | None = None,
) -> Hypersphere:
    r"""Alignment, uniformity and tolerance of one or more views, measured on their directions.

        uniformity = log  mean over views of  mean over pairs i < j of that view of  exp(-2 ||z_i - z_j||^2)

    views: V >= 1 tensors (batch, dim), of any length: rows are normalised here, `was_unit` says whether they
    were. labels, positives: as for `geometry.pairs`.
    max_rows: above this, rows are drawn, as many of each view, and uniformity is the log of an unbiased mean; from
    views of one size row i of each is drawn. generator: on the CPU; None: the same rows each time.

    Each view is spread over the sphere on its own, so positive pairs never count as crowding, and a queue or a
    second tower counts as one view. Tolerance is the mean of the views' tolerances. Alignment is the mean over
    all positive pairs, whichever views they lie in (over the drawn ones where row i of each view was drawn).

    Ends: see `alignment`, `uniformity`, `tolerance`; `uniformity_floor` is the value for this dim.

    Raises ShapeError, TooFewRows (no view has two rows with a direction), NotFinite, ZeroRows (no row has one),
    DeviceMismatch, ArgumentError.
    Source: Wang & Isola 2020, arXiv:2005.10242; Wang & Liu 2020, arXiv:2012.09740.
    """
    shapes.check_count("hypersphere", "max_rows", max_rows, least=2)
    everything, left_out = usable("hypersphere", pairs(views, labels, positives, call="hypersphere"))
    drawn = _draw(everything, max_rows, generator)
    tolerated = 1e-2 if any(view.dtype in (torch.float16, torch.bfloat16) for view in views) else 1e-3
    was_unit = bool(((drawn.rows.norm(dim=1) - 1).abs() <= tolerated).all())
    drawn = replace(drawn, rows=to_unit(drawn.rows))
    with full_precision(drawn.rows.device):
        by_view = torch.split(drawn.rows, list(drawn.sizes))
        spread = [float(_uniformity(view, 2.0)) for view in by_view if len(view) > 1]
        if not spread:
            raise errors.TooFewRows(
                f"hypersphere: no view has 2 rows with a direction (the views have {', '.join(map(str, drawn.sizes))}; "
                f"{left_out} rows are left out). Use a larger batch."
            )
        return Hypersphere(
            alignment=_aligned(drawn) if drawn.aligned else _alignment(everything),
            # No overflow: with t = 2 a uniformity lies between -8 and 0.
            uniformity=math.log(sum(map(math.exp, spread)) / len(spread)),
            uniformity_floor=uniformity_floor(drawn.rows.shape[1]),
            tolerance=None
            if drawn.labels is None
            else _tolerance(by_view, torch.split(drawn.labels, list(drawn.sizes))),
            rows=len(everything.rows),
            rows_left_out=left_out,
            was_unit=was_unit,
            dim=drawn.rows.shape[1],
        )


def _uniformity(z: Tensor, t: float) -> Tensor:
    """`uniformity` of unit rows, in blocks of rows."""
    n = len(z)
    # Distances do not notice a common shift. Seen from one of them, rows that lie close together are small
    # numbers, so their distances keep their digits, and at collapse they are exactly 0.
    z = z - z[0]
    squares = z.square().sum(1)
    wide = torch.float64 if z.device.type != "mps" else None
    tops, totals = [], []
    with full_precision(z.device):
        for start in range(0, n, BLOCK):
            rows = slice(start, min(start + BLOCK, n))
            distance = torch.addmm(squares, z[rows], z.T, alpha=-2).add_(squares[rows, None]).clamp_min_(0)
            exponent = distance.mul_(-t)
            exponent.diagonal(start).fill_(-math.inf)
            tops.append(exponent.detach().max())
            totals.append(exponent.sub_(tops[-1]).exp_().sum(dtype=wide))
    # The largest exponent is taken out before the sum and put back after the log: no t makes it underflow.
    top = torch.stack(tops).max()
    total = sum((part * (own - top).exp() for part, own in zip(totals, tops, strict=True)), totals[0].new_zeros(()))
    return (top + (total / (n * (n - 1))).log()).to(z.dtype)


def _draw(everything: Pairs, max_rows: int, generator: torch.Generator | None) -> Pairs:
    """As many rows of each view; `Pairs.draw` would leave a small view beside a long queue without any."""
    if everything.aligned:
        return everything.draw(max_rows, generator)
    keep = max(2, max_rows // len(everything.sizes))
    if max(everything.sizes) <= keep:
        return everything
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    starts = itertools.accumulate(everything.sizes, initial=0)
    chosen = [
        start + torch.randperm(size, generator=generator)[:keep].sort().values
        for start, size in zip(starts, everything.sizes, strict=False)  # the last start is the end
    ]
    return everything.take(torch.cat(chosen).to(everything.rows.device))


def _aligned(drawn: Pairs) -> float | None:
    """Mean squared distance of row i of one view and row i of another, over all pairs of views."""
    by_view = torch.split(drawn.rows, list(drawn.sizes))
    apart = [(one - other).square().sum() for one, other in itertools.combinations(by_view, 2)]
    return float(torch.stack(apart).sum()) / drawn.positive_total


def _alignment(everything: Pairs) -> float | None:
    """Mean squared distance of all positive pairs, without going through the pairs one by one."""
    if everything.positive_total == 0:
        return None
    if everything.matrix is not None:
        first, second = everything.sizes[:2]
        a, b = _wide_unit(everything.rows[:first]), _wide_unit(everything.rows[first : first + second])
        matrix = everything.matrix.to(a)
        total = matrix.sum(1) @ a.square().sum(1) + matrix.sum(0) @ b.square().sum(1) - 2 * (a * (matrix @ b)).sum()
    else:
        if everything.groups is None:
            return None
        inside = everything.groups >= 0
        rows, groups = _wide_unit(everything.rows[inside]), everything.groups[inside]
        found = _class_sums(rows, groups.to(rows.device))
        # Sum over pairs of a group of |x - y|^2 = size * sum |x|^2 - |sum x|^2.
        total = (found.sizes[found.member] * rows.square().sum(1)).sum() - found.total
    return max(0.0, float(total) / everything.positive_total)


def _wide_unit(rows: Tensor) -> Tensor:
    """Unit rows in float64, for sums that are differences of large numbers where positives nearly coincide."""
    rows = to_unit(rows)
    return (rows.cpu() if rows.device.type == "mps" else rows).double()  # that device has no float64


class _ClassSums(NamedTuple):
    """What sums over same-class pairs are made of; each pair counts as (i, j) and (j, i), with (i, i)."""

    total: Tensor
    """Sum of the dot products over all same-class pairs."""
    own: Tensor
    """The part of it from pairs (i, i)."""
    pairs: int
    """How many same-class pairs there are."""
    rows: int
    sizes: Tensor
    """Rows per class."""
    member: Tensor
    """Class of each row, as an index into `sizes`."""


def _class_sums(z: Tensor, labels: Tensor) -> _ClassSums:
    """Sum over i, j in one class of z_i . z_j = |sum over the class of z|^2: linear in the number of rows."""
    _, member, sizes = torch.unique(labels, return_inverse=True, return_counts=True)
    sums = z.new_zeros(len(sizes), z.shape[1]).index_add(0, member, z)
    return _ClassSums(
        sums.square().sum(), z.square().sum(), int(sizes.square().sum()), len(z), sizes.to(z.dtype), member
    )


def _labelled(call: str, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The checked rows that have a label, and their labels."""
    shapes.check_embeddings(call, "z", z, rows=2)
    shapes.check_labels(call, labels, len(z))
    if labels.device != z.device:
        raise errors.DeviceMismatch(
            f"{call}: z is on {z.device} but labels is on {labels.device}. Use labels.to(z.device)."
        )
    _check_unit_rows(call, "z", z)
    inside = labels >= 0
    if int(inside.sum()) < 2:
        raise errors.TooFewRows(
            f"{call}: {int(inside.sum())} of {len(z)} rows have a label, 2 are needed (labels below 0 mean: not "
            "labelled). Use a larger batch, or measure without labels."
        )
    (z,) = at_least_single(z)
    return z[inside], labels[inside]


def _tolerance(by_view: Sequence[Tensor], labels: Sequence[Tensor]) -> float | None:
    """Mean of the views' tolerances; None when no view has two labelled rows."""
    found = []
    for view, own in zip(by_view, labels, strict=True):
        inside = own >= 0
        sums = _class_sums(view[inside], own[inside])
        if sums.rows > 1:
            found.append(float(sums.total) / sums.rows**2)
    return sum(found) / len(found) if found else None


def _check_unit_rows(call: str, name: str, z: Tensor) -> None:
    shapes.check_finite(call, name, z)
    shapes.check_unit(call, name, z)
