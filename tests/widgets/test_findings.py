"""Findings from the kernel's side: told when they are new, dismissed, in frames, timelines, stills and reports."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.panels import story
from tests.panels.faulty import COLLAPSED, loses_directions, tell
from vergence import errors
from vergence.record.history import History
from vergence.record.mailbox import Letter, Mailbox
from vergence_widgets import report
from vergence_widgets.freeze import MOST_BYTES, size, still
from vergence_widgets.panels import every
from vergence_widgets.panels.findings import lines
from vergence_widgets.timeline import events


@pytest.fixture
def run() -> History:
    return loses_directions()


def names(frame: dict) -> list[str]:
    return [entry["name"] for entry in frame["findings"]["findings"]]


def test_the_strip_comes_when_it_is_new_and_not_in_every_frame(run, page):
    watching = page(run, nouns=("loss",))
    assert names(watching.tick()) == ["dimensional collapse"]
    run.add_scalars(1483, {"loss": 3.0})
    frame = watching.tick()
    assert frame["key"] is False
    assert "findings" not in frame, "nothing about it is new"
    tell(run, 1483, "opened", COLLAPSED)
    assert names(watching.tick()) == ["complete collapse", "dimensional collapse"]
    tell(run, 1483, "closed", COLLAPSED)
    assert names(watching.tick()) == ["dimensional collapse"]
    run.describe(checks=["one more"])
    assert "findings" in watching.tick()


def test_a_reader_who_goes_back_sees_what_stood_there(run, page):
    watching = page(run, nouns=("loss",))
    watching.tick()
    assert names(watching.seek(450)) == ["complete collapse"]
    frame = watching.seek(600)
    assert names(frame) == []
    assert frame["findings"]["ahead"] == 1
    assert names(watching.seek(None)) == ["dimensional collapse"]


def test_a_finding_draws_its_panels_anew_also_in_the_past(run, page):
    watching = page(run, nouns=("loss",))
    watching.seek(450)
    before = watching.publisher.frames_sent["loss"]
    tell(run, 1482, "opened", replace(COLLAPSED, name="cone", since=440))
    assert "loss" in watching.tick()["panels"]
    assert watching.publisher.frames_sent["loss"] == before + 1


def test_dismissing_goes_to_the_run_and_is_shown_at_once(run, page):
    subject = SimpleNamespace(history=run, mailbox=Mailbox())
    watching = page(subject, nouns=("loss",))
    (entry,) = watching.tick()["findings"]["findings"]
    watching.say("dismiss", finding=entry["name"], ident=entry["ident"])
    run.add_scalars(1483, {"loss": 3.0})
    assert names(watching.tick()) == []
    (letter,) = subject.mailbox.take()
    assert (letter.name, letter.value, letter.command) == ("dismiss", "dimensional collapse", True)


@pytest.mark.parametrize("mailbox", [True, False])
def test_where_nobody_can_record_it_this_page_keeps_it(run, page, mailbox):
    run.set_state("finished")

    class Full:
        def put(self, letter: Letter) -> str:
            raise errors.StoreError("full")

    subject = SimpleNamespace(history=run, **({"mailbox": Full()} if mailbox else {}))
    watching = page(subject, nouns=("loss",))
    (entry,) = watching.tick()["findings"]["findings"]
    watching.say("dismiss", finding=entry["name"], ident=entry["ident"])
    frame = watching.tick(6.0)
    assert names(frame) == []


def test_the_timeline_has_their_stretches(run):
    found = [entry for entry in events(run) if entry["kind"] == "finding"]
    assert found == [
        {"step": 400, "kind": "finding", "label": "complete collapse", "until": 520, "severity": "failure"},
        {"step": 1290, "kind": "finding", "label": "dimensional collapse", "until": None, "severity": "warning"},
    ]
    steps = [entry["step"] for entry in events(run)]
    assert steps == sorted(steps)


def test_a_still_picture_says_what_is_wrong_and_stays_small(run):
    panels = list(every(run).values())
    header = {"name": "run", "state": "stopped", "step": 1482}
    bundle, bare = still(panels, header, findings=lines(run)), still(panels, header)
    assert "Warning since step 1,290: your embeddings lose directions" in bundle["text/plain"]
    assert "try 2. Set the learning rate back to 0.03." in bundle["text/plain"]
    assert size(bundle) < MOST_BYTES
    assert bundle["image/png"] != bare["image/png"]


def test_a_still_picture_in_plotly_says_it_too(run):
    few = list(every(run, nouns=("loss",)).values())
    layout = still(few, {"name": "run"}, findings=lines(run))["application/vnd.plotly.v1+json"]["layout"]
    words = [entry["text"] for entry in layout["annotations"]]
    assert any("▲ Warning since step 1,290" in text for text in words)
    bare = still(few, {"name": "run"})["application/vnd.plotly.v1+json"]["layout"]
    assert layout["height"] > bare["height"], "the words have room of their own"


def test_a_report_has_the_strip_of_the_end_and_of_every_step_in_it(run, tmp_path):
    run.set_state("finished")
    text = report.write(run, tmp_path / "report.html").read_text()
    found = {name: json.loads(body) for name, body in re.findall(r'json" id="(frame|held)">(.*?)</script>', text)}
    assert names(found["frame"]) == ["dimensional collapse"]
    assert len(found["held"]["strips"]) == len(found["held"]["past"])
    said = {entry["name"] for strip in found["held"]["strips"] for entry in strip["findings"]}
    assert said == {"complete collapse", "dimensional collapse"}
    words = re.search(r'<noscript><p class="words">(.*?)</p>', text, re.DOTALL)
    assert words is not None
    assert "rests on effective rank of z: 24" in words[1]


def test_a_record_without_a_diagnosis_has_no_strip(page):
    frame = page(story.simclr(30), nouns=("loss",)).tick()
    assert (frame["findings"]["healthy"], frame["findings"]["findings"]) == ("", [])
