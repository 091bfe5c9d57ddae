"""Findings in a real JupyterLab: a fault that is put in while it trains is found, shown, mended, and gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Notebook, Server, notebook
from tests.browser.test_cockpit import ASK, ask

pytestmark = pytest.mark.browser

BEFORE = """
import torch
import vergence as vg
from vergence.diagnosis import Remedy, Rule, Sign
from vergence_widgets import Cockpit

torch.set_num_threads(1)
RULES = (
    Rule(
        name="unpaired positives", severity="failure", source="made for this test",
        says="Your positives are no nearer than negatives: AUC {similarity/z/auc}, chance 0.5.",
        signs=(Sign("similarity/z/auc", "AUC of z", healthy=(0.9, None), below=0.7),),
        remedies=(Remedy("Check that both views come from the same item."),),
    ),
    Rule(
        name="learning rate too high", severity="warning", source="made for this test",
        says="Your learning rate is {learning_rate}.",
        signs=(Sign("learning_rate", "learning rate", healthy=(None, 0.1), above=0.5),),
        remedies=(Remedy("Set the learning rate to 0.02.", control="learning_rate", value=0.02),), hold=1,
    ),
)
generator = torch.Generator().manual_seed(0)
labels = torch.arange(256) % 8
items = torch.randn(8, 16, generator=generator)[labels] + 0.4 * torch.randn(256, 16, generator=generator)

def views(x, generator):
    return x + 0.05 * torch.randn(x.shape, generator=generator)

encoder = vg.models.MLPEncoder(16, hidden=32, dim=16)
method = vg.methods.SimCLR(encoder=encoder, dim=16, views=views, learning_rate=0.02)
run = vg.Run(method, data=(items, labels), batch=64, save=False)
run.observer.diagnosing.rules = RULES
Cockpit(run, panels=("loss", "similarity", "spectrum"))
"""
PUT_IN = 'fault = vg.lab.inject(run, "shuffled pairs")'
TAKEN_OUT = "fault.withdraw()"
TOO_HIGH = "run.set(learning_rate=1.0)"
STRIP = ".vg-findings"


def strip(opened: Notebook) -> str:
    found: str = opened.cockpit.locator(STRIP).inner_text()
    return found.replace("\n", " ")


def findings(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(data["name"], data["state"]) for _, kind, data in record["events"] if kind == "finding"]


@pytest.mark.slow
def test_a_fault_is_found_shown_mended_and_gone(server: Server, browser: Browser, pictures: Path) -> None:
    cells = (BEFORE, "run.start()", PUT_IN, TAKEN_OUT, TOO_HIGH, ASK)
    (server.root / "findings.ipynb").write_text(notebook(*cells))
    opened = Notebook(server, browser, "findings.ipynb", width=1500, height=1500)
    try:
        opened.run(0)
        opened.ready()
        opened.run(1)
        opened.until(lambda: "Nothing found; 2 checks." in strip(opened), "the checks to be counted")

        opened.run(2)
        opened.until(lambda: "no nearer than negatives" in strip(opened), "the fault to be found")
        opened.screenshot(pictures / "findings-lab-found.png")
        similarity = opened.cockpit.locator("[data-panel=similarity]")
        assert similarity.get_attribute("data-evidence") == "unpaired positives"
        assert opened.cockpit.locator("[data-panel=spectrum]").get_attribute("data-evidence") is None
        chip = opened.cockpit.locator(".vg-chip", has_text="similarity")
        step = int(chip.get_attribute("data-step") or 0)
        assert step > 0
        chip.click()
        opened.until(lambda: similarity.get_attribute("data-state") == "stopped", "the panel to show the past")
        shown = opened.drawn("similarity")
        assert shown["step"] == step
        assert "Failure since step" in strip(opened), "it stood there then"
        opened.cockpit.locator(".vg-timeline").get_by_role("button", name="Live").click()
        record = ask(opened)
        auc = dict(zip(*record["scalars"]["similarity/z/auc"].values(), strict=True))
        assert shown["headline"]["text"] == f"{auc[step]:.3f}"

        opened.run(3)
        opened.until(lambda: "Nothing found" in strip(opened), "the finding to close")

        opened.run(4)
        remedy = opened.cockpit.get_by_role("button", name="Set learning rate to 0.02")
        opened.until(lambda: remedy.is_visible(), "the remedy to be offered")
        opened.cockpit.locator("[data-panel=loss]").focus()
        opened.page.keyboard.press("f")
        opened.page.keyboard.press("Tab")
        opened.page.keyboard.press("Tab")
        opened.page.keyboard.press("Enter")
        opened.until(lambda: "applied at step" in strip(opened), "the remedy to be confirmed")
        opened.screenshot(pictures / "findings-lab-applied.png")
        opened.until(lambda: "Nothing found" in strip(opened), "the finding to close")

        record = ask(opened)
        assert findings(record) == [
            ("unpaired positives", "opened"),
            ("unpaired positives", "closed"),
            ("learning rate too high", "opened"),
            ("learning rate too high", "closed"),
        ]
        assert record["scalars"]["learning_rate"]["values"][-1] == 0.02
        changes = [data for _, kind, data in record["events"] if kind == "control"]
        assert changes[-1]["source"] == "cockpit"
        assert not opened.errors
    finally:
        opened.close()
