"""One reading of one factor, with its interval, and two readings of the same rows beside one another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors

__all__ = ["LEVEL", "Comparison", "Reading", "by_group", "compare", "error_of_draws", "interval", "widened"]

LEVEL = 1.959963984540054
"""Standard deviations of a normal on either side of its mean that hold 95 %."""


@dataclass(frozen=True, eq=False)
class Reading:
    """How well one probe reads one factor."""

    accuracy: float
    """Share of the held-out rows that were read right, 0 to 1; few: mean over the draws; of an amount: R²."""
    half: float
    """Half the 95 % interval of that: rows of one group count together; few: the error of the draws is in it."""
    right: Float[Tensor, " asked"] = field(repr=False)
    """1 or 0 for each held-out row; few: the share of draws that read it right; of an amount: what it adds to R²."""
    rows: Int[Tensor, " asked"] = field(repr=False)
    """Their row numbers."""
    groups: Int[Tensor, " asked"] = field(repr=False)
    draws: Float[Tensor, " draws"] | None = field(default=None, repr=False)
    """few: accuracy of each draw."""
    weight: Float[Tensor, " asked"] | None = field(default=None, repr=False)
    """Of an amount: squared distance of each row's value from the mean, in units of their mean. None: all count 1."""

    @property
    def spread(self) -> float | None:
        """few: standard deviation over the draws."""
        return None if self.draws is None else float(self.draws.std(correction=0))

    @property
    def r2(self) -> float:
        """The same number under the name that it has for an amount."""
        return self.accuracy


@dataclass(frozen=True)
class Comparison:
    """Two readings of the same rows."""

    difference: float
    """Accuracy (or R²) of the one less that of the other."""
    half: float
    """Half its 95 % interval."""
    rows: int
    """Rows both were asked about."""

    @property
    def verdict(self) -> Literal["better", "no better", "worse"]:
        """Better or worse only where the interval leaves no doubt."""
        if self.difference > self.half:
            return "better"
        return "worse" if self.difference < -self.half else "no better"


def error_of_draws(draws: Tensor | None) -> float:
    """Standard error of the mean of some draws: other labels would have given another mean."""
    return 0.0 if draws is None or len(draws) < 2 else float(draws.std()) / math.sqrt(len(draws))


def interval(right: Tensor, groups: Tensor) -> float:
    r"""Half the 95 % interval of a mean of entries from 0 to 1, whose rows come in groups.

        Wilson's interval with n = p (1 - p) / se^2,   se^2 = sum over groups (sum of their entries - p)^2 / rows^2

    Without groups n is the number of rows. Never 0: at p = 0 or 1 n is the number of groups.
    Source: Wilson 1927; the design effect of Kish 1965 for n.
    """
    p = float(right.mean(dtype=torch.float64))
    totals = by_group(right.double() - p, groups)
    variance = float(totals.square().sum()) / len(right) ** 2
    binomial = p * (1 - p)
    n = float(len(totals)) if binomial < 1e-12 or variance < 1e-15 else binomial / variance
    # Draws of a few-label probe agree more than coins do; no more than one bit is learned from a row all the same.
    n = min(n, float(len(right)))
    return LEVEL / (1 + LEVEL**2 / n) * math.sqrt(binomial / n + LEVEL**2 / (4 * n**2))


def compare(one: Reading, other: Reading) -> Comparison:
    r"""How much better one reading is than another, on the rows both were asked about.

        difference = mean of (right_one - right_other),   half = 1.96 sqrt(sum over groups of their sum^2) / rows

    A paired comparison: what is hard for both does not blur it. Where the two never differ by a whole row, half is that
    of one row, so nothing is ever certain. Few-label probes add the error of their draws, which both share. Of an
    amount a row counts by its squared distance from the mean, and the difference is that of R² on the shared rows.

    Raises TooFewRows when they share no row, ArgumentError for a reading of classes beside one of an amount.
    """
    if (one.weight is None) != (other.weight is None):
        raise errors.ArgumentError(
            "compare: one reading is of classes and the other of an amount. Compare two readings of one factor."
        )
    _, mine, theirs = _common(one.rows, other.rows)
    if not len(mine):
        raise errors.TooFewRows("compare: the two readings share no row. Read both from the same halves.")
    ours, others = one.right[mine].double(), other.right[theirs].double()
    weight = torch.ones_like(ours)
    if one.weight is not None and other.weight is not None:
        weight = one.weight[mine].double()
        # Each is in units of the mean square of its own rows.
        others = others * (weight.sum() / other.weight[theirs].double().sum())
        ours, others, weight = (part / weight.mean() for part in (ours, others, weight))
    apart = ours - others
    difference = float(apart.mean())
    totals = by_group(apart - difference * weight, one.groups[mine])
    half = LEVEL * math.sqrt(max(1.0, float(totals.square().sum()))) / len(apart)
    if one.draws is not None and other.draws is not None and len(one.draws) == len(other.draws):
        half = math.hypot(half, LEVEL * error_of_draws(one.draws - other.draws))
    return Comparison(difference, half, len(apart))


def _common(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Entries that two ascending lists share, and where they stand in each."""
    if len(one) == len(other) and bool((one == other).all()):
        every = torch.arange(len(one))
        return one, every, every
    mine = torch.nonzero(torch.isin(one, other)).squeeze(1)
    return one[mine], mine, torch.nonzero(torch.isin(other, one)).squeeze(1)


def widened(times: int) -> float:
    """By how much an interval must grow so that all of so many at once hold in 95 % of cases, as Bonferroni does."""
    return float(torch.special.ndtri(torch.tensor(1 - 0.025 / max(1, times), dtype=torch.float64))) / LEVEL


def by_group(values: Tensor, groups: Tensor) -> Tensor:
    """Sums over the rows of each group."""
    _, place = torch.unique(groups, return_inverse=True)
    return torch.zeros(int(place.max()) + 1, dtype=values.dtype).index_add_(0, place, values)
