"""temperature: how the push is shared among negatives, now and at another temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence import errors
from vergence_widgets.panels.layers.weights import LEVELS, NOTHING
from vergence_widgets.panels.spec import Axis, Headline, Panel, Plot, Table, Weights, fixed, number
from vergence_widgets.panels.state import late_after, newest_frame, settle, waiting
from vergence_widgets.panels.temperature_curves import BAR_SHARE, push, through_time, weight

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["NOUN", "Shared", "shared_at", "spec"]

NOUN = "temperature"
KIND = "temperature/z"
"""The loss looks at z, whichever place the other panels show."""
RANGE = (0.01, 1.0)
"""Of the slider, where no control says another."""
ROWS = 16
"""Of the table: stretches of similarity."""
ENDS = (
    "Low temperature: few hard negatives carry the gradient; entropy 0 means that one negative takes it all.",
    "High temperature: all negatives count alike; entropy ln n, and the hardest 1 % take 1 %.",
)
NEEDS = "Needs a loss of vergence.losses that weighs pairs: hand it over as objective=."


@dataclass(frozen=True)
class Shared:
    """How the push is shared at one temperature."""

    temperature: float | None
    share_hardest: float
    entropy: float
    coupling: float | None
    counts: NDArray[np.float64]
    weight: NDArray[np.float64]
    push: NDArray[np.float64]


def spec(history: History, *, place: str = "z", live: bool = True, options: Mapping[str, str] | None = None) -> Panel:
    """The temperature panel of a History.

    place: of the other panels; the loss looks at z, so all places have the same panel.
    live: False for a picture of the past (a report, a frozen output).
    options: {"temperature": "0.05"}: the weights of the same batch at that temperature too, above 0.
    """
    del place
    frame = newest_frame(history, KIND)
    if frame is None:
        why = str(dict(history.static.get(NOUN) or {}).get("why", ""))
        return waiting(history, Panel(NOUN, "", "empty", ends=ENDS), why or NEEDS, "Measuring the first batch.")
    now = _now(frame)
    preview = _preview(frame, (options or {}).get("temperature", ""))
    meta = frame.meta
    bar = [_bar(history, frame, preview)] if meta["softmax"] else []
    share = BAR_SHARE if bar else 0.0
    value = now.share_hardest
    panel = Panel(
        NOUN,
        _unit(meta),
        "live",
        step=frame.step,
        headline=Headline("hardest 1 % take", percent(value), f"even {percent(meta['even_hardest'])}", value),
        plots=(*bar, weight(now, preview, share), push(now, preview, share), through_time(history, share)),
        foot_left=_foot_left(meta, now),
        foot_right=_foot_right(meta),
        ends=ENDS,
        summary=_summary(frame, now, preview),
        table=_table(now, preview),
        late=late_after(history, KIND, frame.step),
    )
    return settle(history, panel, live=live, good_step=frame.step)


def shared_at(frame: Frame, temperature: float) -> Shared:
    """What a frame's batch would do at another temperature. Its numbers are those of `vergence.metrics.temperature`."""
    import torch

    from vergence import metrics

    parts = [frame.arrays[name] for name in ("positives", "negatives")]
    steps = np.concatenate(parts, 1)
    cosines = np.where(steps == NOTHING, np.nan, steps.astype(np.float64) / LEVELS * 2 - 1)
    positive = np.broadcast_to(np.arange(steps.shape[1]) < parts[0].shape[1], steps.shape)
    found = metrics.temperature(
        torch.from_numpy(cosines), torch.from_numpy(positive.copy()), temperature=temperature,
        stands_for=float(frame.meta["stands_for"]),
    )  # fmt: skip
    counts, weights, pushes = (part.numpy().astype(np.float64) for part in (found.counts, found.weight, found.push))
    return Shared(temperature, found.share_hardest, found.entropy, found.coupling, counts, weights, pushes)


def percent(share: float) -> str:
    """A share for people: "3.3 %", "61 %"."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{fixed(100 * share, 1)} %"


def words(shared: Shared) -> str:
    """The three numbers in one line."""
    q = "" if shared.coupling is None else f", q {fixed(shared.coupling)}"
    return f"hardest 1 % take {percent(shared.share_hardest)}, entropy {number(shared.entropy)}{q}"


def _now(frame: Frame) -> Shared:
    meta = frame.meta
    counts, weights, pushes = (frame.arrays[name].astype(np.float64) for name in ("counts", "weight", "push"))
    tau = meta["temperature"] if meta["softmax"] else None
    return Shared(tau, meta["share_hardest"], meta["entropy"], meta.get("coupling"), counts, weights, pushes)


def _preview(frame: Frame, asked: str) -> Shared | None:
    """At the temperature that was asked for; None where the weights are no softmax, which has one."""
    if asked == "" or not frame.meta["softmax"]:
        return None
    try:
        tau = float(asked)
    except ValueError:
        tau = math.nan
    if not (math.isfinite(tau) and tau > 0):
        raise errors.ArgumentError(
            f"temperature panel: temperature is {asked!r}. It must be a number above 0, for example 0.05."
        )
    return shared_at(frame, tau)


def _bar(history: History, frame: Frame, preview: Shared | None) -> Plot:
    meta = frame.meta
    tau = float(meta["temperature"])
    controls = [entry for entry in history.static.get("controls") or () if entry.get("name") == "temperature"]
    low, high = (float(controls[0]["low"]), float(controls[0]["high"])) if controls else RANGE
    said = f"τ {tau:g}"
    if preview is not None:
        said += f"; thin: τ {preview.temperature:g}, {words(preview)}"
    layer = Weights(
        "weights", frame.arrays["negatives"], frame.arrays["positives"], float(meta["stands_for"]), tau,
        min(low, tau), max(high, tau), None if preview is None else preview.temperature,
        "temperature" if controls else "", said,
    )  # fmt: skip
    unit = Axis("τ", 0.0, 1.0, (0.0, 1.0))
    return Plot("bar", unit, unit, (layer,), BAR_SHARE, show_x=False, bare=True)


def _unit(meta: Mapping[str, Any]) -> str:
    return f"τ {meta['temperature']:g}" if meta["softmax"] else f"weights of {meta['loss']}"


def _foot_left(meta: Mapping[str, Any], now: Shared) -> tuple[str, ...]:
    found = [f"entropy {number(now.entropy)} of {number(math.log(max(1.0, meta['negatives'])))}"]
    if now.coupling is not None:
        found.append(f"q {fixed(now.coupling)}" + (", not in this loss" if meta["coupled"] is False else ""))
    return tuple(found)


def _foot_right(meta: Mapping[str, Any]) -> tuple[str, ...]:
    found = [f"{meta['anchors']:,} of {meta['anchors_total']:,} anchors"]
    drawn, total = round(meta["drawn"]), round(meta["negatives"])
    found.append(f"{total:,} negatives each" if drawn == total else f"{drawn:,} of {total:,} negatives")
    if meta["rows_left_out"]:
        found.append(f"{meta['rows_left_out']:,} rows left out")
    return tuple(found)


def _summary(frame: Frame, now: Shared, preview: Shared | None) -> str:
    at = "" if now.temperature is None else f" at temperature {now.temperature:g}"
    text = f"At step {frame.step:,}{at}: {words(now)}"
    if preview is not None:
        text += f"; at temperature {preview.temperature:g}: {words(preview)}"
    return text + "."


def _table(now: Shared, preview: Shared | None) -> Table:
    """Stretches of similarity that hold negatives: how many, what each weighs, and what part of the push they take."""
    columns = ["cosine", "negatives", "weight, 1 is even", "part of the push"]
    both = [now]
    if preview is not None:
        columns += [f"{name} at τ {preview.temperature:g}" for name in ("weight", "push")]
        both.append(preview)
    width = len(now.counts) // ROWS
    rows = []
    for start in range(0, len(now.counts), width):
        part = slice(start, start + width)
        count = float(now.counts[part].sum())
        if not count:
            continue
        low, high = (2 * edge / len(now.counts) - 1 for edge in (start, start + width))
        cells = [f"{fixed(low, 3)} to {fixed(high, 3)}", f"{count:,.0f}"]
        for shared in both:
            mean = float(np.nansum(shared.weight[part] * shared.counts[part])) / count
            cells += [number(mean), percent(float(shared.push[part].sum()))]
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows))
