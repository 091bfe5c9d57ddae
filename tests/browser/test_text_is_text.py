"""Names and labels that people give are shown letter by letter, wherever they turn up, and never run or set."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly
import pytest
from playwright.sync_api import Browser, Page

from tests.browser import wicked
from tests.browser.lab import Notebook, Server, notebook
from vergence_widgets import figure, header
from vergence_widgets.draw import plotly_pen
from vergence_widgets.panels import PANELS, every

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
NOTHING = {"pwned": None, "planted": 0}
BESIDE = "[...document.querySelectorAll('.vg-readout, .hoverlayer')].map(node => node.textContent).filter(Boolean)"
HOST = "document.querySelector('.vergence')"
SETUP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.browser import wicked
from vergence_widgets import Cockpit
monitor = wicked.made("runs")
"""
# Of the History alone: a Monitor whose cell has ended is finished, and a still picture at once.
SHOW = "Cockpit(monitor.history)"
FEW = 'Cockpit(monitor.history, panels=("loss", "projection", "probes"))'
"""So few are kept as plotly, too."""


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run with its report, in a folder whose name is a trap."""
    folder = tmp_path_factory.mktemp("runs") / wicked.IMAGE
    monitor = wicked.made(folder)
    report = monitor.close()
    assert report is not None
    return monitor, report


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    opened = context.new_page()
    opened.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    yield opened
    context.close()


def told(page: Page) -> str:
    """All that the cockpit says: in the page, in its tables, in drawings, in what is read out and shown on hover."""
    said: list[str] = page.evaluate(
        f"""() => {{
            const root = {HOST};
            const said = [root.textContent];
            for (const one of root.querySelectorAll('*'))
                for (const name of ['title', 'aria-label', 'aria-description', 'aria-valuetext', 'alt'])
                    if (one.hasAttribute(name)) said.push(one.getAttribute(name));
            for (const panel of root.querySelectorAll('[data-panel]'))
                for (const word of root.vergence.drawn(panel.dataset.panel)?.words ?? []) said.push(word.text);
            return said;
        }}"""
    )
    return "\n".join(said)


def wander(page: Page, selector: str, steps: int = 5) -> str:
    """The pointer over everything drawn; what was said beside it."""
    said: set[str] = set()
    places = page.locator(selector)
    for number in range(places.count()):
        box = page.evaluate(
            """([selector, number]) => {
                const place = document.querySelectorAll(selector)[number];
                place.scrollIntoView({block: 'center'});
                const {x, y, width, height} = place.getBoundingClientRect();
                return {x, y, width, height};
            }""",
            [selector, number],
        )
        if box["width"] < 20:
            continue
        for across in range(steps):
            for down in range(steps):
                x = box["x"] + box["width"] * (across + 0.5) / steps
                page.mouse.move(x, box["y"] + box["height"] * (down + 0.5) / steps)
                said.update(page.evaluate(BESIDE))
    return "\n".join(sorted(said))


def check_cockpit(page: Page) -> None:
    """Everything that a name can reach, opened; nothing ran, and the names stand there as they were given."""
    hovered = wander(page, ".vergence [data-panel] .vg-plot")
    page.locator("[data-panel]").first.focus()
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    for panel in page.locator("[data-panel]").all():
        panel.focus()
        page.keyboard.press("t")
    page.wait_for_timeout(300)
    said = told(page)
    assert page.evaluate(wicked.FOUND) == NOTHING
    for trap in (wicked.IMAGE, wicked.TRAPS[1]):  # the run's name, its folder, its module; the mark
        assert trap in said
    # Names of classes and factors, in legends, tables, tools or beside the pointer. Long ones may be cut short.
    for trap in wicked.TRAPS[2:6]:
        assert trap[:9] in said + hovered, trap
    for panel in page.locator("[data-panel]").all():
        panel.focus()
        page.keyboard.press("t")


def test_in_jupyterlab_live_and_kept(server: Server, browser: Browser, pictures: Path) -> None:
    server.theme(dark=False)
    (server.root / "wicked.ipynb").write_text(notebook(SETUP, SHOW, FEW, "monitor.loop_ended()"))
    opened = Notebook(server, browser, "wicked.ipynb", height=2600)
    try:
        opened.run(0)
        opened.run(1)
        opened.ready()
        opened.until(lambda: opened.state() == "live", "the run to be shown")
        opened.page.wait_for_timeout(1500)
        opened.screenshot(pictures / "wicked-live.png")
        assert wicked.CONTROL in opened.cockpit.text_content()
        check_cockpit(opened.page)
        opened.run(2)
        opened.until(lambda: opened.page.locator(".vergence").count() == 2, "a second cockpit")
        opened.run(3)
        opened.until(lambda: opened.page.locator(".vergence").count() == 0, "the still picture", 60)
        still = opened.page.locator(".jp-RenderedPlotly").first
        still.hover()
        opened.page.wait_for_selector(".js-plotly-plot .main-svg")
        opened.page.wait_for_timeout(1500)
        assert opened.page.evaluate(wicked.FOUND) == NOTHING
        assert wicked.IMAGE in (opened.page.locator(".js-plotly-plot").first.text_content() or "")
        assert not opened.errors
    finally:
        opened.close()


def test_in_the_report(closed: Any, page: Page, pictures: Path) -> None:
    _, report = closed
    page.goto(report.as_uri())
    page.wait_for_selector(".vergence[data-ready='true']")
    page.wait_for_timeout(500)
    page.screenshot(path=str(pictures / "wicked-report.png"), full_page=True)
    assert page.title() == wicked.IMAGE
    check_cockpit(page)
    # Without scripts the words and the picture are all there is.
    text = report.read_text(encoding="utf-8")
    shown = re.search(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert shown is not None
    assert html.escape(wicked.IMAGE) in shown[1]
    assert "<img src=x" not in text
    assert "<svg onload" not in text


def test_in_plotly(closed: Any, page: Page, tmp_path: Path) -> None:
    """Every panel as a figure, and the still picture; on screen and under the pointer."""
    monitor, _ = closed
    history = monitor.history
    above = header.header(history, header.Channel(), rate=None)
    described = {noun: json.loads(figure(noun, history).to_json()) for noun in PANELS}
    # As in a still picture, where curves are thinned.
    described["still"] = plotly_pen.describe(list(every(history, live=False).values()), above, columns=2, most=100)
    written = tmp_path / "figures.html"
    inline = json.dumps(described).replace("<", "\\u003c")
    written.write_text(
        f'<!doctype html><meta charset="utf-8"><script src="{PLOTLY.as_uri()}"></script>'
        f'<script type="application/json" id="described">{inline}</script>',
        encoding="utf-8",
    )
    page.goto(written.as_uri())
    for noun in described:
        page.evaluate(
            """async (noun) => {
                document.querySelector('#plot')?.remove();
                const figure = JSON.parse(document.querySelector('#described').textContent)[noun];
                const plot = Object.assign(document.createElement('div'), {id: 'plot'});
                document.body.append(plot);
                await Plotly.newPlot(plot, figure.data, figure.layout);
            }""",
            noun,
        )
        hovered = wander(page, "#plot .nsewdrag", 4)
        assert page.evaluate(wicked.FOUND) == NOTHING, noun
        said = page.locator("#plot").text_content() + hovered
        # Set as markup, the letters of a tag would be gone.
        for bare in ("bold", "link"):
            for found in re.finditer(rf"(.{{0,3}}){bare}(.{{0,2}})", said):
                assert found[1].endswith(">") or not found[1].strip(), (noun, found[0])
        if noun == "still":
            assert wicked.IMAGE in said


def test_a_name_is_no_way_out_of_the_folder(tmp_path: Path) -> None:
    monitor = wicked.made(tmp_path / "runs", steps=1, watch=lambda *args, **more: wicked.vg.Monitor(
        *args, **(more | {"name": "../../out/" + wicked.TRAPS[1]})
    ))  # fmt: skip
    monitor.close()
    assert monitor.directory.parent == (tmp_path / "runs").absolute()
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
