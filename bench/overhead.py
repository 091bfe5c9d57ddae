"""What watching costs: the same training loop watched and bare, in interleaved blocks of one run.

    python bench/overhead.py                     # kernel side: monitor, publisher, a sink that confirms frames
    python bench/overhead.py --browser           # also with JupyterLab and a browser drawing on the same cores
    python bench/overhead.py --kinds small       # conv and vit (emoji, batch 256), small (a step of about 5 ms)

Every panel is on: a reference set of 512 items with two factors, the inputs, a head, and for `vit` attention. A row
gives the median ratio watched/bare over the pairs of blocks with its 95 % interval (order statistics), of the
clock's seconds and of processor seconds of the kernel's process, and how much of a core the browser took in the
bare and in the watched blocks; below it, how often each measurement was made and
what it took: watching nothing is no way to be cheap. While a block is bare, the budget's clock stands still, so a
watched block owes nothing for it. A target is missed when the interval's lower end lies above it. Table and JSON
go to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `bench` and `tests`

import torch

from bench.loops import KINDS, Awake, Booked, Held, Loop, in_turn, interval
from vergence_widgets.publisher import Publisher

RESULTS = Path(__file__).parent / "results"
TARGET = 1.03
BROWSER_TARGET = 1.15


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


def kernel_side(kind: str, pairs: int, seconds: float, warm: float) -> dict[str, Any]:
    """One row without a browser."""
    loop, clock = Loop(kind), Held()
    budget = Booked(clock)
    with tempfile.TemporaryDirectory() as folder:
        monitor = loop.watch(budget, directory=folder)
        sink = Sink()
        publisher = Publisher(monitor, sink)
        sink.publisher = publisher
        monitor.observer.outside.append(lambda: publisher.seconds)
        publisher.handle({"type": "ready", "view": "sink"})
        publisher.start()

        def hide(hidden: bool) -> None:
            publisher.handle({"type": "hidden", "view": "sink", "hidden": hidden})

        found = in_turn(loop, publisher, budget, clock, hide, pairs=pairs, seconds=seconds, warm=warm)
        publisher.close()
        monitor.close()
    return row(f"{kind}, kernel side", found, TARGET) | {"kilobytes": round(sink.bytes / 1000)}


def row(name: str, found: dict[str, Any], target: float) -> dict[str, Any]:
    """Medians of the ratios of pairs, and what they were measured on."""
    bare, watched = found.pop("bare"), found.pop("watched")
    ratios = [[seen[place] / plain[place] for seen, plain in zip(watched, bare, strict=True)] for place in (0, 1)]
    low, high = interval(ratios[0])
    low_work, high_work = interval(ratios[1])
    return {
        "row": name, "ratio": round(statistics.median(ratios[0]), 4), "low": round(low, 4), "high": round(high, 4),
        "target": target, "met": low <= target, "pairs": len(bare),
        "processor": [round(value, 4) for value in (statistics.median(ratios[1]), low_work, high_work)],
        "browser": [round(statistics.median(block[2] for block in blocks), 2) for blocks in (bare, watched)],
        "step_ms": round(1e3 * statistics.median(block[0] for block in bare), 2), **found,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = [f"{'row':<28}  ratio  95 % interval   target  processor               step ms  browser, bare and watched"]
    for entry in rows:
        work, low, high = entry["processor"]
        lines.append(
            f"{entry['row']:<28} {entry['ratio']:>6.3f}  {entry['low']:.3f} to {entry['high']:.3f}"
            f"  {'<=' if entry['met'] else '> '} {entry['target']:.2f}  {work:.3f} ({low:.3f} to {high:.3f})"
            f"  {entry['step_ms']:>7.1f}  {entry['browser'][0]:.2f} and {entry['browser'][1]:.2f} of a core"
        )
    for entry in rows:
        frames = ", ".join(f"{noun} {count}" for noun, count in entry["panel_frames_a_minute"].items())
        lines += ["", f"{entry['row']}: frames a minute: {frames}"]
        costs = sorted(entry["costs"].items(), key=lambda pair: -pair[1]["per_cent"])
        for name, cost in costs:
            times = f"{cost['a_minute']:>7.1f} a minute  {cost['ms']:>8.2f} ms" if "ms" in cost else " " * 29
            lines.append(f"  {name:<24}{times}  {cost['per_cent']:>6.2f} %")
        lines += [f"  failed: {why}" for why in entry["failed"]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write; 1 when a row misses its target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=3.0, help="least length of a block")
    parser.add_argument("--warm", type=float, default=20.0, help="seconds of watched training before the first block")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--browser", action="store_true", help="also with a real browser (needs `make test` once)")
    parser.add_argument("--only-browser", action="store_true", help="with a real browser only")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    rows = []
    with Awake():
        if not given.only_browser:
            rows += [kernel_side(kind, given.pairs, given.seconds, given.warm) for kind in given.kinds]
        if given.browser or given.only_browser:
            from bench.overhead_browser import in_browser

            for kind in given.kinds:
                found = in_browser(kind, given.pairs, given.seconds, given.warm)
                rows.append(row(f"{kind}, a browser drawing", found, BROWSER_TARGET))
    given.results.mkdir(parents=True, exist_ok=True)
    said = {"threads": torch.get_num_threads(), "torch": torch.__version__, "rows": rows}
    (given.results / "overhead.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    text = table(rows)
    (given.results / "overhead.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(not all(entry["met"] for entry in rows))


if __name__ == "__main__":
    sys.exit(main())
