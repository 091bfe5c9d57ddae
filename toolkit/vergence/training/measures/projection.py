"""The map of the reference set, held still from look to look.

The principal component map is made at every look. A UMAP map is made where a reader wishes for one: a worker
process computes it, and its result is recorded at a later look, so that training waits for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence.observe.projection import Map, eased, laid_on, moved, projection, trustworthiness, unit_rows
from vergence.observe.umap_maps import Answer, UmapMaps
from vergence.training.measures.base import Measured, Snapshot
from vergence.training.reference import Reference

__all__ = ["COMPILES_SECONDS", "Projection"]

ANCHORS = 256
"""Items that are asked for their neighbours: of 512, half, which is within 0.002 of all of them."""
COMPILES_SECONDS = 13.0
"""About how long UMAP compiles on a quiet core."""


class Projection:
    """The map of each place.

    Records the frame `projection/<place>` (and `projection/<place>/umap`) with the positions `x`, `y` `(items,)`, NaN
    for an item that was left out, and the scalars `shift` (median movement since the map before, in map units),
    `trustworthiness`, and `reach_x`, `reach_y`: how far from the middle an item lies on each axis.
    The frame `projection/umap` says what the worker does: loading, ready, failed.
    """

    def __init__(self, reference: Reference, *, seed: int = 0) -> None:
        self.reference = reference
        self._seed = seed
        self._maps: dict[str, tuple[int, Map]] = {}
        self._umaps: dict[str, tuple[int, NDArray[np.float32]]] = {}
        self._worker: UmapMaps | None = None
        self._passed_over: set[str] = set()
        """Places that found the worker busy: theirs is the next turn."""

    def measure(self, snapshot: Snapshot, place: str, wishes: Mapping[str, str]) -> Measured:
        """The map of `place` now. `wishes`: {"method": "pca" or "umap"}.

        Raises TooFewRows for fewer than 3 rows that have a direction.
        """
        began = time.perf_counter()
        rows = snapshot.rows[place]
        since, before = self._maps.get(place, (None, None))
        if before is not None and len(before.positions) != len(rows):
            since, before = None, None
        found = projection(rows, None if before is None else before.positions)
        if before is not None:
            found = _eased(found, before)
        unit, good = unit_rows(rows)
        single = unit.astype(np.float32)
        trust, neighbours = trustworthiness(single, found.positions[good], anchors=ANCHORS)
        self._maps[place] = (snapshot.step, found)
        about = {
            "method": "pca", "explained": list(found.explained), "since": since, "left_out": found.left_out,
            "trustworthiness": trust, "neighbours": neighbours, "of": snapshot.step,
        }  # fmt: skip
        measured = _recorded(f"projection/{place}", found.positions, found.shift, found.radius, about)
        if found.left_out:
            measured.marks["map_left_out"] = (
                f"{found.left_out} of {len(rows)} reference rows at {place} are zero or not finite; they are left out "
                "of the map."
            )
        if wishes.get("method") == "umap" or self._worker is not None:
            self._umap(measured, snapshot.step, place, single, good, wishes.get("method") == "umap")
        measured.frames[f"projection/{place}"][1]["seconds"] = time.perf_counter() - began  # type: ignore[index]
        return measured

    def close(self) -> None:
        """End the worker process, if there is one."""
        if self._worker is not None:
            self._worker.close()

    def _umap(
        self,
        measured: Measured,
        step: int,
        place: str,
        unit: NDArray[np.float32],
        good: NDArray[np.bool_],
        wished: bool,
    ) -> None:
        """Collect what the worker has sent, and ask it for the next map. Waits for nothing."""
        if self._worker is None:
            self._worker = UmapMaps()
            measured.frames["projection/umap"] = _said("loading", about=COMPILES_SECONDS)
        for answer in self._worker.arrived():
            self._take(measured, answer)
        if not wished or self._worker.over:
            return
        if self._worker.busy:
            self._passed_over.add(place)
            return
        if self._passed_over and place not in self._passed_over:
            self._passed_over.clear()  # gives way once: who was passed over may not come any more
            return
        self._passed_over.discard(place)
        known = self._umaps.get(place)
        start = self._maps[place][1].positions if known is None or not np.isfinite(known[1][good]).all() else known[1]
        # Which items the rows are is said by number: positions come back for those that have a direction.
        said = {"place": place, "step": step, "seed": self._seed, "good": np.flatnonzero(good).tolist()}
        self._worker.ask(said, unit, start[good], warm=start is not self._maps[place][1].positions)

    def _take(self, measured: Measured, answer: Answer) -> None:
        said = answer.said
        if answer.kind == "ready":
            measured.frames["projection/umap"] = _said("ready", seconds=said.get("seconds"))
        elif answer.kind in ("failed", "missing", "ended"):
            why = str(said.get("why", "no reason was given"))
            measured.frames["projection/umap"] = _said("failed", why=why)
            measured.marks["umap"] = why
        elif answer.kind == "map" and answer.positions is not None:
            self._record_umap(measured, said, answer.positions)

    def _record_umap(self, measured: Measured, said: Mapping[str, Any], positions: NDArray[np.float32]) -> None:
        place = str(said["place"])
        whole = np.full((len(self.reference), 2), np.nan)
        # UMAP's own middle means nothing.
        whole[np.asarray(said["good"], np.int64)] = positions - positions.mean(0)
        since, before = self._umaps.get(place, (None, None))
        # The first one is laid on the principal component map, so that the eye finds its way.
        whole = laid_on(whole, np.asarray(self._maps[place][1].positions if before is None else before, np.float64))
        shift = None if before is None else moved(whole, before.astype(np.float64))
        radius = float(np.sqrt(np.nanmean((whole**2).sum(1))))
        single = whole.astype(np.float32)
        self._umaps[place] = (int(said["step"]), single)
        about = {
            "method": "umap", "explained": None, "since": since, "left_out": len(whole) - len(positions),
            "trustworthiness": said["trustworthiness"], "neighbours": said["neighbours"], "of": said["step"],
            "seconds": said["seconds"], "warm": said["warm"],
        }  # fmt: skip
        other = _recorded(f"projection/{place}/umap", single, shift, radius, about)
        measured.frames |= other.frames
        measured.scalars |= other.scalars


def _eased(found: Map, before: Map) -> Map:
    """The map as it is drawn; its radius stays that of the items."""
    known = before.positions.astype(np.float64)
    drawn = eased(found.positions.astype(np.float64), known)
    return replace(found, positions=drawn.astype(np.float32), shift=moved(drawn, known))


def _recorded(
    kind: str, positions: NDArray[np.float32], shift: float | None, radius: float, about: dict[str, Any]
) -> Measured:
    share = None if shift is None or radius <= 0 else shift / radius
    arrays = {"x": np.ascontiguousarray(positions[:, 0]), "y": np.ascontiguousarray(positions[:, 1])}
    meta = about | {"items": len(positions), "shift": shift, "shift_share": share, "radius": radius}
    scalars = {f"{kind}/trustworthiness": float(about["trustworthiness"])}
    if shift is not None:
        scalars[f"{kind}/shift"] = shift
    for axis, values in arrays.items():
        scalars[f"{kind}/reach_{axis}"] = float(np.nanmax(np.abs(values)))
    return Measured(scalars, {kind: (arrays, meta)})


def _said(state: str, **more: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """A frame that says what the worker does."""
    return {"none": np.zeros(1, np.float32)}, {"state": state} | more
