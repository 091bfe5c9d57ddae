"""Monitor: what it records of somebody's own loop, and how that loop is steered."""

from __future__ import annotations

import logging
import threading

import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import texts, until
from vergence import errors
from vergence.training import controls as knobs
from vergence.training import monitor as monitor_module
from vergence.training import saving


def views() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(8, 4), torch.randn(8, 4)


@pytest.fixture
def made():
    monitors: list[vg.Monitor] = []

    def one(**more) -> vg.Monitor:
        monitors.append(vg.Monitor(**{"save": False, "every": 1, **more}))
        return monitors[-1]

    yield one
    for monitor in monitors:
        monitor.close()


def test_it_says_what_it_watches(made):
    objective = vg.losses.NTXent(temperature=0.3)
    optimiser = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    static = made(objective=objective, optimiser=optimiser, steps=90, name="mine").history.static
    assert (static["name"], static["method"], static["total_steps"]) == ("mine", "own loop", 90)
    assert static["loss"] == {"name": objective.name, "variant": objective.variant, "source": objective.source}
    assert [control["name"] for control in static["controls"]] == ["learning_rate", "temperature"]
    assert {"vergence", "torch", "python"} <= set(static["versions"])


def test_terms_chance_and_floor_come_with_the_objective_and_sum_to_the_loss(made):
    objective = vg.losses.NTXent(temperature=0.5)
    monitor = made(objective=objective)
    z1, z2 = views()
    loss = objective(z1, z2)
    monitor.step(z1, z2, loss=loss)
    history = monitor.history
    assert history.last("loss/pull") + history.last("loss/push") == pytest.approx(history.last("loss"), abs=1e-5)
    assert history.last("loss/chance") == pytest.approx(objective.chance(8, 4))
    assert history.last("loss/floor") == pytest.approx(objective.floor(8, 4))
    assert history.static["loss_words"] == objective.reference_words(8, 4)
    # both move when the temperature does, and only then
    monitor.step(*views(), loss=1.0)
    assert len(history.scalar("loss/floor")) == 1
    monitor.set(temperature=0.2)
    monitor.step(*views(), loss=1.0)
    monitor.step(*views(), loss=1.0)
    assert history.scalar("loss/floor").steps.tolist() == [1, 4]
    assert history.last("loss/floor") == pytest.approx(objective.floor(8, 4))


def test_the_learning_rate_is_recorded_where_it_changes(made):
    optimiser = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=2, gamma=0.5)
    monitor = made(optimiser=optimiser)
    for _ in range(6):
        monitor.step(loss=1.0)
        optimiser.step()
        schedule.step()
    series = monitor.history.scalar("learning_rate")
    assert series.steps.tolist() == [1, 3, 5]
    assert series.values.tolist() == pytest.approx([0.1, 0.05, 0.025])


def test_a_change_holds_at_the_next_step_and_is_answered(made):
    objective = vg.losses.NTXent(temperature=0.5)
    monitor = made(objective=objective)
    monitor.step(loss=1.0)
    monitor.set(temperature=0.1)
    assert objective.settings() == {"temperature": 0.5}, "between steps only"
    monitor.step(loss=1.0)
    assert objective.settings() == {"temperature": 0.1}
    (event,) = monitor.history.events("control")
    assert (event.step, event.data["state"], event.data["label"]) == (3, "applied", "τ 0.5 → 0.1")
    monitor.step(loss=1.0)
    assert monitor.history.scalar("control/temperature").steps.tolist() == [1, 3]


def test_a_control_of_your_own(made):
    monitor, margin = made(), {"value": 0.1}
    control = knobs.Control("margin", "Margin", low=0.0, high=1.0, default=0.1, symbol="m")
    monitor.control(control, lambda: margin["value"], lambda value: margin.update(value=value))
    assert monitor.history.static["controls"][-1]["name"] == "margin"
    monitor.set(margin=0.4)
    monitor.step(loss=1.0)
    assert margin["value"] == 0.4
    assert monitor.history.events("control")[0].data["label"] == "m 0.1 → 0.4"
    with pytest.raises(errors.ArgumentError, match="margin is 3"):
        monitor.set(margin=3)


def test_pause_step_and_resume_from_another_thread(made):
    monitor = made()
    handle = monitor.background(
        lambda: [monitor.step(loss=1.0) or threading.Event().wait(0.002) for _ in range(100_000)]
    )
    until(lambda: monitor.history.last_step > 3)
    monitor.pause()
    until(lambda: monitor.history.state == "paused")
    held = monitor.history.last_step
    monitor.one_step()
    until(lambda: monitor.history.last_step == held + 1)
    monitor.resume()
    until(lambda: monitor.history.last_step > held + 3)
    monitor.stop()
    assert handle.wait(10) is None
    assert monitor.history.state == "stopped"
    monitor.step(loss=1.0)  # the loop is run again
    assert monitor.history.state == "live"


def test_a_pause_that_nothing_could_end_is_refused(made):
    monitor = made()
    monitor.steering.may_not_pause = lambda: "no message gets in while a cell runs"
    with pytest.raises(errors.StateError, match=r"Monitor\.pause\(\): no message gets in while a cell runs\."):
        monitor.pause()


def test_a_stop_that_came_after_the_loop_does_not_stop_the_next(made):
    monitor = made()
    monitor.step(loss=1.0)
    monitor.loop_ended()
    monitor.stop()
    monitor.step(loss=1.0)
    assert monitor.history.state == "live"
    assert monitor.history.events("command")[0].data["why"] == "nothing was training"


def test_only_the_first_of_many_processes_records(monkeypatch, tmp_path):
    monkeypatch.setattr(monitor_module, "_not_first_rank", lambda: True)
    monitor = vg.Monitor(directory=tmp_path)
    monitor.stop()
    monitor.step(*views(), loss=1.0)
    assert monitor.history.last_step == 0
    assert monitor.close() is None
    assert not list(tmp_path.iterdir())


def test_closing_writes_the_record_and_the_report_once(monkeypatch, tmp_path):
    class Entry:
        def load(self):
            return lambda history, path: path.write_text(history.name) and path

    monkeypatch.setattr(saving, "entry_points", lambda group: [Entry()])
    with vg.Monitor(directory=tmp_path, name="mine") as monitor:
        monitor.step(loss=1.0)
        path = monitor.directory / "report.html"
        assert not path.exists()
    assert path.read_text() == "mine"
    assert monitor.close() is None
    assert vg.open(monitor.directory, follow=False).history.state == "finished"


def test_a_report_that_fails_undoes_nothing(monkeypatch, tmp_path, caplog):
    class Entry:
        def load(self):
            raise ImportError("no plotly here")

    monkeypatch.setattr(saving, "entry_points", lambda group: [Entry()])
    with caplog.at_level(logging.WARNING, "vergence"), vg.Monitor(directory=tmp_path) as monitor:
        monitor.step(loss=1.0)
    history = vg.open(monitor.directory, follow=False).history
    assert history.state == "finished"
    assert texts(history, "failed") == ["ImportError: no plotly here"]
    assert "report.html was not written" in caplog.text


def test_nothing_is_written_without_saving(tmp_path):
    with vg.Monitor(directory=tmp_path, save=False) as monitor:
        monitor.step(loss=1.0)
    assert monitor.directory is None
    assert not list(tmp_path.iterdir())


def test_the_cost_of_watching_is_recorded(made):
    monitor = made()
    monitor.observer.budget._window = []
    clock = [0.0]
    monitor.observer.budget._clock = lambda: clock[0]
    for _ in range(20):
        clock[0] += 0.2
        monitor.step(*views(), loss=1.0)
    assert 0 < monitor.history.last("monitor/cost") < 1
    monitor.observer.outside.append(lambda: clock[0] / 4)  # another thread that takes a quarter
    for _ in range(80):
        clock[0] += 0.2
        monitor.step(loss=1.0)
    monitor.observer._cost_told = 0.0
    monitor.step(loss=1.0)
    assert monitor.history.last("monitor/cost") == pytest.approx(0.25, abs=0.1)
