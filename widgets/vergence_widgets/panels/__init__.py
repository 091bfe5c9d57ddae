"""Panels: a History in, a spec of what to draw out. Pure; no kernel, no browser, no drawing library."""

from __future__ import annotations

from collections.abc import Callable

from vergence_widgets.panels import hypersphere, loss, similarity
from vergence_widgets.panels.spec import Panel

__all__ = ["PANELS", "Panel"]

PANELS: dict[str, Callable[..., Panel]] = {
    loss.NOUN: loss.spec,
    similarity.NOUN: similarity.spec,
    hypersphere.NOUN: hypersphere.spec,
}
"""Every panel by its noun, in reading order: `PANELS["loss"](history, place="z", live=True)`."""
