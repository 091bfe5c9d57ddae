"""How well a number is read from a representation: a size, an angle, a brightness. R² of a ridge and of neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import full_precision
from vergence.metrics.halves import Halves, Values, halves
from vergence.metrics.readings import LEVEL, Reading, by_group
from vergence.metrics.smooth import Smooth
from vergence.metrics.space import Space
from vergence.shapes import Embeddings

__all__ = ["AmountTask", "Amounts", "amount_task", "amounts", "binned", "read_amount"]

K = 20
TEMPERATURE = 0.07
BINS = 8
"""A number is parted evenly between the halves by so many bins of equal count."""
LEAST = 5
"""Rows of each half, at least."""

Numbers = Shaped[Tensor, " items"]


@dataclass(frozen=True, eq=False)
class Amounts:
    """One number per item, read two ways from one representation."""

    linear: Reading
    """Ridge. `accuracy` is R²."""
    knn: Reading
    """Mean of the nearest neighbours' values. `accuracy` is R²."""
    ridge: float
    """The penalty that was chosen, per row learned from: one of `smooth.RIDGES`."""
    k: int
    """Neighbours that were averaged."""
    temperature: float
    fit: int
    """Rows learned from."""
    asked: int
    """Rows held out."""
    unknown: int
    """Items without a finite value."""
    rows_left_out: int
    """Rows that are zero or not finite."""


@dataclass(frozen=True, eq=False)
class AmountTask:
    """One number per item, ready to be asked about at any representation of the same items. Made by `amount_task`."""

    fit: Int[Tensor, " learned"]
    """Row numbers."""
    fit_value: Float[Tensor, " learned"]
    """In standard deviations from the mean, both of the fit half."""
    fit_group: Int[Tensor, " learned"]
    test: Int[Tensor, " asked"]
    test_value: Float[Tensor, " asked"]
    test_group: Int[Tensor, " asked"]
    unknown: int
    """Items without a finite value."""
    chance: float = 0.0
    """R² of always answering the mean of the fit half."""


@torch.no_grad()
def amounts(
    rows: Embeddings,
    values: Numbers,
    *,
    groups: Values | None = None,
    k: int = K,
    temperature: float = TEMPERATURE,
    seed: int = 0,
) -> Amounts:
    r"""How well a number can be read from a representation, learned on one half of the items and asked on the other.

        R² = 1 - sum_i (y_i - said_i)² / sum_i (y_i - m)²,   i over the held-out rows, m the mean of y over the fit half

        linear   ridge with an intercept on features standardised over the fit half; its penalty is the one of 1e-4 to
                 10 per row that errs least when every group of the fit half in turn is left out
        knn      mean of the values of the k rows of highest cosine s, each with weight exp(s / temperature)

    rows: (items, dim). values: real numbers (items,); not finite: not known. groups: integers (items,), rows of one
    group show the same thing and are never parted between the halves. seed: fixes the halves. k is at most half of the
    rows learned from. An angle is no number on a line: hand over its sine and its cosine.

    Reads 1 when every held-out value is said exactly, 0 when no better is said than the mean, and below 0, without
    end, when worse is said. Of a value that has noise of its own the best there is lies below 1. It does NOT read low
    at collapse: features are standardised, so what little is left is enough. Nor does it say how much of the space the
    value fills.

    `half` is half the 95 % interval of R² over the held-out rows, by its derivative: rows of one group count together,
    and it is never less than what one row weighs.

    Raises ShapeError (values that are no real numbers), TooFewRows (fewer than 5 known values or 2 groups in a half,
    or a value that never varies), ArgumentError, NotFinite.
    Source: ridge with leave-one-out, Golub, Heath and Wahba 1979, here with groups; R² against the mean of the fit
    half, as out-of-sample R² in Campbell and Thompson 2008.
    """
    shapes.check_embeddings("amounts", "rows", rows, rows=2)
    _check("amounts", values, len(rows))
    parted = halves([binned(values)], groups, seed=seed)
    space = Space("amounts", rows, parted)
    asked = amount_task("amounts", torch.where(space.bad, math.nan, values.cpu().double()), parted)
    return read_amount(space, asked, k=k, temperature=temperature)


@torch.no_grad()
def read_amount(
    space: Space, asked: AmountTask, *, k: int = K, temperature: float = TEMPERATURE, smooth: Smooth | None = None
) -> Amounts:
    """The readings of `amounts`, for rows and a factor that are prepared. Rows that are `bad` must have no value.

    smooth: the ridge of these rows, where several numbers are asked about the same rows.
    """
    shapes.check_count("amounts", "k", k)
    shapes.check_positive("amounts", "temperature", temperature)
    taken = min(k, max(1, len(asked.fit) // 2))
    with full_precision(torch.device("cpu")):
        near, index = space.nearest(asked.fit, asked.test, taken)
        weight = torch.softmax(-near.double() / temperature, dim=1)
        voted = (weight * asked.fit_value[index]).sum(1)
        ridge = smooth or Smooth(space, asked.fit, asked.test, asked.fit_group)
        said, penalty = ridge.read(asked.fit_value)
    return Amounts(
        linear=_reading(said, asked), knn=_reading(voted, asked), ridge=penalty, k=taken, temperature=temperature,
        fit=len(asked.fit), asked=len(asked.test), unknown=asked.unknown, rows_left_out=int(space.bad.sum()),
    )  # fmt: skip


def binned(values: Numbers, bins: int = BINS) -> Int[Tensor, " items"]:
    """The values cut into `bins` of about equal count, as classes; -1 where there is no finite value."""
    x = values.detach().cpu().double()
    known = torch.isfinite(x)
    out = torch.full((len(x),), -1)
    if bool(known.any()):
        edges = torch.quantile(x[known], torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1])
        out[known] = torch.bucketize(x[known], torch.unique(edges))
    return out


def amount_task(call: str, values: Numbers, parted: Halves) -> AmountTask:
    """What a number asks for: its values in both halves.

    values: real numbers (items,); not finite: not known. Raises ShapeError, TooFewRows.
    """
    items = len(parted.groups)
    _check(call, values, items)
    x = values.detach().cpu().double()
    known = torch.isfinite(x)
    fit, test = parted.fit[known[parted.fit]], parted.test[known[parted.test]]
    groups = len(torch.unique(parted.groups[fit]))
    if min(len(fit), len(test)) < LEAST or groups < 2:
        raise errors.TooFewRows(
            f"{call}: {len(fit)} values to learn from, in {groups} group{'' if groups == 1 else 's'}, and {len(test)} "
            f"to be asked about; {LEAST} of each and 2 groups are needed. Use more items with a finite value."
        )
    mean = x[fit].mean()
    # Values as large as a float can be: their square is none any more.
    scale = (x[fit] - mean).abs().max()
    if not bool(scale > 1e-12 * x[fit].abs().max()):
        raise errors.TooFewRows(
            f"{call}: all {len(fit)} values to learn from are {float(x[fit[0]]):g}. What does not vary cannot be read."
        )
    spread = ((x[fit] - mean) / scale).square().mean().sqrt() * scale
    learned, wanted = ((x[part] - mean) / spread for part in (fit, test))
    if not bool(wanted.abs().max() > 0):
        raise errors.TooFewRows(
            f"{call}: all {len(test)} values to be asked about are the mean of the others. Use more items."
        )
    return AmountTask(
        fit, learned, parted.groups[fit], test, wanted, parted.groups[test], unknown=items - int(known.sum())
    )


def _reading(said: Tensor, asked: AmountTask) -> Reading:
    """R² and its interval: of the ratio of two means, by its derivative."""
    size = asked.test_value.square()
    wrong = (asked.test_value - said).square()
    weight = size / size.mean()
    right = weight - wrong / size.mean()
    r2 = float(right.mean())
    totals = by_group(right - r2 * weight, asked.test_group)
    half = LEVEL * math.sqrt(max(1.0, float(totals.square().sum()))) / len(right)
    return Reading(r2, half, right, asked.test, asked.test_group, weight=weight)


def _check(call: str, values: object, items: int) -> None:
    if not isinstance(values, Tensor) or values.is_complex() or values.dtype == torch.bool:
        told = f"has dtype {values.dtype}" if isinstance(values, Tensor) else f"is a {type(values).__name__}"
        raise errors.ShapeError(
            f"{call}: values {told}. It must be a tensor of real numbers ({items},), for example values.float()."
        )
    if values.shape != (items,):
        more = " Hand over several numbers one by one: values[:, 0], values[:, 1]." if values.ndim > 1 else ""
        raise errors.ShapeError(
            f"{call}: values is {shapes.shape_of(values)} but there are {items} rows. One number per row: ({items},)."
            f"{more}"
        )
