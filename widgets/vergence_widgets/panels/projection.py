"""projection: the map of the reference set that holds still, coloured by what its items are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vergence_widgets.panels.map_kinds import Kinds, kinds_of, links_of, table
from vergence_widgets.panels.sheet import asset_name, item_names
from vergence_widgets.panels.spec import Axis, Cloud, Headline, Panel, Plot, fixed, number
from vergence_widgets.panels.state import age, late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["NOUN", "spec"]

NOUN = "projection"
METHODS = {"pca": "PCA", "umap": "UMAP"}
LIMITS = (1, 1.5, 2, 3, 4, 6, 8, 10)
"""Times a power of ten: where an axis may end. It only ever grows, so that a collapse is seen to shrink."""
LOST = (
    "Near 0.5: neighbours on the map are strangers in the embedding. A map that shrinks to a point or a line: collapse."
)
LOST_UMAP = (
    "Near 0.5: neighbours on the map are strangers. UMAP shows who is near whom, not how far: collapse does not show."
)


def spec(history: History, *, place: str = "z", live: bool = True, options: Mapping[str, str] | None = None) -> Panel:
    """The projection panel of a History.

    place: whose map: "z" or "h"; h where there is no map of z.
    live: False for a picture of the past (a report, a frozen output).
    options: "method": "pca" (default) or "umap"; "colour": the factor that colours and shapes stand for.
    """
    asked = options or {}
    shown = place if history.frames(f"{NOUN}/{place}") or not history.frames(f"{NOUN}/h") else "h"
    kind = f"{NOUN}/{shown}"
    frame = newest_frame(history, kind)
    if frame is None:
        needs = "Needs a reference set: items that are embedded again and again." if history.last_step else (
            "Needs a first look at the reference set."
        )  # fmt: skip
        blank = Panel(NOUN, f"PCA of {place}", "empty", ends=_ends({}))
        return waiting(history, blank, needs, "Embedding the reference set for a first map.", place=place)
    told = ""
    if asked.get("method") == "umap":
        other = newest_frame(history, f"{kind}/umap")
        if other is not None:
            kind, frame = f"{kind}/umap", other
        else:
            told = _why_not(history)
            if not told and live and history.state in ("live", "paused"):
                return _loading(history, shown)
            told = told or "No UMAP map was made in this run."
    return _drawn(history, kind, frame, shown, place, asked, told, live)


def _drawn(
    history: History,
    kind: str,
    frame: Frame,
    shown: str,
    place: str,
    asked: Mapping[str, str],
    told: str,
    live: bool,
) -> Panel:
    meta = frame.meta
    x, y = frame.arrays["x"].astype(np.float64), frame.arrays["y"].astype(np.float64)
    kinds = kinds_of(history, len(x), asked.get("colour", ""))
    names = () if live else tuple(item_names(history))
    cloud = Cloud(
        "map", x, y, kinds.of, kinds.names, links_of(history, len(x)), asset_name(history), kinds.factor, kinds.choices,
        names if len(names) == len(x) else (),
    )  # fmt: skip
    trust = float(meta["trustworthiness"])
    left_out = int(meta["left_out"])
    method = METHODS[meta["method"]]
    instead = f"; there is no map of {place}" if shown != place else ""
    panel = Panel(
        NOUN,
        f"{method} of {shown}{instead}",
        "live",
        step=frame.step,
        headline=Headline("trust", fixed(trust), "at most 1", trust if math.isfinite(trust) else None),
        plots=(Plot("map", *_axes(history, kind, meta), (cloud,), bare=True),),
        foot_left=_foot_left(history, frame, live),
        foot_right=(
            *(() if kinds.factor else ("no labels",)),
            f"{len(x) - left_out:,} drawn, {left_out:,} left out",
        ),
        ends=_ends(meta),
        message=told,
        summary=_summary(frame, shown, kinds, told),
        table=table(x, y, kinds),
        late=late_after(history, kind, frame.step),
    )  # fmt: skip
    return settle(history, panel, live=live, good_step=frame.step, place=shown)


def _axes(history: History, kind: str, meta: Mapping[str, Any]) -> tuple[Axis, Axis]:
    """Limits that every map of this run fits in, symmetric about the middle. Pens give both axes one scale."""
    explained = meta.get("explained") or (None, None)
    axes = []
    for name, number_, share in zip("xy", (1, 2), explained, strict=True):
        reached = history.scalar(f"{kind}/reach_{name}").values
        most = float(np.nanmax(reached)) if np.isfinite(reached).any() else 1.0
        limit = _limit(most * 1.02)
        said = f"map axis {number_}" if share is None else f"map axis {number_}, {100 * share:.0f} % of the variance"
        axes.append(Axis(said, -limit, limit, (-limit, 0.0, limit)))
    return axes[0], axes[1]


def _limit(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(float(f"{part * power:.12g}") for part in LIMITS if value <= part * power * (1 + 1e-12))


def _foot_left(history: History, frame: Frame, live: bool) -> tuple[str, ...]:
    shift = frame.meta.get("shift")
    moved = "first map" if shift is None else f"median shift {number(shift)}"
    if not live or history.state != "live":
        return (moved,)
    return f"age {age(history.clock() - frame.time)}", moved


def _ends(meta: Mapping[str, Any]) -> tuple[str, str]:
    near = int(meta.get("neighbours", 15))
    lost = LOST_UMAP if meta.get("method") == "umap" else LOST
    return lost, f"At 1: the {near} nearest of every item on the map are its nearest in the embedding."


HELD = " and drawn three quarters of the way from there"


def _summary(frame: Frame, shown: str, kinds: Kinds, told: str) -> str:
    meta = frame.meta
    held = HELD if meta["method"] == "pca" else ""
    words = [
        f"step {frame.step:,}: map of {meta['items'] - meta['left_out']:,} reference items at {shown} by "
        f"{METHODS[meta['method']]}, turned to lie on the map before{held}, never rescaled",
        f"trust {fixed(float(meta['trustworthiness']))} of at most 1 with {meta['neighbours']} neighbours",
    ]
    if meta.get("explained"):
        words.append(f"its two axes hold {100 * sum(meta['explained']):.0f} % of the variance")
    words.append(f"radius {number(meta['radius'])}")
    if meta.get("shift") is not None:
        words.append(f"median shift {number(meta['shift'])}")
    words.append(f"coloured by {kinds.factor}" if kinds.factor else "no labels")
    return ", ".join(words) + "." + (f" {told}" if told else "")


def _why_not(history: History) -> str:
    """Why there will be no UMAP map, or ""."""
    frame = newest_frame(history, f"{NOUN}/umap")
    if frame is None or frame.meta.get("state") != "failed":
        return ""
    why = str(frame.meta.get("why", "")).strip() or "UMAP failed, and gave no reason."
    return f"{why} The PCA map is shown."


def _loading(history: History, shown: str) -> Panel:
    blank = Panel(NOUN, f"UMAP of {shown}", "loading", ends=_ends({"method": "umap"}))
    frame = newest_frame(history, f"{NOUN}/umap")
    after = "Training is not held up."
    if frame is None:
        return blank.with_state("loading", "UMAP begins at the next look at the reference set.", after)
    if frame.meta.get("state") == "ready":
        return blank.with_state("loading", "UMAP makes its first map in its own process.", after)
    about = float(frame.meta.get("about", 13.0))
    spent = max(0.0, history.clock() - frame.time)
    words = f"UMAP compiles in its own process, {spent:.0f} of about {max(about, spent):.0f} s."
    return replace(blank.with_state("loading", words, after), progress=(min(spent, about), about))
