"""Panels: a History in, a spec of what to draw out. Pure; no kernel, no browser, no drawing library."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vergence_widgets.panels import hypersphere, loss, similarity
from vergence_widgets.panels.spec import Panel

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["PANELS", "Panel", "every"]

PANELS: dict[str, Callable[..., Panel]] = {
    loss.NOUN: loss.spec,
    similarity.NOUN: similarity.spec,
    hypersphere.NOUN: hypersphere.spec,
}
"""Every panel by its noun, in reading order: `PANELS["loss"](history, place="z", live=True)`."""


def every(history: History, *, place: str = "z", live: bool = True) -> dict[str, Panel]:
    """All panels of a History by noun. One that raises becomes a failed panel that says why; the others stand."""
    return {noun: _one(noun, spec, history, place, live) for noun, spec in PANELS.items()}


def _one(noun: str, spec: Callable[..., Panel], history: History, place: str, live: bool) -> Panel:
    try:
        return spec(history, place=place, live=live)
    except Exception as error:  # a view may fail; the run may not
        step = history.last_step
        why = f"Failed at step {step:,}: {type(error).__name__}: {error}"
        return Panel(noun, "", "failed", step=step, message=why, after="What was recorded is kept.")
