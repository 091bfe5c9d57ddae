"""watch: a Monitor for somebody's own loop, and a Cockpit on screen."""

from __future__ import annotations

import threading
import time
from typing import Any

from torch import nn

from vergence import Monitor
from vergence_widgets.cockpit import Cockpit

__all__ = ["watch"]


def watch(encoder: nn.Module | None = None, *, place: str = "z", ticks: float = 4.0, **monitor: Any) -> Monitor:
    """Watch your own training loop, live.

        m = watch(encoder, reference=(images, labels), objective=criterion)
        ...
            m.step(z1, z2, loss=loss, labels=y)     # after backward, before optimiser.step()

    Args:
        encoder: as in `vergence.Monitor`.
        place: which embeddings the panels show: "z", "h", or a name given to `m.step(h={...})`.
        ticks: frames a second at most.
        monitor: everything else of `vergence.Monitor`: reference, objective, optimiser, name, steps, save, ...

    Returns the Monitor; its `cockpit` is on screen. When the cell that trains ends, the picture is frozen.
    """
    watched = Monitor(encoder, **monitor)
    cockpit = Cockpit(watched, place=place, ticks=ticks)
    watched.cockpit = cockpit
    _follow_cells(watched, cockpit)
    cockpit._ipython_display_()
    return watched


def _follow_cells(monitor: Monitor, cockpit: Cockpit) -> None:
    """Know when a cell with the loop begins and ends: a loop of one's own never says that it is over."""
    from IPython.core.getipython import get_ipython

    publisher = cockpit.publisher
    began: dict[str, float | None] = {"cell": time.monotonic()}

    def loop_began() -> float | None:
        cell = began["cell"]
        on_main = monitor.loop_thread is threading.main_thread()
        return cell if on_main and monitor.history.state in ("live", "paused") else None

    publisher.main_thread_loop = loop_began
    monitor.steering.may_not_pause = publisher.why_no_pause
    shell: Any = get_ipython()
    if shell is None:
        return

    def before(_info: Any = None) -> None:
        began["cell"] = time.monotonic()

    def after(result: Any = None) -> None:
        began["cell"] = None
        if monitor.loop_thread is threading.main_thread() and monitor.history.state in ("live", "paused"):
            error = getattr(result, "error_in_exec", None)
            monitor.loop_ended(error if isinstance(error, BaseException) else None)

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
