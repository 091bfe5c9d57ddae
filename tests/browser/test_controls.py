"""The switches and sliders of a method in a real JupyterLab: named, turned by keys, confirmed, and on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.lab import Notebook, Server, notebook
from tests.browser.test_cockpit import ASK, ask

pytestmark = pytest.mark.browser

BEFORE = """
import torch
import vergence as vg
from vergence_widgets import Cockpit
rows = torch.randn(512, 16)
small = {"encoder": lambda: vg.models.MLPEncoder(16, hidden=32, dim=16), "dim": 16}
run = vg.Run(vg.methods.BYOL(**small), data=rows, seed=0, batch=64, save=False, name="byol")
Cockpit(run, panels=("loss", "hypersphere", "spectrum"))
"""
OTHER = """
run = vg.Run(vg.methods.VICReg(**small), data=rows, seed=0, batch=64, save=False, name="vicreg")
Cockpit(run, panels=("loss",))
"""


def shown(cockpit: Locator) -> list[str]:
    return [found.inner_text() for found in cockpit.locator(".vg-control .vg-label").all()]


def sticks_out(opened: Notebook) -> int:
    """By how many pixels the cockpit, a control or its words are wider than the room they have."""
    found: int = opened.page.evaluate(
        """() => {
            const root = document.querySelector('.vergence');
            const all = [root, ...root.querySelectorAll('.vg-header, .vg-controls, .vg-control, .vg-control-top')];
            return Math.max(...all.map((one) => one.scrollWidth - one.clientWidth));
        }"""
    )
    return found


def test_a_methods_switch_is_turned_while_it_trains(server: Server, browser: Browser, pictures: Path) -> None:
    (server.root / "switch.ipynb").write_text(notebook(BEFORE, "run.start()", ASK))
    opened = Notebook(server, browser, "switch.ipynb", width=1400, height=1400)
    try:
        opened.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        opened.run(0)
        opened.ready()
        opened.run(1)
        opened.until(lambda: opened.step() > 10, "ten steps")
        cockpit = opened.cockpit
        assert shown(cockpit) == ["Learning rate", "Teacher EMA", "Predictor", "View strength"]

        predictor = cockpit.get_by_role("radiogroup", name="Predictor")
        predictor.get_by_role("radio", name="on").focus()
        opened.page.keyboard.press("ArrowRight")
        opened.until(lambda: "applied at step" in predictor.inner_text(), "the switch to be confirmed", 30)
        assert predictor.get_by_role("radio", name="off").is_checked()
        ema = cockpit.get_by_role("slider", name="Teacher EMA")
        ema.focus()
        ema.press("End")
        around = cockpit.locator("[data-control='ema']")
        opened.until(lambda: "applied at step" in around.inner_text(), "the momentum to be confirmed", 30)

        for width in (1400, 920):
            opened.page.set_viewport_size({"width": width, "height": 1400})
            opened.page.wait_for_timeout(400)
            assert sticks_out(opened) <= 2  # the padding of a number
        opened.screenshot(pictures / "switch-light-800.png")

        record = ask(opened)
        changes = [(step, data) for step, kind, data in record["events"] if kind == "control"]
        assert [(data["name"], data["old"], data["new"]) for _, data in changes] == [
            ("predictor", "on", "off"),
            ("ema", 0.99, 1.0),
        ]
        assert f"applied at step {changes[0][0]:,}" in predictor.inner_text()
        assert not opened.errors
    finally:
        opened.close()


@pytest.mark.slow
def test_a_term_of_the_loss_is_switched_off_by_its_slider(server: Server, browser: Browser) -> None:
    (server.root / "term.ipynb").write_text(notebook(BEFORE, OTHER, "run.start()", ASK))
    opened = Notebook(server, browser, "term.ipynb", width=1400, height=1400)
    try:
        opened.run(0)
        opened.run(1)
        opened.run(2)
        cockpit = opened.page.locator(".vergence[data-ready='true']").last
        opened.until(lambda: int(cockpit.get_attribute("data-step") or 0) > 10, "ten steps")
        slider = cockpit.get_by_role("slider", name="Covariance")
        places: list[float] = []
        for key, value in (("Home", "0"), ("ArrowRight", "0.01"), ("End", "10")):
            slider.focus()
            slider.press(key)
            around = cockpit.locator("[data-control='covariance']")
            opened.until(lambda around=around: "applied at step" in around.inner_text(), f"{key} to be confirmed", 30)
            assert slider.get_attribute("aria-valuenow") == value
            places.append(float(around.locator("circle.vg-thumb").get_attribute("cx") or "nan"))
        assert places == sorted(places)
        changes = [data["new"] for _, kind, data in ask(opened)["events"] if kind == "control"]
        assert changes == [0.0, 0.01, 10.0]
        assert not opened.errors
    finally:
        opened.close()
