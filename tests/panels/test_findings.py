"""Findings as they are shown: words, what is open at which step, what can be pressed, and the triangles."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.panels import story
from tests.panels.faulty import COLLAPSED, LOSES, TAIL, controls, loses_directions, tell
from vergence.record.history import History
from vergence.record.until import Until
from vergence_widgets.panels import PANELS, every, findings
from vergence_widgets.panels.spec import Mark


@pytest.fixture
def run() -> History:
    return loses_directions()


def triangles(history: History, noun: str) -> list[float]:
    panel = every(history, nouns=(noun,))[noun]
    layers = [layer for plot in panel.plots for layer in plot.layers]
    return [layer.x for layer in layers if isinstance(layer, Mark) and layer.kind == "trouble"]


# -- what is open when -----------------------------------------------------------------------------


def test_a_finding_stands_from_where_it_dates_itself_to_where_it_had_gone(run):
    gone, now = findings.stretches(run)
    assert (gone.name, gone.since, gone.noticed, gone.until) == ("complete collapse", 400, 410, 520)
    assert (now.name, now.since, now.noticed, now.until) == ("dimensional collapse", 1290, 1310, None)
    names = {step: [one.name for one, _ in findings.open_at(Until(run, step))] for step in (399, 400, 519, 520, 1290)}
    assert names == {
        399: [], 400: ["complete collapse"], 519: ["complete collapse"], 520: [], 1290: ["dimensional collapse"]
    }  # fmt: skip


def test_the_past_says_what_was_told_by_then(run):
    confidence = {step: findings.strip(Until(run, step))["findings"][0]["confidence"] for step in (1295, 1320, 1400)}
    assert confidence == {1295: "Confidence 0.70", 1320: "Confidence 0.70", 1400: "Confidence 0.91"}


def test_the_worst_comes_first_then_the_surest(run):
    tell(run, 1410, "opened", TAIL)
    tell(run, 1420, "opened", replace(LOSES, name="cone", confidence=0.95))
    tell(run, 1430, "opened", COLLAPSED)
    names = [entry["name"] for entry in findings.strip(run)["findings"]]
    assert names == ["complete collapse", "cone", "dimensional collapse", "long tail"]


def test_one_that_comes_again_is_another_one(run):
    tell(run, 1480, "opened", COLLAPSED)
    idents = [one.ident for one in findings.stretches(run)]
    assert len(set(idents)) == 3


def test_dismissed_ones_are_left_out_until_they_come_again_or_grow_worse(run):
    def shown() -> list[str]:
        return [entry["name"] for entry in findings.strip(run)["findings"]]

    run.add_event("command", 1450, id="a", name="dismiss", state="applied", finding="dimensional collapse")
    assert shown() == []
    tell(run, 1460, "changed", replace(LOSES, confidence=0.5))
    assert shown() == []
    tell(run, 1470, "changed", replace(LOSES, severity="failure"))
    assert shown() == ["dimensional collapse"]
    run.add_event("command", 1471, id="b", name="dismiss", state="applied", finding="dimensional collapse")
    tell(run, 1475, "closed", LOSES)
    assert shown() == []
    tell(run, 1480, "opened", LOSES)
    assert shown() == ["dimensional collapse"]
    (ident,) = [entry["ident"] for entry in findings.strip(run)["findings"]]
    assert findings.strip(run, dismissed={ident})["findings"] == []
    assert findings.strip(run, dismissed={"cone@3"})["findings"] != []


# -- words -----------------------------------------------------------------------------------------


def test_the_strip_says_what_since_when_on_what_and_what_to_try(run):
    said = findings.strip(run)
    (entry,) = said["findings"]
    assert entry["since"] == 1290
    assert entry["says"] == (
        "your embeddings lose directions: the effective rank of z is 24. It began after lr 0.03 → 0.06 at step 1,204."
    )
    chips = [(chip["noun"], chip["home"], chip["words"], chip["step"]) for chip in entry["chips"]]
    assert chips == [
        ("spectrum", "spectrum", "rank 61 → 24.2", 1476),
        ("similarity", "similarity", "negative mean 0.11", 1476),
        ("gradients", "loss", "norm 1 → 3", 1470),
    ]
    assert entry["try"][0] == "Raise the batch size."
    assert entry["remedy"] == {"label": "Set learning rate to 0.03", "control": "learning_rate", "value": 0.03}
    # Of five checks one found something and explains another; two more were not possible.
    assert said["counts"] == "3 checks clear, 2 not possible"
    assert said["lacking"] == ["shortcut: no labels", "class collapse: no labels"]


def test_a_change_long_before_is_not_named():
    history = story.simclr(700, every=50)
    tell(history, 695, "opened", replace(LOSES, since=690))
    assert "It began after" not in findings.strip(history)["findings"][0]["says"]
    tell(history, 695, "opened", replace(LOSES, name="cone", since=640))
    assert "It began after τ 0.5 → 0.2 at step 620." in findings.strip(history)["findings"][1]["says"]


def test_a_healthy_run_says_what_was_looked_for():
    history = story.simclr(60)
    assert findings.strip(history)["healthy"] == "", "nothing was looked for yet"
    history.describe(checks=[f"check {index}" for index in range(14)], not_checked={})
    assert findings.strip(history)["healthy"] == "Nothing found; 14 checks."
    history.describe(not_checked={"shortcut": "no labels", "class collapse": "no labels"})
    assert findings.strip(history)["healthy"] == "Nothing found; 14 checks, 2 not possible: no labels."
    history.describe(not_checked={"shortcut": "no labels.", "modality gap": "needs two towers"})
    assert findings.strip(history)["healthy"] == "Nothing found; 14 checks, 2 not possible."
    assert len(findings.strip(history)["lacking"]) == 2
    history.describe(checks=["cone", "cone", "shortcut"], not_checked={"shortcut": "no labels", "drift": "no labels"})
    assert findings.strip(history)["healthy"] == "Nothing found; 2 checks, 1 not possible: no labels."


def test_the_past_says_that_it_is_the_past(run):
    said = findings.strip(Until(run, 600))
    assert said["healthy"].startswith("Nothing was found at step ")
    assert (said["past"], said["ahead"]) == (True, 1)
    assert findings.strip(run)["past"] is False


def test_the_lines_of_a_report_have_everything(run):
    text = "\n".join(findings.lines(run))
    for words in (
        "Warning since step 1,290: your embeddings lose directions", "rests on effective rank of z: 24", "step 1,476",
        "not complete collapse: spread of z", "it explains worse than input", "try 1. Raise the batch size.",
        "try 2. Set the learning rate", "Confidence 0.91", "05_has_it_collapsed.ipynb",
        "3 checks clear, 2 not possible",
    ):  # fmt: skip
        assert words in text, words
    assert findings.lines(story.simclr(30)) == []


def test_numbers_that_are_missing_are_no_error():
    history = story.simclr(30)
    history.add_event("finding", 20, name="odd", state="opened", finding={"since": 20})
    history.add_event("finding", 21, name="bare", state="opened")
    history.add_event("finding", 22, name="never opened", state="changed", finding={"evidence": [{"value": None}]})
    text = "\n".join(findings.lines(history))
    assert not re.search(r"nan|inf|None|undefined", text)
    assert [entry["name"] for entry in findings.strip(history)["findings"]] == ["odd", "never opened"]


# -- what can be pressed ---------------------------------------------------------------------------


def test_a_remedy_that_is_in_force_already_is_not_offered(run):
    run.add_event("control", 1480, name="learning_rate", old=0.06, new=0.03, label="lr 0.06 → 0.03", state="applied")
    assert findings.strip(run)["findings"][0]["remedy"] is None


def test_a_refused_change_does_not_count(run):
    run.add_event("control", 1480, name="learning_rate", old=0.06, new=0.03, label="", state="refused", why="no")
    assert findings.strip(run)["findings"][0]["remedy"] is not None


def test_a_control_that_is_not_there_is_not_offered():
    history = story.simclr(1400, every=100)
    tell(history, 1310, "opened", LOSES)
    assert findings.strip(history)["findings"][0]["remedy"] is None
    controls(history)
    assert findings.strip(history)["findings"][0]["remedy"] is not None


def test_a_past_finding_that_has_gone_offers_nothing(run):
    assert findings.strip(Until(run, 450))["findings"][0]["remedy"] is None
    assert findings.strip(Until(run, 1300))["findings"][0]["remedy"] is not None, "it is open now"


# -- in the panels ---------------------------------------------------------------------------------


def test_triangles_stand_where_findings_began(run):
    assert triangles(run, "loss") == [1290.0]
    assert triangles(run, "spectrum") == [], "words stand there, on a strip of colours"
    assert triangles(run, "hypersphere") == []
    assert triangles(Until(run, 600), "loss") == []
    assert triangles(Until(run, 450), "loss") == [400.0]
    tell(run, 1400, "opened", TAIL)
    assert triangles(run, "loss") == [1290.0], "a note marks nothing"


def test_every_home_is_a_panel():
    assert set(findings.HOMES.values()) <= set(PANELS)
