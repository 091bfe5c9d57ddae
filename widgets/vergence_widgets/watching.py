"""watch: a Monitor for somebody's own loop, and a Cockpit on screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from vergence import Monitor
from vergence_widgets.cockpit import Cockpit

__all__ = ["watch"]


def watch(
    encoder: nn.Module | None = None,
    *,
    place: str = "z",
    ticks: float = 4.0,
    panels: Sequence[str] | None = None,
    compare: Any = None,
    **monitor: Any,
) -> Monitor:
    """Watch your own training loop, live.

        m = watch(encoder, reference=(images, labels), objective=criterion)
        ...
            m.step(z1, z2, loss=loss, labels=y)     # after backward, before optimiser.step()

    Args:
        encoder: as in `vergence.Monitor`.
        place: which embeddings the panels show: "z", "h", or a name given to `m.step(h={...})`.
        ticks: frames a second at most.
        panels: which panels, in their order; None for all.
        compare: another run to draw thin and grey in the same axes.
        monitor: everything else of `vergence.Monitor`: reference, objective, optimiser, name, steps, save, ...

    Returns the Monitor; its `cockpit` is on screen. When the cell that trains ends, the picture is frozen.
    """
    watched = Monitor(encoder, **monitor)
    cockpit = Cockpit(watched, place=place, ticks=ticks, panels=panels, compare=compare)
    watched.cockpit = cockpit
    cockpit._ipython_display_()
    return watched
