"""The rows a measurement can use: those with a direction, at length 1."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors
from vergence.geometry import Pairs

__all__ = ["to_unit", "usable"]

Rows = Float[Tensor, "n dim"]


def usable(call: str, given: Pairs) -> tuple[Pairs, int]:
    """The pairs between rows that have a direction, and how many rows have none (zero, NaN, infinity).

    A measurement goes on without such rows and says how many they are: one bad row should not blind a panel.

    Raises NotFinite or ZeroRows when no row is left.
    """
    size = given.rows.abs().amax(1)  # NaN and infinity come through amax, so one pass finds all three
    good = (size > 0) & torch.isfinite(size)
    n = len(good)
    left = int(good.sum())
    if left == n:
        return given, 0
    if left == 0:
        zero = int((size == 0).sum())
        if zero == n:
            raise errors.ZeroRows(
                f"{call}: all {n} rows are zero, so they have no direction. Is a ReLU the last layer of the head? "
                "End it with a Linear."
            )
        raise errors.NotFinite(
            f"{call}: {n - zero} of {n} rows are not finite (NaN or infinity) and the rest are zero. Look at the "
            "step before: a learning rate too high, a division by zero, or half precision overflow."
        )
    return given.take(torch.nonzero(good).squeeze(1)), n - left


def to_unit(rows: Rows) -> Rows:
    """`geometry.unit` without its questions, for rows that `usable` has seen."""
    rows = rows / rows.abs().amax(1, keepdim=True)
    return rows.div_(rows.norm(dim=1, keepdim=True))
