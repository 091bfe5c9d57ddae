"""What stands beside a fault is told the truth: controls, copies of the model, the door, the end of a run."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch

import vergence as vg
from tests.lab.small import case, seen, start
from vergence.lab.objective import normalises
from vergence.lab.shortcuts import written
from vergence.lab.table import FAULTS
from vergence.training.around import Around

METHODS = vg.methods


@pytest.mark.parametrize(
    ("label", "name", "control"),
    [
        ("SimCLR", "temperature too low", "temperature"),
        ("SimCLR", "views too weak", "strength"),
        ("SimCLR", "learning rate too high", "learning_rate"),
        ("VICReg", "no covariance term", "covariance"),
    ],
)
def test_inside_a_step_controls_show_what_was_set_and_a_second_one_is_told_so(label, name, control):
    run = start(case(label).recipe())
    found = []

    class Reader(Around):
        def look(self, part, *given, **more):
            found.append(run.controls.value(control))
            with pytest.raises(vg.errors.StateError, match="already"):
                vg.lab.inject(run, name)
            return part(*given, **more)

        views = loss = update = look

    was = run.controls.value(control)
    run.session.trainer.around = (Reader(),)
    vg.lab.inject(run, name)
    run.start(steps=1)
    assert found == [was] * 3


class Modes(Around):
    """The modes in which the model takes its steps."""

    def __init__(self, model):
        self.modes = []
        norm = next(part for part in model.modules() if isinstance(part, torch.nn.BatchNorm1d))
        norm.register_forward_pre_hook(lambda part, _: self.modes.append(part.training))


def test_evaluated_in_train_mode_leaves_the_steps_alone():
    run = start(METHODS.SimCLR())
    seen_by = Modes(run.model)
    vg.lab.inject(run, "trains in eval mode")
    vg.lab.inject(run, "evaluated in train mode")
    run.start(steps=1)
    assert seen_by.modes[0] is False, "the step; who measures comes after it"
    seen_by.modes.clear()
    run.model.eval()
    run.model(torch.randn(4, 8))
    assert seen_by.modes == [True]


def test_copies_of_model_and_loss_are_theirs_alone():
    run = start(METHODS.SimCLR())
    for name in ("evaluated in train mode", "temperature too low"):
        vg.lab.inject(run, name)
    copied = copy.deepcopy(run.model)
    hooks = [*copied._forward_pre_hooks.values(), *copied._forward_hooks.values()]
    assert hooks
    assert not any("Trainer" in type(one).__name__ for hook in hooks for one in vars(hook.mode).values())
    file = io.BytesIO()
    torch.save(run.session.trainer.loss, file)
    read = torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    assert read.settings() == run.session.trainer.loss.settings()
    rows = torch.nn.functional.normalize(torch.randn(8, 4))
    for name, value in type(read).terms(read, rows, rows).items():
        assert torch.equal(read.terms(rows, rows)[name], value)


def test_withdrawn_during_the_last_step_it_is_gone_when_the_run_has_finished():
    run = start(case("SimCLR").recipe())
    fault = vg.lab.inject(run, "shuffled pairs")

    class Last(Around):
        def step(self, part):
            fault.withdraw()
            return part()

    run.session.trainer.around += (Last(),)
    run.start(steps=1)
    assert run.state == "finished"
    assert fault.until == 2
    assert fault._fault not in run.session.trainer.around


@pytest.mark.parametrize(
    "strength", [float("inf"), float("nan"), 1e300, 10**400, 1e40, True, "x"], ids=lambda value: str(value)[:6]
)
@pytest.mark.parametrize(
    "name",
    ["temperature too low", "temperature too high", "learning rate too high", "batch statistics leak",
     "false negatives", "shared bits"],
)  # fmt: skip
def test_strengths_that_are_none_are_refused(name, strength):
    run = start(METHODS.SimCLR())
    with pytest.raises(vg.errors.ArgumentError, match="strength is "):
        vg.lab.inject(run, name, strength=strength)
    assert FAULTS[name].knob_for(run.session.trainer).check("inject", np.float32(2)) == 2


def test_strengths_that_would_change_nothing_are_refused():
    run = start(METHODS.SimCLR(strength=0.01))
    for name, strength in (("batch statistics leak", 17), ("false negatives", 4), ("views too weak", 0.01)):
        with pytest.raises(vg.errors.ArgumentError, match="strength is "):
            vg.lab.inject(run, name, strength=strength)
    assert vg.lab.inject(run, "views too weak").strength == 0.005


def test_bits_in_pictures_of_another_range_are_seen():
    pictures = 200 * torch.rand(64, 1, 16, 16) - 100
    _, eye, _ = seen(METHODS.SimCLR(strength=0.0), "shared bits", data=pictures)
    corner = eye.viewed[0][:, 0, 0, 0]
    assert float(corner.max() - corner.min()) > 150
    assert written(torch.zeros(1, 1, 16, 16), torch.ones(1, 1)).max() == 1


def test_what_the_data_lacks_is_not_blamed_on_the_method():
    run = start(METHODS.SimCLR(), torch.randn(64, 8))
    with pytest.raises(vg.errors.ArgumentError, match=r"no labels\.$"):
        vg.lab.inject(run, "positives of other classes")


def test_another_model_holds_what_the_loss_learns_too():
    run, eye, _ = seen(case("SwAV").recipe(), "another model in the optimiser", steps=2)
    del run
    assert eye.before  # the prototypes of the loss:
    own = {id(value) for value in eye.optimiser.param_groups[-1]["params"]}
    assert not own & {id(value) for value in eye.held}


class ByHand:
    """A loss that divides by lengths itself."""

    name, variant, source, views, needs = "by hand", "", "", 2, ()

    def __call__(self, first, second):
        first, second = (rows / rows.norm(dim=1, keepdim=True) for rows in (first, second))
        return -(first * second).sum(1).mean()


def test_a_loss_that_normalises_in_its_own_way_is_told_so():
    assert normalises(ByHand()) == "its loss normalises in its own way, which cannot be taken out."


def test_a_stage_that_is_over_stays_frozen():
    run = start(METHODS.MCL(stages=2, stage_steps=1, clusters=2))
    vg.lab.inject(run, "frozen encoder")
    run.start(steps=2)
    first, second = run.model.encoders
    assert not any(value.requires_grad for value in first.parameters())
    assert all(value.requires_grad for value in second.parameters())


@pytest.mark.parametrize("seed", ["x", None, 1.5, -1])
def test_seeds(seed):
    with pytest.raises(vg.errors.ArgumentError, match="seed is "):
        vg.lab.inject(start(METHODS.SimCLR()), "shuffled pairs", seed=seed)
    with pytest.raises(vg.errors.ArgumentError, match="seed is "):
        vg.lab.embeddings(seed=seed)


def test_names_that_are_none():
    with pytest.raises(vg.errors.UnknownName):
        vg.lab.inject(start(METHODS.SimCLR()), ["a"])
    with pytest.raises(vg.errors.UnknownName):
        vg.lab.embeddings(["a"])


@pytest.mark.parametrize("share", [30, -0.5, float("nan"), "x", [0.5], None, True])
def test_shares_that_are_none(share):
    with pytest.raises(vg.errors.ArgumentError, match="share is "):
        vg.lab.shuffled(torch.randn(8, 2), share)
