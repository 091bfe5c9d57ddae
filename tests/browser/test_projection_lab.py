"""The map in JupyterLab: a run on emoji, drawn where its History says, and chosen from by hand and by keys."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Notebook, Server, notebook

pytestmark = pytest.mark.browser

LEARN = """
import vergence as vg
from vergence_widgets import Cockpit
run = vg.Run(vg.methods.SimCLR(temperature=0.2), data=vg.data.emoji(), seed=0, name="map")
Cockpit(run)
"""
ASK = """
import json
h = run.history
frame = h.frame("projection/z", h.frames("projection/z")[-1])
pictures, entry = h.arrays["reference/thumbnails"], h.static["reference"]
print("ANSWER" + json.dumps({
    "step": frame.step, "x": frame.arrays["x"].tolist(), "y": frame.arrays["y"].tolist(), "names": list(entry["names"]),
    "pictures": {i: pictures[i].reshape(-1).tolist() for i in range(0, len(pictures), 40)}, "label": entry["label"],
    "kinds": entry["factors"][entry["label"]], "kind": h.arrays["reference/factor/" + entry["label"]].tolist(),
}))
"""
CARD = """() => {
    const canvas = document.querySelector('.vg-card canvas.vg-tile');
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return [...data].filter((_, i) => i % 4 !== 3);
}"""


@pytest.fixture
def lab(server: Server, browser: Browser) -> Iterator[Notebook]:
    server.theme(dark=False)
    (server.root / "map.ipynb").write_text(notebook(LEARN, "run.start(steps=4000)", ASK, "run.pause()"))
    opened = Notebook(server, browser, "map.ipynb")
    opened.run(0)
    yield opened
    opened.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    opened.close()


@pytest.mark.slow
def test_a_run_on_emoji_is_mapped_as_its_history_says(lab: Notebook, pictures: Path) -> None:
    lab.ready()
    lab.run(1)
    lab.until(lambda: lab.step() > 25 and lab.drawn("projection")["step"] not in (None, 0), "a second map")
    lab.run(3)
    lab.until(lambda: lab.state() == "paused", "the pause")
    lab.page.wait_for_timeout(1000)
    drawn = lab.drawn("projection")
    panel = lab.page.locator("[data-panel=projection]")
    panel.scroll_into_view_if_needed()
    panel.screenshot(path=str(pictures / "map-lab-light-1280.png"))
    record = ask(lab, 2)
    assert drawn["step"] == record["step"]
    (series,) = [value for key, value in drawn["series"].items() if key.startswith("map/")]
    for axis in ("x", "y"):
        assert series[axis] == pytest.approx(record[axis], rel=1e-5, abs=1e-6)
    assert drawn["tools"]["pictured"]

    # The picture and the name under the pointer are those of the item with this index.
    box = panel.locator(".vg-plot").bounding_box()
    assert box is not None
    places = list(zip(drawn["tools"]["px"], drawn["tools"]["py"], strict=True))
    tried = 0
    for item in (int(key) for key in record["pictures"]):
        if sorted(math.dist(places[item], other) for other in places)[1] < 3:
            continue
        lab.page.mouse.move(box["x"] + places[item][0], box["y"] + places[item][1])
        lab.page.wait_for_selector(f".vg-card[data-item='{item}']:not([hidden])")
        assert panel.locator(".vg-card b").inner_text() == record["names"][item]
        assert record["kinds"][record["kind"][item]] in panel.locator(".vg-card").inner_text()
        assert lab.page.evaluate(CARD) == record["pictures"][str(item)]
        tried += 1
    assert tried >= 3

    # By keys alone: into the map, to a neighbour, its class, the gallery.
    panel.locator(".vg-plot").focus()
    for key in ("Enter", "ArrowRight", "a", "Enter"):
        lab.page.keyboard.press(key)
    tools = lab.drawn("projection")["tools"]
    kinds = {record["kind"][item] for item in tools["chosen"]}
    assert len(kinds) == 1
    assert len(tools["chosen"]) == record["kind"].count(kinds.pop())
    first = panel.locator(".vg-item").first
    assert first.inner_text().replace("\n", " ") == record["names"][tools["chosen"][0]]
    panel.screenshot(path=str(pictures / "map-lab-gallery-light-1280.png"))
    assert lab.state() == "paused"
    assert not lab.errors


def ask(opened: Notebook, index: int) -> dict[str, Any]:
    """What the kernel's History holds."""
    opened.run(index)
    text: str = opened.page.evaluate(
        """i => {
            const outputs = window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs;
            return Array.from({length: outputs.length}, (_, k) => outputs.get(k).toJSON().text ?? '').join('');
        }""",
        index,
    )
    found: dict[str, Any] = json.loads(text.partition("ANSWER")[2])
    return found
