"""See what a loss does to the geometry of embeddings, and change it while it runs.

    import vergence as vg

    run = vg.Run(vg.methods.SimCLR(temperature=0.2), data=vg.data.emoji(), seed=0)
    run.start(steps=2_000)

`vergence_widgets` shows it live in a notebook. Nothing here imports Jupyter or a plotting library.
"""

from __future__ import annotations

from importlib.metadata import version

from vergence import data, errors, geometry, lab, losses, methods, metrics, models, observe, record, views
from vergence.diagnosis import diagnose, read_loss
from vergence.errors import Stopped
from vergence.record import History
from vergence.record import open_run as open  # noqa: A004 - `vergence.open(path)` reads like the built-in it mirrors
from vergence.training import Monitor, Run, examine

__all__ = [
    "History",
    "Monitor",
    "Run",
    "Stopped",
    "__version__",
    "data",
    "diagnose",
    "errors",
    "examine",
    "geometry",
    "lab",
    "losses",
    "methods",
    "metrics",
    "models",
    "observe",
    "open",
    "read_loss",
    "record",
    "views",
]

__version__ = version("vergence")
