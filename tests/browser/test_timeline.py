"""Through the record and back on a live run, by the keyboard; two runs in the same axes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.lab import Notebook, Server, notebook

pytestmark = pytest.mark.browser

LIVE = """
import threading, time, torch
from tests.panels import story
from vergence_widgets import Cockpit
whole, shown = story.simclr(900), story.simclr(300, every=6)
class Subject: pass
subject = Subject(); subject.history = shown
shown.describe(name="emoji-simclr-07")
def train():
    for step in range(301, 901):
        shown.now = time.time()
        shown.add_scalars(step, {key: whole.scalar(key).at(step) for key in ("loss", "loss/floor")})
        if step == 620:
            shown.add_event("control", 620, name="temperature", old=0.5, new=0.2, label="τ 0.5 → 0.2", state="applied")
        if step % 6 == 0:
            frame = whole.frame("similarity/z", step)
            shown.add_frames(step, {"similarity/z": (frame.arrays, frame.meta)})
            keys = [key for key in whole.scalar_keys() if key.startswith(("similarity/", "hypersphere/"))]
            shown.add_scalars(step, {key: whole.scalar(key).at(step) for key in keys})
        time.sleep(0.05)
    shown.set_state("finished")
threading.Thread(target=train, daemon=True).start()
cockpit = Cockpit(subject); cockpit
"""
ASK = """
import json
from vergence.record.until import Until
from vergence_widgets.panels import every
def told(step):
    past = every(Until(shown, step), live=False)
    loss, scalar = past["loss"], shown.scalar("loss")
    return {
        "loss": scalar.at(step), "texts": {noun: panel.headline.text for noun, panel in past.items() if panel.headline},
        "steps": {noun: panel.step for noun, panel in past.items()},
    }
print("ANSWER" + json.dumps({str(step): told(step) for step in STEPS}))
"""
TWO = """
from tests.panels import story
from vergence_widgets import Cockpit
one, two = story.simclr(1482), story.simclr(1200)
one.describe(name="emoji-simclr-07"); two.describe(name="emoji-simclr-06")
for key in ("loss", "hypersphere/z/alignment"):
    two._columns[key].values *= 0.85
one.add_event("mark", 1290, what="rank", text="the rank falls")
one.set_state("finished"); two.set_state("finished")
Cockpit(one, compare=two)
"""
THREE = ("loss", "similarity", "hypersphere")


@pytest.fixture
def opened(server: Server, browser: Browser) -> Iterator[Any]:
    books: list[Notebook] = []

    def open_(name: str, *cells: str, width: int = 1280, dark: bool = False) -> Notebook:
        server.theme(dark=dark)
        root = str(Path(__file__).parents[2])
        (server.root / name).write_text(notebook(f"import sys; sys.path.insert(0, {root!r})", *cells))
        books.append(Notebook(server, browser, name, width=width, height=1700))
        return books[-1]

    yield open_
    for book in books:
        book.close()


def slider(book: Notebook) -> Locator:
    return book.cockpit.get_by_role("slider", name="Step that every panel shows")


def at(book: Notebook) -> int | None:
    """The step that the kernel has said every panel shows."""
    found = book.cockpit.locator(".vg-timeline").get_attribute("data-at") or ""
    return int(found) if found else None


def ask(book: Notebook, index: int) -> dict[str, Any]:
    book.run(index)
    text: str = book.page.evaluate(
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


def test_back_and_forth_on_a_live_run_by_the_keyboard(opened: Any, pictures: Path) -> None:
    book = opened("timeline.ipynb", LIVE, ASK.replace("STEPS", "(150, 294, 300)"))
    book.run(0)
    book.run(1)
    book.ready()
    book.until(lambda: book.step() > 320 and book.state() == "live", "the run to go on")
    line = slider(book)
    line.focus()
    line.press("Home")
    book.until(lambda: at(book) == 1, "the first step")
    for _ in range(5):
        line.press("Shift+ArrowRight")
    # Ten recorded steps each: 1, then every sixth.
    book.until(lambda: at(book) == 300, "the fiftieth recorded step")
    line.press("ArrowLeft")
    book.until(lambda: at(book) == 294, "one notch back")
    drawn = {294: {noun: book.drawn(noun) for noun in THREE}}
    held = book.step()

    # Live goes on behind it, and has lost its colour.
    book.until(lambda: book.step() > held, "the header to go on")
    assert at(book) == 294
    assert all(book.drawn(noun)["step"] == 294 for noun in THREE)
    assert book.button("Live").get_attribute("aria-pressed") == "false"
    assert "vg-on" not in (book.button("Live").get_attribute("class") or "")
    book.screenshot(pictures / "timeline-past-light-1280.png")

    # Any place by the mouse.
    box = line.bounding_box()
    assert box
    inner = box["width"] - 18
    book.page.mouse.click(box["x"] + 9 + inner * 150 / 2000, box["y"] + 21)
    book.until(lambda: at(book) == 150, "the step under the pointer")
    drawn[150] = {noun: book.drawn(noun) for noun in THREE}
    told = ask(book, 2)
    for step, panels in drawn.items():
        truth = told[str(step)]
        raw = panels["loss"]["series"]["loss/raw"]
        assert raw["x"][-1] == pytest.approx(step, abs=0.5)
        assert raw["y"][-1] == pytest.approx(truth["loss"], abs=0.03)
        for noun, panel in panels.items():
            assert panel["headline"]["text"] == truth["texts"][noun], (step, noun)
            assert panel["step"] == truth["steps"][noun]
            assert panel["state"] == "stopped"

    # It plays, holds, and L is live again, from wherever the focus is.
    book.button("Play").click()
    book.until(lambda: (at(book) or 0) > 170, "a few pictures")
    book.button("Hold").click()
    book.cockpit.locator("section[data-panel='loss']").focus()
    book.page.keyboard.press("l")
    book.until(lambda: at(book) is None, "live")
    book.until(lambda: book.drawn("loss")["state"] == "live" and book.drawn("loss")["step"] > held, "the newest step")
    assert book.button("Live").get_attribute("aria-pressed") == "true"
    assert not book.errors


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (880, True)])
def test_two_ended_runs_in_the_same_axes(opened: Any, pictures: Path, width: int, dark: bool) -> None:
    book = opened(f"compare-{width}.ipynb", TWO, width=width, dark=dark)
    book.run(0)
    book.run(1)
    book.ready()
    name = f"compare-{'dark' if dark else 'light'}-{width}"
    assert "emoji-simclr-06" in book.cockpit.locator(".vg-timeline").inner_text()
    series = book.drawn("loss")["series"]
    assert series["loss/ghost"]["x"][-1] == pytest.approx(1200, abs=1)
    assert series["loss/mean"]["x"][-1] == pytest.approx(1482, abs=1)
    book.screenshot(pictures / f"{name}.png")

    # Through the events: the mark, the change of the learning rate, the change of temperature; and on again.
    book.cockpit.locator("section[data-panel='loss']").focus()
    for step in (1482, 1290, 1204, 620):
        book.page.keyboard.press("[")
        book.until(lambda step=step: at(book) == step, f"the event at {step}")
    drawn = book.drawn("loss")
    assert drawn["step"] == 620
    assert drawn["series"]["loss/ghost"]["x"][-1] == pytest.approx(620, abs=1)
    book.screenshot(pictures / f"{name}-past.png")
    book.page.keyboard.press("]")
    book.until(lambda: at(book) == 1204, "the next event")
    book.button("Newest").click()
    book.until(lambda: at(book) is None, "the newest step")

    # One panel less, kept for the next time.
    book.page.keyboard.press("?")
    book.cockpit.locator(".vg-help").get_by_label("hypersphere", exact=True).uncheck()
    book.until(lambda: book.cockpit.locator("section[data-panel='hypersphere']").count() == 0, "the panel to go")
    book.screenshot(pictures / f"{name}-keys.png")
    assert not book.errors
