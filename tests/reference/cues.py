"""Cues, pair by pair and entry by entry."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Row = Sequence[float]
Rows = Sequence[Row]


def cosine(x: Row, y: Row) -> float:
    """Of the angle between two rows."""
    dot = math.fsum(a * b for a, b in zip(x, y, strict=True))
    return dot / math.sqrt(math.fsum(a * a for a in x) * math.fsum(b * b for b in y))


def mosaic(own: Row, other: Row, part: set[int]) -> list[float]:
    """The entries of `part` of the one, all others of the other."""
    return [own[at] if at in part else other[at] for at in range(len(own))]


def against_the_rest(
    encoder: Callable[[Row], Row], first: Rows, second: Rows, part: set[int]
) -> tuple[float, float, float]:
    """wins, alone, rest."""
    n = len(first)
    made = [mosaic(second[i], second[(i + 1) % n], part) for i in range(n)]
    wins, alone, rest = 0.0, [], []
    for i in range(n):
        to = [cosine(encoder(first[i]), encoder(item)) for item in made]
        mine, others = to[i], to[i - 1]
        wins += above(mine, others) / n
        strangers = [to[j] for j in range(n) if j not in (i, (i - 1) % n)]
        alone += [above(mine, value) for value in strangers]
        rest += [above(others, value) for value in strangers]
    return wins, math.fsum(alone) / len(alone), math.fsum(rest) / len(rest)


def above(one: float, other: float) -> float:
    """1, one half where both are the same, or 0."""
    return 1.0 if one > other else 0.5 if one == other else 0.0


def auc(encoder: Callable[[Row], Row], first: Rows, second: Rows) -> float:
    """Partners over strangers, anchor by anchor."""
    found = []
    for i, x in enumerate(first):
        to = [cosine(encoder(x), encoder(y)) for y in second]
        found += [above(to[i], value) for j, value in enumerate(to) if j != i]
    return math.fsum(found) / len(found)


def alike(first: Rows, second: Rows, part: set[int]) -> float:
    """Partners' squared distance over strangers', in these entries."""
    n = len(first)
    own = math.fsum((first[i][at] - second[i][at]) ** 2 for i in range(n) for at in part) / n
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    return own / (math.fsum((first[i][at] - second[j][at]) ** 2 for i, j in pairs for at in part) / len(pairs))


def lower_group(values: Row) -> set[int]:
    """Places of the values below the cut that leaves the least variance of log(value + 0.01) within the two groups."""
    logs = [math.log(value + 0.01) for value in values]

    def within(group: list[float]) -> float:
        middle = math.fsum(group) / len(group)
        return math.fsum((value - middle) ** 2 for value in group)

    best, low = math.inf, set[int]()
    for cut in sorted(set(values))[:-1]:
        inside = {at for at, value in enumerate(values) if value <= cut}
        outside = [logs[at] for at in range(len(values)) if at not in inside]
        left = within([logs[at] for at in inside]) + within(outside)
        if left < best:
            best, low = left, inside
    return low


def levelled(own: Row, other: Row) -> list[float]:
    """The values of the one, the smallest where the other has its smallest, and so on; ties in the order they stand."""
    order = sorted(range(len(other)), key=lambda at: (other[at], at))
    made = [0.0] * len(own)
    for value, at in zip(sorted(own), order, strict=True):
        made[at] = value
    return made
