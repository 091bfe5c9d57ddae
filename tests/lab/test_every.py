"""What every fault promises, in every method: it acts, leaves nothing behind, and is written nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import vergence as vg
from tests.lab.small import CASES, Case, start, state
from tests.methods.small import differing
from vergence.lab.table import FAMILIES, FAULTS, fitting

each = pytest.mark.parametrize("name", FAULTS)
# So strong that a single step has it for sure; and what nobody sees who does not look.
SURE = {"NaN in the loss": 1.0, "NaN in the inputs": 0.5}
UNSEEN = {"evaluated in train mode"}


def some(name: str, count: int, **more: Any) -> list[tuple[Case, vg.Run]]:
    """The first methods that a fault fits."""
    found: list[tuple[Case, vg.Run]] = []
    for case in CASES:
        run = start(case.recipe(), **more)
        if len(found) < count and fits(name, run):
            found.append((case, run))
    return found


def fits(name: str, run: vg.Run) -> bool:
    return not FAULTS[name].refuses(run.session.trainer)


def everything(run: vg.Run) -> dict[str, Any]:
    """What a fault might have left changed, beside the weights."""
    trainer = run.session.trainer
    loss: Any = trainer.loss
    return {
        "around": trainer.around,
        "between": run.steering.between,
        "settings": loss.settings(),
        "attributes of the loss": sorted(vars(loss)),
        "switches of the loss": {name: value for name, value in vars(loss).items() if isinstance(value, bool)},
        "choices": trainer.learner.choices(),
        "learner": trainer.learner.settings(),
        "strength": trainer.views.strength,
        "rates": [group["lr"] for group in trainer.optimiser.param_groups],
        "held": [[id(value) for value in group["params"]] for group in trainer.optimiser.param_groups],
        "learns": [value.requires_grad for value in trainer.learner.parameters()],
        "modes": [part.training for part in trainer.learner.modules()],
        "own": [sorted(name for name in vars(part) if name == "forward") for part in trainer.learner.modules()],
        "hooks": [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in trainer.learner.modules()],
        "gradient hooks": [value._backward_hooks for value in getattr(loss, "parameters", list)()],
    }


def steps(run: vg.Run, n: int) -> None:
    """n steps as the loop takes them, but for the record: measuring takes longer than these steps do."""
    for _ in range(n):
        assert run.steering.gate(run._step + 1)
        run.session.trainer.step()
        run._step += 1


@pytest.fixture(scope="module")
def healthy():
    """The weights after the first step and after the second."""
    found = {}
    for case in CASES:
        run = start(case.recipe())
        steps(run, 1)
        first = state(run)
        steps(run, 1)
        found[case.label] = (first, state(run))
    return found


@each
def test_it_acts_in_every_method_that_it_fits_until_it_is_withdrawn(name, healthy):
    tried = 0
    for case in CASES:
        run = start(case.recipe())
        if not fits(name, run):
            continue
        tried += 1
        before = everything(run)
        fault = vg.lab.inject(run, name, at=2, strength=SURE.get(name))
        assert (fault.active, fault.since) == (False, None)
        steps(run, 1)
        assert differing(state(run), healthy[case.label][0]) == [], f"{case}: it is there a step too early"
        steps(run, 1)
        assert (fault.active, fault.since, fault.until) == (True, 2, None)
        if name not in UNSEEN:
            assert differing(state(run), healthy[case.label][1]), f"{case}: nothing is wrong"
        fault.withdraw()
        assert not fault.active
        steps(run, 1)
        assert (fault.since, fault.until) == (2, 3)
        assert everything(run) == before, f"{case}: something stayed behind"
    assert tried


@each
def test_withdrawn_before_the_first_step_it_never_was(name, healthy):
    case, run = some(name, 1)[0]
    before = everything(run)
    fault = vg.lab.inject(run, name)
    assert (fault.active, fault.since) == (True, 1)
    fault.withdraw()
    assert not fault.active
    assert everything(run) == before
    steps(run, 2)
    assert differing(state(run), healthy[case.label][1]) == []


@each
def test_the_record_does_not_know_of_it(name):
    for case, run in some(name, 1, every=1, reference=16):
        plain = start(case.recipe(), every=1, reference=16).start(steps=2)
        vg.lab.inject(run, name)
        run.start(steps=2)
        # What the diagnosis looks for, and finds, bears the same names: that is written by who reads the record.
        written = {key: value for key, value in run.history.static.items() if key not in ("checks", "not_checked")}
        events = [event.data for event in run.history.events() if event.kind != "finding"]
        told = json.dumps([written, events], default=str)
        assert name not in told
        assert FAULTS[name].__name__ not in told
        assert "lab" not in [event.kind for event in run.history.events()]
        shown = {"learning_rate", *(key for key in run.history.scalar_keys() if key.startswith("control/"))}
        for key in shown:
            assert run.history.scalar(key).values.tolist() == plain.history.scalar(key).values.tolist(), key


@each
def test_with_it_watched_is_unwatched(name):
    if name == "evaluated in train mode":
        pytest.skip("it moves running statistics when somebody looks: that is what is wrong")
    for case, watched in some(name, 1, every=1, reference=16):
        quiet = start(case.recipe())
        for run in (quiet, watched):
            vg.lab.inject(run, name)
        watched.start(steps=3)
        steps(quiet, 3)
        assert differing(state(quiet), state(watched)) == [], str(case)


@each
def test_what_does_not_fit_is_refused_in_words(name):
    for case in CASES:
        run = start(case.recipe())
        if fits(name, run):
            continue
        with pytest.raises(vg.errors.ArgumentError) as caught:
            vg.lab.inject(run, name)
        text = str(caught.value)
        assert text.startswith(f"lab.inject: {name!r} makes no sense for {run.method.name} on tensor: ")
        assert (". It fits: " in text) == (run.method.name not in fitting(name))
        assert ". It fits: " not in text or all(method in text for method in fitting(name))


def test_the_list_of_methods_is_what_the_faults_say():
    every = set(fitting("learning rate zero"))
    assert {"SimCLR", "BYOL", "SimSiam", "DINO", "SwAV", "VICReg", "CLIP", "MoCo v2", "MoCo v3"} <= every
    assert fitting("no Sinkhorn") == ("SwAV",)
    assert fitting("no centring") == ("DINO",)
    assert fitting("no covariance term") == ("BarlowTwins", "VICReg")
    assert fitting("no variance term") == ("LeJEPA", "VICReg")
    assert fitting("no stop-gradient") == ("BYOL", "SimSiam")
    assert set(fitting("no predictor")) == {"BYOL", "MoCo v3", "SimSiam"}
    assert {"BYOL", "DINO", "MoCo v2", "MoCo v3"} <= set(fitting("frozen teacher")) == set(fitting("instant teacher"))
    assert "MoCo v2" not in fitting("detached branch")
    normalise = set(fitting("missing normalisation"))
    assert {"SimCLR", "BYOL", "SimSiam", "SwAV", "CLIP", "MoCo v2", "MoCo v3", "SupCon", "AMCL"} <= normalise
    assert not normalise & {"VICReg", "BarlowTwins", "W-MSE", "LeJEPA", "DINO"}
    assert (
        set(fitting("temperature inverted"))
        == set(fitting("temperature too low"))
        == set(fitting("temperature too high"))
    )
    assert not set(fitting("temperature inverted")) & {"BYOL", "SimSiam", "VICReg", "AMCL"}
    assert not set(fitting("false negatives")) & {"SupCon", "BYOL", "VICReg", "SwAV"}
    assert not set(fitting("batch statistics leak")) & {"BYOL", "VICReg", "SwAV", "DINO", "MoCo v2", "CLIP"}


def test_names_and_words():
    assert len(FAULTS) == sum(len(family) for family in FAMILIES.values())
    for name, kind in FAULTS.items():
        assert name == kind.name
        assert kind.line
        assert kind.looks
        assert not kind.line.endswith(".")


def test_the_table():
    text = repr(vg.lab.faults())
    for name in FAULTS:
        assert f"\n  {name}\n" in text
    assert max(map(len, text.splitlines())) <= 110
    assert "every method" in text
    assert "not here" not in text
    run = start(next(case for case in CASES if case.label == "VICReg").recipe())
    here = {one.name: one.why_not for one in vg.lab.faults(run)}
    assert here["no covariance term"] == ""
    assert here["no predictor"] == "it has no predictor."
    assert "not here:" in repr(vg.lab.faults(run))
    with pytest.raises(vg.errors.ArgumentError, match="got a str"):
        vg.lab.faults("SimCLR")


def test_several_at_once_go_in_any_order():
    names = ["temperature too low", "missing normalisation", "temperature inverted", "views too weak", "frozen encoder"]
    names += ["shuffled pairs", "batch statistics leak", "only the head in the optimiser", "learning rate too high"]
    run = start(CASES[0].recipe())
    before = everything(run)
    faults = [vg.lab.inject(run, name) for name in names]
    steps(run, 2)
    order = torch.randperm(len(faults), generator=torch.Generator().manual_seed(1)).tolist()
    for place in order:
        faults[place].withdraw()
    steps(run, 1)
    assert everything(run) == before
