"""A notebook page that notes when each picture reached the screen and how many bytes came for it, for `live.py`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, WebSocket

from tests.browser.lab import Notebook, Server, notebook

SETUP = """
import sys
sys.path[:0] = {paths!r}
import logging
from bench.contenders import CONTENDERS, Stream, drive
stream = Stream()
contender = CONTENDERS[{name!r}](stream)
"""
NOTE = """
(name) => {
    const now = () => performance.timeOrigin + performance.now();
    const bench = window.bench = {drawn: []};
    // Drawn means: one animation frame later, and after that frame's paint.
    const note = (step) => requestAnimationFrame(() => setTimeout(() => bench.drawn.push([step, now()]), 0));
    let last = null;
    const seen = (step) => { if (step !== last && step !== null) { last = step; note(step); } };
    if (name === 'cockpit') {
        const root = document.querySelector('.vergence');
        new MutationObserver(() => seen(Number(root.dataset.step))).observe(root, {attributeFilter: ['data-seq']});
    } else if (name === 'FigureWidget') {
        const plot = document.querySelector('.js-plotly-plot');
        const step = (x) => (x.length ? Number(x[x.length - 1]) : null);
        plot.on('plotly_afterplot', () => seen(step(plot.data[0].x)));
    } else {
        const images = new WeakSet();
        new MutationObserver(() => {
            for (const image of document.querySelectorAll('.jp-OutputArea img')) {
                if (images.has(image)) continue;
                images.add(image);
                // A picture says no step: they come in order, one for each update.
                image.decode().then(() => note(null), () => {});
            }
        }).observe(document.body, {childList: true, subtree: true});
    }
}
"""
THERE = {"cockpit": ".vergence", "FigureWidget": ".js-plotly-plot .main-svg", "livelossplot": "body"}


class Page(Notebook):
    """One contender on its page."""

    def __init__(self, server: Server, browser: Browser, name: str, paths: list[str]) -> None:
        self.contender = name
        self.bytes = 0
        self.turns = 0
        file = f"{name}-{time.monotonic_ns()}.ipynb"
        self.answer = server.home / f"{file}.json"
        drive = f"drive(contender, stream, {str(self.answer)!r}, **__import__('json').load(open({str(self.wish)!r})))"
        setup = SETUP.format(paths=paths, name=name)
        (server.root / file).write_text(notebook(setup, "contender.show()", drive))
        super().__init__(server, browser, file, width=1400, height=2600)
        before = self.bytes  # a widget sends its script when it is made, in the first cell
        self.run(0)
        self.run(1)
        self.page.wait_for_selector(THERE[name], state="attached")
        self.page.wait_for_timeout(1500)
        self.creation = self.bytes - before
        self.page.evaluate(NOTE, name)

    @property
    def wish(self) -> Path:
        """Where the kernel reads what to do next."""
        return self.answer.with_suffix(".wish")

    def open(self, *, kernel: bool = True) -> None:
        """As before, and count what comes through the kernel's socket."""
        self.page.on("websocket", self._count)
        super().open(kernel=kernel)

    def _count(self, socket: WebSocket) -> None:
        def add(payload: str | bytes) -> None:
            self.bytes += len(payload)

        if "/channels" in socket.url:
            socket.on("framereceived", add)

    def drive(self, updates: int, every: float, longest: float = 600.0) -> dict[str, Any]:
        """Show so many updates; what the kernel measured, and when each was drawn."""
        self.answer.unlink(missing_ok=True)
        self.wish.write_text(json.dumps({"updates": updates, "every": every, "longest": longest}))
        self.page.evaluate("() => { window.bench.drawn = []; }")
        before = self.bytes
        self.run(2, wait=False)
        self.until(self.answer.exists, f"{self.contender} to show {updates} updates", longest + 180)
        found: dict[str, Any] = json.loads(self.answer.read_text())
        drawn: list[Any] = []
        quiet = 0
        while quiet < 3:  # what is still on its way
            self.page.wait_for_timeout(500)
            now = self.page.evaluate("() => window.bench.drawn")
            quiet = quiet + 1 if len(now) == len(drawn) else 0
            drawn = now
        return found | {"drawn": drawn, "bytes": self.bytes - before}

    def memory(self) -> dict[str, float]:
        """MB after a collection: the page's JavaScript heap, and what all processes of the browser hold."""
        session = self.context.new_cdp_session(self.page)
        session.send("Performance.enable")
        session.send("HeapProfiler.collectGarbage")
        self.page.wait_for_timeout(500)
        metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        return {"heap_mb": metrics["JSHeapUsedSize"] / 1e6, "nodes": metrics["Nodes"], "rss_mb": resident()}


def resident() -> float:
    """MB of the Chromium processes that this process has started; 0 where /proc does not say."""
    parents, found = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            status = (folder / "status").read_text()
        except OSError:
            continue
        name, rest = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
        parents[int(folder.name)] = int(rest[1])
        line = next((line for line in status.splitlines() if line.startswith("VmRSS")), None)
        if line is not None and "chrom" in name:
            found[int(folder.name)] = int(line.split()[1]) / 1024

    def ours(pid: int) -> bool:
        while pid in parents:
            if pid == os.getpid():
                return True
            pid = parents[pid]
        return False

    return sum(size for pid, size in found.items() if ours(pid))
