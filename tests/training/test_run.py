"""The verbs of a Run, and what each does in each state."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

import vergence as vg
from tests.training.small import make, recipe, same, texts, until, weights
from vergence import errors


@pytest.fixture
def run():
    made = make(recipe(slow=0.003))
    yield made
    if not made._error:
        made.stop()


def test_nothing_trains_before_start(run):
    assert run.state == "idle"
    assert run.steps_done == 0
    assert run.directory is None
    assert run.wait() is run
    assert run.history.last_step == 0


def test_start_returns_at_once_and_wait_at_the_end(run):
    run.start(steps=60)
    assert run.trains, "start came back after the run had ended"
    run.wait()
    assert (run.state, run.steps_done, run.history.last_step) == ("finished", 60, 60)
    assert run.history.scalar("loss").steps.tolist() == list(range(1, 61))
    assert run.history.static["total_steps"] == 60
    assert repr(run) == f"Run({run.name!r}, finished, step 60 of 60)"


def test_pause_step_resume_stop(run):
    run.start()
    until(lambda: run.steps_done > 3)
    run.pause()
    until(lambda: run.state == "paused")
    held = run.steps_done
    time.sleep(0.1)
    assert run.steps_done == held
    run.step()
    until(lambda: run.steps_done == held + 1)
    run.step(3)
    until(lambda: run.steps_done == held + 4 and run.state == "paused")
    time.sleep(0.1)
    assert (run.steps_done, run.state) == (held + 4, "paused")
    run.step(1_000_000)
    until(lambda: run.steps_done > held + 6)
    assert run.state == "live"  # it trains, until the last of them
    run.pause()
    until(lambda: run.state == "paused")
    run.resume()
    until(lambda: run.steps_done > held + 6)
    run.stop()
    assert run.state == "stopped"
    stopped = run.steps_done
    time.sleep(0.05)
    assert run.steps_done == stopped
    run.start(steps=5).wait()
    assert (run.state, run.steps_done) == ("finished", stopped + 5)


def test_step_on_an_idle_run_starts_it_paused(run):
    run.step(2)
    until(lambda: run.state == "paused")
    assert run.steps_done == 2
    run.start()  # on a paused run, start goes on
    until(lambda: run.steps_done > 5)
    assert run.state == "live"


def test_a_control_is_applied_at_the_next_step_and_recorded(run):
    run.start()
    until(lambda: run.steps_done > 2)
    run.set(temperature=0.05, learning_rate=0.01, strength=0.9)
    until(lambda: len(run.history.events("control")) == 3)
    events = {event.data["name"]: event for event in run.history.events("control")}
    assert all(event.data["state"] == "applied" for event in events.values())
    step = events["temperature"].step
    until(lambda: run.steps_done > step)
    run.stop()
    for key, old, new in (
        ("control/temperature", 0.2, 0.05),
        ("learning_rate", 1e-3, 0.01),
        ("control/strength", 0.5, 0.9),
    ):
        series = run.history.scalar(key)
        assert (series.at(step - 1), series.at(step)) == (old, new)
    # the loss of that step is the loss at that temperature: its parts and its floor jump there
    assert run.controls.value("temperature") == 0.05


def test_the_kind_of_positives_is_a_control():
    run = make(vg.methods.SimCLR(encoder=lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 4))),
               data=vg.data.emoji(), driver="inline")  # fmt: skip
    run.set(positives="same image")
    run.start(steps=1)
    assert run.history.events("control")[0].data["label"] == "positives other artist → same image"
    assert run.controls.value("positives") == "same image"
    assert run.source.positives == "other artist", "the source belongs to the user: the run works on its own copy"


def test_what_is_wrong_is_refused_before_anything_changes(run):
    with pytest.raises(errors.UnknownName, match=r"Run\.set: .*'temprature'\. Did you mean 'temperature'\?"):
        run.set(learning_rate=0.5, temprature=0.1)
    with pytest.raises(errors.ArgumentError, match=r"Run\.set: temperature is 0\. It must be a finite number above 0"):
        run.set(temperature=0)
    run.start(steps=2).wait()
    assert run.history.events("control") == ()
    assert run.controls.value("learning_rate") == 1e-3


def test_a_setting_asked_for_before_the_start_holds_from_the_first_step(run):
    run.set(temperature=0.07).start(steps=2).wait()
    assert run.history.events("control")[0].step == 1
    assert run.history.scalar("control/temperature").at(1) == 0.07


@pytest.mark.parametrize("steps", [0, -5, 2.5, True, "many"])
def test_steps_are_a_whole_number(run, steps):
    with pytest.raises(errors.ArgumentError, match=r"Run\.start: steps is .* whole number, 1 or above"):
        run.start(steps=steps)
    with pytest.raises(errors.ArgumentError, match=r"Run\.step: n is .* whole number, 1 or above"):
        run.step(steps)
    assert run.state == "idle"


def test_numpy_counts_are_counts(run):
    run.start(steps=np.int64(3)).wait()
    assert run.steps_done == 3


@pytest.mark.parametrize(("call", "words"), [("pause", "pause"), ("resume", "resume")])
def test_a_command_that_does_not_fit_says_so(run, call, words):
    with pytest.raises(errors.StateError, match=rf"Run\.{words}\(\): {run.name} is idle at step 0, .* run\.start"):
        getattr(run, call)()
    run.start(steps=1).wait()
    with pytest.raises(errors.StateError, match=rf"Run\.{words}\(\): .* is finished at step 1"):
        getattr(run, call)()


def test_stop_on_what_does_not_train_changes_nothing(run):
    run.start(steps=2).wait()
    run.stop()
    assert run.state == "finished"


def test_a_run_that_finished_can_be_started_again_at_once():
    """The report is written after the end; a start in that moment waits for it and is not taken for a second one."""
    run = make(recipe(slow=0.02))
    reporting, report = threading.Event(), run._session.report

    def slow_report() -> None:
        reporting.set()
        time.sleep(0.3)
        report()

    run._session.report = slow_report
    run.start(steps=3)
    assert reporting.wait(10)
    assert run.state == "finished"
    run.start(steps=30).wait()
    assert (run.state, run.steps_done) == ("finished", 33)
    assert texts(run.history, "notice") == []


def test_wait_gives_up_after_its_time_and_the_run_goes_on(run):
    run.start()
    with pytest.raises(
        TimeoutError, match=rf"Run\.wait\(\): {run.name} still trains after 0\.05 s.* call wait\(\) again"
    ):
        run.wait(timeout=0.05)
    step = run.steps_done
    until(lambda: run.steps_done > step)


@pytest.mark.parametrize("driver", ["thread", "inline"])
def test_a_reset_gives_the_first_weights_and_a_new_record_and_the_same_run_again(driver):
    run = make(recipe(dropout=0.2), driver=driver)
    first = weights(run.model)
    run.set(temperature=0.5, learning_rate=0.01)
    run.start(steps=12).wait()
    trained, losses, history, name = weights(run.model), run.history.scalar("loss").values, run.history, run.name
    assert not same(first, trained)
    run.reset()
    assert same(weights(run.model), first)
    assert (run.state, run.steps_done) == ("idle", 0)
    assert run.history is not history
    assert len(history.scalar("loss")) == 12, "the earlier record is whole"
    assert (run.controls.value("temperature"), run.controls.value("learning_rate")) == (0.2, 1e-3)
    run.set(temperature=0.5, learning_rate=0.01)
    run.start(steps=12).wait()
    assert same(weights(run.model), trained)
    assert (run.history.scalar("loss").values == losses).all()
    assert name


def test_a_reset_in_the_middle_stops_first(run):
    run.start()
    until(lambda: run.steps_done > 3)
    first = run.history
    run.reset()
    assert first.state == "stopped"
    steps = first.last_step
    time.sleep(0.05)
    assert first.last_step == steps
    run.start(steps=3).wait()
    assert run.history.last_step == 3


def test_inline_trains_in_the_caller_and_can_be_steered_from_elsewhere():
    run = make(recipe(slow=0.003), driver="inline")
    seen: list[str] = []

    def steer() -> None:
        until(lambda: run.steps_done > 3)
        run.pause()
        until(lambda: run.state == "paused")
        seen.append("paused")
        run.resume()
        until(lambda: run.state == "live")
        run.stop()
        seen.append(run.state)

    thread = threading.Thread(target=steer)
    thread.start()
    assert run.start() is run
    thread.join(20)
    assert seen == ["paused", "stopped"]
    assert run.wait() is run


def test_the_arguments_are_checked_with_words(tmp_path):
    with pytest.raises(errors.ArgumentError, match=r"Run\(method=\.\.\.\): got a Linear\. It must be a recipe"):
        make(torch.nn.Linear(2, 2))
    with pytest.raises(errors.ArgumentError, match=r"Run\(batch=1\): a step needs at least 2 samples"):
        make(batch=1)
    with pytest.raises(errors.ArgumentError, match=r"Run: batch is 2\.5"):
        make(batch=2.5)
    with pytest.raises(errors.UnknownName, match=r"no driver 'inlien'\. Did you mean 'inline'\?"):
        make(driver="inlien")
    with pytest.raises(errors.ArgumentError, match=r"share is 0"):
        make(budget=0, every=None)


def test_runs_get_names_and_folders_of_their_own(tmp_path):
    runs = [make(save=True, directory=tmp_path, driver="inline").start(steps=1) for _ in range(2)]
    names = [run.name for run in runs]
    assert names == ["tensor-simclr-01", "tensor-simclr-02"]
    assert len({run.directory for run in runs}) == 2
    assert all(run.directory.name.endswith(run.name) for run in runs)
    assert "can be deleted" in (tmp_path / "README.txt").read_text()


def test_two_processes_that_start_in_one_second_do_not_share_a_folder(tmp_path):
    from vergence.training.saving import _claimed

    claimed = [_claimed(tmp_path, "2026-01-01-000000", "emoji-simclr-01") for _ in range(3)]
    assert [path.name for path in claimed] == [
        "2026-01-01-000000-emoji-simclr-01",
        "2026-01-01-000000-2-emoji-simclr-01",
        "2026-01-01-000000-3-emoji-simclr-01",
    ]
    assert all(path.is_dir() for path in claimed)


def test_the_run_directory_holds_the_run(tmp_path):
    run = make(save=True, directory=tmp_path, every=2)
    run.start(steps=10).wait()
    with vg.open(run.directory, follow=False) as opened:
        assert opened.history.state == "finished"
        assert opened.history.scalar("loss").values.tolist() == run.history.scalar("loss").values.tolist()
        assert opened.history.frames("similarity/z") == run.history.frames("similarity/z") == (1, 2, 4, 6, 8, 10)
        assert opened.history.static["controls"][0]["name"] == "learning_rate"
