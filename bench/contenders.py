"""The same curves, histograms and map of 10,000 points in three ways of showing them, for `live.py`.

Runs in the kernel of a notebook. Every contender is given the same `Picture` after the same steps and shows:
two curves over all steps, the densities of positive and negative cosines in 128 bins, and the map with one
colour for each of ten classes. The cockpit shows more beside these: its header, ridges through time, words.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 10_000
CLASSES = 10
BINS = 512
STEPS = 5
"""Training steps between two updates."""
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#B8A800", "#0072B2", "#D55E00", "#CC79A7", "#666666", "#332288", "#882255")


@dataclass(frozen=True)
class Picture:
    """What there is to show after `step`."""

    step: int
    loss: NDArray[np.float64]
    chance: NDArray[np.float64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    x: NDArray[np.float32]
    y: NDArray[np.float32]


class Stream:
    """One update after another, the same for every contender."""

    def __init__(self, points: int = POINTS) -> None:
        rng = np.random.default_rng(0)
        self.labels = np.arange(points) % CLASSES
        centres = 2 * rng.standard_normal((CLASSES, 2))
        self._base = centres[self.labels] + 0.6 * rng.standard_normal((points, 2))
        self._noise = rng.standard_normal(1000)
        self.count = 0

    def next(self) -> Picture:
        """The next update: `STEPS` more steps, other counts, a map that has turned a little."""
        self.count += 1
        step = self.count * STEPS
        steps = np.arange(step - STEPS, step)
        loss = 2 + 4 * np.exp(-steps / 2000) + 0.1 * self._noise[steps % 1000]
        middles = (np.arange(BINS) + 0.5) * 2 / BINS - 1
        positive, negative = (
            (weight * np.exp(-0.5 * ((middles - mean) / spread) ** 2)).astype(np.int64)
            for weight, mean, spread in ((60, 0.3 + 0.5 * (1 - np.exp(-step / 2000)), 0.12), (9000, 0.02, 0.14))
        )
        turn = 0.02 * self.count
        x, y = (self._base @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])).T
        return Picture(step, loss, np.full(STEPS, 6.236), positive, negative, x.astype("f4"), y.astype("f4"))


def density(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """128 bins, of area 1."""
    merged = counts.reshape(128, -1).sum(1)
    return np.asarray(merged / (merged.sum() * 2 / 128))


MIDDLES = (np.arange(128) + 0.5) * 2 / 128 - 1


def begin(history: Any, stream: Stream) -> None:
    """What a History says of the reference set."""
    names = [f"class {value}" for value in range(CLASSES)]
    items = len(stream.labels)
    described = {"items": items, "label": "class", "factors": {"class": names}, "names": None, "modules": []}
    history.describe({"reference/factor/class": stream.labels}, reference=described)
    history.set_state("live")


def record(history: Any, picture: Picture) -> None:
    """Add an update to a History as a Monitor would."""
    for place in range(STEPS):
        step = picture.step - STEPS + 1 + place
        history.add_scalars(
            step, {"loss": picture.loss[place], "loss/chance": picture.chance[place], "loss/floor": 1.566}
        )
    pairs = {"pairs_positive": int(picture.positive.sum()), "pairs_negative": int(picture.negative.sum())}
    meta = pairs | {"pairs_negative_total": pairs["pairs_negative"], "rows": 512, "rows_left_out": 0, "views": 2}
    meta |= {"batch": 256, "dim": 128, "auc": 0.97, "overlap": 0.1, "positive_mean": 0.6, "negative_mean": 0.02}
    quantiles = np.linspace(-0.3, 0.9, 5)
    counted = {"positive": picture.positive, "negative": picture.negative}
    counted |= {"positive_quantiles": quantiles, "negative_quantiles": quantiles}
    history.add_scalars(picture.step, {"similarity/z/auc": 0.97, "similarity/z/overlap": 0.1})
    told = {
        "method": "pca", "items": len(picture.x), "explained": (0.3, 0.2), "radius": 3.0, "shift": 0.01,
        "shift_share": 0.003, "trustworthiness": 0.9, "neighbours": 15, "left_out": 0, "since": picture.step - STEPS,
        "seconds": 0.01,
    }  # fmt: skip
    history.add_frames(
        picture.step,
        {"similarity/z": (counted, meta), "projection/z": ({"x": picture.x, "y": picture.y}, told)},
    )


NOUNS = ("loss", "similarity", "projection")


class Cockpit:
    """Ours. The training thread adds to the History; the publisher's tick builds and sends the frame."""

    def __init__(self, stream: Stream) -> None:
        from vergence.record.history import History
        from vergence_widgets import Cockpit as Shown
        from vergence_widgets.pings import Confirmations

        self.history = History({"name": "bench", "method": "SimCLR"})
        begin(self.history, stream)
        self.shown = Shown(self.history, ticks=10, panels=NOUNS)
        self.confirmations = Confirmations(every=0.0)  # as fast as the page takes them

    def show(self) -> None:
        """Put it on screen."""
        self.shown._ipython_display_()
        self.shown.publisher.close()  # here the loop below says when to send
        self.shown.publisher.confirmations = self.confirmations

    def update(self, picture: Picture) -> float:
        """Show it; returns for how many seconds the loop that trains was held up."""
        began = time.perf_counter()
        record(self.history, picture)
        held = time.perf_counter() - began
        # At most two frames are under way: a page that is behind is left alone.
        deadline = time.perf_counter() + 5
        while not self.shown.publisher.tick() and time.perf_counter() < deadline:
            time.sleep(0.002)
        return held


class FigureWidget:
    """plotly's own live figure: three subplots, updated in place in one batch."""

    def __init__(self, stream: Stream) -> None:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        self.labels = stream.labels
        self.steps: list[float] = []
        self.loss: list[float] = []
        self.chance: list[float] = []
        figure = make_subplots(1, 3)
        for name, column in (("loss", 1), ("chance", 1), ("positive", 2), ("negative", 2)):
            figure.add_trace(go.Scatter(x=[], y=[], mode="lines", name=name), 1, column)
        for value in range(CLASSES):
            marker = {"size": 3, "color": COLOURS[value]}
            figure.add_trace(go.Scattergl(x=[], y=[], mode="markers", name=f"class {value}", marker=marker), 1, 3)
        figure.update_layout(width=1000, height=420)
        self.figure = go.FigureWidget(figure)

    def show(self) -> None:
        """Put it on screen."""
        from IPython.display import display

        display(self.figure)

    def update(self, picture: Picture) -> float:
        """Show it; the loop waits while the arrays are compared, packed and sent."""
        began = time.perf_counter()
        self.steps += range(picture.step - STEPS + 1, picture.step + 1)
        self.loss += picture.loss.tolist()
        self.chance += picture.chance.tolist()
        traces = self.figure.data
        steps = np.array(self.steps)
        with self.figure.batch_update():
            traces[0].update(x=steps, y=np.array(self.loss))
            traces[1].update(x=steps, y=np.array(self.chance))
            traces[2].update(x=MIDDLES, y=density(picture.positive))
            traces[3].update(x=MIDDLES, y=density(picture.negative))
            for value in range(CLASSES):
                own = self.labels == value
                traces[4 + value].update(x=picture.x[own], y=picture.y[own])
        return time.perf_counter() - began


class LiveLossPlot:
    """livelossplot with its Matplotlib output and two plots of one's own."""

    def __init__(self, stream: Stream) -> None:
        from livelossplot import PlotLosses
        from livelossplot.outputs import MatplotlibPlot

        self.labels = stream.labels
        self.picture: Picture | None = None
        # With three plots in rows of three it hides them all, so rows of two.
        output = MatplotlibPlot(max_cols=2, extra_plots=[self._densities, self._map], figsize=(10, 8))
        self.plots = PlotLosses(outputs=[output], groups={"loss": ["loss", "chance"]}, step_names="step")

    def _densities(self, axes: Any, _logger: Any) -> None:
        if self.picture is not None:
            axes.plot(MIDDLES, density(self.picture.positive), MIDDLES, density(self.picture.negative))

    def _map(self, axes: Any, _logger: Any) -> None:
        if self.picture is not None:
            colours = np.array(COLOURS)[self.labels]
            axes.scatter(self.picture.x, self.picture.y, s=2, c=colours)

    def show(self) -> None:
        """It shows itself at the first update."""

    def update(self, picture: Picture) -> float:
        """Show it; the loop waits while Matplotlib draws and packs a PNG."""
        began = time.perf_counter()
        self.picture = picture
        for place in range(STEPS):
            self.plots.update(
                {"loss": float(picture.loss[place]), "chance": float(picture.chance[place])},
                picture.step - STEPS + 1 + place,
            )
        self.plots.send()
        return time.perf_counter() - began


CONTENDERS = {"cockpit": Cockpit, "FigureWidget": FigureWidget, "livelossplot": LiveLossPlot}


def drive(contender: Any, stream: Stream, answer: str, *, updates: int, every: float, longest: float) -> None:
    """Show `updates` pictures, one each `every` seconds at most, for `longest` seconds; write what it took."""
    sent, held, worked = [], [], time.process_time()
    began = time.perf_counter()
    for number in range(updates):
        rest = began + number * every - time.perf_counter()
        if rest > 0:
            time.sleep(rest)
        picture = stream.next()
        sent.append((picture.step, time.time()))
        held.append(contender.update(picture))
        if time.perf_counter() - began > longest:
            break
    found = {
        "sent": sent, "held_ms": [1e3 * seconds for seconds in held], "seconds": time.perf_counter() - began,
        "kernel_ms": 1e3 * (time.process_time() - worked) / len(sent), "ended": time.time(),
    }  # fmt: skip
    beside = Path(answer + ".part")
    beside.write_text(json.dumps(found), encoding="utf-8")
    beside.replace(answer)
