"""The cockpit in a real JupyterLab: what is drawn equals the History, and every control does what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Notebook, Server, notebook

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
FIRST = ROOT / "notebooks" / "00_start_here.ipynb"
NEWEST = {"loss": "loss", "similarity": "similarity/z/auc", "hypersphere": "hypersphere/z/alignment"}
ASK = """
import json
def series(key):
    found = run.history.scalar(key)
    return {"steps": found.steps.tolist(), "values": [None if v != v else v for v in found.values.tolist()]}
answer = {
    "state": run.state, "step": run.steps_done, "directory": str(run.directory),
    "scalars": {key: series(key) for key in run.history.scalar_keys()},
    "frames": {str(step): {name: array.tolist() for name, array in frame.arrays.items()}
               for step in run.history.frames("similarity/z") for frame in [run.history.frame("similarity/z", step)]},
    "events": [[event.step, event.kind, event.data] for event in run.history.events()],
}
print("ANSWER" + json.dumps(answer, default=str))
"""


def with_question(path: Path) -> str:
    """The first notebook, and a last cell by which the test asks the kernel for its History."""
    made = json.loads(path.read_text())
    made["cells"].append(
        {"cell_type": "code", "id": "ask", "metadata": {}, "execution_count": None, "outputs": [], "source": ASK}
    )
    return json.dumps(made)


def ask(opened: Notebook) -> dict[str, Any]:
    """The kernel's own record, by running the last cell."""
    last = opened.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length") - 1
    opened.run(last)
    text: str = opened.page.evaluate(
        """(i) => {
            const outputs = window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs;
            let text = '';
            for (let k = 0; k < outputs.length; k++) text += outputs.get(k).toJSON().text ?? '';
            outputs.clear();  // the answer is the test's, and must not count as the notebook's
            return text;
        }""",
        last,
    )
    found: dict[str, Any] = json.loads(text.partition("ANSWER")[2])
    return found


@pytest.fixture
def first(server: Server, browser: Browser) -> Iterator[Notebook]:
    server.theme(dark=False)
    (server.root / "00_start_here.ipynb").write_text(with_question(FIRST))
    opened = Notebook(server, browser, "00_start_here.ipynb")
    yield opened
    opened.close()


def test_the_first_notebook_is_watched_steered_and_kept(
    first: Notebook, server: Server, browser: Browser, pictures: Path
) -> None:
    first.run_all()
    first.ready()
    first.until(lambda: first.step() >= 3 and first.state() == "live", "the first steps")
    for noun in ("loss", "similarity", "hypersphere"):
        first.until(
            lambda noun=noun: first.page.locator(f"section[data-panel='{noun}']").get_attribute("data-state") == "live",
            f"the {noun} panel to be live",
        )

    # The temperature slider, moved while it trains, is applied and confirmed.
    slider = first.cockpit.get_by_role("slider", name="Temperature").first
    slider.focus()
    slider.press("ArrowLeft")
    first.until(lambda: "applied at step" in first.cockpit.inner_text(), "the temperature to be confirmed", 30)

    # Pause stops the counter, step advances it by one.
    first.button("Pause").click()
    first.until(lambda: first.state() == "paused", "the pause")
    held = first.step()
    first.page.wait_for_timeout(1500)
    assert first.step() == held
    first.button("Step").click()
    first.until(lambda: first.step() == held + 1, "one step")
    first.page.wait_for_timeout(1000)
    assert first.step() == held + 1
    assert first.state() == "paused"

    # What is drawn, read back from the page, equals the History, once what the step left has been measured and sent.
    record = ask(first)
    assert record["step"] == held + 1
    newest = {noun: record["scalars"][key]["steps"][-1] for noun, key in NEWEST.items()}
    first.until(lambda: {noun: first.drawn(noun)["step"] for noun in NEWEST} == newest, f"panels at {newest}", 15)
    drawn = {noun: first.drawn(noun) for noun in NEWEST}
    first.screenshot(pictures / "live-light-1280.png")
    check_loss(drawn["loss"], record)
    check_similarity(drawn["similarity"], record)
    check_hypersphere(drawn["hypersphere"], record)

    # The control was applied at the step that the mark and the note name.
    changes = [(step, data) for step, kind, data in record["events"] if kind == "control"]
    assert len(changes) == 1
    assert changes[0][1]["state"] == "applied"
    assert f"applied at step {changes[0][0]:,}" in first.cockpit.inner_text()
    assert changes[0][1]["new"] < 0.2

    # Stop freezes: the widget gives way to a still picture that needs no kernel.
    first.button("Stop").click()
    first.until(lambda: first.page.locator(".vergence").count() == 0, "the still picture", 60)
    assert not first.errors
    first.page.wait_for_selector(STILL["image/png"])
    saved = first.save()
    assert saved.stat().st_size <= 150_000
    check_reopened(server, browser, saved.name, "image/png", pictures)


@pytest.mark.slow
def test_a_few_panels_are_kept_as_numbers_too(server: Server, browser: Browser, pictures: Path) -> None:
    few = 'Cockpit(run, panels=("loss", "similarity", "hypersphere"))'
    (server.root / "few.ipynb").write_text(notebook(SMALL, few, "run.start(steps=60)"))
    opened = Notebook(server, browser, "few.ipynb")
    try:
        for cell in range(3):
            opened.run(cell)
        opened.until(lambda: opened.page.locator(".vergence").count() == 0, "the still picture", 90)
        # The pointer passes over it, where JupyterLab's renderer would put a snapshot of its own in the PNG's place.
        opened.page.locator(".jp-RenderedPlotly").first.hover()
        opened.page.wait_for_selector(".js-plotly-plot")
        opened.page.wait_for_timeout(3000)
        saved = opened.save()
        assert saved.stat().st_size <= 150_000
    finally:
        opened.close()
    check_reopened(server, browser, saved.name, "application/vnd.plotly.v1+json", pictures)


def check_loss(drawn: dict[str, Any], record: dict[str, Any]) -> None:
    loss = record["scalars"]["loss"]
    assert drawn["step"] == loss["steps"][-1]
    curves = [value for key, value in drawn["series"].items() if key.endswith(("/raw", "/loss"))]
    assert curves, list(drawn["series"])
    truth = dict(zip(loss["steps"], loss["values"], strict=True))
    checked = 0
    for x, y in zip(curves[0]["x"], curves[0]["y"], strict=True):
        if y is not None:
            assert y == pytest.approx(truth[round(x)], rel=1e-5)
            checked += 1
    assert checked >= 3
    assert drawn["headline"]["text"] == f"{loss['values'][-1]:.2f}"


def check_similarity(drawn: dict[str, Any], record: dict[str, Any]) -> None:
    step = str(drawn["step"])
    assert step in record["frames"]
    auc = record["scalars"]["similarity/z/auc"]
    assert drawn["headline"]["text"] == f"{auc['values'][-1]:.3f}"
    for sign in ("positive", "negative"):
        curve = next(value for key, value in drawn["series"].items() if key.split("/")[-1].startswith(sign))
        counts = record["frames"][step][sign]
        total = sum(counts)
        # The area under what is drawn, and its centre, are those of the counted cosines.
        xs, ys = curve["x"], [y or 0.0 for y in curve["y"]]
        width = xs[1] - xs[0]
        area = sum(ys) * width
        assert area == pytest.approx(1.0, abs=0.03)
        centre = sum(x * y for x, y in zip(xs, ys, strict=True)) * width / area
        truth = sum((-1 + (i + 0.5) * 2 / 512) * count for i, count in enumerate(counts)) / total
        assert centre == pytest.approx(truth, abs=0.02)


def check_hypersphere(drawn: dict[str, Any], record: dict[str, Any]) -> None:
    alignment = record["scalars"]["hypersphere/z/alignment"]
    uniformity = record["scalars"]["hypersphere/z/uniformity"]
    points = next(
        value for key, value in drawn["series"].items() if "points" in key or "trajectory" in key or "path" in key
    )
    assert points["x"][-1] == pytest.approx(alignment["values"][-1], rel=1e-5)
    assert points["y"][-1] == pytest.approx(uniformity["values"][-1], rel=1e-5)


STILL = {
    "image/png": ".jp-RenderedImage img[src^='data:image/png']",
    "application/vnd.plotly.v1+json": ".jp-RenderedPlotly img.plot-img[src^='data:image/png']",
}


def check_reopened(server: Server, browser: Browser, name: str, kind: str, pictures: Path) -> None:
    """The saved notebook with its kernel gone."""
    stored = json.loads((server.root / name).read_text())
    kinds = {kind for cell in stored["cells"] for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert {kind, "image/png"} <= kinds
    assert "application/vnd.jupyter.widget-view+json" not in kinds
    stored["metadata"].pop("kernelspec", None)
    (server.root / "kept.ipynb").write_text(json.dumps(stored))
    again = Notebook(server, browser, "kept.ipynb", kernel=False)
    try:
        again.page.wait_for_selector(STILL[kind])
        if kind != "image/png":
            again.page.locator(".jp-RenderedPlotly").first.hover()
            again.page.wait_for_selector(".js-plotly-plot .main-svg")
        again.page.wait_for_timeout(1000)
        text = again.page.locator(".jp-NotebookPanel").inner_text().lower()
        assert "model not found" not in text
        again.page.screenshot(path=str(pictures / f"kept-{'png' if kind == 'image/png' else 'plotly'}-light-1280.png"))
    finally:
        again.close()


SMALL = """
import torch
import vergence as vg
from vergence_widgets import Cockpit, watch
torch.manual_seed(0)
rows = torch.randn(512, 16)
run = vg.Run(vg.methods.SimCLR(temperature=0.2), data=rows, seed=0, batch=64, name="small")
"""


@pytest.fixture
def small(server: Server, browser: Browser) -> Iterator[Notebook]:
    server.theme(dark=False)
    (server.root / "small.ipynb").write_text(
        notebook(SMALL, "cockpit = Cockpit(run)\ncockpit", "run.start()", "run.start(steps=8000)", "cockpit", ASK)
    )
    opened = Notebook(server, browser, "small.ipynb", height=3000)
    opened.run(0)
    yield opened
    opened.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    opened.close()


@pytest.mark.slow
def test_eight_thousand_fast_steps_leave_the_page_current(small: Notebook) -> None:
    small.run(1)
    small.ready()
    small.run(3)  # returns at once; the run goes as fast as it can
    small.until(lambda: small.step() > 200, "some hundred steps")
    small.button("Pause").click()
    small.until(lambda: small.state() == "paused", "the pause")
    record = ask(small)
    small.until(lambda: small.step() == record["step"], "the last step on the page", 2)
    small.button("Resume").click()
    small.until(lambda: small.page.locator(".vergence").count() == 0, "the end of 8,000 steps", 240)
    record = ask(small)
    assert record["state"] == "finished"
    assert record["step"] == 8000
    kept = small.page.evaluate(
        "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.widgets[1].model.outputs.toJSON())"
    )
    assert "step 8,000" in kept
    assert not small.errors


@pytest.mark.slow
def test_a_reload_and_a_second_view_show_the_same_run(small: Notebook) -> None:
    small.run(1)
    small.run(2)
    small.ready()
    small.until(lambda: small.step() > 5, "first steps")
    small.run(4)  # a second view of the same cockpit
    small.until(lambda: small.page.locator(".vergence[data-ready='true']").count() == 2, "two views")
    steps = small.page.eval_on_selector_all(".vergence", "all => all.map(one => Number(one.dataset.step))")
    assert min(steps) > 0
    small.save()
    small.page.reload()
    small.page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    small.ready()
    before = small.step()
    small.until(lambda: small.step() > before, "steps after the reload")
    # An output that was loaded from the saved file has lost the id by which it could be replaced: it says so.
    small.button("Stop").click()
    small.until(lambda: small.state() == "stopped", "the stopped state")
    small.until(lambda: "report.html in runs/" in small.cockpit.inner_text(), "where the picture is", 30)


def test_a_closed_tab_leaves_the_run_alone(small: Notebook, server: Server, browser: Browser) -> None:
    small.run(1)
    small.run(2)
    small.ready()
    small.until(lambda: small.step() > 5, "first steps")
    small.save()
    small.page.goto("about:blank")
    small.page.wait_for_timeout(3000)
    small.open()
    record = ask(small)
    assert record["state"] == "live"
    assert record["step"] > 50
    assert not [event for event in record["events"] if event[1] == "failed"]


LOOP = """
import torch
from torch import nn
from vergence_widgets import watch
from vergence.losses import NTXent
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32))
optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
criterion = NTXent(temperature=0.2)
rows = torch.randn(512, 16)
"""
TRAIN = """
import time
for step in range(400):
    x = rows[torch.randperm(512)[:64]]
    z1, z2 = model(x + 0.1 * torch.randn_like(x)), model(x + 0.1 * torch.randn_like(x))
    loss = criterion(z1, z2)
    loss.backward()
    m.step(z1, z2, loss=loss)
    optimiser.step()
    optimiser.zero_grad()
    time.sleep(0.03)
"""


def test_somebodys_own_loop_is_watched_while_its_cell_runs(server: Server, browser: Browser, pictures: Path) -> None:
    (server.root / "loop.ipynb").write_text(
        notebook(LOOP, "m = watch(model, objective=criterion, optimiser=optimiser)", TRAIN)
    )
    opened = Notebook(server, browser, "loop.ipynb", height=2400)
    try:
        opened.run(0)
        opened.run(1)
        opened.ready()
        opened.run(2, wait=False)
        opened.until(lambda: opened.step() > 10, "steps while the cell runs")
        assert not opened.done(2)
        opened.until(lambda: "all controls work" in opened.cockpit.inner_text(), "the header to say that controls work")
        slider = opened.cockpit.get_by_role("slider", name="Temperature").first
        slider.focus()
        slider.press("ArrowLeft")
        opened.until(lambda: "applied at step" in opened.cockpit.inner_text(), "the temperature to be confirmed", 30)
        assert not opened.done(2)
        opened.screenshot(pictures / "own-loop-light-1280.png")
        opened.until(lambda: opened.done(2), "the cell to end", 120)
        opened.until(lambda: opened.page.locator(".vergence").count() == 0, "the still picture", 60)
        assert not opened.errors
    finally:
        opened.close()


@pytest.mark.parametrize(("dark", "width"), [(False, 800), (True, 1280), (True, 800)])
def test_pictures_in_both_themes_and_widths(
    server: Server, browser: Browser, pictures: Path, dark: bool, width: int
) -> None:
    """Saved to be looked at; here only what a machine can see: nothing sticks out, and the theme is the page's."""
    server.theme(dark)
    (server.root / "look.ipynb").write_text(notebook(SMALL, "Cockpit(run)", "run.start()", "run.stop()"))
    # The notebook's own frame takes about 240 px; the cockpit is to be `width` wide.
    opened = Notebook(server, browser, "look.ipynb", width=width + 120, height=2400)
    try:
        opened.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        opened.run(0)
        opened.run(1)
        opened.ready()
        opened.run(2)
        opened.until(lambda: opened.step() > 60, "sixty steps")
        opened.screenshot(pictures / f"live-{'dark' if dark else 'light'}-{width}.png")
        wide = opened.page.evaluate(
            "() => { const root = document.querySelector('.vergence'); return root.scrollWidth - root.clientWidth; }"
        )
        assert wide <= 0
        ground = opened.page.evaluate("() => getComputedStyle(document.body).getPropertyValue('--jp-layout-color0')")
        assert opened.cockpit.get_attribute("data-scheme") == ("dark" if dark else "light"), ground
        opened.run(3)
        assert not opened.errors
    finally:
        opened.close()
        server.theme(False)
