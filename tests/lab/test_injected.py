"""A fault goes in and comes out between steps, on the thread that trains, whatever the run is doing."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from tests.methods.small import differing, state
from tests.training.small import make, recipe, until


def weights(run: vg.Run) -> list[torch.Tensor]:
    return [value.detach().clone() for value in run.model.parameters()]


def stands_still(run: vg.Run) -> bool:
    """While paused: whether five further steps leave the weights alone."""
    before, step = weights(run), run.steps_done
    run.step(5)
    until(lambda: run.steps_done == step + 5 and run.state == "paused")
    return all(torch.equal(a, b) for a, b in zip(before, weights(run), strict=True))


def test_in_a_run_that_trains_on_its_thread():
    run = make(recipe(slow=0.002)).start()
    try:
        until(lambda: run.steps_done > 3)
        fault = vg.lab.inject(run, "learning rate zero")
        until(lambda: fault.active)
        assert fault.since > 4
        run.pause()
        until(lambda: run.state == "paused")
        assert fault.active
        assert stands_still(run)
        fault.withdraw()
        assert not fault.active
        until(lambda: fault.until is not None)
        assert not stands_still(run)
        assert fault.until == run.steps_done - 4
        assert repr(fault) == f"Injected('learning rate zero': from step {fault.since} to step {fault.until - 1})"
    finally:
        run.stop()


def test_while_paused_it_is_there_at_once():
    run = make(recipe(slow=0.002)).start()
    try:
        until(lambda: run.steps_done > 3)
        run.pause()
        until(lambda: run.state == "paused")
        at = run.steps_done + 1
        fault = vg.lab.inject(run, "learning rate zero")
        until(lambda: fault.active)
        assert fault.since == at
        assert stands_still(run)
        run.resume()
        until(lambda: run.steps_done > at + 10)
        assert fault.active
    finally:
        run.stop()
    assert fault.active, "a stop does not end it"
    run.start(steps=3).wait()
    assert fault.active


def test_at_a_step_the_same_on_either_driver():
    method = recipe()

    def trained(driver: str) -> dict[str, torch.Tensor]:
        run = make(method, driver=driver)
        fault = vg.lab.inject(run, "shuffled pairs", at=4, strength=0.5, seed=3)
        assert repr(fault) == "Injected('shuffled pairs', strength=0.5: waits for step 4)"
        run.start(steps=8).wait()
        assert (fault.since, fault.active) == (4, True)
        return state(run)

    inline, thread = trained("inline"), trained("thread")
    assert differing(inline, thread) == []


def test_its_draws_are_its_own():
    method = recipe()

    def trained(seed: int) -> dict[str, torch.Tensor]:
        run = make(method, driver="inline")
        fault = vg.lab.inject(run, "noisy positives", seed=seed)
        run.start(steps=2)
        fault.withdraw()
        return state(run.start(steps=1))

    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert differing(trained(0), trained(0)) == []
    assert differing(trained(0), trained(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_reset_ends_it():
    run = make(driver="inline")
    plain = state(run.start(steps=3))
    run.reset()
    fault = vg.lab.inject(run, "shuffled pairs")
    run.start(steps=3)
    assert differing(state(run), plain)
    run.reset()
    assert (fault.active, fault.reset) == (False, True)
    assert "gone: the run was reset" in repr(fault)
    assert differing(state(run.start(steps=3)), plain) == []
    fault.withdraw()
    vg.lab.inject(run, "shuffled pairs")


def test_withdrawn_before_it_began():
    run = make(driver="inline")
    fault = vg.lab.inject(run, "shuffled pairs", at=5).withdraw()
    assert "withdrawn before it began" in repr(fault)
    run.start(steps=8)
    assert (fault.since, fault.active) == (None, False)
    vg.lab.inject(run, "shuffled pairs", at=10)


def test_what_is_refused():
    run = make(driver="inline")
    with pytest.raises(vg.errors.UnknownName, match="Did you mean 'shuffled pairs'"):
        vg.lab.inject(run, "shuffled pair")
    with pytest.raises(vg.errors.ArgumentError, match=r"strength is 2\. It is the share of a batch .* from 0 to 1"):
        vg.lab.inject(run, "shuffled pairs", strength=2)
    with pytest.raises(vg.errors.ArgumentError, match=r"strength is 2\.5\. It is how many classes .* a whole number"):
        vg.lab.inject(run, "false negatives", strength=2.5)
    with pytest.raises(vg.errors.ArgumentError, match=r"has no strength, .* Leave strength=1 out"):
        vg.lab.inject(run, "frozen encoder", strength=1)
    with pytest.raises(vg.errors.ArgumentError, match="at"):
        vg.lab.inject(run, "frozen encoder", at=0)
    with pytest.raises(vg.errors.ArgumentError, match=r"run is a Monitor\. It must be a Run.*lab\.shuffled"):
        vg.lab.inject(vg.Monitor(run.model, save=False), "frozen encoder")
    run.start(steps=3)
    with pytest.raises(vg.errors.ArgumentError, match=r"at is 3, but .* has taken 3 steps\. It can come from step 4"):
        vg.lab.inject(run, "frozen encoder", at=3)
    fault = vg.lab.inject(run, "frozen encoder", at=4)
    with pytest.raises(vg.errors.StateError, match=r"is in .* already: Injected\('frozen encoder': since step 4\)"):
        vg.lab.inject(run, "frozen encoder")
    fault.withdraw()
    vg.lab.inject(run, "frozen encoder")


def test_a_fault_that_raises_fails_the_run_as_any_step_does():
    run = make(driver="inline")
    vg.lab.inject(run, "shuffled pairs")
    run.session.trainer.around[0].generator = "none"
    with pytest.raises(vg.errors.TrainingFailed):
        run.start(steps=1)
    assert run.state == "failed"


def test_on_a_map_style_dataset_on_the_thread():
    rows = torch.randn(40, 8)
    run = make(data=[row.numpy() for row in rows])
    fault = vg.lab.inject(run, "noisy positives", at=2)
    run.start(steps=4).wait()
    assert fault.since == 2
