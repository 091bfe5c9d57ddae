"""Who stands above whom, anchor by anchor and pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from tests.reference.cosine import cosine


@dataclass
class Anchor:
    """One row and its cosines."""

    row: int
    positive: list[float]
    negative: list[float]


def anchors(
    rows: Tensor, is_positive: Callable[[int, int], bool], is_pair: Callable[[int, int], bool] = lambda i, j: True
) -> list[Anchor]:
    """Rows with a positive and a negative."""
    values = rows.double().tolist()
    found = []
    for i in range(len(values)):
        one = Anchor(i, [], [])
        for j in range(len(values)):
            if i != j and is_pair(i, j):
                s = min(1.0, max(-1.0, cosine(values[i], values[j])))
                (one.positive if is_positive(i, j) else one.negative).append(s)
        if one.positive and one.negative:
            found.append(one)
    return found


def counts(positive: Sequence[float], negative: Sequence[float], close: float = 1e-12) -> tuple[int, int]:
    """(positive, negative) with the negative above, and with both alike."""
    above = sum(n - p > close for p in positive for n in negative)
    tied = sum(abs(n - p) <= close for p in positive for n in negative)
    return above, tied


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Share in the right order; ties count half."""
    above, tied = counts(positive, negative)
    return 1 - (above + tied / 2) / (len(positive) * len(negative))
