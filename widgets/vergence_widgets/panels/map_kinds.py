"""What the items of a map are: kinds by label or another factor, links between items that show the same, a table."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Array, Table, number

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["Kinds", "kinds_of", "links_of", "table"]

MOST_ROWS = 20
RANGES = 5
"""An amount is shown in so many ranges."""


@dataclass(frozen=True)
class Kinds:
    """One factor of the reference set."""

    factor: str
    """What the kinds are kinds of: "group", "artist"; "" without labels."""
    choices: tuple[str, ...]
    """Every factor."""
    names: tuple[str, ...]
    """Of the kinds that occur, in the order of their ids."""
    of: NDArray[np.int32]
    """(items,) index into `names`; -1: of no kind."""


def kinds_of(history: History, items: int, wanted: str) -> Kinds:
    """The kinds of the factor `wanted`, else of the label, else of the first factor, else none."""
    entry = history.static.get("reference") or {}
    factors = entry.get("factors") or {}
    found = {name: values for name in factors if (values := _values(history, name, items)) is not None}
    # The label first: it is what most people mean.
    label = entry.get("label")
    choices = tuple(sorted(found, key=lambda name: name != label))
    factor = wanted if wanted in found else choices[0] if choices else ""
    if not factor:
        return Kinds("", (), (), np.full(items, -1, np.int32))
    if found[factor].dtype.kind == "f":
        return Kinds(factor, choices, *_ranges(found[factor]))
    ids, index = np.unique(found[factor], return_inverse=True)
    unknown = int(np.count_nonzero(ids < 0))  # sorted, so they are the first
    names = list(factors[factor] or ())
    told = tuple(str(names[i]) if i < len(names) else str(i) for i in ids[unknown:].tolist())
    return Kinds(factor, choices, told, np.maximum(index.reshape(-1) - unknown, -1).astype(np.int32))


def links_of(history: History, items: int) -> NDArray[np.int32]:
    """(links, 2): each item of a group and the next one of it."""
    groups = history.arrays.get("reference/groups")
    if groups is None or len(groups) != items:
        return np.zeros((0, 2), np.int32)
    order = np.argsort(groups, kind="stable")
    same = (groups[order][1:] == groups[order][:-1]) & (groups[order][1:] >= 0)
    return np.stack([order[:-1][same], order[1:][same]], 1).astype(np.int32)


def table(x: Array, y: Array, kinds: Kinds) -> Table:
    """Each kind with its middle and spread: the largest ones, and a count of the others."""
    seen = np.isfinite(x) & np.isfinite(y)
    members = [(name, seen & (kinds.of == index)) for index, name in enumerate(kinds.names)]
    without = seen & (kinds.of < 0)
    if without.any():
        members.append(("no label" if kinds.names else "all items", without))
    counted = sorted(((int(own.sum()), name, own) for name, own in members), key=lambda part: -part[0])
    rows = []
    for count, name, own in counted[:MOST_ROWS]:
        if not count:
            rows.append((name, "0", "none", "none", "none"))
            continue
        middle = float(x[own].mean()), float(y[own].mean())
        spread = float(np.sqrt(((x[own] - middle[0]) ** 2 + (y[own] - middle[1]) ** 2).mean()))
        rows.append((name, f"{count:,}", number(middle[0]), number(middle[1]), number(spread)))
    others = counted[MOST_ROWS:]
    if others:
        rows.append((f"{len(others):,} others", f"{sum(part[0] for part in others):,}", "", "", ""))
    return Table((kinds.factor or "items", "items", "middle, axis 1", "middle, axis 2", "spread"), tuple(rows))


def _ranges(values: NDArray[Any]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """An amount in ranges of about equal count: their names, and which one each item is in; -1 where it is unknown."""
    known = np.isfinite(values)
    of = np.full(len(values), -1, np.int32)
    if not known.any():
        return (), of
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, RANGES + 1)))
    inner = edges[1:-1]
    of[known] = np.searchsorted(inner, values[known], side="right")
    return tuple(f"{_told(low)} to {_told(high)}" for low, high in itertools.pairwise(edges)) or (_told(edges[0]),), of


def _told(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _values(history: History, name: str, items: int) -> NDArray[Any] | None:
    values = history.arrays.get(f"reference/factor/{name}")
    return values if values is not None and values.shape == (items,) else None
