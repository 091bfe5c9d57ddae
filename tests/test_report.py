"""report.html: one file, no network, the same numbers as the History, in a real browser."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from tests.panels import story
from vergence.errors import MissingExtra, StoreError
from vergence_widgets import report
from vergence_widgets.draw import matplotlib_pen
from vergence_widgets.panels import PANELS


@pytest.fixture(scope="module")
def history():
    made = story.simclr(700)
    made.set_state("finished")
    made.describe(name="emoji </script> & <b>co</b>")
    return made


@pytest.fixture(scope="module")
def written(history, tmp_path_factory):
    return report.write(history, tmp_path_factory.mktemp("a folder") / "report.html")


@pytest.fixture(scope="module")
def page_text(written):
    return written.read_text(encoding="utf-8")


def held(page_text: str) -> dict:
    found = re.search(r'<script type="application/json" id="frame">(.*?)</script>', page_text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_it_is_where_it_was_asked_for_and_nothing_is_left_beside_it(written):
    assert written.name == "report.html"
    assert [path.name for path in written.parent.iterdir()] == ["report.html"]


def test_it_asks_nothing_of_the_network(page_text):
    without_data = re.sub(r"data:[^\"']+", "", page_text)
    assert not re.search(r"<(link|img|script)[^>]+(href|src)=[\"']?(https?:)?//", without_data)
    assert "@import" not in page_text


def test_it_holds_a_key_frame_without_controls(history, page_text):
    frame = held(page_text)
    assert frame["type"] == "frame"
    assert frame["key"] is True
    assert frame["controls"] == []
    assert frame["order"] == list(frame["panels"]) == list(PANELS)
    assert frame["header"]["state"] == "finished"
    assert {panel["state"] for panel in frame["panels"].values()} <= {"stopped", "empty"}
    assert {frame["panels"][noun]["state"] for noun in ("loss", "similarity", "hypersphere")} == {"stopped"}


def test_the_numbers_in_it_are_those_of_the_history(history, page_text):
    panel = held(page_text)["panels"]["loss"]
    assert panel["headline"]["value"] == history.last("loss")
    raw = next(layer for layer in panel["plots"][0]["layers"] if layer.get("key") == "raw")
    values = np.frombuffer(base64.b64decode(raw["y"]["$base64"]), "<f4")
    assert values[-1] == np.float32(history.last("loss"))


def test_without_scripts_it_says_everything_in_words(page_text):
    words = re.search(r"<noscript>(.*?)</noscript>", page_text, re.DOTALL)[1]
    assert "Loss" in words
    assert "AUC 0.998, chance 0.5" in words
    assert "data:image/png;base64," in words


def test_names_cannot_end_the_script(page_text):
    assert "emoji </script>" not in page_text
    assert "<title>emoji &lt;/script&gt; &amp; &lt;b&gt;co&lt;/b&gt;</title>" in page_text


def test_markup_inside_the_script_cannot_end_it(monkeypatch, tmp_path):
    (tmp_path / "cockpit.css").write_text(".vergence { color: red }", encoding="utf-8")
    (tmp_path / "cockpit.js").write_text('const end = "</script><!--"; export { end };', encoding="utf-8")
    monkeypatch.setattr(report, "STATIC", tmp_path)
    text = report.write(story.simclr(3, every=1), tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'const end = "<\\/script><\\!--"' in text


def test_it_is_not_large(written):
    assert written.stat().st_size < 2_500_000


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(17, 19, 20)")])
def test_it_opens_from_a_file_and_draws_the_history(browser, written, history, scheme, ground):
    asked, wrong = [], []
    page = browser.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 700}, offline=True)
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(written.as_uri())
    page.wait_for_selector(".vergence[data-ready='true']", timeout=20_000)
    drawn = page.evaluate("document.querySelector('.vergence').vergence.drawn('loss')")
    assert drawn["step"] == 700
    assert drawn["series"]["loss/raw"]["y"][-1] == pytest.approx(history.last("loss"), abs=0.02)
    assert page.evaluate("getComputedStyle(document.querySelector('.vergence')).backgroundColor") == ground
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    assert page.locator("#unshown").is_hidden()
    # The timeline works here too: one notch back is the snapshot before the last.
    page.get_by_role("slider", name="Step that every panel shows").press("ArrowLeft")
    page.wait_for_function("document.querySelector('.vg-timeline').dataset.at !== ''")
    at = int(page.evaluate("document.querySelector('.vg-timeline').dataset.at"))
    page.wait_for_function(f"document.querySelector('.vergence').vergence.drawn('loss').step === {at}")
    drawn = page.evaluate("document.querySelector('.vergence').vergence.drawn('loss')")
    assert 600 < at < 700
    assert drawn["series"]["loss/raw"]["y"][-1] == pytest.approx(history.scalar("loss").at(at), abs=0.02)
    assert page.locator("button:visible", has_text="Pause").count() == 0
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    page.close()


@pytest.mark.browser
def test_a_script_that_fails_leaves_the_words(browser, written, page_text, tmp_path):
    broken = tmp_path / "broken.html"
    source = '<script type="text/plain" id="source">'
    broken.write_text(page_text.replace(source, f"{source}throw new Error('no');"), encoding="utf-8")
    page = browser.new_page()
    page.goto(broken.as_uri())
    page.wait_for_selector("#unshown", state="visible")
    assert "Loss" in page.locator("#unshown").inner_text()
    page.close()


def test_a_history_without_a_step_is_a_report_too(tmp_path):
    page_text = report.write(story.Clocked({"name": "new"}), tmp_path / "report.html").read_text(encoding="utf-8")
    assert held(page_text)["panels"]["loss"]["message"] == "Needs a first step."


def test_a_second_report_replaces_the_first(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old", encoding="utf-8")
    assert report.write(story.simclr(3, every=1), str(target)) == target
    assert "old" not in target.read_text(encoding="utf-8")[:10]


def test_an_unwritable_place_leaves_no_half_file(tmp_path):
    with pytest.raises(OSError, match="absent"):
        report.write(story.simclr(3, every=1), tmp_path / "absent" / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_without_the_built_script_it_says_what_to_type(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "STATIC", tmp_path)
    with pytest.raises(StoreError, match="make front"):
        report.write(story.simclr(3, every=1), tmp_path / "report.html")


def test_without_matplotlib_there_is_no_picture_and_still_a_report(monkeypatch, tmp_path):
    def absent(*_args, **_kwargs):
        raise MissingExtra("png", "matplotlib", "widgets")

    monkeypatch.setattr(matplotlib_pen, "png", absent)
    page_text = report.write(story.simclr(3, every=1), tmp_path / "report.html").read_text(encoding="utf-8")
    assert "data:image/png" not in page_text
