"""Findings while a run trains: opened, told anew, closed, dismissed; events that every reader of the record has."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import vergence as vg
from tests.training.small import make, until
from vergence.diagnosis import Remedy, Rule, Sign
from vergence.record.history import Event, History
from vergence.record.mailbox import Letter
from vergence.record.until import Until
from vergence.training import diagnosing as room
from vergence.training.diagnosing import Diagnosing

HIGH = Rule(
    name="loss too high",
    severity="warning",
    says="Your loss is {loss}.",
    signs=(Sign("loss", "the loss", healthy=(None, 1.0), above=2.0),),
    remedies=(Remedy("Lower the learning rate to 0.01.", control="learning_rate", value=0.01),),
    source="made for this test",
)
ABSENT = dataclasses.replace(HIGH, name="rank low", signs=(Sign("spectrum/z/rank", "rank of z", below=2.0),))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def filled(*values: float, history: History | None = None) -> History:
    history = history or History({"name": "made"})
    for value in values:
        history.add_scalars(history.last_step + 1, {"loss": value})
    return history


def look(diagnosing: Diagnosing, clock: Clock, seconds: float = 11.0) -> None:
    """One look, as a training thread would have it: begun at one step, written down at a later one."""
    clock.now += seconds
    diagnosing.tick()
    assert diagnosing._worker is not None
    diagnosing._worker.join()
    diagnosing.tick()


def told(history: History) -> list[tuple[int, str]]:
    return [(event.step, str(event.data["state"])) for event in history.events("finding")]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_opens_is_told_anew_and_closes(clock: Clock) -> None:
    history = filled(1, 1, 3, 3)
    diagnosing = Diagnosing(history, rules=[HIGH, ABSENT], clock=clock)
    look(diagnosing, clock)
    assert told(history) == [(4, "opened")]
    finding = history.events("finding")[0].data["finding"]
    assert (finding["name"], finding["since"], finding["says"]) == ("loss too high", 3, "Your loss is 3.")
    assert finding["evidence"][0]["value"] == 3.0
    assert finding["evidence"][0]["before"] == 1.0
    assert finding["remedies"][0]["control"] == "learning_rate"
    assert isinstance(finding["evidence"], list), "as it is read back from a file"
    assert history.static["checks"] == ["loss too high"]
    assert list(history.static["not_checked"]) == ["rank low"]

    filled(3.1, history=history)
    look(diagnosing, clock)
    assert len(told(history)) == 1, "a few digits are no news"
    filled(1, history=history)
    look(diagnosing, clock)
    assert len(told(history)) == 1, "missing once may be a number that goes to and fro"
    look(diagnosing, clock)
    assert told(history) == [(4, "opened"), (6, "closed")]
    filled(4, 4, history=history)
    look(diagnosing, clock)
    assert told(history)[-1] == (8, "opened")


def test_digits_are_told_ever_more_seldom(clock: Clock) -> None:
    history = filled(3, 3)
    diagnosing = Diagnosing(history, rules=[HIGH], clock=clock)
    value, steps = 3.0, []
    for _ in range(80):
        value *= 1.5
        filled(value, history=history)
        look(diagnosing, clock)
        steps.append(len(told(history)))
    assert 4 < steps[-1] < 12, "880 seconds of a number that grows by half at every look"
    assert {state for _, state in told(history)[1:]} == {"changed"}


def test_words_that_change_are_told_at_once(clock: Clock) -> None:
    history = filled(3, 3)
    diagnosing = Diagnosing(history, rules=[HIGH], clock=clock)
    look(diagnosing, clock)
    diagnosing.rules = (dataclasses.replace(HIGH, severity="failure"),)
    look(diagnosing, clock)
    assert told(history) == [(2, "opened"), (2, "changed")]


def test_seen_in_the_past_and_by_the_last_look(clock: Clock) -> None:
    history = filled(1, 1, 3, 3, 3)
    diagnosing = Diagnosing(history, rules=[HIGH], clock=clock)
    look(diagnosing, clock)
    filled(1, history=history)
    diagnosing.finish()
    assert told(history) == [(5, "opened"), (6, "closed")], "the last look's word holds at once"
    assert [event.data["state"] for event in Until(history, 5).events("finding")] == ["opened"]
    assert not Until(history, 4).events("finding")


def test_a_rule_that_raises_stops_nothing_and_is_said_once(clock: Clock) -> None:
    bad = dataclasses.replace(HIGH, says="{loss:nonsense}")
    history = filled(3, 3)
    diagnosing = Diagnosing(history, rules=[bad], clock=clock)
    for _ in range(3):
        look(diagnosing, clock)
    (event,) = history.events("failed")
    assert event.data["name"] == "diagnosis"
    assert "ValueError" in event.data["why"]


def test_looks_are_seldom_and_not_on_the_training_thread(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def slow(history: History, **_more: Any) -> Any:
        import threading
        import time

        seen.append(threading.current_thread().name)
        began = time.thread_time()
        while time.thread_time() - began < 0.01:
            pass
        return vg.diagnose(filled(1), rules=[])

    monkeypatch.setattr(room, "diagnose", slow)
    diagnosing = Diagnosing(filled(1), clock=clock)
    while clock.now < 100:
        clock.now += 0.05
        diagnosing.tick()
        if diagnosing._worker is not None:
            diagnosing._worker.join()
    assert set(seen) == {"vergence-diagnosis"}
    assert 8 <= len(seen) <= 11, "a look that takes 10 ms comes every ten seconds"
    assert diagnosing.seconds >= 0.01 * len(seen)


def test_a_run_has_findings_of_its_own(tmp_path: Any) -> None:
    run = make(save=True, directory=tmp_path)
    run.observer.diagnosing.rules = (dataclasses.replace(HIGH, signs=(Sign("loss", "the loss", above=0.0),)),)
    run.start(8).wait()
    (event,) = run.history.events("finding")
    assert event.data["state"] == "opened"
    assert run.history.static["checks"] == ["loss too high"]
    other = vg.open(run.directory)
    try:
        until(lambda: bool(other.history.events("finding")))
        assert [again.data for again in other.history.events("finding")] == [event.data]
        assert other.history.static["checks"] == ["loss too high"]
    finally:
        close = getattr(other, "close", None)
        if close is not None:
            close()


def test_somebodys_own_loop_has_findings() -> None:
    monitor = vg.Monitor(save=False, every=1)
    monitor.observer.diagnosing.rules = (HIGH,)
    for _ in range(6):
        monitor.step(torch.randn(8, 4), torch.randn(8, 4), loss=3.0)
    monitor.close()
    assert [event.data["name"] for event in monitor.history.events("finding")] == ["loss too high"]


def test_dismissing_is_recorded_and_does_nothing_else() -> None:
    run = make()
    run.mailbox.put(Letter("pause", command=True))
    run.start()
    until(lambda: run.state == "paused")
    run.mailbox.put(Letter("dismiss", "loss too high", command=True, source="cockpit"))

    def answers() -> list[Event]:
        return [event for event in run.history.events("command") if event.data["name"] == "dismiss"]

    until(lambda: bool(answers()))
    assert answers()[0].data["finding"] == "loss too high"
    assert answers()[0].data["state"] == "applied"
    assert run.state == "paused"
    run.stop()
