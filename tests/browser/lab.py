"""A real JupyterLab and a real browser, driven from a test."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

WAIT = 90_000
"""Milliseconds: on two busy cores a kernel needs its time."""
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


class Server:
    """JupyterLab on a free port with every folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "notebooks"
        self.root.mkdir(parents=True)
        self.token = secrets.token_hex(8)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folders = ("CONFIG", "DATA", "RUNTIME")
        environment = dict(os.environ)
        environment |= {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in folders}
        environment |= {
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        self.log = (home / "server.log").open("w")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
                f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                "--LabApp.extension_manager=readonly",
            ],
            env=environment, cwd=self.root, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url("/api/status"), timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"JupyterLab did not start:\n{(self.home / 'server.log').read_text()[-3000:]}")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}?token={self.token}"

    def theme(self, dark: bool) -> None:
        """Light or dark, from the next page on."""
        folder = self.home / "settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        name = "JupyterLab Dark" if dark else "JupyterLab Light"
        (folder / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


def notebook(*cells: str) -> str:
    """A notebook of code cells, as text."""
    made = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
        for i, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


class Notebook:
    """A notebook open in a page."""

    def __init__(
        self, server: Server, browser: Browser, name: str, *, width: int = 1280, height: int = 2400, kernel: bool = True
    ) -> None:
        self.server = server
        self.name = name
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.context.set_default_timeout(WAIT)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        # "Event" is what JupyterLab's plotly renderer leaves when it may take no snapshot (`freeze._kept`).
        self.page.on("pageerror", lambda error: str(error) == "Event" or self.errors.append(str(error)))
        self.workspace = secrets.token_hex(4)
        self.open(kernel=kernel)

    def open(self, *, kernel: bool = True) -> None:
        self.page.goto(self.server.url(f"/lab/workspaces/{self.workspace}/tree/{self.name}"))
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        if kernel:
            self.page.wait_for_function(
                "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
                timeout=WAIT,
            )

    def run(self, index: int, *, wait: bool = True) -> None:
        """Run one cell; a cell is done when its prompt holds a number and no star."""
        self.page.evaluate(
            """async (i) => {
                const panel = window.jupyterapp.shell.currentWidget;
                panel.content.activeCellIndex = i; panel.content.deselectAll();
                window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )
        if wait:
            self.until(lambda: self.done(index), f"cell {index} to finish")

    def run_all(self) -> None:
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def done(self, index: int) -> bool:
        prompt = self.cell(index).locator(".jp-InputPrompt").first.inner_text()
        return "*" not in prompt and any(letter.isdigit() for letter in prompt)

    def cell(self, index: int) -> Locator:
        return self.page.locator(
            f".jp-Cell[data-windowed-list-index='{index}'], .jp-Notebook-cell >> nth={index}"
        ).first

    def output(self, index: int) -> str:
        return self.cell(index).locator(".jp-OutputArea-output").all_inner_texts().__str__()

    def save(self) -> Path:
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        time.sleep(1.0)
        return self.server.root / self.name

    @property
    def cockpit(self) -> Locator:
        return self.page.locator(".vergence").first

    def ready(self) -> None:
        self.page.wait_for_selector(".vergence[data-ready='true']", timeout=WAIT)

    def attribute(self, name: str) -> str:
        return self.cockpit.get_attribute(f"data-{name}") or ""

    def step(self) -> int:
        return int(self.attribute("step") or 0)

    def state(self) -> str:
        return self.attribute("state")

    def drawn(self, noun: str) -> dict[str, Any]:
        """What the pens of a panel put on the page."""
        found: dict[str, Any] = self.page.evaluate(
            "(noun) => document.querySelector('.vergence').vergence.drawn(noun)", noun
        )
        return found

    def button(self, name: str) -> Locator:
        return self.cockpit.get_by_role("button", name=name, exact=True).first

    def until(self, condition: Callable[[], Any], what: str, seconds: float = WAIT / 1000) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            self.page.wait_for_timeout(100)
        raise AssertionError(f"waited {seconds:.0f} s for {what}")

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.cockpit.screenshot(path=str(path))

    def close(self) -> None:
        self.context.close()
