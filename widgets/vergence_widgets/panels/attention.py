"""The attention panel: what each head of each layer looks at, on the same few items through training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.attention_curves import SHARE, curves
from vergence_widgets.panels.attention_maps import DIFFERENCE, Chosen, choose, maps, share_text
from vergence_widgets.panels.spec import Axis, Headline, Maps, Panel, Plot, Table, fixed, number
from vergence_widgets.panels.state import late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["NOUN", "spec"]

NOUN = "attention"
PLACE = "maps"
"""The measurement is called `attention/maps`, whichever place the other panels show."""
ENDS = (
    "Entropy near 0: each query looks at few tokens. A sink is one token that draws most of what all queries give.",
    "Entropy 1: attention is even over all tokens, as if it made no choice.",
)
NEEDS = "Needs a model with attention and a reference set: items that stay the same and are looked at again and again."


def spec(
    history: History,
    *,
    place: str = "z",
    live: bool = True,
    options: Mapping[str, str] = {},
) -> Panel:
    """The attention panel of a History.

    place: of the other panels; attention lies inside the model, so all places have the same panel.
    live: False for a picture of the past (a report, a frozen output).
    options: {"item": the number of a reference item, "show": "now" or "difference to untrained"}.
    """
    del place
    blank = Panel(NOUN, "", "empty", ends=ENDS)
    frame = newest_frame(history, NOUN)
    if frame is None:
        why = str(dict(history.static.get(NOUN) or {}).get("why", ""))
        if why:
            return Panel(NOUN, "", "empty", ends=ENDS, message=why)
        mark = _mark(history, -1)
        needs = mark or NEEDS
        return waiting(history, blank, needs, "Looking at the first items of the reference set.", place=PLACE)
    first = history.frame(NOUN, history.frames(NOUN)[0])
    chosen = choose(frame, first, options)
    layer = maps(history, frame, first, chosen)
    keys = int(layer.levels.shape[1])
    inside = Axis("", 0.0, float(max(keys, 1)), ())
    grid = Plot("maps", inside, Axis("", 0.0, 1.0, ()), (layer,), share=1 - SHARE, show_x=False, bare=True)
    value = _overall(frame)
    untrained = _overall(first)
    shown = [int(number) + 1 for number in frame.meta["drawn"]]
    panel = Panel(
        NOUN,
        _unit(layer),
        "live",
        step=frame.step,
        headline=Headline("entropy", share_text(value), "of 1", value),
        plots=(grid, curves(history, shown, untrained)),
        foot_left=_foot_left(frame, layer, chosen),
        foot_right=_foot_right(history, frame),
        ends=ENDS,
        summary=_summary(frame, layer, value, untrained),
        table=_table(frame, first),
        late=late_after(history, NOUN, frame.step),
    )
    return settle(history, panel, live=live, good_step=frame.step, place=PLACE)


def _overall(frame: Frame) -> float | None:
    """Mean entropy of all heads of all layers, share of even attention."""
    entropy = frame.arrays["entropy"].astype(np.float64)
    finite = entropy[np.isfinite(entropy)]
    return float(finite.mean()) if len(finite) else None


def _mark(history: History, after: int) -> str:
    """What was said when attention could not be seen, if that was after a step."""
    for event in reversed(history.events("mark")):
        if event.data.get("what") == NOUN and event.step > after:
            return str(event.data.get("text", ""))
    return ""


def _unit(layer: Maps) -> str:
    what = "CLS row" if layer.query == "CLS" else "mean row"
    return f"{what}, {_count(len(layer.layers), 'layer')} × {_count(layer.heads, 'head')}"


def _count(many: int, what: str) -> str:
    return f"{many:,} {what}" + ("" if many == 1 else "s")


def _foot_left(frame: Frame, layer: Maps, chosen: Chosen) -> tuple[str, ...]:
    colour = "maps: change, own scale" if chosen.show == DIFFERENCE else "maps: 0 to own max"
    return (colour, _count(len(frame.meta["items"]), "item"), f"{layer.levels.shape[1]:,} tokens")


def _foot_right(history: History, frame: Frame) -> tuple[str, ...]:
    sinks = frame.arrays["sink_count"]
    total, mass = int(np.nansum(sinks)), frame.arrays["sink_mass"].astype(np.float64)
    strongest = float(np.nanmax(mass)) if np.isfinite(mass).any() else None
    kinds = ", ".join(str(kind) for kind in frame.meta.get("sink_kinds", ()))
    words = _count(total, "sink") + (f": {kinds}" if kinds else "")
    found = [words + ("" if strongest is None else f", mass ≤ {fixed(strongest)}")]
    if frame.step < history.last_step:
        found.append(f"step {frame.step:,}")
    found += [str(words) for words in frame.meta.get("not_drawn", ())]
    if _mark(history, frame.step):
        found.append("not seen since")
    return tuple(found)


def _summary(frame: Frame, layer: Maps, value: float | None, untrained: float | None) -> str:
    parts = [f"mean entropy {share_text(value)} of 1 for even attention, {share_text(untrained)} before training"]
    parts.append(f"by layer {', '.join(layer.said)}")
    distance = frame.arrays["distance"].astype(np.float64)
    if np.isfinite(distance).any():
        even = frame.meta.get("uniform", {}).get("distance")
        parts.append(f"mean distance {number(float(np.nanmean(distance)))}, even {number(even)}")
    return f"At step {frame.step:,}: {'; '.join(parts)}."


def _table(frame: Frame, first: Frame) -> Table:
    """One row for each head, after the two base lines: even attention and the untrained model."""
    entropy, distance, mass = (_plain(frame.arrays[name]) for name in ("entropy", "distance", "sink_mass"))
    uniform: Mapping[str, Any] = frame.meta.get("uniform", {})
    rows = [
        ("even", "all", "1.00", _said(uniform.get("distance")), _said(uniform.get("sink_mass"), 3)),
        (
            "untrained", "all", *(_said(_mean(first.arrays[name]), digits) for name, digits in
                                  (("entropy", 2), ("distance", 2), ("sink_mass", 3))),
        ),
    ]  # fmt: skip
    for layer, count in enumerate(frame.meta["heads"]):
        for head in range(int(count)):
            rows.append(
                (
                    str(layer + 1), str(head + 1), _said(entropy[layer][head]), _said(distance[layer][head]),
                    _said(mass[layer][head], 3),
                )
            )  # fmt: skip
    return Table(("layer", "head", "entropy, share of even", "distance, patches", "sink mass"), tuple(rows))


def _plain(values: NDArray[Any]) -> list[list[float]]:
    found: list[list[float]] = values.astype(np.float64).tolist()
    return found


def _mean(values: NDArray[Any]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def _said(value: float | None, digits: int = 2) -> str:
    if value is None or value != value:
        return "not known"
    return fixed(value, digits)
