"""Frames in a page without Jupyter: the newest is drawn, what was asked for is confirmed, nothing out of sight."""

from __future__ import annotations

import pytest

from tests.browser.test_gallery import ROOT, Gallery, address, gallery

__all__ = ["address", "gallery"]  # fixtures

pytestmark = pytest.mark.browser


def test_the_newest_frame_is_drawn_confirmed_and_older_ones_dropped(gallery: Gallery) -> None:
    gallery.show()
    for seq in range(2, 8):
        gallery.post(seq, step=1482 + seq)
    gallery.until(f"{ROOT}.dataset.seq === '7'")
    assert gallery.page.locator(".vergence").get_attribute("data-step") == "1489"
    gallery.post(5, step=1)
    gallery.post(8, key=False, only="loss", step=1500)
    gallery.until(f"{ROOT}.dataset.seq === '8'")
    assert gallery.drawn("loss")["step"] == 1500
    assert gallery.drawn("similarity")["step"] == 1482
    gallery.until("gallery.model.sent.some(m => m.type === 'shown' && m.seq === 8)")
    shown = [message["seq"] for message in gallery.sent("shown")]
    assert shown == sorted(set(shown))
    assert all(message["ms"] >= 0 for message in gallery.sent("shown"))
    stats = gallery.page.evaluate(f"{ROOT}.vergence.stats")
    assert stats["drawnFrames"] >= len(shown)
    assert stats["droppedFrames"] == 9 - stats["drawnFrames"]
    assert gallery.sent("want_key") == []


def test_a_gap_in_the_numbers_asks_for_a_key_frame(gallery: Gallery) -> None:
    gallery.show()
    gallery.post(6, key=False, only="loss", step=1600)
    gallery.until(f"{ROOT}.dataset.seq === '6'")
    assert [message["view"] for message in gallery.sent("want_key")] == [gallery.sent("ready")[0]["view"]]


def test_a_ping_is_answered_at_once(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate("() => gallery.model.post({type: 'ping', id: 7, time: 0})")
    assert gallery.sent("pong") == [{"type": "pong", "id": 7}]


def test_a_message_that_cannot_be_read_is_said_and_survived(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate(
        "() => gallery.model.post({type: 'frame', seq: 2, panels: {x: {$buffer: 3, dtype: 'float32', shape: [1]}}})"
    )
    gallery.until("document.querySelector('.vg-notices').innerText.includes('could not be read')")
    gallery.post(3)
    gallery.until(f"{ROOT}.dataset.seq === '3'")
    assert not gallery.errors


def test_nothing_is_drawn_out_of_sight_and_the_newest_when_seen_again(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate("() => { gallery.here.style.marginTop = '4000px'; scrollTo(0, 0); }")
    gallery.until("gallery.model.sent.some(m => m.type === 'hidden' && m.hidden)")
    before = len(gallery.sent("shown"))
    for seq in range(2, 6):
        gallery.post(seq, step=1482 + seq)
    gallery.page.wait_for_timeout(400)
    assert gallery.page.locator(".vergence").get_attribute("data-seq") == "1"
    assert len(gallery.sent("shown")) == before
    gallery.page.evaluate("() => gallery.here.scrollIntoView()")
    gallery.until(f"{ROOT}.dataset.seq === '5'")
    assert gallery.sent("hidden")[-1]["hidden"] is False
    assert gallery.sent("want_key")
    gallery.until("gallery.model.sent.some(m => m.type === 'shown' && m.seq === 5)")
    assert [message["seq"] for message in gallery.sent("shown")][before:] == [5]


def test_only_what_asks_for_it_is_confirmed(gallery: Gallery) -> None:
    gallery.show()
    gallery.page.evaluate("""() => {
        for (const [seq, confirm] of [[2, true], [3, false]]) {
            gallery.model.frame({...gallery.frame('live', seq), confirm});
        }
    }""")
    # Frame 2 asked and was overtaken: what is confirmed is what can be seen.
    gallery.until("gallery.model.sent.some(m => m.type === 'shown' && m.seq === 3)")
    gallery.page.evaluate("() => gallery.model.frame({...gallery.frame('live', 4), confirm: false})")
    gallery.until(f"{ROOT}.dataset.seq === '4'")
    gallery.page.wait_for_timeout(400)
    assert gallery.sent("shown")[-1]["seq"] == 3
