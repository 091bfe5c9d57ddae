"""Between two steps: pause, single steps, stop, and changes of controls, each answered in the History."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from vergence import losses
from vergence.record.history import History
from vergence.record.mailbox import Letter
from vergence.training.controls import Controls
from vergence.training.steering import Steering


class Loop:
    """A loop that only counts, on a thread of its own."""

    def __init__(self) -> None:
        self.history, self.controls, self.loss = History(), Controls(), losses.NTXent(temperature=0.5)
        self.controls.add_loss(self.loss)
        self.steering = Steering(self.history, self.controls)
        self.step, self.seen = 0, {}
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Loop:
        self.thread.start()
        return self

    def _run(self) -> None:
        while self.steering.gate(self.step + 1):
            self.step += 1
            self.seen[self.step] = self.loss.settings()["temperature"]
            time.sleep(0.001)

    def tell(
        self, name: str, value: object = None, *, command: bool = True, source: str = "python"
    ) -> dict[str, object]:
        """Put a letter in and wait for its answer."""
        letter = Letter(name, value, command=command, source=source)
        self.steering.mailbox.put(letter)
        until(lambda: any(event.data.get("id") == letter.id for event in self.history.events()))
        (event,) = [event for event in self.history.events() if event.data.get("id") == letter.id]
        return {**event.data, "step": event.step, "kind": event.kind}


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.002)


@pytest.fixture
def loop():
    made = Loop().start()
    until(lambda: made.step > 2)
    yield made
    made.steering.mailbox.put(Letter("stop", command=True))
    made.thread.join(10)
    assert not made.thread.is_alive()


def test_a_change_holds_from_the_step_its_answer_names(loop):
    answer = loop.tell("temperature", 0.1, command=False)
    assert answer["kind"] == "control"
    assert answer["state"] == "applied"
    assert (answer["old"], answer["new"], answer["label"]) == (0.5, 0.1, "τ 0.5 → 0.1")
    until(lambda: loop.step > answer["step"])
    assert loop.seen[answer["step"] - 1] == 0.5
    assert loop.seen[answer["step"]] == 0.1


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("temprature", 0.1, "Did you mean 'temperature'?"),
        ("temperature", 0.0, "It must be a finite number above 0"),
        ("temperature", "hot", "It must be a number"),
        ("temperature", [0.1], "a list. It must be a number"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_the_reason_and_the_loop_goes_on(loop, name, value, why):
    answer = loop.tell(name, value, command=False)
    assert answer["state"] == "refused"
    assert why in answer["why"]
    step = loop.step
    until(lambda: loop.step > step + 2)
    assert loop.loss.settings() == {"temperature": 0.5}


def test_a_setter_of_the_users_that_raises_is_an_answer(loop):
    from vergence.training import controls as knobs

    loop.controls.add(knobs.strength(0.5), lambda: 0.5, lambda value: {}["nowhere"])
    answer = loop.tell("strength", 0.7, command=False)
    assert answer["why"] == "setting strength raised KeyError: 'nowhere'"


def test_pause_holds_the_counter_and_a_step_is_one_step(loop):
    assert loop.tell("pause")["state"] == "applied"
    until(lambda: loop.history.state == "paused")
    held = loop.step
    time.sleep(0.15)
    assert loop.step == held
    for more in (1, 2):
        assert loop.tell("step")["state"] == "applied"
        until(lambda: loop.step == held + more)  # noqa: B023 - used at once
    assert loop.tell("step", 3)["state"] == "applied"
    until(lambda: loop.step == held + 5)
    time.sleep(0.15)
    assert loop.step == held + 5
    assert loop.history.state == "paused"
    # A change while paused is answered at once, and holds from the step that is waited for.
    answer = loop.tell("temperature", 0.1, command=False)
    assert answer["step"] == held + 6
    loop.tell("run")
    until(lambda: loop.step > held + 6)
    assert loop.history.state == "live"
    assert loop.seen[held + 5] == 0.5
    assert loop.seen[held + 6] == 0.1


def test_a_step_without_a_pause_is_refused(loop):
    answer = loop.tell("step")
    assert (answer["state"], answer["why"]) == ("refused", "the run is not paused; pause first, then step")


@pytest.mark.parametrize("steps", ["many", 0, -1, 2.5, True, [3], float("inf")])
def test_rubbish_from_another_process_is_refused_and_does_not_end_the_run(loop, steps):
    loop.tell("pause")
    held = loop.step
    answer = loop.tell("step", steps, source="another process")
    assert answer["state"] == "refused"
    assert answer["why"] == f"{steps!r} steps cannot be taken; it must be a whole number, 1 or above"
    assert loop.step == held
    assert "Did you mean 'pause'?" in loop.tell("pauze", source="another process")["why"]


def test_stop_ends_a_pause(loop):
    loop.tell("pause")
    until(lambda: loop.history.state == "paused")
    loop.tell("stop")
    loop.thread.join(5)
    assert not loop.thread.is_alive()


def test_where_a_pause_could_not_be_ended_it_is_refused_but_another_process_may(loop):
    loop.steering.may_not_pause = lambda: "no message gets in while a cell runs"
    assert loop.tell("pause", source="cockpit")["why"] == "no message gets in while a cell runs"
    assert loop.history.state == "live"
    assert loop.tell("pause", source="another process")["state"] == "applied"


def test_a_pause_is_reported_to_the_budget(loop):
    pauses = []
    loop.steering.after_pause = pauses.append
    loop.tell("pause")
    time.sleep(0.2)
    loop.tell("run")
    until(lambda: bool(pauses))
    assert 0.15 < pauses[0] < 5


def test_an_interrupt_ends_a_pause(monkeypatch):
    loop = Loop()
    loop.steering.mailbox.put(Letter("pause", command=True))

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.steering.mailbox, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.steering.gate(1)
    assert not loop.steering.paused
    assert [event.data["state"] for event in loop.history.events("state")] == ["paused", "live"]
    assert loop.steering.gate(1)


def test_a_new_start_forgets_commands_and_keeps_wishes():
    loop = Loop()
    for letter in (Letter("stop", command=True), Letter("temperature", 0.1), Letter("step", command=True)):
        loop.steering.mailbox.put(letter)
    loop.steering.begin()
    assert loop.steering.gate(1)
    assert loop.loss.settings() == {"temperature": 0.1}
    refused = [event.data for event in loop.history.events("command")]
    assert [(data["name"], data["why"]) for data in refused] == [
        ("stop", "nothing was training"),
        ("step", "nothing was training"),
    ]


def test_letters_that_nobody_will_act_on_are_answered():
    loop = Loop()
    loop.steering.mailbox.put(Letter("temperature", 0.1))
    loop.steering.refuse_waiting(9, "the run is finished")
    (event,) = loop.history.events("control")
    assert (event.step, event.data["state"], event.data["why"]) == (9, "refused", "the run is finished")
    assert loop.loss.settings() == {"temperature": 0.5}
