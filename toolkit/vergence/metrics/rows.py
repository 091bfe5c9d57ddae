"""The rows of one or more views as a measurement wants them: finite, drawn where they are too many, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import pairs

__all__ = ["Floats", "Rows", "above_rounding", "around_one", "rows_of", "typical"]

Floats = NDArray[np.float64]

ROUNDING = 4.0
"""Numbers of a column that span no more than so many eps of the largest cannot be told from one number."""
SINGLE = float(np.finfo(np.float32).eps)
"""What came in half precision was, as a rule, summed in single precision and rounded once."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Of every view the rows that can be measured, in float64 on the CPU."""

    by_view: list[Floats]
    """Each (rows, dim), in their order; views without enough rows are not among them."""
    left_out: int
    """Not finite, or zero where a direction is needed; and the rows of views that have too few."""
    total: int
    dim: int
    eps: float
    """Of the coarsest precision that they came in."""
    was_unit: bool
    """All that are measured came with length 1 (to 1e-3; 1e-2 in half precision)."""

    @property
    def count(self) -> int:
        """Rows that are measured, of all views."""
        return sum(map(len, self.by_view))

    @property
    def fewest(self) -> int:
        """Rows of the smallest view that is measured."""
        return min(map(len, self.by_view))


def rows_of(
    call: str,
    views: tuple[Tensor, ...],
    *,
    least: int,
    max_rows: int | None,
    generator: torch.Generator | None,
    zeros: bool,
) -> Rows:
    """The rows of each view on its own.

    least: rows that a view needs. max_rows: over all views, drawn evenly from each; None: all. generator: on the CPU;
    None: the same rows each time. zeros: rows of length 0 are measured as well.

    Raises ShapeError, DeviceMismatch, ArgumentError; TooFewRows, NotFinite or ZeroRows when no view has enough.
    """
    if max_rows is not None:
        shapes.check_count(call, "max_rows", max_rows, least=least)
    given = pairs(views, None, [None] * len(views), call=call)  # partners do not matter, so sizes may differ
    size = given.rows.abs().amax(1)  # NaN and infinity come through amax, so one pass finds all three
    good = torch.isfinite(size) if zeros else torch.isfinite(size) & (size > 0)
    parts = [rows[keep] for rows, keep in _each(given.rows, good, given.sizes)]
    parts = [part for part in parts if len(part) >= least]
    if not parts:
        raise _none_left(call, size, given.sizes, least, zeros=zeros)
    left_out = len(size) - sum(map(len, parts))
    if max_rows is not None:
        parts = _drawn(parts, max(least, max_rows // len(parts)), generator)
    tolerated = 1e-2 if any(view.dtype in (torch.float16, torch.bfloat16) for view in views) else 1e-3
    wide = [np.ascontiguousarray(part.cpu().double().numpy()) for part in parts]
    with np.errstate(over="ignore"):  # a length beyond float64 is infinite, and not 1
        was_unit = all(bool((np.abs(np.linalg.norm(rows, axis=1) - 1) <= tolerated).all()) for rows in wide)
    return Rows(
        by_view=wide,
        left_out=left_out,
        total=len(size),
        dim=given.rows.shape[1],
        eps=max(torch.finfo(view.dtype).eps for view in views),
        was_unit=was_unit,
    )


def above_rounding(rows: Floats, eps: float) -> Floats:
    """The rows, but for columns that vary by no more than rounding: those hold their first number throughout.

    rows: (n, dim), finite; eps: of the precision they came in. Column by column, since a number is rounded in
    proportion to itself: one column of large numbers says nothing about how exact the others are.
    """
    size = np.abs(rows).max(0)
    # A column of small numbers can be what is left of larger ones that were subtracted, with their rounding.
    noise = ROUNDING * np.maximum(eps * size, min(eps, SINGLE) * typical(size[None]))
    flat = np.ptp(rows, axis=0) <= noise
    return np.where(flat, rows[0], rows) if flat.any() else rows


def typical(sizes: Floats) -> Floats:
    """The lower median of each row, as a column."""
    middle = (sizes.shape[1] - 1) // 2
    found: Floats = np.partition(sizes, middle, axis=1)[:, middle : middle + 1]
    return found


def around_one(rows: list[Floats]) -> list[Floats]:
    """The rows divided by one power of two, so exactly: their squares can neither vanish nor overflow."""
    _, exponent = np.frexp(max(float(np.abs(part).max()) for part in rows))
    return [np.ldexp(part, -exponent) for part in rows]


def _each(rows: Tensor, good: Tensor, sizes: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    return list(zip(torch.split(rows, list(sizes)), torch.split(good, list(sizes)), strict=True))


def _drawn(parts: list[Tensor], keep: int, generator: torch.Generator | None) -> list[Tensor]:
    if max(map(len, parts)) <= keep:
        return parts
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    found = []
    for part in parts:
        chosen = torch.randperm(len(part), generator=generator)[:keep].sort().values
        found.append(part[chosen.to(part.device)])
    return found


def _none_left(call: str, size: Tensor, sizes: tuple[int, ...], least: int, *, zeros: bool) -> errors.InputError:
    n = len(size)
    zero, broken = int((size == 0).sum()), int((~torch.isfinite(size)).sum())
    if n and not zeros and zero == n:
        return errors.ZeroRows(
            f"{call}: all {n} rows are zero, so they have no direction. Is a ReLU the last layer of the head? End it "
            "with a Linear."
        )
    if n and zero + broken == n and broken:
        return errors.NotFinite(
            f"{call}: {broken} of {n} rows are not finite (NaN or infinity) and the rest are zero. Look at the step "
            "before: a learning rate too high, a division by zero, or half precision overflow."
        )
    of = f"view has {sizes[0]} rows" if len(sizes) == 1 else f"views have {', '.join(map(str, sizes))} rows"
    left = f", {broken if zeros else zero + broken} of them without use" if broken or (zero and not zeros) else ""
    return errors.TooFewRows(
        f"{call}: the {of}{left}, and {least} are needed in one of them. Use a larger batch; did the loader hand "
        "over a last, partial one? Set drop_last=True."
    )
