"""What watching costs: the same training loop watched and bare, in interleaved blocks of one run.

    python bench/overhead.py                 # kernel side: monitor, publisher, a sink that confirms frames
    python bench/overhead.py --browser       # also with JupyterLab and a browser drawing on the same cores

A row gives the median ratio watched/bare over the pairs of blocks with its 95 % interval (order statistics),
and how many frames a minute each panel got: watching nothing is no way to be cheap. A target is missed when
the interval's lower end lies above it. Table and JSON go to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import vergence as vg
from vergence.losses import NTXent
from vergence.models import ConvEncoder, Projector
from vergence_widgets.publisher import Publisher

RESULTS = Path(__file__).parent / "results"
TARGET = 1.03
BROWSER_TARGET = 1.15


class Loop:
    """A plain SimCLR loop, which a Monitor may or may not watch."""

    def __init__(self, kind: str) -> None:
        torch.manual_seed(0)
        self.kind = kind
        if kind == "conv":
            self.encoder: nn.Module = ConvEncoder(channels=3)
            self.head: nn.Module = Projector(128)
            self.shape: tuple[int, ...] = (256, 3, 32, 32)
        else:
            self.encoder = nn.Sequential(nn.Linear(64, 384), nn.ReLU(), nn.Linear(384, 128))
            self.head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128))
            self.shape = (256, 64)
        self.optimiser = torch.optim.Adam([*self.encoder.parameters(), *self.head.parameters()], lr=1e-3)
        self.criterion = NTXent(temperature=0.2)
        self.items = torch.rand(self.shape)

    def step(self, watch: Callable[[Tensor, Tensor, Tensor, Tensor], None] | None) -> None:
        """One training step; `watch(z1, z2, h, loss)` after backward."""
        views = [self.items + 0.1 * torch.randn(self.shape) for _ in range(2)]
        h = self.encoder(torch.cat(views))
        z1, z2 = self.head(h).chunk(2)
        loss = self.criterion(z1, z2)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if watch is not None:
            watch(z1, z2, h, loss)
        self.optimiser.step()


class Sink:
    """A front end that draws nothing and confirms everything."""

    def __init__(self) -> None:
        self.publisher: Publisher | None = None
        self.bytes = 0

    def __call__(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Take one message; what a browser would confirm is confirmed."""
        self.bytes += len(json.dumps(message)) + sum(len(buffer) for buffer in buffers)
        if self.publisher is None:
            return
        if message["type"] == "frame":
            self.publisher.handle({"type": "shown", "view": "sink", "seq": message["seq"], "ms": 0})
        elif message["type"] == "ping":
            self.publisher.handle({"type": "pong", "id": message["id"]})


def interval(ratios: list[float]) -> tuple[float, float]:
    """A 95 % interval of the median from order statistics."""
    ordered = sorted(ratios)
    n = len(ordered)
    reach = math.floor(n / 2 - 0.98 * math.sqrt(n))
    return ordered[max(reach, 0)], ordered[min(n - 1 - reach, n - 1)]


def blocks(seconds: float, step: Callable[[], None]) -> Iterator[float]:
    """Seconds per step of one block after another."""
    while True:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds or count < 3:
            step()
            count += 1
        yield (time.perf_counter() - began) / count


def paired(kind: str, pairs: int, seconds: float) -> dict[str, Any]:
    """One row: `pairs` blocks bare and watched in turn, on the same model in one run."""
    loop = Loop(kind)
    with tempfile.TemporaryDirectory() as folder:
        monitor = vg.Monitor(objective=loop.criterion, optimiser=loop.optimiser, directory=folder, name="bench")
        sink = Sink()
        publisher = Publisher(monitor, sink)
        sink.publisher = publisher
        monitor.observer.outside.append(lambda: publisher.seconds)
        publisher.handle({"type": "ready", "view": "sink"})
        publisher.start()

        def watched(z1: Tensor, z2: Tensor, h: Tensor, loss: Tensor) -> None:
            monitor.step(z1, z2, h=h, loss=loss)

        for _ in range(5):
            loop.step(None)
        began = time.perf_counter()
        while time.perf_counter() - began < 6:  # past the first, slow calls: as a run of an hour is
            loop.step(watched)
        bare_blocks = blocks(seconds, lambda: loop.step(None))
        watched_blocks = blocks(seconds, lambda: loop.step(watched))
        frames_before = {kind: len(monitor.history.frames(kind)) for kind in monitor.history.frame_kinds()}
        sent_before, spent = dict(publisher.frames_sent), 0.0
        bare, seen = [], []
        for turn in range(pairs):
            for which in ("bare", "watched") if turn % 2 == 0 else ("watched", "bare"):
                if which == "bare":
                    publisher.handle({"type": "hidden", "view": "sink", "hidden": True})
                    bare.append(next(bare_blocks))
                else:
                    publisher.handle({"type": "hidden", "view": "sink", "hidden": False})
                    start = time.perf_counter()
                    seen.append(next(watched_blocks))
                    spent += time.perf_counter() - start
        publisher.close()
        history = monitor.history
        measured = {
            kind: round((len(history.frames(kind)) - frames_before.get(kind, 0)) * 60 / spent)
            for kind in history.frame_kinds()
        }
        sent = {
            noun: round((count - sent_before.get(noun, 0)) * 60 / spent)
            for noun, count in publisher.frames_sent.items()
        }
        monitor.close()
    return row(f"{kind}, kernel side", bare, seen, TARGET) | {
        "measured_per_minute": measured, "panel_frames_per_minute": sent, "kilobytes": round(sink.bytes / 1000),
    }  # fmt: skip


def row(name: str, bare: list[float], watched: list[float], target: float) -> dict[str, Any]:
    """Ratio of the medians of pairs, and what it was measured on."""
    ratios = [seen / plain for seen, plain in zip(watched, bare, strict=True)]
    low, high = interval(ratios)
    return {
        "row": name, "ratio": round(statistics.median(ratios), 4), "low": round(low, 4), "high": round(high, 4),
        "target": target, "met": low <= target, "pairs": len(ratios),
        "step_ms": round(1000 * statistics.median(bare), 2),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = [f"{'row':<33}  ratio  95 % interval   target  step ms  frames a minute"]
    for entry in rows:
        frames = ", ".join(f"{noun} {count}" for noun, count in entry["panel_frames_per_minute"].items())
        lines.append(
            f"{entry['row']:<33} {entry['ratio']:>6.3f}  {entry['low']:.3f} to {entry['high']:.3f}"
            f"  {'<=' if entry['met'] else '> '} {entry['target']:.2f}  {entry['step_ms']:>7.1f}  {frames}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `bench` and `tests`
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--browser", action="store_true", help="also with a real browser (needs `make test` once)")
    given = parser.parse_args()
    rows = [paired(kind, given.pairs, given.seconds) for kind in ("conv", "small")]
    if given.browser:
        from bench.overhead_browser import paired_in_browser

        bare, drawn, per_minute = paired_in_browser(given.pairs, given.seconds)
        entry = row("small, a browser drawing", bare, drawn, BROWSER_TARGET)
        rows.append(entry | {"panel_frames_per_minute": {"loss": per_minute}})
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "overhead.json").write_text(json.dumps({"threads": torch.get_num_threads(), "rows": rows}, indent=1))
    text = table(rows)
    (RESULTS / "overhead.txt").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
