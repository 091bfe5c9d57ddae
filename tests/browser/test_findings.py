"""The findings' strip in a page without Jupyter: its words, chips, keys, the one remedy, and the panels it marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_gallery import Gallery, address, gallery, overlap
from tests.panels.faulty import loses_directions
from vergence_widgets import report

pytestmark = pytest.mark.browser
__all__ = ["address", "gallery"]  # fixtures
STRIP = ".vg-findings"
SAYS = f"{STRIP} .vg-finding-says"


def strip(gallery: Gallery) -> str:
    return gallery.page.locator(STRIP).inner_text()


def focused(gallery: Gallery) -> str:
    found: str = gallery.page.evaluate("document.activeElement.innerText")
    return found.replace("\n", " ")


def marked(gallery: Gallery) -> list[str]:
    return [one.get_attribute("data-panel") or "" for one in gallery.page.locator("[data-evidence]").all()]


def post(gallery: Gallery, script: str, seq: int) -> None:
    """Send another frame of the story, changed by `script` (of `made`)."""
    gallery.page.evaluate(
        f"""(seq) => {{
            const made = gallery.frame('finding', seq);
            made.confirm = true;
            {script}
            gallery.model.frame(made);
        }}""",
        seq,
    )
    gallery.until(f"document.querySelector('.vergence').dataset.seq === '{seq}'")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 800), ("dark", 560)])
def test_the_strip_is_sound(gallery: Gallery, pictures: Path, theme: str, width: int) -> None:
    gallery.page.set_viewport_size({"width": width, "height": 900})
    for story in ("finding", "findings", "healthy", "note", "past") if width == 800 else ("finding", "findings"):
        gallery.show(story, theme)
        where = f"{story}, {theme}, {width}"
        text = gallery.page.locator(".vergence").inner_text()
        for word in ("NaN", "undefined", "Infinity", "null", "[object"):
            assert word not in text, where
        assert gallery.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where
        parts = gallery.page.locator(f"{STRIP} :is(p, .vg-chip, button, .vg-small):visible").all()
        boxes = [box for part in parts if (box := part.bounding_box()) is not None]
        corners = [[b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]] for b in boxes]
        assert not [1 for i, a in enumerate(corners) for b in corners[i + 1 :] if overlap(a, b)], where
        sizes = {part.evaluate("e => getComputedStyle(e).fontSize") for part in parts}
        assert sizes <= {"11px", "13px"}, where
        gallery.page.screenshot(path=str(pictures / f"findings-{story}-{theme}-{width}.png"), full_page=True)
    assert not gallery.errors


def test_a_healthy_run_has_one_quiet_line_and_no_orange(gallery: Gallery) -> None:
    gallery.show("healthy")
    assert strip(gallery).startswith("Nothing found; 14 checks, 2 not possible: no labels.")
    assert marked(gallery) == []
    assert gallery.page.locator(f"{STRIP} svg").count() == 0
    assert gallery.page.locator(".vg-time-stretch").count() == 0
    gallery.page.get_by_role("button", name="Which").click()
    assert "Not checked: shortcut: no labels" in strip(gallery)
    gallery.show("live")
    assert gallery.page.locator(STRIP).is_hidden(), "nothing was looked for, so nothing is said"


def test_the_worst_is_open_and_the_others_are_one_press_away(gallery: Gallery) -> None:
    gallery.show("findings")
    text = strip(gallery)
    assert "Failure since step 1,290: your embeddings lose directions." in text
    assert "Confidence 0.91. 11 checks clear, 2 not possible." in text
    assert "norm" not in text
    assert marked(gallery) == ["loss", "similarity", "hypersphere"]
    gallery.page.get_by_role("button", name="2 more").click()
    assert "Note since step 60" in strip(gallery)
    gallery.page.locator(".vg-finding-other", has_text="norms of h").click()
    assert strip(gallery).startswith("Warning since step 980: the norms of h grow")
    assert "Try Add weight decay" in strip(gallery), "a remedy without a control is told in words"
    assert gallery.page.locator(".vg-remedy").is_hidden()


def test_a_chip_leads_to_its_panel_and_step(gallery: Gallery) -> None:
    gallery.page.set_viewport_size({"width": 560, "height": 500})
    gallery.show("finding")
    panel = gallery.page.locator("[data-panel=hypersphere]")
    below = "e => e.getBoundingClientRect().top > innerHeight"
    assert panel.evaluate(below)
    gallery.page.locator(".vg-chip", has_text="uniformity").click()
    assert gallery.sent("seek")[-1]["step"] == 1400
    assert not panel.evaluate(below)
    assert "vg-visited" in (panel.get_attribute("class") or "")
    gallery.page.locator(".vg-chip", has_text="negatives").click()
    assert "vg-visited" not in (panel.get_attribute("class") or ""), "one panel is marked, the last one"


def test_why_has_the_numbers_the_neighbours_and_every_remedy(gallery: Gallery) -> None:
    gallery.show("finding")
    gallery.page.get_by_role("button", name="Why").click()
    text = strip(gallery)
    for words in ("healthy: 40 or more", "not complete collapse", "It explains: worse than input", "Try 2: Warm",
                  "05_has_it_collapsed.ipynb", "Not checked: class collapse: no labels"):  # fmt: skip
        assert words in text, words


def test_the_remedy_is_pending_then_applied_like_a_control(gallery: Gallery, pictures: Path) -> None:
    gallery.show("finding")
    button = gallery.page.get_by_role("button", name="Set learning rate to 0.03")
    button.click()
    (wish,) = gallery.sent("control")
    assert (wish["name"], wish["value"]) == ("learning_rate", 0.03)
    assert "pending, was 0.060" in strip(gallery)
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)
    assert len(gallery.sent("control")) == 1, "it is asked once"
    assert "pending" in gallery.page.locator("[data-control=learning_rate]").inner_text()
    gallery.page.screenshot(path=str(pictures / "findings-pending-light-1280.png"))
    answer = {"type": "ack", "id": wish["id"], "name": "learning_rate", "value": 0.03, "state": "applied", "step": 1490}
    gallery.page.evaluate("m => gallery.model.post({...m, why: ''})", answer)
    assert "applied at step 1,490: set learning rate to 0.03" in strip(gallery)
    post(gallery, "made.findings.findings[0] = {...made.findings.findings[0], remedy: null};", 2)
    assert button.is_hidden()


def test_a_refused_remedy_says_why(gallery: Gallery) -> None:
    gallery.show("finding")
    gallery.page.get_by_role("button", name="Set learning rate to 0.03").click()
    (wish,) = gallery.sent("control")
    answer = {"type": "ack", "id": wish["id"], "name": "learning_rate", "value": None, "state": "refused", "step": None}
    gallery.page.evaluate("m => gallery.model.post({...m, why: 'too small'})", answer)
    assert "refused: too small" in strip(gallery)


def test_a_remedy_that_cannot_be_applied_now_says_why(gallery: Gallery) -> None:
    gallery.show("finding")
    post(gallery, "made.header.state = 'finished';", 2)
    button = gallery.page.get_by_role("button", name="Set learning rate to 0.03")
    assert button.get_attribute("title") == "The run is finished."
    button.click(force=True)
    assert gallery.sent("control") == []


def test_dismissed_it_goes_and_the_next_one_opens(gallery: Gallery) -> None:
    gallery.show("findings")
    gallery.page.get_by_role("button", name="Dismiss").click()
    (wish,) = gallery.sent("dismiss")
    assert (wish["finding"], wish["ident"]) == ("dimensional collapse", "dimensional collapse@1310")
    assert "Warning since step 980" in strip(gallery)
    assert gallery.page.get_by_role("button", name="1 more").is_visible()


def test_f_goes_round_the_findings_and_their_evidence(gallery: Gallery) -> None:
    gallery.show("findings")
    gallery.page.locator("[data-panel=loss]").focus()
    seen = []
    for _ in range(8):
        gallery.page.keyboard.press("f")
        seen.append(focused(gallery)[:22])
    assert [words.split(" since")[0] for words in seen] == [
        "Failure", "spectrum rank 61 → 24", "similarity negatives 0", "hypersphere uniformity", "Warning",
        "loss 12 → 48", "Note", "pairs share 0.4",
    ]  # fmt: skip
    gallery.page.keyboard.press("f")
    assert focused(gallery).startswith("Failure")
    gallery.page.keyboard.press("f")
    gallery.page.keyboard.press("f")
    assert gallery.sent("seek") == [], "looking round asks for no step"
    gallery.page.keyboard.press("Enter")
    assert gallery.sent("seek")[-1]["step"] == 1476


def test_everything_in_the_strip_is_reached_by_tab(gallery: Gallery) -> None:
    gallery.show("findings")
    gallery.page.locator(SAYS).focus()
    seen = []
    for _ in range(7):
        gallery.page.keyboard.press("Tab")
        seen.append(focused(gallery))
    assert seen[3:] == ["Set learning rate to 0.03", "2 more", "Why", "Dismiss"]


def test_it_is_announced_when_its_words_change_and_not_by_ticks(gallery: Gallery) -> None:
    gallery.show("finding")
    region = gallery.page.locator(f"{STRIP} [role=status]")
    assert region.get_attribute("aria-live") == "polite"
    gallery.page.evaluate(
        """() => {
            window.changes = 0;
            const region = document.querySelector('.vg-findings [role=status]');
            new MutationObserver(() => window.changes++).observe(region, {childList: true, subtree: true, characterData: true});
        }"""  # noqa: E501
    )
    post(gallery, "made.header.step = 1483;", 2)
    post(gallery, "made.findings.findings[0].chips[0].words = 'rank 61 → 23';", 3)
    assert "rank 61 → 23" in strip(gallery)
    assert gallery.page.evaluate("window.changes") == 0
    post(gallery, "made.findings.findings[0].severity = 'failure';", 4)
    assert gallery.page.evaluate("window.changes") >= 1


def test_the_timeline_has_thick_and_thin_stretches(gallery: Gallery) -> None:
    gallery.show("finding")
    box = gallery.page.locator(".vg-time-open").bounding_box()
    thin = gallery.page.locator(".vg-time-stretch:not(.vg-time-open)").bounding_box()
    dot = gallery.page.locator(".vg-time-dot").bounding_box()
    assert box is not None
    assert thin is not None
    assert dot is not None
    assert box["x"] + box["width"] == pytest.approx(dot["x"] + dot["width"] / 2, abs=4)
    assert thin["x"] + thin["width"] < box["x"]


def test_the_past_says_what_came_since_and_leads_back(gallery: Gallery) -> None:
    gallery.show("past")
    assert "Nothing was found at step 600. Since then: 1 finding." in strip(gallery)
    gallery.page.locator(STRIP).get_by_role("button", name="Live").click()
    assert gallery.sent("seek")[-1]["step"] is None


def test_names_that_hold_markup_are_words(gallery: Gallery) -> None:
    gallery.show("finding")
    bad = "'<img src=x onerror=\"window.hurt=1\">'"
    change = f"Object.assign(made.findings.findings[0], {{says: {bad}, name: {bad}, ident: {bad}, try: [{bad}]}});"
    chip = f"Object.assign(made.findings.findings[0].chips[0], {{words: {bad}, title: {bad}, home: {bad}}});"
    post(gallery, change + chip, 2)
    gallery.page.get_by_role("button", name="Why").click()
    assert "<img" in strip(gallery)
    assert gallery.page.evaluate("window.hurt") is None
    assert not gallery.errors


def test_a_report_shows_them_at_its_steps(browser: Any, tmp_path: Path, pictures: Path) -> None:
    history = loses_directions()
    history.set_state("finished")
    path = report.write(history, tmp_path / "report.html")
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".vergence[data-ready='true']")
    found = page.locator(STRIP)
    assert "Warning since step 1,290: your embeddings lose directions" in found.inner_text()
    assert "Try Raise the batch size." in found.inner_text(), "nothing can be pressed where there is no kernel"
    assert page.locator(f"{STRIP} .vg-remedy").is_hidden()
    assert page.get_by_role("button", name="Dismiss").is_hidden()
    page.screenshot(path=str(pictures / "findings-report-light-1280.png"))
    page.locator(".vergence [data-panel=loss]").focus()
    page.keyboard.press("[")  # the change of the learning rate, or the finding: an earlier step
    page.get_by_role("slider", name="Step that every panel shows").press("Home")
    page.wait_for_function("() => document.querySelector('.vg-findings').innerText.includes('Nothing was found')")
    context.close()
    assert not errors
