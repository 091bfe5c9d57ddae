"""The spectrum panel in a real JupyterLab: what is drawn equals the History, in light and dark, wide and narrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Notebook, Server, notebook

pytestmark = pytest.mark.browser

TRAIN = """
import torch
import vergence as vg
from vergence_widgets import Cockpit
torch.manual_seed(0)
rows = torch.randn(512, 16) * torch.linspace(1, 0.05, 16)
method = vg.methods.SimCLR(temperature=0.2)
run = vg.Run(method, data=rows, seed=0, batch=64, name="<b>spectra</b>", save=False, every=5)
run.start(steps=60)
run.wait()
Cockpit(run)
"""
ASK = """
import json
def kept(place):
    history = run.history
    ranks = history.scalar(f"spectrum/{place}/rank")
    frame = history.frame(f"spectrum/{place}")
    return {
        "rank": [ranks.steps.tolist(), ranks.values.tolist()], "ceiling": history.last(f"spectrum/{place}/ceiling"),
        "frames": history.frames(f"spectrum/{place}"), "singular": frame.arrays["singular"].tolist(),
        "isotropic": frame.arrays["ceiling"].tolist(), "step": frame.step, "meta": frame.meta,
    }
print("ANSWER" + json.dumps({place: kept(place) for place in ("z", "h")}))
"""
COLOURS = """() => {
    const canvas = document.querySelector("section[data-panel='spectrum'] canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) {
        const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
        if (data[i + 3] === 255 && Math.max(r, g, b) - Math.min(r, g, b) > 40) seen.add(`${r} ${g} ${b}`);
    }
    return seen.size;
}"""


def answer(opened: Notebook, index: int) -> dict[str, Any]:
    opened.run(index)
    text: str = opened.page.evaluate(
        """(i) => {
            const outputs = window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs;
            let text = '';
            for (let k = 0; k < outputs.length; k++) text += outputs.get(k).toJSON().text ?? '';
            return text;
        }""",
        index,
    )
    found: dict[str, Any] = json.loads(text.partition("ANSWER")[2])
    return found


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 800)])
def test_what_is_drawn_is_what_was_recorded(
    server: Server, browser: Browser, pictures: Path, dark: bool, width: int
) -> None:
    server.theme(dark)
    (server.root / "spectrum.ipynb").write_text(notebook(TRAIN, ASK))
    opened = Notebook(server, browser, "spectrum.ipynb", width=width + 120, height=2400)
    try:
        opened.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        opened.run(0)
        opened.ready()
        section = opened.page.locator("section[data-panel='spectrum']")
        opened.until(lambda: section.get_attribute("data-state") == "stopped", "the spectrum to be drawn", 30)
        record = answer(opened, 1)
        z, h = record["z"], record["h"]
        drawn = opened.drawn("spectrum")
        series = drawn["series"]

        assert drawn["step"] == z["step"] == 60
        rank = z["rank"][1][-1]
        assert drawn["headline"]["text"] == (f"{rank:.1f}" if rank < 9.95 else f"{rank:.0f}")
        assert drawn["headline"]["reference"] == f"ceiling {z['ceiling']:.0f}"
        assert series["strip/effective_rank"]["x"] == pytest.approx(z["rank"][0], abs=1e-3)
        assert series["strip/effective_rank"]["y"] == pytest.approx(z["rank"][1], rel=1e-4)
        assert series["strip/ceiling"]["y"] == pytest.approx([z["ceiling"]] * 2, rel=1e-5)
        assert series["strip/singular_values"]["x"] == pytest.approx(z["frames"], abs=1e-3)
        assert opened.page.evaluate(COLOURS) > 20
        for key, place, values in (("z_now", z, "singular"), ("isotropic", z, "isotropic"), ("h_now", h, "singular")):
            truth = place[values][: len(z["singular"])]
            curve = series[f"curves/{key}"]
            assert curve["x"] == pytest.approx(list(range(1, len(truth) + 1)), abs=1e-3)
            for drawn_value, value in zip(curve["y"], truth, strict=True):
                if drawn_value is None:
                    assert value <= place["meta"]["floor"]
                else:
                    assert drawn_value == pytest.approx(value, rel=1e-4)

        words = {entry["text"]: entry for entry in drawn["words"]}
        assert "effective rank" in words
        assert all(entry["clear"] for entry in drawn["words"]), [w for w in drawn["words"] if not w["clear"]]
        section.screenshot(path=str(pictures / f"spectrum-{'dark' if dark else 'light'}-{width}.png"))

        # The crosshair names the step; the table has both places.
        plot = section.locator(".vg-plot")
        box = plot.bounding_box()
        assert box is not None
        opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
        opened.until(lambda: "step " in section.locator(".vg-readout").inner_text(), "the readout", 10)
        section.get_by_role("button", name="Table").click()
        table = section.locator("table").inner_text()
        assert "rank, mean removed" in table
        assert [row.split()[0] for row in table.splitlines() if row.split()[:1] in (["z"], ["h"])] == ["z", "h"]
        assert not opened.errors
    finally:
        opened.close()
        server.theme(False)
