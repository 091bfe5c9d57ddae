"""Helpers that read a spec as a person reads a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from vergence_widgets.panels.spec import Bracket, Label, Line, Mark, Panel, Plot, Rule, Span

L = TypeVar("L")


def plot(panel: Panel, key: str) -> Plot:
    return next(plot for plot in panel.plots if plot.key == key)


def layers(plot: Plot, kind: type[L]) -> list[L]:
    return [layer for layer in plot.layers if isinstance(layer, kind)]


def line(plot: Plot, key: str) -> Line:
    return next(layer for layer in layers(plot, Line) if layer.key == key)


def words_in(plot: Plot) -> list[str]:
    """Everything that is written inside a plot."""
    labels = [layer.text for layer in layers(plot, Label)]
    others = [layer.label for layer in plot.layers if isinstance(layer, Rule | Mark | Span | Bracket)]
    return [words for words in (*labels, *others) if words]


def texts(value: Any) -> Iterator[str]:
    """Every string of a spec except keys, colours and other names that are not shown."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            if item.name not in {"key", "color", "dash", "side", "anchor", "kind", "state", "scale", "now_side"}:
                yield from texts(getattr(value, item.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from texts(item)
