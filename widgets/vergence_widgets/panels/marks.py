"""Control changes and trouble as vertical marks, with labels that do not touch each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.place import LINE, TALL, Places, text_width
from vergence_widgets.panels.spec import Axis, Mark

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["Change", "applied", "layers", "trouble"]

SCALING = frozenset({"temperature"})
"""Controls that move chance or floor, so that loss before and after are not on one scale."""
MOST_MARKS = 60
MOST_LABELS = 6
MOST_TROUBLES = 8
NEAR = 12.0
"""Changes of one control closer than this many px are one movement of a slider and share a label."""


@dataclass(frozen=True)
class Change:
    """One applied change of a control."""

    step: int
    name: str
    before: str
    """"τ 0.5"."""
    after: str
    """"τ 0.2"."""
    label: str
    """"τ 0.5 → 0.2"."""

    @property
    def scales_loss(self) -> bool:
        """Whether the loss means something else after it."""
        return self.name in SCALING


def applied(history: History) -> list[Change]:
    """The changes that took effect, oldest first."""
    found = []
    for event in history.events("control"):
        if event.data.get("state", "applied") != "applied":
            continue
        name = str(event.data.get("name", ""))
        label = str(event.data.get("label") or f"{name} {event.data.get('old')} → {event.data.get('new')}")
        before, arrow, new = label.partition(" → ")
        symbol = before.rpartition(" ")[0]
        after = f"{symbol} {new}".strip() if arrow else label
        found.append(Change(event.step, name, before, after, label))
    return found


def layers(changes: Sequence[Change], places: Places, x: Axis, *, below: float | None = None) -> list[Mark]:
    """A hairline for every change, and words for each movement where they fit; `below`: words start under it."""
    shown = [change for change in changes if x.low <= change.step <= x.high][-MOST_MARKS:]
    for change in shown:
        places.take_upright(change.step)
    words: dict[int, str] = {}
    for group in _movements(shown, places)[-MOST_LABELS:]:
        first, last = group[0], group[-1]
        symbol = first.before.rpartition(" ")[0]
        new = last.after.removeprefix(symbol).strip()
        words[id(last)] = first.label if first is last else f"{first.before} → {new}"
    top = 0.0 if below is None else max(0.0, places.px(x.low, below)[1])
    # The newest first: where words cannot all stand, it is the older ones that go without.
    return [_mark(change, words.get(id(change), ""), places, top) for change in reversed(shown)][::-1]


def trouble(steps: NDArray[Any], values: NDArray[np.float64]) -> list[Mark]:
    """A triangle where values stop being finite, for the newest stretches."""
    holes = np.isnan(values)
    if not holes.any():
        return []
    begins = np.flatnonzero(holes & ~np.concatenate(([False], holes[:-1])))[-MOST_TROUBLES:]
    return [Mark(float(steps[index]), "", "trouble") for index in begins]


def _movements(changes: Sequence[Change], places: Places) -> list[list[Change]]:
    groups: list[list[Change]] = []
    newest: dict[str, list[Change]] = {}
    for change in changes:
        group = newest.get(change.name)
        if group and places.px(change.step, 0)[0] - places.px(group[-1].step, 0)[0] < NEAR:
            group.append(change)
            continue
        newest[change.name] = [change]
        groups.append(newest[change.name])
    return groups


def _mark(change: Change, words: str, places: Places, top: float) -> Mark:
    if not words:
        return Mark(float(change.step), "")
    px = places.px(change.step, 0)[0]
    wide = text_width(words)
    for row in range(int((places.height - top - 8) / LINE)):
        middle = top + 14 + LINE * row
        for anchor, left in (("start", px + 4), ("end", px - 4 - wide)):
            inside = left >= 0 and left + wide <= places.width
            # The hairline beside the words is theirs, so the box starts a little away from it.
            if inside and places.cost(left + 2, middle - TALL / 2, left + wide - 2, middle + TALL / 2) < 1:
                places.take_box(left, middle - TALL / 2, left + wide, middle + TALL / 2)
                y = places.at(0, middle)[1]
                return Mark(float(change.step), words, "control", y, "start" if anchor == "start" else "end")
    return Mark(float(change.step), "")
