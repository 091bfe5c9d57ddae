"""Of what a method answers beside embeddings: prototypes, a teacher, a second tower, attention heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.diagnosis.quantities.geometry import without_first
from vergence.record.history import Series

__all__ = ["QUANTITIES"]

EVEN = 2e-5
"""A head is as good as even where its entropy, over the largest possible, is above 1 less this: logits of 0.01."""
SINK_IN = 3.0
"""Times the even share."""


def told_by_prototypes(lens: Lens, place: str) -> Series | None:
    """What the choice of a prototype tells of an item, over ln K: 0 where all choose one, or none is preferred."""
    soft = lens.series(f"prototype_usage/{place}/entropy_soft")
    sharp = lens.series(f"prototype_usage/{place}/sharpness")
    if not len(soft) or not len(sharp):
        return None
    told = soft.values - (1 - aligned(sharp, soft.steps, backwards=True))
    return without_first(lens, Series(soft.steps, told, soft.stride))


def teacher_information(lens: Lens, place: str) -> Series | None:
    """What an answer of a teacher tells of the item, over the most that it could, once it has been trained."""
    found, ceiling = _later(lens, f"teacher/{place}/information"), lens.series(f"teacher/{place}/information_ceiling")
    if found is None or not len(ceiling):
        return None
    return Series(found.steps, found.values / aligned(ceiling, found.steps, backwards=True), found.stride)


def gap_later(lens: Lens, place: str) -> Series | None:
    """The gap between two encoders that were trained: without the first look, if there is another moment."""
    return _later(lens, f"modality_gap/{place}/gap")


def heads_even(lens: Lens, place: str) -> Series | None:
    """Share of attention heads that look at every key alike, whatever the query."""
    del place
    return _of_heads(lens, "entropy", lambda entropy, _: entropy > 1 - EVEN)


def heads_with_sink(lens: Lens, place: str) -> Series | None:
    """Share of heads in which one key draws far more attention than its share."""
    del place
    return _of_heads(lens, "sink_mass", lambda mass, even: mass > SINK_IN * even)


def _of_heads(lens: Lens, name: str, which: Any) -> Series | None:
    steps, values = [], []
    for step in lens.history.frames("attention"):
        frame = lens.history.frame("attention", step)
        of_head = frame.arrays.get(name)
        uniform = frame.meta.get("uniform")
        if of_head is None or not isinstance(uniform, Mapping):
            continue
        known = of_head[np.isfinite(of_head)]
        even = uniform.get("sink_mass")
        if len(known) and even:
            steps.append(step)
            values.append(float(np.mean(which(known, float(even)))))
    return Series(np.array(steps, np.int64), np.array(values)) if steps else None


def _later(lens: Lens, key: str) -> Series | None:
    series = lens.series(key)
    return without_first(lens, series) if len(series) else None


QUANTITIES: dict[str, Quantity] = {
    "prototype_usage/{place}/told": told_by_prototypes,
    "teacher/{place}/told": teacher_information,
    "modality_gap/{place}/trained": gap_later,
    "attention/heads_even": heads_even,
    "attention/heads_with_sink": heads_with_sink,
}
