"""Probes and pairs in a real browser: what is drawn equals the History, and a reader can ask who a pair is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.panels import test_pairs as with_pairs
from tests.panels import test_probes as with_probes
from tests.panels.story import Clocked
from vergence_widgets.report import write

pytestmark = pytest.mark.browser

DRAWN = "noun => document.querySelector('.vergence').vergence.drawn(noun)"
TILE = """place => {
    const canvas = document.querySelector("section[data-panel='pairs'] canvas");
    const ratio = canvas.width / canvas.clientWidth;
    const read = (left) => Array.from(canvas.getContext('2d').getImageData(
        Math.round(left * ratio), Math.round(place.top * ratio), place.width * ratio, place.height * ratio).data);
    return [read(place.left), read(place.left + place.tile + 2)];
}"""


@pytest.fixture(scope="module")
def history() -> Clocked:
    gone = with_probes.stands("gone", against="best", base=0.95, half=0.06, step=20)
    more = with_probes.told(with_probes.stands("kept"), gone, since=40)
    made = with_probes.run(factors=("class", "<script>window.hurt = 1</script>"), best=(0.95, 20), more=more)
    made.describe(label_names=["food", "<script>window.hurt = 1</script>"])
    with_pairs.add(made, 100)
    made.set_state("stopped")
    return made


@pytest.fixture(scope="module")
def report(history: Clocked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(history, tmp_path_factory.mktemp("report") / "report.html")


def opened(browser: Browser, report: Path, width: int, scheme: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 1500}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_selector(".vergence[data-ready='true']")
    for noun in ("probes", "pairs"):
        page.locator(f"section[data-panel='{noun}']").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.vergence').vergence.drawn('pairs').tools.pairs?.length > 0")
    yield page
    assert errors == []
    context.close()


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    yield from opened(browser, report, 1280, "light")


def test_numbers_pictures_and_words_are_those_of_the_history(page: Page, history: Clocked) -> None:
    probes = page.evaluate(DRAWN, "probes")
    frame = history.frame("probes")
    accuracy = frame.arrays["accuracy"]
    for column, name in enumerate(("h", "z", "raw_input", "untrained")):
        wanted = [*accuracy[0, :, column].tolist(), float(accuracy[1, 0, column])]
        assert probes["series"][f"bars/{name}"]["x"] == pytest.approx(wanted, abs=1e-5)
    assert probes["series"]["bars/best"]["x"] == pytest.approx([0.95] * 4, abs=1e-5)
    # The trend shows what is lost.
    trend = history.scalar("probes/h/<script>window.hurt = 1</script>/linear")
    assert probes["series"]["trend/h"]["y"] == pytest.approx(trend.values.tolist(), abs=1e-5)
    assert probes["series"]["trend/h"]["x"] == pytest.approx(trend.steps.tolist(), abs=1e-3)
    assert probes["headline"] == {"name": "class", "text": "0.86", "reference": "chance 0.12"}

    pairs = page.evaluate(DRAWN, "pairs")
    arrays = history.frame("pairs/z").arrays
    places = pairs["tools"]["pairs"]
    assert {place["list"] for place in places} == {"positives", "negatives", "false_negatives"}
    for place in places:
        now = arrays[f"{place['list']}_now"][place["index"]]
        assert place["said"] == f"0.82 → {now:.2f}"
        check_tiles(page, place, arrays)
    assert pairs["headline"]["text"] == "0.86"

    # Names of the user's are words, in the card and in the tables.
    section = page.locator("section[data-panel='pairs']")
    section.focus()
    page.keyboard.press("n")
    tip = page.evaluate(DRAWN, "pairs")["tools"]["tip"]
    assert tip == ["cosine 0.82 → 0.31", "view 1, row 0, <script>window.hurt = 1</script>",
                   "view 2, row 7, <script>window.hurt = 1</script>"]  # fmt: skip
    page.keyboard.press("p")
    assert page.evaluate(DRAWN, "pairs")["tools"]["tip"][0].endswith(places[-1]["said"])
    page.keyboard.press("Escape")
    assert page.evaluate(DRAWN, "pairs")["tools"]["tip"] is None
    box = section.locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + places[1]["left"] + 8, box["y"] + places[1]["top"] + 8)
    assert page.evaluate(DRAWN, "pairs")["tools"]["tip"][1].startswith("view 1, row 1, ")
    page.mouse.move(0, 0)
    for noun in ("pairs", "probes"):
        page.locator(f"section[data-panel='{noun}']").focus()
        page.keyboard.press("t")
        assert "<script>" in page.locator(f"section[data-panel='{noun}'] table").inner_text()
        page.keyboard.press("t")
    assert page.evaluate("() => window.hurt === undefined && document.querySelector('.vergence script') === null")


def check_tiles(page: Page, place: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Every pixel on the canvas is the one of the frame, enlarged by a whole number."""
    found = page.evaluate(TILE, place)
    for pixels, side in zip(found, ("first", "second"), strict=True):
        wanted = arrays[f"{place['list']}_{side}"][place["index"]]
        drawn = np.asarray(pixels, np.uint8).reshape(place["height"], place["width"], 4)[:, :, :3]
        times = place["height"] // wanted.shape[0]
        assert times >= 1
        np.testing.assert_array_equal(drawn, wanted.repeat(times, 0).repeat(times, 1))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (800, "light"), (800, "dark")])
def test_it_keeps_its_height_and_says_the_same(
    browser: Browser, report: Path, pictures: Path, width: int, scheme: str
) -> None:
    for page in opened(browser, report, width, scheme):
        probes, pairs = (page.locator(f"section[data-panel='{noun}']") for noun in ("probes", "pairs"))
        for noun, section in (("probes", probes), ("pairs", pairs)):
            section.screenshot(path=str(pictures / f"{noun}-{scheme}-{width}.png"))
            assert section.evaluate("node => node.scrollWidth <= node.clientWidth + 1")
        drawn = page.evaluate(DRAWN, "pairs")["tools"]["pairs"]
        assert len([place for place in drawn if place["list"] == "positives"]) >= 4
        edge = pairs.locator("canvas").first.bounding_box()
        assert edge is not None
        assert max(place["left"] + 2 * place["tile"] + 2 for place in drawn) <= edge["width"]
        assert max(place["top"] + place["tile"] + 14 for place in drawn) <= edge["height"] + 1
        assert page.evaluate(DRAWN, "probes")["headline"]["text"] == "0.86"
