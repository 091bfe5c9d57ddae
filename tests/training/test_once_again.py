"""A second start, a cell that is run again, an interrupt, a failure: ordinary events, each with its answer."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, recipe, texts, until
from vergence import errors
from vergence.record.mailbox import Letter
from vergence.training import background as background_module
from vergence.training import run as run_module


def interrupt_when(true: Callable[[], bool]) -> None:
    """What a notebook's stop button does, once something has come true."""
    # A shell that starts this in the background has the signal ignored; a kernel never has.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        until(true)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()


def trainers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("vergence-tensor")]


@pytest.fixture
def runs():
    made: list[vg.Run] = []

    def one(**more):
        made.append(make(recipe(slow=0.003), **more))
        return made[-1]

    yield one
    for run in made:
        run.stop()


def test_a_second_start_changes_nothing_and_says_so(runs):
    run = runs().start(steps=200)
    until(lambda: run.steps_done > 2)
    assert run.start(steps=5) is run
    (notice,) = texts(run.history, "notice")
    assert notice.startswith("Already training, at step ")
    assert notice.endswith(" of 200; nothing new was started. run.stop() ends it, run.reset() begins again.")
    assert len(trainers()) == 1
    assert run.history.static["total_steps"] == 200
    run.stop()


def test_a_cell_that_is_run_again_leaves_one_trainer(runs):
    first = runs().start()
    until(lambda: first.steps_done > 2)
    second = runs().start()
    assert first.state == "stopped", "the first had stopped when the second began"
    stopped = first.steps_done
    until(lambda: second.steps_done > 5)
    assert first.steps_done == stopped
    assert len(trainers()) == 1
    assert texts(first.history, "notice") == [
        f"Stopped because {second.name} was started. start(alongside=True) lets both train."
    ]
    assert texts(second.history, "notice") == []
    first.start(steps=2).wait()  # it can go on, and then it is the one that trains
    assert first.steps_done == stopped + 2
    assert second.state == "stopped"


def test_a_paused_run_gives_way_too(runs):
    first = runs().start()
    first.pause()
    until(lambda: first.state == "paused")
    runs().start(steps=1).wait()
    assert first.state == "stopped"


def test_alongside_lets_both_train(runs):
    first, second = runs().start(), runs().start(alongside=True)
    until(lambda: first.steps_done > 5 and second.steps_done > 5)
    assert len(trainers()) == 2
    assert texts(first.history, "notice") == []


def test_an_inline_run_in_another_thread_gives_way(runs):
    first = runs(driver="inline")
    thread = threading.Thread(target=first.start)
    thread.start()
    until(lambda: first.steps_done > 2)
    runs().start(steps=1).wait()
    thread.join(5)
    assert not thread.is_alive()
    assert first.state == "stopped"


def test_a_step_that_hangs_leaves_no_second_trainer(runs, monkeypatch):
    monkeypatch.setattr(run_module, "STOP_SECONDS", 0.1)
    hanging = runs()
    inside, release = threading.Event(), threading.Event()
    views = hanging._session.trainer.views
    monkeypatch.setattr(type(views), "__call__", lambda self, x, generator: (inside.set(), release.wait(20), x)[2])
    hanging.start()
    assert inside.wait(20)
    second = runs()
    try:
        with pytest.raises(
            errors.StateError, match=r"Run\.stop\(\): .* is still inside step 1 after 0 s.* restart the kernel"
        ):
            second.start(steps=1)
        assert second.state == "idle"
        with pytest.raises(errors.StateError):
            hanging.reset()
        assert hanging.steps_done <= 1
    finally:
        release.set()
    until(lambda: hanging.state == "stopped")


def test_an_interrupt_during_wait_stops_the_run_after_its_step_and_start_goes_on(runs):
    run = runs().start()
    interrupt_when(lambda: run.steps_done > 2)
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert run.state == "stopped"
    assert trainers() == []
    done = run.steps_done
    run.start(steps=3).wait()
    assert run.steps_done == done + 3


def test_an_interrupt_of_an_inline_run_stops_it_and_start_goes_on(runs, tmp_path):
    run = runs(driver="inline", save=True, directory=tmp_path)
    interrupt_when(lambda: run.steps_done > 2)
    with pytest.raises(KeyboardInterrupt):
        run.start()
    assert run.state == "stopped"
    assert run.history.events("state")[-1].data["note"] == "interrupted"
    done = run.steps_done
    assert done > 0
    run.start(steps=3)
    assert (run.state, run.steps_done) == ("finished", done + 3)
    with vg.open(run.directory, follow=False) as opened:
        assert opened.history.last_step == done + 3


def test_an_interrupt_ends_an_inline_pause(runs):
    run = runs(driver="inline")
    run.mailbox.put(Letter("pause", command=True, source="cockpit"))
    interrupt_when(lambda: run.state == "paused")
    with pytest.raises(KeyboardInterrupt):
        run.start()
    states = [event.data["state"] for event in run.history.events("state")]
    assert states == ["live", "paused", "live", "stopped"]


def test_an_interrupt_between_a_step_and_its_record_gives_no_number_twice(runs, monkeypatch):
    run, observe, numbers = runs(driver="inline"), vg.training.observer.Observer.observe, []

    def once(self, views, *, step, **more):
        numbers.append(step)
        if numbers == [1, 2, 3]:
            raise KeyboardInterrupt
        observe(self, views, step=step, **more)

    monkeypatch.setattr(vg.training.observer.Observer, "observe", once)
    with pytest.raises(KeyboardInterrupt):
        run.start(steps=5)
    run.start(steps=2)
    assert numbers == [1, 2, 3, 4, 5]
    assert run.history.scalar("loss").steps.tolist() == [1, 2, 4, 5]


class Breaks(nn.Module):
    """A model whose n-th forward pass raises."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.linear, self.at, self.times = nn.Linear(8, 4), at, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.times += 1
            if self.times == self.at:
                raise RuntimeError("the cat sat on the GPU")
        return self.linear(x)


WHY = "RuntimeError: the cat sat on the GPU"


def test_a_failure_surfaces_in_wait_in_the_next_call_and_in_the_record(tmp_path):
    run = make(recipe(encoder=Breaks(at=5)), save=True, directory=tmp_path, every=1)
    run.start(steps=20)
    with pytest.raises(
        errors.TrainingFailed, match=rf"Run\.wait\(\): .* failed at step 4: {WHY}\. .* run\.reset\(\)"
    ) as caught:
        run.wait()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "forward" in str(caught.traceback[-1]) or caught.value.__cause__.__traceback__ is not None
    for call in (run.start, run.pause, run.resume, run.step, run.wait, lambda: run.set(temperature=0.1)):
        with pytest.raises(errors.TrainingFailed, match=WHY):
            call()
    run.stop()
    assert run.state == "failed"
    for history in (run.history, vg.open(run.directory, follow=False).history):
        (failed,) = history.events("failed")
        assert (failed.step, failed.data["what"], failed.data["why"]) == (4, "training", WHY)
        assert history.state == "failed"
        assert history.scalar("loss").steps.tolist() == [1, 2, 3, 4]
        assert history.frames("similarity/z") == (1, 2, 3, 4)


def test_a_failure_of_an_inline_run_is_raised_by_start():
    run = make(recipe(encoder=Breaks(at=2)), driver="inline")
    with pytest.raises(errors.TrainingFailed, match=rf"Run\.start\(\): .* failed at step 1: {WHY}"):
        run.start(steps=20)
    with pytest.raises(errors.TrainingFailed):
        run.wait()


def test_after_a_failure_a_reset_begins_again():
    run = make(recipe(encoder=Breaks(at=3)))
    with pytest.raises(errors.TrainingFailed):
        run.start(steps=20).wait()
    run.reset()
    assert run.state == "idle"
    run.start(steps=2).wait()
    assert run.state == "finished"
    with pytest.raises(errors.TrainingFailed):
        run.start(steps=5).wait()


def test_a_failed_run_is_not_in_the_way_of_another():
    first = make(recipe(encoder=Breaks(at=1)))
    with pytest.raises(errors.TrainingFailed):
        first.start(steps=3).wait()
    make(recipe()).start(steps=2).wait()
    assert texts(first.history, "notice") == []


# -- somebody's own loop in the background ---------------------------------------------------------


@pytest.fixture
def monitors(tmp_path):
    made: list[vg.Monitor] = []

    def one(**more):
        made.append(vg.Monitor(save=False, **more))
        return made[-1]

    yield one
    for monitor in made:
        monitor.close()


def endless(monitor: vg.Monitor, steps: list[int]):
    def train() -> None:
        while True:
            steps.append(len(steps) + 1)
            monitor.step(torch.randn(8, 4), torch.randn(8, 4), loss=1.0)
            time.sleep(0.002)

    return train


def test_an_own_loop_in_the_background_that_is_run_again_leaves_one_trainer(monitors):
    monitor, first, second = monitors(), [], []
    handle = monitor.background(endless(monitor, first))
    until(lambda: len(first) > 3)
    again = monitor.background(endless(monitor, second))
    ended = len(first)
    until(lambda: len(second) > 3)
    assert not handle.running
    assert len(first) == ended
    assert texts(monitor.history, "notice") == [
        "The loop was started again; the one that was running was stopped first."
    ]
    assert monitor.history.state == "live"
    monitor.stop()
    assert again.wait(10) is None
    assert monitor.history.state == "stopped"


def test_whoever_starts_next_is_the_one_that_trains(monitors, runs):
    one, other, steps, more = monitors(name="one"), monitors(name="other"), [], []
    handle = one.background(endless(one, steps))
    until(lambda: len(steps) > 3)
    other.background(endless(other, more))
    assert not handle.running
    assert texts(one.history, "notice") == [
        "Stopped because other was started. background(train, alongside=True) lets both train."
    ]
    until(lambda: len(more) > 3)
    run = runs().start()
    assert other.history.state == "stopped"
    until(lambda: run.steps_done > 2)
    handle = one.background(endless(one, steps), alongside=True)
    done = run.steps_done
    until(lambda: run.steps_done > done + 2)
    one.stop()
    handle.wait(10)


def test_what_an_own_loop_returns_or_raises_comes_out_of_wait(monitors):
    monitor = monitors()

    def train() -> str:
        monitor.step(torch.randn(8, 4), torch.randn(8, 4), loss=1.0)
        return "weights"

    handle = monitor.background(train)
    assert handle.wait(10) == "weights"
    assert repr(handle) == f"Background({monitor.name!r}, ended)"
    assert monitor.history.state == "finished"

    def broken() -> None:
        train()
        raise OSError("no more data")

    handle = monitor.background(broken)
    with pytest.raises(
        errors.TrainingFailed, match=rf"{monitor.name} failed at step 2: OSError: no more data"
    ) as caught:
        handle.wait(10)
    assert isinstance(caught.value.__cause__, OSError)
    assert monitor.history.state == "failed"
    assert texts(monitor.history, "failed") == ["OSError: no more data"]


def test_an_interrupt_while_waiting_for_an_own_loop_stops_it(monitors):
    monitor, steps = monitors(), []
    handle = monitor.background(endless(monitor, steps))
    interrupt_when(lambda: len(steps) > 3)
    with pytest.raises(KeyboardInterrupt):
        handle.wait()
    until(lambda: not handle.running)
    assert monitor.history.state == "stopped"


def test_an_own_loop_that_does_not_heed_a_stop_is_named(monitors, monkeypatch):
    monkeypatch.setattr(background_module, "STOP_SECONDS", 0.1)
    monitor, release = monitors(), threading.Event()
    handle = monitor.background(lambda: release.wait(20))
    try:
        with pytest.raises(errors.StateError, match=r"still inside its step 1 after 0 s.*restart the kernel"):
            monitor.background(lambda: None)
        assert handle.running
    finally:
        release.set()
        handle.wait(10)


def test_closing_stops_the_loop_in_the_background(monitors):
    monitor, steps = monitors(), []
    handle = monitor.background(endless(monitor, steps))
    until(lambda: len(steps) > 3)
    monitor.close()
    assert not handle.running
    assert monitor.history.state == "stopped"
