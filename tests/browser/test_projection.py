"""The map: positions and pictures are those that came; lasso, classes and keys work in the page alone."""

from __future__ import annotations

import functools
import http.server
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.test_gallery import ROOT, WIDGETS, Gallery, Quiet, overlap

pytestmark = pytest.mark.browser

PAINTER = "window[Symbol.for('vergence.map.painter.1')]"
MAPS = ("map", *(f"map-{story}" for story in ["12", "many", "one", "two", "plain", "bare", "names", "hostile", "nan"]))
WITHOUT_PICTURES = ("map-plain", "map-bare", "map-names", "map-nan")
TILE = """async item => {
    const shown = document.querySelector('.vg-card canvas.vg-tile');
    const [width, height] = [shown.width, shown.height];
    const got = shown.getContext('2d').getImageData(0, 0, width, height).data;
    const sheet = await createImageBitmap(new Blob([gallery.sheets.at(-1)], {type: 'image/png'}));
    const canvas = new OffscreenCanvas(width, height);
    const ctx = canvas.getContext('2d');
    ctx.drawImage(sheet, -(item % 32) * width, -Math.floor(item / 32) * height);
    const wanted = ctx.getImageData(0, 0, width, height).data;
    const side = shown.getBoundingClientRect().width;
    return {equal: got.every((v, i) => v === wanted[i]), colours: new Set(got).size, side};
}"""


@pytest.fixture(scope="module")
def page_of_maps() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(WIDGETS))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/front/gallery/index.html"
        server.shutdown()


class Maps(Gallery):
    """The projection panel on a page of the gallery."""

    noun = "projection"

    @property
    def tools(self) -> dict[str, Any]:
        """What the reader has done in the map."""
        found: dict[str, Any] = self.drawn(self.noun)["tools"]
        return found

    def open(self, story: str, theme: str = "light", more: str = "") -> None:
        """Show a story, and wait for its sheet of pictures."""
        self.show(story, theme, more)
        if story not in WITHOUT_PICTURES:
            self.until(f"{ROOT}.vergence.drawn('projection').tools.pictured.length > 0")

    def at(self, x: float, y: float) -> None:
        """Put the pointer on a place of the plot."""
        box = self.page.locator(f"[data-panel={self.noun}] .vg-plot").bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + x, box["y"] + y)

    def point(self, item: int) -> None:
        tools = self.tools
        self.at(tools["px"][item], tools["py"][item])

    def lasso(self, x: float, y: float, radius: float) -> None:
        """Draw a ring by hand."""
        self.at(x + radius, y)
        self.page.mouse.down()
        for k in range(1, 33):
            self.at(x + radius * math.cos(k / 5), y + radius * math.sin(k / 5))
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def maps(browser: Browser, page_of_maps: str) -> Iterator[Maps]:
    context = browser.new_context(viewport={"width": 1280, "height": 620})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield Maps(context.new_page(), page_of_maps)
    context.close()


def lone(tools: dict[str, Any], items: range) -> int:
    """An item with no neighbour so near that the pointer could mean that one."""
    places = [(x, y) for x, y in zip(tools["px"], tools["py"], strict=True) if x is not None]
    for item in items:
        here = (tools["px"][item], tools["py"][item])
        if None not in here and sorted(math.dist(here, other) for other in places)[1] > 6:
            return item
    raise AssertionError("every item has a neighbour")


def displaced(sent: dict[str, list[float | None]], tools: dict[str, Any]) -> int:
    """How many items do not stand where one scale for both axes puts them: those must be on the edge."""
    real = [i for i, x in enumerate(sent["x"]) if x is not None]
    if len(real) < 3:
        return 0
    x, y = np.array([[sent[axis][i] for i in real] for axis in ("x", "y")], dtype=float)
    px, py = np.array([[tools[axis][i] for i in real] for axis in ("px", "py")], dtype=float)
    middle = np.argsort(np.hypot(x - np.median(x), y - np.median(y)))[: len(real) // 2]
    one, other = np.polyfit(x[middle], px[middle], 1), np.polyfit(y[middle], py[middle], 1)
    assert one[0] == pytest.approx(-other[0], rel=1e-6)
    off = (np.abs(px - np.polyval(one, x)) > 0.01) | (np.abs(py - np.polyval(other, y)) > 0.01)
    return int(off.sum())


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 800)])
def test_every_map_is_sound_and_drawn_where_it_was_sent(maps: Maps, pictures: Path, theme: str, width: int) -> None:
    maps.page.set_viewport_size({"width": width, "height": 620})
    for story in MAPS:
        maps.open(story, theme)
        where = f"{story}, {theme}, {width}"
        drawn = maps.drawn("projection")
        sent = maps.page.evaluate(
            """story => {
                const layer = gallery.map(story).plots[0].layers[0];
                const plain = values => [...values].map(v => isFinite(v) ? v : null);
                return {x: plain(layer.x), y: plain(layer.y)};
            }""",
            story,
        )
        series = drawn["series"]["map/items"]
        for axis in ("x", "y"):
            assert series[axis] == [None if v is None else pytest.approx(v, abs=1e-6) for v in sent[axis]], where
        assert drawn["beyond"] == displaced(sent, drawn["tools"]), where
        seen = [p for p in zip(drawn["tools"]["px"], drawn["tools"]["py"], strict=True) if p[0] is not None]
        assert all(0 <= x <= width and 18 <= y <= 262 for x, y in seen), where
        assert drawn["tools"]["drawn"] == ("webgl" if story == "map-many" else "canvas")
        boxes = [word["box"] for word in drawn["words"]]
        assert all(word["clear"] for word in drawn["words"]), where
        assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if overlap(a, b)], where
        text = maps.page.locator(".vergence").inner_text()
        assert not [word for word in ("NaN", "undefined", "Infinity", "null", "[object") if word in text], where
        maps.page.locator("[data-panel=projection]").screenshot(path=str(pictures / f"{story}-{theme}-{width}.png"))
        assert maps.page.locator("[data-panel=projection] .vg-body").bounding_box()["height"] == 262  # type: ignore[index]
    assert maps.page.evaluate("window.hurt") is None
    assert not maps.errors


def test_the_card_shows_the_item_under_the_pointer_and_the_lasso_what_is_inside(maps: Maps, pictures: Path) -> None:
    maps.open("map")
    item = lone(maps.tools, range(64, 500))
    maps.point(item)
    maps.page.wait_for_selector(".vg-card:not([hidden])")
    assert maps.page.locator(".vg-card").get_attribute("data-item") == str(item)
    tile = maps.page.evaluate(TILE, item)
    assert tile["equal"]
    assert tile["colours"] > 10
    assert tile["side"] >= 48
    assert f"number {item}" in maps.page.locator(".vg-card b").inner_text()

    tools = maps.tools
    x, y = tools["px"][item], tools["py"][item]
    maps.lasso(x, y, 40)
    inside = [
        i for i, (px, py) in enumerate(zip(tools["px"], tools["py"], strict=True))
        if px is not None and math.dist((px, py), (x, y)) < 38
    ]  # fmt: skip
    chosen = maps.tools["chosen"]
    assert item in chosen
    assert set(inside) <= set(chosen)
    assert all(math.dist((tools["px"][i], tools["py"][i]), (x, y)) <= 41 for i in chosen)
    names = maps.page.locator(".vg-item").all_inner_texts()
    assert len(names) == len(chosen)
    assert all(f"number {i}" in name.replace("\n", " ") for i, name in zip(chosen, names, strict=True))
    maps.page.locator("[data-panel=projection]").screenshot(path=str(pictures / "map-gallery-light-1280.png"))

    maps.page.get_by_role("button", name="Copy indices").click()
    maps.page.wait_for_selector("text=Copied")
    assert maps.page.evaluate("navigator.clipboard.readText()") == str(chosen)

    # What is chosen stays chosen when another map comes, and while nobody answers.
    maps.page.evaluate(
        """() => {
            const f = gallery.frame('map', 2);
            f.panels.projection = gallery.map('map', 0.5);
            gallery.model.frame(f);
        }"""
    )
    maps.until(f"{ROOT}.vergence.seq === 2")
    maps.page.wait_for_function(f"() => !{ROOT}.vergence.drawn('projection').tools.moving")
    assert maps.tools["chosen"] == chosen
    assert maps.tools["gallery"]
    maps.page.get_by_role("button", name="Close").click()
    assert maps.tools["chosen"] == chosen
    assert not maps.tools["gallery"]

    # Names hold what people gave; here they are words and nothing else.
    maps.open("map-hostile")
    maps.page.locator(".vg-classes-button").click()
    maps.page.locator(".vg-class").first.click()
    assert "<img src=x" in maps.page.locator(".vg-item").first.inner_text().replace("\n", " ")
    assert maps.page.locator(".vg-chosen img, .vg-chosen script, .vg-card img").count() == 0
    assert maps.page.evaluate("window.hurt") is None

    # Without a kernel the same, and what needs one says so.
    maps.show("map", more="&kernel=none")
    assert maps.page.locator(".vg-select").first.is_disabled()
    assert "kernel" in (maps.page.locator(".vg-select").first.get_attribute("title") or "")
    maps.page.locator(".vg-classes-button").click()
    maps.page.locator(".vg-class").nth(1).click()
    assert maps.tools["gallery"]
    assert not maps.errors


def test_keys_alone_reach_everything(maps: Maps, pictures: Path) -> None:
    maps.open("map")
    maps.page.locator("[data-panel=projection]").focus()
    maps.press("Tab", "Tab")
    assert maps.page.evaluate("document.activeElement.className") == "vg-plot"
    maps.press("Enter")
    first = maps.tools["focused"]
    assert first >= 0
    maps.press("ArrowRight")
    second = maps.tools["focused"]
    tools = maps.tools
    assert tools["px"][second] > tools["px"][first]
    assert f"number {second}" in tools["said"]
    assert maps.page.locator(".vg-card").get_attribute("data-item") == str(second)
    maps.page.locator("[data-panel=projection]").screenshot(path=str(pictures / "map-keys-light-1280.png"))
    maps.press("Space", "c")
    third = maps.tools["focused"]
    assert third % 8 == (second % 8 + 1) % 8
    maps.press("Space", "Enter")
    assert maps.tools["chosen"] == sorted([second, third])
    assert maps.tools["gallery"]
    maps.press("Escape")
    assert not maps.tools["gallery"]
    assert maps.page.evaluate("document.activeElement.className") == "vg-plot"
    assert not maps.sent("command")  # a space in the map is not the cockpit's pause
    maps.press("Escape")
    assert maps.tools["focused"] == -1

    # The classes, the pictures and the choices follow by Tab.
    maps.press("Tab", "Tab")
    maps.page.locator(".vg-classes-button").focus()
    maps.press("Enter", "ArrowDown", "ArrowDown", "Enter")
    assert {item % 8 for item in maps.tools["chosen"]} == {1}
    maps.press("Escape")
    maps.page.locator(".vg-select").last.focus()
    maps.press("ArrowDown")
    assert maps.sent("option") == [{"type": "option", "noun": "projection", "name": "method", "value": "umap"}]
    assert maps.tools["asked"] == {"method": "umap"}

    # While the kernel makes that map, the way back stays open.
    maps.page.evaluate(
        """() => {
            const f = gallery.frame('map', 2);
            Object.assign(f.panels.projection, {state: 'loading', plots: [], message: 'UMAP makes its first map.'});
            gallery.model.frame(f);
        }"""
    )
    maps.until(f"{ROOT}.vergence.seq === 2")
    assert not maps.page.locator(".vg-classes-button").is_visible()
    maps.page.locator(".vg-select").last.select_option("pca")
    assert maps.sent("option")[-1]["value"] == "pca"
    assert not maps.errors


SEVERAL = """async () => {
    let drawn = 0;
    for (let i = 0; i < 4; i++) {
        // Each notebook output may bring a copy of the bundle of its own.
        const copy = await import(`../../vergence_widgets/static/cockpit.js?copy=${i}`);
        const el = document.body.appendChild(document.createElement('div'));
        el.style.cssText = 'position: fixed; top: 0; left: 0; width: 420px';
        const model = new gallery.model.constructor();
        copy.default.render({model, el});
        model.frame(gallery.frame('map-many', 1));
        for (let k = 0; k < 60 && !el.querySelector('[data-ready]'); k++) await new Promise(requestAnimationFrame);
        drawn += el.querySelector('.vergence').vergence.drawn('projection')?.tools.drawn === 'webgl';
        el.remove();
    }
    return drawn;
}"""
PIXELS = """() => {
    const canvas = document.querySelector('[data-panel=projection] canvas');
    // Stamps stand on whole pixels and the shader's marks do not: a quarter of the size evens that out.
    const small = new OffscreenCanvas(canvas.width / 4, canvas.height / 4);
    const ctx = small.getContext('2d');
    ctx.fillStyle = '#fff';
    ctx.fillRect(0, 0, small.width, small.height);
    ctx.drawImage(canvas, 0, 0, small.width, small.height);
    const now = ctx.getImageData(0, 0, small.width, small.height).data;
    const before = window.before ?? now;
    window.before = now;
    let [far, inked] = [0, 0];
    now.forEach((v, i) => { far += Math.abs(v - before[i]); inked += v < 250; });
    return [far / inked, inked];
}"""


def test_one_context_serves_every_map_and_its_loss_is_survived(maps: Maps) -> None:
    maps.open("map-many")
    assert maps.page.evaluate(PIXELS)[0] == 0
    assert maps.page.evaluate(SEVERAL) == 4
    assert maps.page.evaluate(f"{PAINTER}.made") == 1
    again = "() => { const f = gallery.frame('map-many', performance.now()); gallery.model.frame(f); }"
    for lost, drawn in ((1, "webgl"), (9, "canvas")):
        maps.page.evaluate(f"{PAINTER}.context.getExtension('WEBGL_lose_context').loseContext()")
        maps.page.evaluate(f"{PAINTER}.lost = {lost}")
        maps.page.evaluate(again)
        maps.page.wait_for_function(f"() => {ROOT}.vergence.seq > 1")
        maps.page.wait_for_function(f"how => {ROOT}.vergence.drawn('projection').tools.drawn === how", arg=drawn)
    # Both ways of drawing give the same map: by less than 12 of 255 on average.
    far, inked = maps.page.evaluate(PIXELS)
    assert inked > 1000
    assert far < 12
    assert not maps.errors


def test_the_map_moves_smoothly_unless_less_motion_is_wished(maps: Maps) -> None:
    frame = """async turn => {
        const probe = document.querySelector('.vergence').vergence;
        const f = gallery.frame('map', performance.now());
        f.panels.projection = gallery.map('map', turn);
        // A busy machine draws seldom; by this clock every drawing is 40 ms after the one before.
        let clock = performance.now();
        performance.now = () => clock;
        gallery.model.frame(f);
        const ways = new Set();
        for (let i = 0; i < 20; i++) {
            await new Promise(done => requestAnimationFrame(done));
            clock += 40;
            ways.add(probe.drawn('projection').tools.px[0]);
        }
        return {ways: [...ways].sort((a, b) => a - b), x: probe.drawn('projection').series['map/items'].x[0]};
    }"""
    maps.open("map")
    start = maps.tools["px"][0]
    moved = maps.page.evaluate(frame, 1)
    assert len(moved["ways"]) >= 4
    assert all(start <= x for x in moved["ways"])
    assert moved["x"] == pytest.approx(maps.page.evaluate("gallery.map('map', 1).plots[0].layers[0].x[0]"), abs=1e-6)
    maps.page.emulate_media(reduced_motion="reduce")
    assert len(maps.page.evaluate(frame, 2)["ways"]) <= 2
