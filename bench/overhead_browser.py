"""The watched loop of `overhead.py` with JupyterLab and a real browser drawing on the same cores."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.lab import FLAGS, Notebook, Server, notebook

SETUP = """
import sys
sys.path.insert(0, {root!r})
from bench.overhead import Loop, blocks
import vergence as vg
from vergence_widgets import Cockpit
loop = Loop("small")
monitor = vg.Monitor(objective=loop.criterion, optimiser=loop.optimiser, name="bench")
cockpit = Cockpit(monitor)
cockpit
"""
MEASURE = """
import json, threading, time
from pathlib import Path
publisher = cockpit.publisher
def hide(hidden):
    for view in list(publisher._views):
        publisher.handle({{"type": "hidden", "view": view, "hidden": hidden}})
def watched(z1, z2, h, loss):
    monitor.step(z1, z2, h=h, loss=loss)
def measure():
    began = time.perf_counter()
    while time.perf_counter() - began < 8:
        loop.step(watched)
    plain, seen = blocks({seconds}, lambda: loop.step(None)), blocks({seconds}, lambda: loop.step(watched))
    bare, drawn, sent = [], [], 0
    for turn in range({pairs}):
        for which in ("bare", "watched") if turn % 2 == 0 else ("watched", "bare"):
            hide(which == "bare")
            time.sleep(0.3)
            if which == "bare":
                bare.append(next(plain))
            else:
                before = publisher.frames_sent.get("loss", 0)
                drawn.append(next(seen))
                sent += publisher.frames_sent.get("loss", 0) - before
    per_minute = round(sent * 60 / ({pairs} * {seconds}))
    Path({answer!r}).write_text(json.dumps({{"bare": bare, "watched": drawn, "per_minute": per_minute}}))
threading.Thread(target=measure, daemon=True).start()
"""


def paired_in_browser(pairs: int, seconds: float) -> tuple[list[float], list[float], int]:
    """Seconds per step of bare and of watched blocks, and the frames a minute that were drawn."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        raise SystemExit("No browser. Type: make test   (it installs one), or set CHROMIUM=/path/to/chromium.")
    home = Path(tempfile.mkdtemp())
    answer = home / "answer.json"
    server = Server(home / "lab")
    try:
        root = str(Path(__file__).parents[1])
        measure = MEASURE.format(seconds=seconds, pairs=pairs, answer=str(answer))
        (server.root / "bench.ipynb").write_text(notebook(SETUP.format(root=root), measure))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            opened = Notebook(server, browser, "bench.ipynb", height=1400)
            opened.run(0)
            opened.ready()
            opened.run(1)
            deadline = time.monotonic() + 60 + 3 * pairs * seconds
            while not answer.exists():
                if time.monotonic() > deadline:
                    raise SystemExit("The notebook did not finish its blocks; is the machine very busy?")
                opened.page.wait_for_timeout(500)
            opened.close()
            browser.close()
        found = json.loads(answer.read_text())
        return found["bare"], found["watched"], found["per_minute"]
    finally:
        server.close()
        shutil.rmtree(home, ignore_errors=True)
