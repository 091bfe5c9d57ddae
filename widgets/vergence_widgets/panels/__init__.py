"""Panels: a History in, a spec of what to draw out. Pure; no kernel, no browser, no drawing library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vergence_widgets.panels import (
    attention,
    hypersphere,
    loss,
    pairs,
    probes,
    projection,
    similarity,
    spectrum,
    temperature,
)
from vergence_widgets.panels.findings import marked
from vergence_widgets.panels.spec import Panel

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["CHOOSES", "COMPARES", "PANELS", "Panel", "every", "one"]

PANELS: dict[str, Callable[..., Panel]] = {
    loss.NOUN: loss.spec,
    similarity.NOUN: similarity.spec,
    temperature.NOUN: temperature.spec,
    spectrum.NOUN: spectrum.spec,
    projection.NOUN: projection.spec,
    hypersphere.NOUN: hypersphere.spec,
    attention.NOUN: attention.spec,
    probes.NOUN: probes.spec,
    pairs.NOUN: pairs.spec,
}
"""Every panel by its noun, in reading order: `PANELS["loss"](history, place="z", live=True)`."""


COMPARES: frozenset[str] = frozenset({loss.NOUN, similarity.NOUN, spectrum.NOUN, hypersphere.NOUN, probes.NOUN})
"""Panels that draw a second History, thin and grey, in the same axes: `spec(..., ghost=history)`."""

CHOOSES: frozenset[str] = frozenset({attention.NOUN, projection.NOUN, temperature.NOUN})
"""Panels a reader can ask for another picture: `spec(..., options={"method": "umap"})`."""


def every(
    history: History,
    *,
    place: str = "z",
    live: bool = True,
    ghost: History | None = None,
    options: Mapping[str, Mapping[str, str]] | None = None,
    nouns: Iterable[str] | None = None,
) -> dict[str, Panel]:
    """All panels of a History by noun. One that raises becomes a failed panel that says why; the others stand.

    ghost: a second History to compare with. options: what a reader chose, by noun.
    nouns: which panels, in their order; None for all.
    """
    asked, chosen = options or {}, PANELS if nouns is None else nouns
    return {noun: one(noun, history, place, live, ghost, asked.get(noun, {})) for noun in chosen}


def one(
    noun: str, history: History, place: str, live: bool, ghost: History | None, options: Mapping[str, str]
) -> Panel:
    """One panel by its noun; a failed panel where its spec raises."""
    more: dict[str, Any] = {}
    if ghost is not None and noun in COMPARES:
        more["ghost"] = ghost
    if options and noun in CHOOSES:
        more["options"] = options
    try:
        return marked(PANELS[noun](history, place=place, live=live, **more), history)
    except Exception as error:  # a view may fail; the run may not
        step = history.last_step
        why = f"Failed at step {step:,}: {type(error).__name__}: {error}"
        return Panel(noun, "", "failed", step=step, message=why, after="What was recorded is kept.")
