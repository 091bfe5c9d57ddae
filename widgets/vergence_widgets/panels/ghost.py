"""The ghost: a second run in the same axes, thin and grey, named once.

Lines of reference stay those of the run that is shown; where the other one has others, the foot line says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.curves import thin
from vergence_widgets.panels.place import Anchor, Places
from vergence_widgets.panels.spec import Label, Line, number
from vergence_widgets.panels.state import newest_frame

if TYPE_CHECKING:
    from vergence.record.history import Frame, History, Series

__all__ = ["beside", "differs", "frame_near", "line", "named", "value_at"]

WIDTH = 1.25
SHORT = 28
"""Characters of a name at most; the whole name stands in the timeline."""
NEAR = 1e-3
"""References that differ by less than this share are the same."""


def named(ghost: History, what: str = "", *, drawn: bool = False) -> tuple[str, ...]:
    """The words of the foot line: "grey: emoji-simclr-06"; drawn: its name stands in the plot, so only `what`."""
    if drawn:
        return (f"grey: {what}",) if what else ()
    return (f"grey: {_short(ghost)}{', ' if what else ''}{what}",)


def _short(ghost: History) -> str:
    return ghost.name if len(ghost.name) <= SHORT else ghost.name[: SHORT - 1] + "…"


def line(key: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """A curve of the other run; what is not finite stays a gap."""
    return Line(key, *thin(np.asarray(x, np.float64), y), "ghost", width=WIDTH)


def frame_near(ghost: History, kind: str, step: int) -> Frame | None:
    """Its newest frame not after `step`, so that both runs are as old; its first where it has none so early."""
    steps = ghost.frames(kind)
    if not steps:
        return None
    early = [held for held in steps if held <= step]
    try:
        return ghost.frame(kind, early[-1] if early else steps[0])
    except ValueError:  # thinned away between listing and reading
        return newest_frame(ghost, kind)


def beside(ghost: History, x: NDArray[np.float64], y: NDArray[np.float64], places: Places) -> list[Label]:
    """Its name beside its line, near the newest end where there is room."""
    seen = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & (y <= places.at(0.0, 0.0)[1]))
    spots: list[tuple[float, float, Anchor]] = []
    for share in (1.0, 0.85, 0.65, 0.45, 0.3) if len(seen) else ():
        index = seen[int(share * (len(seen) - 1))]
        px, py = places.px(float(x[index]), float(y[index]))
        for drop in (11.0, -10.0, 20.0):
            spots += [(*places.at(px - 4, py + drop), "end"), (*places.at(px + 6, py + drop), "start")]
    label = places.put(_short(ghost), spots, "second", needed=False) if spots else None
    return [label] if label else []


def differs(mine: float | None, its: float | None, name: str) -> str:
    """ "its floor 1.47", or "" when both runs have the same one."""
    if its is None or (mine is not None and abs(mine - its) <= NEAR * max(1.0, abs(mine))):
        return ""
    return f"its {name} {number(its)}"


def value_at(series: Series, step: int, digits: int = 2) -> str:
    """The other run's value at a step, in words; before its first and after its last it has none."""
    if not len(series) or step > int(series.steps[-1]) or step < int(series.steps[0]):
        return "not recorded"
    return number(series.at(step), digits)
