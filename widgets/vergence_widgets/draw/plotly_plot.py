"""One pair of plotly axes with its layers, as plain JSON on a sheet that all panels share."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.draw import bars, cloud, gallery, heat, maps, weights
from vergence_widgets.draw.layout import outlines, underfill
from vergence_widgets.panels.spec import (
    Axis,
    Bars,
    Bracket,
    Cloud,
    Gallery,
    Heat,
    Label,
    Line,
    Maps,
    Mark,
    Plot,
    Points,
    Ridge,
    Rule,
    Span,
    Weights,
)
from vergence_widgets.theme import DASHES, OPACITIES, SIZES, STROKES, VIRIDIS, Theme, viridis

__all__ = ["EDGE", "PlotPen", "Sheet", "numbers", "safe", "thinned"]

EDGE = -30.0
"""px from the axis to where words begin."""
KEY_WIDTH = 72
USUAL_WIDTH = 320.0
"""px of a plot for which a length in px is turned into data coordinates, where plotly takes no px."""


class Sheet:
    """What a figure is made of, while it is being made."""

    def __init__(self, theme: Theme, most: int | None, tall: float) -> None:
        self.theme = theme
        self.most = most
        self.tall = tall
        """px from the top of the first row of plots to the bottom of the last."""
        self.traces: list[dict[str, Any]] = []
        self.shapes: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.axes: dict[str, Any] = {}
        self.count = 0

    def level(self, down: float) -> float:
        """Paper coordinate of what lies so many px under the top."""
        return 1 - down / self.tall

    def words(
        self, x: float, y: float, text: str, color: str = "second", *, size: int = SIZES["small"],
        anchor: str = "left", up: float = 0.0, left: float = 0.0,
    ) -> None:  # fmt: skip
        """Words on the paper; up, left: px away from there."""
        shade = color if color.startswith("#") else self.theme.text(color)
        self.annotations.append(
            {
                "xref": "paper", "yref": "paper", "x": _round(x), "y": _round(y), "text": text,
                "xanchor": anchor, "yshift": up, "xshift": left,
                "font": {"color": shade} | ({"size": size} if size != SIZES["small"] else {}),
            }
        )  # fmt: skip


class PlotPen:
    """One pair of plotly axes."""

    def __init__(
        self, sheet: Sheet, plot: Plot, number: int, across: tuple[float, float], up: tuple[float, float], noun: str
    ) -> None:
        self.sheet, self.plot, self.theme, self.noun = sheet, plot, sheet.theme, noun
        suffix = "" if number == 1 else str(number)
        self.x, self.y = f"x{suffix}", f"y{suffix}"
        self.across, self.up = across, up
        ridge = any(isinstance(layer, Ridge) for layer in plot.layers)
        sheet.axes[f"xaxis{suffix}"] = self._axis(plot.x, list(across), self.y, shown=plot.show_x) | {"side": "bottom"}
        sheet.axes[f"yaxis{suffix}"] = self._axis(plot.y, list(up), self.x, shown=not ridge, labels=True)
        if plot.bare:
            for axis in (f"xaxis{suffix}", f"yaxis{suffix}"):
                sheet.axes[axis] = {key: sheet.axes[axis][key] for key in ("domain", "anchor", "range")}
                sheet.axes[axis] |= {"visible": False, "fixedrange": True}
        elif plot.y.name:
            sheet.words(across[0], up[1], safe(plot.y.name), up=12, left=EDGE)

    def draw(self) -> None:
        """Every layer, in order."""
        self._changes([layer for layer in self.plot.layers if isinstance(layer, Mark) and layer.kind == "control"])
        for layer in self.plot.layers:
            match layer:
                case Line():
                    self._line(layer)
                case Ridge():
                    self._ridge(layer)
                case Points():
                    self._points(layer)
                case Rule():
                    self._rule(layer)
                case Mark():
                    self._mark(layer)
                case Span():
                    self._span(layer)
                case Bracket():
                    self._bracket(layer)
                case Label():
                    self._words(layer.x, layer.y, layer.text, layer.color, layer.anchor, layer.bold)
                case Heat():
                    heat.plotly(self, layer)
                case Cloud():
                    cloud.plotly(self, layer)
                case Maps():
                    maps.plotly(self, layer)
                case Bars():
                    bars.plotly(self, layer)
                case Gallery():
                    gallery.plotly(self, layer)
                case Weights():
                    weights.plotly(self, layer)

    def _axis(
        self, axis: Axis, domain: list[float], anchor: str, *, shown: bool, labels: bool = False
    ) -> dict[str, Any]:
        texts = list(axis.tick_labels or (f"{tick:g}".replace("-", "−") for tick in axis.ticks))
        name = axis.name if not labels else ""
        described: dict[str, Any] = {
            "domain": [_round(edge) for edge in domain],
            "anchor": anchor,
            "range": [_place(axis, edge) for edge in (axis.low, axis.high)],
            "tickvals": list(axis.ticks),
            "ticktext": [safe(text) for text in texts],
        }
        if axis.scale == "log":
            described["type"] = "log"
        if not shown:
            described |= {"ticks": "", "showline": False, "showticklabels": labels}
        if shown and name:
            described["title"] = {"text": safe(name), "standoff": 2, "font": {"size": SIZES["small"]}}
        return described

    def _trace(self, x: NDArray[Any] | list[float], y: NDArray[Any] | list[float], **entries: Any) -> None:
        trace = {"type": "scatter", "mode": "lines", "xaxis": self.x, "yaxis": self.y}
        self.sheet.traces.append(trace | {"x": numbers(x), "y": numbers(y)} | entries)

    def _line(self, layer: Line) -> None:
        color = getattr(self.theme, layer.color)
        x, y = thinned(layer.x, layer.y, self.sheet.most)
        for fill_x, fill_y in underfill(self.plot, layer) if layer.fill_to else []:
            fill_x, fill_y = thinned(fill_x, fill_y, self.sheet.most)
            shade = {"fill": "toself", "fillcolor": _rgba(color, OPACITIES["tint"]), "line": {"width": 0}}
            self._trace(fill_x, fill_y, hoverinfo="skip", **shade)
        what = safe(layer.label or layer.key.replace("_", " "))
        across = self.plot.x.quantity or "x"
        entries: dict[str, Any] = {
            "name": what,
            "line": {"color": color, "width": layer.width, "dash": _dash(layer.dash)},
            "connectgaps": False,
            "hovertemplate": f"{across} %{{x:,}}<br>{what} %{{y:.4~g}}<extra></extra>",
        }
        if layer.opacity < 1:
            entries["opacity"] = layer.opacity
        if layer.fill:
            entries |= {"fill": "tozeroy", "fillcolor": _rgba(color, OPACITIES["fill"])}
        self._trace(x, y, **entries)
        if layer.end_dot and len(x) and math.isfinite(y[-1]):
            dot = {"color": color, "size": 7}
            self._trace(x[-1:], y[-1:], mode="markers", marker=dot, name=f"{what}, now", cliponaxis=False)

    def _ridge(self, layer: Ridge) -> None:
        rows = np.arange(len(layer.steps), dtype=np.float64)
        guides = _broken([(np.asarray([self.plot.x.low, self.plot.x.high]), np.asarray([row, row])) for row in rows])
        self._trace(*guides[:2], hoverinfo="skip", line={"color": self.theme.hairline, "width": STROKES["guide"]})
        found = list(outlines(layer))
        for kind in ("negative", "positive"):
            color = getattr(self.theme, kind)
            rows_of_kind = []
            for item in (item for item in found if item.kind == kind):
                x, y = thinned(item.x, item.y, self.sheet.most and max(24, self.sheet.most // 4))
                rows_of_kind.append((x, y))
            if not rows_of_kind:
                continue
            x, y, row = _broken(rows_of_kind)
            steps = numbers(np.asarray([item.step for item in found if item.kind == kind])[row])
            self._trace(
                x, y, fill="toself", fillcolor=_rgba(color, OPACITIES["ridge"]), name=f"{kind}s", customdata=steps,
                line={"color": color, "width": STROKES["axis"], "dash": _dash(kind if kind in DASHES else "solid")},
                hovertemplate=f"step %{{customdata:,}}<br>{kind}s at cosine %{{x:.2f}}<extra></extra>",
            )  # fmt: skip

    def _points(self, layer: Points) -> None:
        name = layer.value_name
        marker = {"color": numbers(layer.value), "size": 2 * layer.radius} | self._scale(layer)
        self._trace(
            layer.x, layer.y, mode="markers", name=name, marker=marker, cliponaxis=False,
            hovertemplate=f"{name} %{{marker.color:,}}<br>%{{x:.3f}}, %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
        if layer.ring_last and len(layer.x):
            edge = {"color": self.theme.ink, "width": STROKES["now"]}
            ring = {"size": 2 * layer.radius + 4, "color": "rgba(0,0,0,0)", "line": edge}
            self._trace(layer.x[-1:], layer.y[-1:], mode="markers", marker=ring, hoverinfo="skip", cliponaxis=False)
            left = layer.now_side == "left"
            self._words(
                float(layer.x[-1]), float(layer.y[-1]), "now", "ink", "end" if left else "start", True,
                shift=(-9 if left else 9, -10 if layer.now_below else 10),
            )  # fmt: skip

    def _scale(self, layer: Points) -> dict[str, Any]:
        """The colours of the sequence, and the key with both its ends named."""
        axis, up = self.plot.x, self.plot.y
        x, y = layer.key_at or (axis.high, up.high - 0.08 * (up.high - up.low))
        high = f"{layer.value_high:,.0f}"
        end = x - (6.5 * len(high) + 5) / USUAL_WIDTH * (axis.high - axis.low)
        self._words(end, y, high, "second", "start", False, shift=(5, 0))
        low = f"{layer.value_name} {layer.value_low:,.0f}"
        self._words(end, y, low, "second", "end", False, shift=(-KEY_WIDTH - 5, 0))
        left, right = self.across
        bottom, top = self.up
        stops = len(VIRIDIS) - 1
        return {
            "cmin": layer.value_low,
            "cmax": max(layer.value_high, layer.value_low + 1),
            "colorscale": [[_round(stop / stops), viridis(stop / stops, self.theme)] for stop in range(stops + 1)],
            "colorbar": {
                "orientation": "h", "lenmode": "pixels", "len": KEY_WIDTH, "thickness": 6, "xpad": 0, "ypad": 0,
                "xanchor": "right", "yanchor": "middle", "showticklabels": False, "ticks": "", "outlinewidth": 0,
                "x": _round(left + (end - axis.low) / (axis.high - axis.low) * (right - left)),
                "y": _round(bottom + (y - up.low) / (up.high - up.low) * (top - bottom)),
            },
        }  # fmt: skip

    def _rule(self, layer: Rule) -> None:
        low, high = self.plot.x.low, self.plot.x.high
        self._stroke(low, high, layer.y, layer.y, self.theme.reference, STROKES["reference"], layer.dash)
        right = layer.side == "right"
        shift = (0 if right else 6, -9 if layer.below else 8)
        at, anchor = (high, "end") if right else (low, "start")
        self._words(at, layer.y, layer.label, "second", anchor, False, shift=shift, veil=True)

    def _changes(self, marks: list[Mark]) -> None:
        """Hairlines of all control changes as one trace: a slider that was dragged makes many."""
        if not marks:
            return
        ends = np.asarray([self.plot.y.low, self.plot.y.high])
        x, y, _ = _broken([(np.asarray([mark.x, mark.x]), ends) for mark in marks])
        self._trace(x, y, hoverinfo="skip", line={"color": self.theme.rule, "width": STROKES["axis"]})

    def _mark(self, layer: Mark) -> None:
        if layer.kind == "trouble":
            marker = {"symbol": "triangle-up", "size": 9, "color": self.theme.warning}
            self._trace(
                [layer.x], [self.plot.y.low], mode="markers", marker=marker, cliponaxis=False, name="not finite"
            )
        if layer.label:
            y = self.plot.y.high if layer.label_y is None else layer.label_y
            shift = (5 if layer.anchor == "start" else -5, 0)
            self._words(layer.x, y, layer.label, "second", layer.anchor, False, shift=shift, veil=True)

    def _span(self, layer: Span) -> None:
        color, wide = self.theme.reference, STROKES["reference"]
        self._stroke(layer.low, layer.high, layer.y, layer.y, color, wide)
        ticks = {"symbol": "line-ns", "size": 6, "line": {"color": color, "width": 1}}
        self._trace([layer.mid], [layer.y], mode="markers", marker=ticks, hoverinfo="skip")
        left = layer.side == "left"
        at = layer.low if left else layer.high
        self._words(at, layer.y, layer.label, "second", "end" if left else "start", False, shift=(-6 if left else 6, 0))

    def _bracket(self, layer: Bracket) -> None:
        self._stroke(layer.x, layer.x, layer.low, layer.high, self.theme.ink, STROKES["axis"])
        if layer.label:
            y = (layer.low + layer.high) / 2 if layer.label_y is None else layer.label_y
            self._words(layer.x, y, layer.label, "ink", "end", True, shift=(-6, 0), veil=True)

    def _stroke(
        self, x0: float, x1: float, y0: float, y1: float, color: str, width: float, dash: str = "solid"
    ) -> None:
        self.sheet.shapes.append(
            {
                "xref": self.x, "yref": self.y, "x0": x0, "x1": x1, "y0": y0, "y1": y1,
                "line": {"color": color, "width": width, "dash": _dash(dash)},
            }
        )  # fmt: skip

    def _words(
        self, x: float, y: float, text: str, color: str, anchor: str, bold: bool,
        shift: tuple[float, float] = (0, 0), veil: bool = False,
    ) -> None:  # fmt: skip
        """Words at data coordinates, moved by px. veil: hairlines behind them are covered."""
        words = f"<b>{safe(text)}</b>" if bold else safe(text)
        self.sheet.annotations.append(
            {
                "xref": self.x, "yref": self.y, "x": _round(_place(self.plot.x, x)),
                "y": _round(_place(self.plot.y, y)), "text": words,
                "xanchor": {"start": "left", "middle": "center", "end": "right"}[anchor],
            }
            | ({"xshift": shift[0]} if shift[0] else {})
            | ({"yshift": shift[1]} if shift[1] else {})
            | ({"font": {"color": shade}} if (shade := self.theme.text(color)) != self.theme.second else {})
            | ({"bgcolor": _rgba(self.theme.ground, 0.75)} if veil else {})
        )  # fmt: skip


def thinned(x: NDArray[Any], y: NDArray[Any], most: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every k-th point, the newest and every gap; enough for a still of a few hundred px."""
    if most is None or len(x) <= most:
        return x, y
    keep = np.zeros(len(x), bool)
    keep[:: -(-len(x) // most)] = True
    keep[[0, -1]] = True
    return x[keep | np.isnan(y)], y[keep | np.isnan(y)]


def _place(axis: Axis, value: float) -> float:
    """Where plotly wants limits and words: on a log axis their power of ten."""
    return math.log10(value) if axis.scale == "log" else value


def _dash(name: str) -> str:
    pattern = DASHES[name]
    return "solid" if pattern is None else ",".join(f"{part:g}px" for part in pattern)


def _broken(parts: list[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Several polylines as one with gaps; the third array says which part each point is of."""
    gap = np.asarray([np.nan])
    x = np.concatenate([piece for part in parts for piece in (part[0], gap)])[:-1]
    y = np.concatenate([piece for part in parts for piece in (part[1], gap)])[:-1]
    which = np.concatenate([np.full(len(part[0]) + 1, index) for index, part in enumerate(parts)])[:-1]
    return x, y, which


def numbers(values: NDArray[Any] | list[float]) -> dict[str, str]:
    """Numbers as plotly reads them in base64: a saved notebook writes each number of a list on a line of its own."""
    data = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return {"dtype": "f4", "bdata": base64.b64encode(data).decode("ascii")}


def _round(value: float) -> float:
    """Four digits: less than a pixel, and short in a file."""
    return float(f"{value:.4g}")


def _rgba(color: str, opacity: float) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def safe(text: str) -> str:
    """Words of the user's are words, not markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
