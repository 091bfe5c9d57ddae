"""pairs: the pictures behind the cosines, worst positives and hardest negatives first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Axis, Gallery, Headline, Panel, Plot, Table, fixed
from vergence_widgets.panels.state import late_after, newest_frame, settle, waiting

if TYPE_CHECKING:
    from vergence.record.history import Frame, History

__all__ = ["NOUN", "spec"]

NOUN = "pairs"
KIND = "pairs/z"
LISTS = ("positives", "negatives", "duplicates", "false_negatives")
ENDS = (
    "Positives that are far apart: the views may differ in meaning, or the encoder has not learned them yet.",
    "Negatives that are close: duplicates, samples of one content, or what the encoder confuses.",
)


def spec(
    history: History,
    *,
    place: str = "z",  # noqa: ARG001 (every panel takes one)
    live: bool = True,
) -> Panel:
    """The pairs panel of a History; pairs are compared at z, whatever `place` is.

    live: False for a picture of the past.
    """
    frame = newest_frame(history, KIND)
    if frame is None:
        needs = (
            "Needs embeddings: Monitor.step(z1, z2, inputs=(x1, x2))." if history.last_step else "Needs a first step."
        )
        blank = Panel(NOUN, "worst and hardest", "empty", ends=ENDS)
        return waiting(history, blank, needs, "Embedding the first pairs.")
    meta = frame.meta
    names = history.static.get("label_names") or ()
    galleries = [_gallery(name, frame, names) for name in LISTS]
    mean, negative = meta.get("positive_mean"), meta.get("negative_mean")
    share = 1 / len(galleries)
    plots = tuple(
        Plot(one.key, Axis("", 0.0, 1.0, ()), Axis("", 0.0, 1.0, ()), (one,), share=share, bare=True)
        for one in galleries
    )
    panel = Panel(
        NOUN,
        "worst and hardest" if meta["source"] == "fixed" else "in this batch",
        "live",
        step=frame.step,
        headline=_headline(mean, negative),
        plots=plots,
        foot_left=_foot_left(meta),
        foot_right=_foot_right(meta, galleries),
        ends=ENDS,
        summary=_summary(frame, galleries),
        table=_table(frame, galleries),
        late=late_after(history, KIND, frame.step),
    )
    return settle(history, panel, live=live, good_step=frame.step)


def _headline(positive: float | None, negative: float | None) -> Headline | None:
    if positive is None and negative is None:
        return None
    if positive is None:
        return Headline("negatives", fixed(negative), "random rows 0", negative)
    reference = "no negatives" if negative is None else f"negatives {fixed(negative)}"
    return Headline("positives", fixed(positive), reference, positive)


def _gallery(name: str, frame: Frame, label_names: Any) -> Gallery:
    arrays, meta = frame.arrays, frame.meta
    about = meta["lists"].get(name)
    known = f"{name}_now" in arrays
    now = arrays[f"{name}_now"].astype(np.float64) if known else np.empty(0)
    then = arrays[f"{name}_then"].astype(np.float64) if known else np.empty(0)
    none = np.zeros((0, 0, 0, 3), np.uint8)
    past = [float(value) if math.isfinite(value) else None for value in then]
    return Gallery(
        key=name,
        title=_title(name, meta, about, len(now)),
        kind="positive" if name == "positives" else "negative",
        first=arrays[f"{name}_first"] if known else none,
        second=arrays[f"{name}_second"] if known else none,
        marks=_each(arrays, name, lambda _view, row, _label: f"{row}") if known else (),
        words=_each(arrays, name, lambda view, row, label: _called(view, row, label, label_names)) if known else (),
        now=tuple(float(value) for value in now),
        then=tuple(past),
        said=tuple((fixed(a), "" if b is None else f"was {fixed(b)}") for a, b in zip(now.tolist(), past, strict=True)),
        empty="" if len(now) else _none(name, meta, about),
    )


def _each(arrays: dict[str, NDArray[Any]], name: str, words: Any) -> tuple[tuple[str, str], ...]:
    columns = (arrays[f"{name}_{key}"] for key in ("view", "row", "label"))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple((words(view[0], row[0], label[0]), words(view[1], row[1], label[1])) for view, row, label in rows)


def _called(view: int, row: int, label: int, names: Any) -> str:
    words = f"view {view + 1}, row {row:,}"
    if label < 0:
        return words
    return f"{words}, {names[label]}" if label < len(names) else f"{words}, label {label}"


def _title(name: str, meta: dict[str, Any], about: dict[str, Any] | None, count: int) -> str:
    if name == "positives":
        return f"worst positives{_means(meta, 'positive')}"
    if name == "negatives":
        other = ", other labels" if meta.get("labels") else ""
        return f"hardest negatives{other}{_means(meta, 'negative')}"
    what = {"duplicates": "near-duplicates among inputs", "false_negatives": "likely false negatives"}[name]
    if about is None or not count:
        return what
    by = ", same label" if name == "false_negatives" and meta.get("labels") else ""
    by = ", each the other’s nearest" if name == "false_negatives" and not meta.get("labels") else by
    return f"{what}{by}: {int(about['found']):,} of {int(about['of']):,}"


def _means(meta: dict[str, Any], sign: str) -> str:
    now, then = meta.get(f"{sign}_mean"), meta.get(f"{sign}_mean_then")
    if now is None:
        return ""
    return f": mean {fixed(now)}" + ("" if then is None else f", was {fixed(then)}")


def _none(name: str, meta: dict[str, Any], about: dict[str, Any] | None) -> str:
    if name == "duplicates" and about is None:
        return "needs what the model saw: m.step(z1, z2, inputs=(x1, x2))"
    if name == "positives" and not meta["pairs_positive"]:
        return "none: one view has no positives" if meta["views"] == 1 else "none: no rows belong together"
    if about is None or not about["of"]:
        return "none: there are no negatives"
    if name == "false_negatives" and not meta.get("labels") and not meta["pairs_positive"]:
        return "needs labels, or positives to compare with"
    return f"none of {int(about['of']):,}: {about['criterion']}"


def _foot_left(meta: dict[str, Any]) -> tuple[str, ...]:
    pairs = int(meta["pairs"])
    count = f"{pairs:,} pairs" if meta["views"] > 1 else f"{pairs:,} rows"
    if meta["source"] == "fixed":
        return (f"{count} of step {int(meta['then']):,}, embedded at rest",)
    some = f"first {pairs:,} of {int(meta['of_batch']):,} in this batch" if pairs < meta["of_batch"] else count
    why = str(meta.get("why") or "no inputs were handed over")
    return (f"{some}, no past: {why}",)


def _foot_right(meta: dict[str, Any], galleries: list[Gallery]) -> tuple[str, ...]:
    out = int(meta["rows_left_out"])
    pictures = ("as the model saw them, range stretched",) if any(one.first.size for one in galleries) else ()
    return (*pictures, f"{out:,} rows left out")


def _summary(frame: Frame, galleries: list[Gallery]) -> str:
    told = []
    for one in galleries:
        if not one.now:
            told.append(f"{one.title}: {one.empty}")
            continue
        told.append(f"{one.title}; first {', '.join(said for said, _ in one.said[:3])}")
    return f"At step {frame.step:,}: {'. '.join(told)}."


def _table(frame: Frame, galleries: list[Gallery]) -> Table:
    rows = []
    for one in galleries:
        about = frame.meta["lists"].get(one.key)
        by = str(about["criterion"]) if about else ""
        for (now, then), (first, second) in zip(one.said, one.words, strict=True):
            rows.append((one.title.partition(":")[0], first, second, now, then.removeprefix("was ") or "unknown", by))
    past = frame.meta.get("then")
    before = "cosine before" if past is None else f"cosine at step {int(past):,}"
    return Table(("list", "one", "other", "cosine now", before, "chosen by"), tuple(rows))
