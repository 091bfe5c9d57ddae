"""Entropy of attention by layer, through time, under the maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vergence_widgets.panels.attention_maps import share_text
from vergence_widgets.panels.curves import break_gaps, step_axis, thin
from vergence_widgets.panels.place import WIDTH, Places
from vergence_widgets.panels.spec import Axis, Label, Layer, Line, Plot, Rule

if TYPE_CHECKING:
    from vergence.record.history import History, Series

__all__ = ["SHARE", "curves"]

SHARE = 0.27
"""Of the panel's height."""
HEIGHT = 36.0
HEADROOM = 0.45
MOST_CURVES = 12
MOST = 160
"""Points of one curve: one for two pixels."""
NAME = "entropy by layer"
LOWS = (0.9, 0.8, 0.5, 0.0)
"""Where the axis may begin: attention of an untrained model is nearly even, and all there is to see lies near 1."""


def curves(history: History, layers: Sequence[int], untrained: float | None) -> Plot:
    """One curve for each layer, fainter the nearer it is to the input; first and last are named.

    layers: their numbers, from 1. untrained: mean entropy of the untrained model.
    """
    # Of very many the last and every second, third ... before it: more lie on top of each other.
    stride = -(-len(layers) // MOST_CURVES) or 1
    series = [(layer, history.scalar(f"attention/entropy/{layer}")) for layer in layers[::-1][::stride][::-1]]
    series = [(layer, one) for layer, one in series if len(one)]
    last = max((float(one.steps[-1]) for _, one in series), default=1.0)
    x_axis = step_axis(last, history.static.get("total_steps"))
    values = [one.values[np.isfinite(one.values)] for _, one in series]
    low = _low(min((float(part.min()) for part in values if len(part)), default=0.0))
    name = NAME if low == 0 else f"{NAME}, drawn from {low:g}"
    # Room over the line of even attention, for its name and that of the untrained model.
    y_axis = Axis(name, low, 1 + HEADROOM * (1 - low), (low, 1.0), (f"{low:g}", "1"))
    places = Places(x_axis, y_axis, HEIGHT)
    drawn: list[Layer] = [Rule("even", 1.0, "even, 1", "chance", "right")]
    places.take_level(1.0)
    places.take_box(0, 0, WIDTH, 13)
    for number, (layer, one) in enumerate(series):
        curve = break_gaps(one.steps, one.values, one.stride)
        x, y = thin(curve.x, curve.y, MOST)
        deep = (number + 1) / len(series)
        final = number == len(series) - 1
        width = 1.75 if final else 1.0
        drawn.append(Line(f"layer_{layer}", x, y, "ink", width=width, opacity=0.35 + 0.65 * deep, end_dot=final))
        places.take_curve(x, y)
    if untrained is not None and math.isfinite(untrained):
        drawn.append(Rule("untrained", untrained, f"untrained, {share_text(untrained)}", "floor", "left"))
        places.take_level(untrained)
    return Plot("entropy", x_axis, y_axis, (*drawn, *_names(series, places)), share=SHARE)


def _low(least: float) -> float:
    return next(low for low in LOWS if least > low or low == 0)


def _names(series: Sequence[tuple[int, Series]], places: Places) -> list[Label]:
    """The last layer's name at its curve, and the first one's where there is room."""
    found = []
    ends = series[-1:] if len(series) < 2 else (series[-1], series[0])
    for layer, one in ends:
        value = one.values[-1]
        if not np.isfinite(value):
            continue
        px, py = places.px(float(one.steps[-1]), float(value))
        spots = [(*places.at(min(px, WIDTH) - back, py + drop), "end") for back in (8, 60, 130) for drop in (10, -10)]
        label = places.put(f"layer {layer}", spots, needed=False)  # type: ignore[arg-type]
        if label is not None:
            found.append(label)
    return found
