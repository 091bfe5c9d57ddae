"""An interrupt in the middle of a step must leave nothing half done."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch

import vergence as vg
from tests.training.small import make, recipe
from vergence.training.interrupts import Held


@pytest.fixture(autouse=True)
def as_in_a_kernel():
    """A shell that starts the tests in the background has the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    torch.set_grad_enabled(True)
    assert after is signal.default_int_handler, "the handler that was found is not back"


def stop_button() -> None:
    signal.raise_signal(signal.SIGINT)


def interrupted_at_work(around: AbstractContextManager[object]) -> bool:
    """Whether gradients are off after an interrupt that came while something was computed without them."""
    x = torch.rand(300, 300)
    main = threading.main_thread().ident
    threading.Timer(0.02, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    try:
        while True:
            with around, torch.no_grad():
                x @ x
    except KeyboardInterrupt:
        return not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)


def test_gradients_are_not_left_off():
    """Such an interrupt is raised in `no_grad.__exit__`, which then does nothing: what `Held` is there for."""
    assert any(interrupted_at_work(nullcontext()) for _ in range(5)), "torch or Python has mended it"
    assert not any(interrupted_at_work(Held()) for _ in range(5))


def test_an_interrupt_waits_for_the_end_of_the_block():
    done = []

    def block() -> None:
        with Held():
            stop_button()
            done.append("the rest of it")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done


def test_a_second_one_does_not_wait():
    done = []

    def block() -> None:
        with Held(), torch.no_grad():
            stop_button()
            done.append("first")
            stop_button()
            done.append("second")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done == ["first"]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("same", [False, True])
def test_the_outermost_one_holds(same):
    done, held = [], Held()

    def block() -> None:
        with held:
            with held if same else Held():
                stop_button()
            done.append("inner")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done
    with held:
        done.append("again, and nothing waits from before")
    assert len(done) == 2


@pytest.mark.parametrize("way", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_process_that_takes_no_interrupts_is_left_so(way):
    signal.signal(signal.SIGINT, way)
    with Held():
        assert signal.getsignal(signal.SIGINT) is way
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_on_another_thread_it_does_nothing():
    seen = []

    def work() -> None:
        with Held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_an_error_inside_goes_on_its_way():
    with pytest.raises(ValueError, match="mine"), Held():
        raise ValueError("mine")


def interrupting(where: str, monkeypatch: pytest.MonkeyPatch, at: int) -> list[int]:
    """Interrupt at the `at`-th call of that part."""
    calls: list[int] = []
    owner, _, name = where.rpartition(".")
    target = vg.training.trainer.Trainer if owner == "trainer" else vg.training.observer.Observer
    before = getattr(target, name)

    def part(self, *given, **more):
        calls.append(1)
        if len(calls) == at:
            stop_button()
        return before(self, *given, **more)

    monkeypatch.setattr(target, name, part)
    return calls


@pytest.mark.parametrize("where", ["trainer._next_batch", "trainer._update", "observer._record", "observer._loss"])
def test_a_run_that_was_interrupted_anywhere_trains_on(where, monkeypatch):
    run = make(recipe(), driver="inline", every=1)
    interrupting(where, monkeypatch, at=30)
    with pytest.raises(KeyboardInterrupt):
        run.start()
    assert torch.is_grad_enabled()
    assert run.state == "stopped"
    assert list(run.history.scalar("loss").steps) == list(range(1, run.steps_done + 1)), (
        "a step that was taken is not in the record"
    )
    run.start(steps=3)
    assert run.state == "finished"


def test_a_loop_of_ones_own_that_was_interrupted_while_it_is_measured_trains_on(monkeypatch):
    m = vg.Monitor(save=False, every=1)
    layer = torch.nn.Linear(4, 3)

    def train(steps: int) -> None:
        for _ in range(steps):
            z = layer(torch.rand(8, 4))
            loss = (z - 1).square().mean()
            loss.backward()
            m.step(z, z.detach(), loss=loss)

    train(2)
    interrupting("observer._record", monkeypatch, at=3)
    with pytest.raises(KeyboardInterrupt):
        train(10)
    train(3)
    assert m.history.last_step >= 6
