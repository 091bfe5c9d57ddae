"""The temperature panel in a real browser: it draws the History, and another temperature can be tried at once."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_gallery import ROOT, WIDGETS, Quiet
from tests.panels import story, weighing
from vergence_widgets import header as above
from vergence_widgets.draw.packed import inline
from vergence_widgets.panels import every, temperature
from vergence_widgets.panels.spec import Panel
from vergence_widgets.report import write
from vergence_widgets.timeline import timeline

pytestmark = pytest.mark.browser

NOUN = "temperature"
SLIDER = "[data-panel=temperature] .vg-tau"


@pytest.fixture(scope="module")
def history() -> story.Clocked:
    return weighing.run(batch=256, every=24)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(WIDGETS))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/front/gallery/index.html"
        server.shutdown()


def framed(history: story.Clocked, seq: int, panel: Panel | None = None) -> Any:
    """A frame as the kernel would send it."""
    panels = every(history, nouns=(NOUN, "loss")) | ({} if panel is None else {NOUN: panel})
    channel = above.Channel(can_steer=True)
    return inline(
        {
            "type": "frame", "seq": seq, "key": True, "time": history.now + seq,
            "header": above.header(history, channel, rate=4.0), "controls": above.controls(history, {}), "notices": [],
            "panels": panels, "order": list(panels), "timeline": timeline(history, at=None, whole=True),
        }
    )  # fmt: skip


class Tried:
    """One page with the panel, and a made-up kernel behind it."""

    def __init__(self, browser: Browser, address: str, theme: str = "light", width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 760})
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{address}?story=live&theme={theme}")
        self.page.wait_for_selector(".vergence[data-ready='true']")
        self.panel = self.page.locator(f"[data-panel={NOUN}]")

    def send(self, frame: Any) -> None:
        self.page.evaluate("made => gallery.model.frame(made)", frame)
        self.page.wait_for_function(f"() => {ROOT}.vergence.seq === {frame['seq']}")

    @property
    def drawn(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(f"{ROOT}.vergence.drawn('{NOUN}')")
        return found

    @property
    def tools(self) -> dict[str, Any]:
        found: dict[str, Any] = self.drawn["tools"]
        return found

    @property
    def sent(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate("gallery.model.sent.filter(m => m.type === 'control')")
        return found

    def close(self) -> None:
        assert self.errors == []
        self.context.close()


@pytest.fixture
def tried(browser: Browser, address: str, history: story.Clocked) -> Iterator[Tried]:
    made = Tried(browser, address)
    made.send(framed(history, 100))
    yield made
    made.close()


def same(drawn: dict[str, list[float | None]], x: Any, y: Any, *, log: bool = False) -> None:
    """A line on the page is that of the record, to a hundredth of a pixel's worth."""
    up = np.asarray([np.nan if value is None else value for value in drawn["y"]], float)
    np.testing.assert_allclose(np.asarray(drawn["x"], float), x, atol=1e-4)
    known = np.isfinite(y)
    assert (np.isfinite(up) == known).all()
    if log:
        up, y = np.log(up), np.log(y)
    np.testing.assert_allclose(up[known], np.asarray(y)[known], rtol=1e-4, atol=1e-4)


def check_preview(tried: Tried, history: story.Clocked) -> None:
    """Lines and numbers at the temperature of the slider are what the Python metric says of the same cosines."""
    tools, series = tried.tools, tried.drawn["series"]
    true = temperature.shared_at(history.frame("temperature/z"), tools["tried"])
    assert tools["hardest"] == pytest.approx(true.share_hardest, abs=1e-3)
    assert tools["entropy"] == pytest.approx(true.entropy, abs=1e-3)
    assert tools["coupling"] == pytest.approx(true.coupling, abs=1e-3)
    held = true.counts > 0
    x = ((np.arange(64) + 0.5) / 32 - 1)[held]
    same(series["weight/preview"], x, np.where(true.weight >= 0.01, true.weight, np.nan)[held], log=True)
    same(series["push/preview"], (np.arange(64) + 0.5) / 32 - 1, true.push * 32)
    said = f"hardest 1 % take {temperature.percent(true.share_hardest)}, entropy {true.entropy:.2f}"
    assert said in tried.panel.locator(".vg-tried").inner_text()


def test_what_is_drawn_is_the_history(tried: Tried, history: story.Clocked) -> None:
    frame, drawn = history.frame("temperature/z"), tried.drawn
    series = drawn["series"]
    held = frame.arrays["counts"] > 0
    x = (np.arange(64) + 0.5) / 32 - 1
    weight = frame.arrays["weight"].astype(float)
    same(series["weight/now"], x[held], np.where(weight >= 0.01, weight, np.nan)[held], log=True)
    same(series["push/push_now"], x, frame.arrays["push"] * 32.0)
    same(series["push/negatives"], x, frame.arrays["counts"] / frame.arrays["counts"].sum() * 32)
    for key in ("share_hardest", "entropy_share", "coupling"):
        scalar = history.scalar(f"temperature/z/{key}")
        same(series[f"time/{key}"], scalar.steps, scalar.values)
    share = history.last("temperature/z/share_hardest")
    assert share is not None
    assert drawn["headline"] == {
        "name": "hardest 1 % take",
        "text": temperature.percent(share),
        "reference": "even 1.0 %",
    }
    assert "weight/preview" not in series
    # The numbers of the sample at the temperature in force are the recorded ones.
    true = temperature.shared_at(frame, 0.1)
    assert true.share_hardest == pytest.approx(share, abs=1e-9)


def test_a_drag_shows_another_temperature_and_apply_asks_for_it(tried: Tried, history: story.Clocked) -> None:
    apply = tried.panel.get_by_role("button", name="Apply")
    expect(apply).to_be_disabled()
    box = tried.page.locator(SLIDER).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tried.page.mouse.move(box["x"] + box["width"] / 2, middle)
    tried.page.mouse.down()
    for share in (0.4, 0.25, 0.12):
        tried.page.mouse.move(box["x"] + share * box["width"], middle)
    assert 0.01 <= tried.tools["tried"] <= 0.03
    check_preview(tried, history)
    tried.page.mouse.move(box["x"] + 0.9 * box["width"], middle)
    tried.page.mouse.up()
    assert tried.tools["tried"] >= 0.5
    check_preview(tried, history)
    # A frame of the running training keeps what is tried, on the new batch.
    later = weighing.run(360, every=120, batch=256)
    tried.send(framed(later, 101))
    check_preview(tried, later)
    assert tried.sent == []
    wanted = tried.tools["tried"]
    apply.click()
    (letter,) = tried.sent
    assert (letter["name"], letter["value"]) == ("temperature", wanted)
    control = tried.page.locator("[data-control=temperature]")
    expect(control.locator(".vg-control-note")).to_contain_text("pending, was 0.10")
    expect(apply).to_be_disabled()
    assert tried.tools["told"].endswith("; asked for")
    tried.page.evaluate("m => gallery.model.post({...m, type: 'ack', state: 'applied', step: 253, why: ''})", letter)
    expect(control.locator(".vg-control-note")).to_contain_text("applied at step 253")
    # Once it is in force there is nothing to try any more.
    tried.send(framed(weighing.run(480, every=120, batch=256, change=wanted), 102))
    assert (tried.tools["tried"], tried.tools["asked"], tried.tools["temperature"]) == (None, None, wanted)


def test_it_works_with_keys_alone(tried: Tried, history: story.Clocked) -> None:
    tried.panel.focus()
    for _ in range(4):
        tried.page.keyboard.press("Tab")
        if tried.page.evaluate("document.activeElement.className") == "vg-tau":
            break
    slider = tried.page.locator(SLIDER)
    expect(slider).to_be_focused()
    press = tried.page.keyboard.press
    press("ArrowLeft")
    assert tried.tools["tried"] == pytest.approx(0.089)
    press("Shift+ArrowLeft")
    assert tried.tools["tried"] == pytest.approx(0.028)
    check_preview(tried, history)
    assert (slider.get_attribute("aria-valuetext") or "").startswith("0.028, hardest 1 % take ")
    press("End")
    assert tried.tools["tried"] == 1
    press("Home")
    assert tried.tools["tried"] == 0.01
    press("Escape")
    assert (tried.tools["tried"], tried.sent) == (None, [])
    expect(slider).to_be_focused()
    press("ArrowRight")
    press("Enter")
    assert [(letter["name"], letter["value"]) for letter in tried.sent] == [("temperature", tried.tools["tried"])]
    # No key went further: the run was not paused, and no panel stands alone.
    assert tried.page.evaluate("gallery.model.sent.filter(m => m.type === 'command').length") == 0
    assert tried.page.locator(".vg-alone").count() == 0


def test_other_states_have_no_slider_or_one_that_only_shows(tried: Tried, history: story.Clocked) -> None:
    tried.page.locator(SLIDER).press("ArrowLeft")
    ended = weighing.run(every=120, batch=256, state="finished")
    tried.send(framed(ended, 110))
    apply = tried.panel.get_by_role("button", name="Apply")
    assert tried.tools["tried"] == pytest.approx(0.089)
    check_preview(tried, ended)
    expect(apply).to_be_disabled()
    assert apply.get_attribute("title") == "The run is finished."
    plain = weighing.run(12, loss=Flat())
    tried.send(framed(plain, 111))
    expect(tried.page.locator(SLIDER)).to_be_hidden()
    expect(tried.panel.locator(".vg-tried")).to_be_hidden()
    assert "weight/now" in tried.drawn["series"]
    tried.send(framed(story.own_loop(20), 112))
    expect(tried.panel.locator(".vg-note")).to_contain_text("Needs a loss of vergence.losses that weighs pairs")
    expect(tried.page.locator(SLIDER)).to_be_hidden()


class Flat(weighing.losses.NTXent):
    """Every negative weighs the same."""

    name = "Flat"

    def pair_weights(self, *views: Any, **more: Any) -> Any:
        found = super().pair_weights(*views, **more)
        return found.clamp(max=0) + (found > 0) * 1e-3


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 800), ("dark", 560)])
def test_it_is_sound_to_look_at(
    browser: Browser, address: str, history: story.Clocked, pictures: Path, theme: str, width: int
) -> None:
    tried = Tried(browser, address, theme, width)
    tried.send(framed(history, 100))
    for name in ("in-force", "tried"):
        if name == "tried":
            tried.page.locator(SLIDER).press("Shift+ArrowLeft")
        drawn = tried.drawn
        for word in drawn["words"]:
            assert word["clear"], (name, word["text"])
        boxes = [word["box"] for word in drawn["words"]]
        assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if overlap(a, b)], name
        body, row = (tried.panel.locator(part).bounding_box() for part in (".vg-body", ".vg-tau-row"))
        assert body is not None
        assert row is not None
        assert body["height"] == 262
        # The row of the slider ends over the words of the first plot.
        assert row["height"] <= min(box[1] for box in boxes)
        assert row["x"] + row["width"] <= body["x"] + body["width"]
        for part in tried.panel.locator(".vg-tau-row > *").all():
            inside = part.bounding_box()
            assert inside is not None
            assert inside["x"] + inside["width"] <= row["x"] + row["width"] + 0.5
        assert tried.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        tried.panel.screenshot(path=str(pictures / f"temperature-{name}-{theme}-{width}.png"))
    tried.close()


def overlap(a: list[float], b: list[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_a_report_has_the_slider_too(browser: Browser, tmp_path: Path) -> None:
    ended = weighing.run(60, every=12, state="finished")
    page = browser.new_page(offline=True)
    page.goto(write(ended, tmp_path / "report.html").as_uri())
    page.wait_for_selector(".vergence[data-ready='true']")
    page.locator(SLIDER).press("ArrowLeft")
    tools = page.evaluate(f"{ROOT}.vergence.drawn('{NOUN}')")["tools"]
    true = temperature.shared_at(ended.frame("temperature/z"), tools["tried"])
    assert tools["entropy"] == pytest.approx(true.entropy, abs=1e-3)
    assert page.locator(f"[data-panel={NOUN}]").get_by_role("button", name="Apply").count() == 0
    page.close()
