"""The loops of `overhead.py` with JupyterLab and a real browser drawing on the same cores."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.lab import FLAGS, Notebook, Server, notebook

SETUP = """
import sys
sys.path.insert(0, {root!r})
from bench.loops import Booked, Held, Loop, in_turn
from vergence_widgets import Cockpit
loop, clock = Loop({kind!r}), Held()
budget = Booked(clock)
cockpit = Cockpit(loop.watch(budget))
cockpit
"""
MEASURE = """
import json, threading
from pathlib import Path
publisher = cockpit.publisher
def hide(hidden):
    for view in list(publisher._views):
        publisher.handle({{"type": "hidden", "view": view, "hidden": hidden}})
def measure():
    try:
        found = in_turn(loop, publisher, budget, clock, hide, pairs={pairs}, seconds={seconds}, warm={warm})
    except Exception as error:
        found = {{"error": repr(error)}}
    beside = Path({answer!r} + ".part")
    beside.write_text(json.dumps(found))
    beside.replace({answer!r})
threading.Thread(target=measure, daemon=True).start()
"""


def chromium() -> str:
    """The browser to draw in; SystemExit with what to type where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        raise SystemExit("No browser. Type: make test   (it installs one), or set CHROMIUM=/path/to/chromium.")
    return found


def in_browser(kind: str, pairs: int, seconds: float, warm: float) -> dict[str, Any]:
    """What `in_turn` finds inside the kernel of an open notebook."""
    executable = chromium()
    home = Path(tempfile.mkdtemp())
    answer = home / "answer.json"
    server = Server(home / "lab")
    try:
        root = str(Path(__file__).parents[1])
        measure = MEASURE.format(seconds=seconds, pairs=pairs, warm=warm, answer=str(answer))
        (server.root / "bench.ipynb").write_text(notebook(SETUP.format(root=root, kind=kind), measure))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
            opened = Notebook(server, browser, "bench.ipynb", height=2400)
            opened.run(0)
            # Nothing is drawn before the first step; the page is there when the cockpit is.
            opened.page.wait_for_selector(".vergence")
            opened.run(1)
            deadline = time.monotonic() + 120 + 4 * warm + 4 * pairs * seconds
            while not answer.exists():
                if time.monotonic() > deadline:
                    raise SystemExit("The notebook did not finish its blocks; is the machine very busy?")
                opened.page.wait_for_timeout(500)
            opened.close()
            browser.close()
        found: dict[str, Any] = json.loads(answer.read_text())
        if "error" in found:
            raise SystemExit(f"The loop in the notebook failed: {found['error']}")
        return found
    finally:
        server.close()
        shutil.rmtree(home, ignore_errors=True)
