"""The cockpit in a page without Jupyter: every state, both themes, three widths, and every message of the protocol."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WIDGETS = Path(__file__).parents[2] / "widgets"
NOUNS = ("loss", "similarity", "hypersphere")
STORIES = ("live", "few", "gap", "empty", "loading", "failed", "stopped", "paused", "late", "unknown")
ROOT = "document.querySelector('.vergence')"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *_: Any) -> None:
        """No line for each request."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(WIDGETS))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/front/gallery/index.html"
        server.shutdown()


class Gallery:
    """One page of the gallery."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def show(self, story: str = "live", theme: str = "light", more: str = "") -> None:
        self.page.goto(f"{self.address}?story={story}&theme={theme}{more}")
        self.page.wait_for_selector(".vergence[data-ready='true']")

    def drawn(self, noun: str) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(f"noun => {ROOT}.vergence.drawn(noun)", noun)
        return found

    def sent(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate("t => gallery.model.sent.filter(m => m.type === t)", kind)
        return found

    def post(self, seq: int, *, key: bool = True, step: int = 1482, only: str = "") -> None:
        """Send a frame; without `key` it brings one panel."""
        self.page.evaluate(
            """([seq, key, step, only]) => {
                const made = gallery.frame('live', seq);
                made.key = key;
                made.confirm = true;
                made.header.step = step;
                if (only) made.panels = {[only]: {...made.panels[only], step}};
                gallery.model.frame(made);
            }""",
            [seq, key, step, only],
        )

    def until(self, script: str) -> None:
        self.page.wait_for_function(script, timeout=20_000)


@pytest.fixture
def gallery(browser: Browser, address: str) -> Iterator[Gallery]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Gallery(context.new_page(), address)
    context.close()


def overlap(a: list[float], b: list[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("width", [1280, 800, 560])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_state_is_sound(gallery: Gallery, pictures: Path, theme: str, width: int) -> None:
    gallery.page.set_viewport_size({"width": width, "height": 900})
    heights = set()
    for story in STORIES:
        gallery.show(story, theme)
        where = f"{story}, {theme}, {width}"
        text = gallery.page.locator(".vergence").inner_text()
        for word in ("NaN", "undefined", "Infinity", "null", "[object"):
            assert word not in text, where
        assert gallery.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where
        assert gallery.page.locator(".vergence").get_attribute("data-scheme") == theme
        for noun in NOUNS:
            drawn = gallery.drawn(noun)
            for word in drawn["words"]:
                assert word["clear"], (where, noun, word["text"])
            boxes = [word["box"] for word in drawn["words"]]
            assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if overlap(a, b)], (where, noun)
            heights.add(gallery.page.locator(f"[data-panel={noun}] .vg-body").bounding_box()["height"])
        sizes = gallery.page.evaluate(
            """() => {
                const all = [...document.querySelectorAll('.vergence *')].filter(e => e.childNodes.length
                    && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length);
                return [...new Set(all.map(e => getComputedStyle(e).fontSize))];
            }"""
        )
        assert set(sizes) <= {"11px", "13px", "16px"}, (where, sizes)
        gallery.page.screenshot(path=str(pictures / f"gallery-{story}-{theme}-{width}.png"), full_page=True)
    assert heights == {262}
    assert not gallery.errors


def test_what_is_drawn_is_what_was_sent(gallery: Gallery) -> None:
    gallery.show("gap")
    sent = gallery.page.evaluate(
        """() => {
            const plain = values => [...values].map(v => isFinite(v) ? v : null);
            const found = {};
            for (const p of Object.values(gallery.frame('gap').panels)) for (const plot of p.plots)
                for (const l of plot.layers) if (l.type === 'line' || l.type === 'points')
                    found[`${p.noun}:${plot.key}/${l.key}`] = {x: plain(l.x), y: plain(l.y)};
            return found;
        }"""
    )
    assert len(sent) >= 8
    assert None in sent["loss:loss/raw"]["y"]
    for name, series in sent.items():
        noun, key = name.split(":")
        drawn = gallery.drawn(noun)["series"][key]
        for axis in ("x", "y"):
            assert len(drawn[axis]) == len(series[axis]), name
            for got, wanted in zip(drawn[axis], series[axis], strict=True):
                assert (got is None) == (wanted is None), name
                assert got is None or got == pytest.approx(wanted, rel=1e-6, abs=1e-6), name


def test_a_layer_nobody_knows_fails_one_panel_and_no_other(gallery: Gallery) -> None:
    gallery.show("unknown")
    states = {noun: gallery.page.locator(f"[data-panel={noun}]").get_attribute("data-state") for noun in NOUNS}
    assert states == {"loss": "live", "similarity": "live", "hypersphere": "failed"}
    words = gallery.page.locator("[data-panel=hypersphere]").inner_text()
    assert 'a layer of kind "hologram"' in words
    assert "The run goes on" in words
    gallery.post(2)
    gallery.until(f"{ROOT}.dataset.seq === '2'")
    assert gallery.page.locator("[data-panel=hypersphere]").get_attribute("data-state") == "live"


def test_a_failed_panel_still_shows_its_last_good_picture(gallery: Gallery) -> None:
    gallery.show("failed")
    panel = gallery.page.locator("[data-panel=similarity]")
    assert "3 of 512 rows of z are not finite" in panel.inner_text()
    assert not panel.locator(".vg-plot").is_visible()
    panel.get_by_role("button", name="Show last good picture").click()
    assert panel.locator(".vg-plot").is_visible()
    assert "step 1,380" in panel.inner_text()
    assert panel.get_attribute("data-state") == "failed"
    panel.get_by_role("button", name="Show cause").click()
    assert not panel.locator(".vg-plot").is_visible()


def answer(gallery: Gallery, wish: dict[str, Any], state: str, why: str = "") -> None:
    gallery.page.evaluate(
        "ack => gallery.model.post({type: 'ack', step: 1483, ...ack})",
        {"id": wish["id"], "name": wish["name"], "value": wish["value"], "state": state, "why": why},
    )


def test_a_slider_is_pending_until_it_is_confirmed(gallery: Gallery) -> None:
    gallery.show()
    control = gallery.page.locator("[data-control=temperature]")
    slider = control.get_by_role("slider", name="Temperature")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowLeft")
    assert control.locator(".vg-value").inner_text() == "0.14"
    assert "pending, was 0.20" in control.inner_text()
    assert slider.get_attribute("aria-valuetext") == "0.14, pending, was 0.20"
    gallery.until("gallery.model.sent.some(m => m.type === 'control' && m.value === 0.14)")
    # On a busy machine the keys come slowly, and each is a wish of its own; the last one stands.
    wishes = gallery.sent("control")
    assert [(wish["name"], wish["value"]) for wish in wishes][-1] == ("temperature", 0.14)
    assert len(wishes) <= 3
    gallery.post(2)
    gallery.until(f"{ROOT}.dataset.seq === '2'")
    assert "pending, was 0.20" in control.inner_text()
    answer(gallery, wishes[-1], "applied")
    assert "applied at step 1,483" in control.inner_text()
    assert "pending" not in control.inner_text()


def test_a_burst_of_keys_is_one_wish(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate("""() => {
        const slider = document.querySelector("[data-slider=temperature]");
        const left = () => new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true});
        for (let i = 0; i < 3; i++) slider.dispatchEvent(left());
    }""")
    gallery.until("gallery.model.sent.some(m => m.type === 'control')")
    gallery.page.wait_for_timeout(400)
    assert [(wish["name"], wish["value"]) for wish in gallery.sent("control")] == [("temperature", 0.14)]


def test_a_refused_value_goes_back_and_says_why(gallery: Gallery) -> None:
    gallery.show()
    control = gallery.page.locator("[data-control=temperature]")
    control.locator(".vg-value").dblclick()
    gallery.page.keyboard.type("abc")
    gallery.page.keyboard.press("Enter")
    assert "is no number" in control.inner_text()
    control.locator("input").fill("5")
    gallery.page.keyboard.press("Enter")
    (wish,) = gallery.sent("control")
    assert wish["value"] == 5
    answer(gallery, wish, "refused", "at most 1")
    assert "refused: at most 1" in control.inner_text()
    assert control.locator(".vg-value").inner_text() == "0.20"


def test_a_choice_is_pending_until_it_is_confirmed(gallery: Gallery) -> None:
    gallery.show()
    control = gallery.page.locator("[data-control=positives]")
    control.get_by_role("radio", name="same image").check()
    (wish,) = gallery.sent("control")
    assert (wish["name"], wish["value"]) == ("positives", "same image")
    assert "pending, was other artist" in control.inner_text()
    answer(gallery, wish, "applied")
    assert "applied at step 1,483" in control.inner_text()


def test_buttons_say_why_they_are_off(gallery: Gallery) -> None:
    gallery.show()
    step = gallery.page.get_by_role("button", name="Step", exact=True)
    assert step.is_disabled()
    assert step.get_attribute("title") == "Pause first, then step."
    step.dispatch_event("click")
    assert gallery.sent("command") == []
    gallery.page.get_by_role("button", name="Pause", exact=True).click()
    assert [message["name"] for message in gallery.sent("command")] == ["pause"]
    gallery.show("paused")
    assert gallery.page.get_by_role("button", name="Resume", exact=True).is_enabled()


def test_keys_work_in_the_cockpit_and_go_no_further(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate(
        "() => { window.leaked = []; document.addEventListener('keydown', e => leaked.push(e.key)); }"
    )
    keyboard = gallery.page.keyboard
    gallery.page.locator("[data-panel=loss]").focus()
    keyboard.press("ArrowRight")
    assert gallery.page.evaluate("document.activeElement.dataset.panel") == "similarity"
    keyboard.press("Enter")
    assert gallery.page.locator("[data-panel]:visible").count() == 1
    keyboard.press("Escape")
    assert gallery.page.locator("[data-panel]:visible").count() == 3
    keyboard.press("t")
    assert gallery.page.locator("[data-panel=similarity] table").is_visible()
    keyboard.press("t")
    keyboard.press("?")
    assert "At the floor: nothing left to gain" in gallery.page.locator(".vg-help").inner_text()
    keyboard.press("Escape")
    assert not gallery.page.locator(".vg-help").is_visible()
    gallery.page.locator("[data-panel=loss]").focus()
    keyboard.press("Space")
    assert [message["name"] for message in gallery.sent("command")] == ["pause"]
    keyboard.press("s")
    assert "Pause first" in gallery.page.locator(".vg-header").inner_text()
    gallery.page.locator("[data-control=temperature] .vg-value").dblclick()
    keyboard.type("s ?")
    assert [message["name"] for message in gallery.sent("command")] == ["pause"]
    assert gallery.page.evaluate("leaked") == []


def test_one_crosshair_in_all_panels_with_steps(gallery: Gallery) -> None:
    gallery.show()
    box = gallery.page.locator("[data-panel=loss] .vg-plot").bounding_box()
    gallery.page.mouse.move(box["x"] + 250, box["y"] + 100)
    loss = gallery.page.locator("[data-panel=loss] .vg-readout")
    sphere = gallery.page.locator("[data-panel=hypersphere] .vg-readout")
    assert loss.inner_text().startswith("step ")
    for name in ("mean", "chance", "floor"):
        assert name in loss.inner_text()
    assert sphere.inner_text().startswith("step ")
    assert "uniformity" in sphere.inner_text()
    gallery.page.mouse.move(2, 2)
    assert not loss.is_visible()
    assert not sphere.is_visible()


def test_two_views_of_one_model_share_nothing(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate(
        """() => {
            const el = document.createElement('div');
            document.body.append(el);
            gallery.second = gallery.cockpit.render({model: gallery.model, el});
            gallery.model.frame(gallery.frame('live', 2));
        }"""
    )
    gallery.page.locator(".vergence").nth(1).scroll_into_view_if_needed()
    gallery.until("[...document.querySelectorAll('.vergence')].every(r => r.dataset.seq === '2')")
    repeated = gallery.page.evaluate(
        """() => {
            const ids = [...document.querySelectorAll('.vergence [id]')].map(e => e.id);
            return ids.length - new Set(ids).size;
        }"""
    )
    assert repeated == 0
    gallery.page.locator(".vergence").nth(1).get_by_role("radio", name="same image").check()
    assert gallery.page.locator(".vergence").first.get_by_role("radio", name="other artist").is_checked()
    views = {message["view"] for message in gallery.sent("ready")}
    assert len(views) == 2
    gallery.page.evaluate("() => gallery.second()")
    assert gallery.page.locator(".vergence").count() == 1
    assert len(gallery.sent("gone")) == 1
    assert gallery.page.evaluate("gallery.model.listeners.size") == 1


def test_a_page_without_a_kernel_has_the_picture_and_no_controls(gallery: Gallery) -> None:
    gallery.show("stopped", more="&kernel=none")
    assert gallery.page.locator("[data-command], [data-control]").count() == 0
    assert len(gallery.drawn("loss")["series"]["loss/raw"]["x"]) > 100
    assert "step 1,482" in gallery.page.locator(".vergence").inner_text()


def test_a_change_of_theme_is_followed(gallery: Gallery) -> None:
    gallery.show()
    light = gallery.page.locator("[data-panel=loss] canvas").first.screenshot()
    gallery.page.evaluate("() => { document.body.dataset.theme = 'dark'; }")
    gallery.until(f"{ROOT}.dataset.scheme === 'dark'")
    gallery.page.wait_for_timeout(200)
    assert gallery.page.locator("[data-panel=loss] canvas").first.screenshot() != light
    gallery.page.evaluate("() => { document.body.dataset.jpThemeLight = 'true'; }")
    gallery.until(f"{ROOT}.dataset.scheme === 'light'")
