"""Gradients and changes by part, as a Run and a Monitor see them; and that what cannot be seen is said."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, recipe, texts, vectors


class Own:
    """A loop of the user's."""

    def __init__(self, **more: object) -> None:
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 4)
        both = [*self.encoder.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.SGD(both, lr=0.1)
        self.objective = vg.losses.NTXent()
        given = {"projector": self.head, "optimiser": self.optimiser, **more}
        self.monitor = vg.Monitor(self.encoder, objective=self.objective, save=False, every=1, **given)
        self.x, self.y = vectors()

    def backward(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        z1, z2 = (self.head(self.encoder(self.x + 0.1 * torch.randn(self.x.shape))) for _ in range(2))
        loss = self.objective(z1, z2)
        loss.backward()
        return z1, z2, loss

    def step(self) -> None:
        z1, z2, loss = self.backward()
        self.monitor.step(z1, z2, loss=loss, labels=self.y)
        self.optimiser.step()
        self.optimiser.zero_grad()

    @property
    def history(self) -> vg.History:
        return self.monitor.history


def last(history: vg.History, noun: str) -> dict[str, float]:
    return {key.partition("/")[2]: history.last(key) for key in history.scalar_keys() if key.startswith(f"{noun}/")}


def test_a_monitor_before_the_optimisers_step() -> None:
    own = Own()
    for _ in range(11):
        own.step()
    found = last(own.history, "gradients")
    assert found["encoder/share"] + found["projector/share"] == pytest.approx(1)
    assert {"encoder.0/norm", "encoder.2/relative", "model/norm"} <= set(found)
    assert (found["model/unreached"], found["model/outside"]) == (0, 0)
    moved = last(own.history, "weight_change")
    assert moved["encoder/relative"] > 0
    assert moved["model/steps"] == 9
    frame = own.history.frame("gradients")
    assert frame.meta["parts"] == ["encoder", "encoder.0", "encoder.2", "projector"]
    assert frame.meta["since"] == 1
    assert texts(own.history, "failed") == []


def test_a_run_after_the_optimisers_step() -> None:
    run = make(recipe(encoder=lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))), every=1)
    run.driver = "inline"
    run.start(steps=11)
    found = last(run.history, "gradients")
    assert found["encoder/share"] + found["projector/share"] == pytest.approx(1)
    assert last(run.history, "weight_change")["encoder.0/relative"] > 0
    assert found["model/outside"] == 0
    expected = torch.cat([p.grad.flatten() for p in run.model.parameters() if p.grad is not None]).norm()
    run.start(steps=9)
    assert len(run.history.scalar("gradients/model/norm")) == 3
    now = torch.cat([p.grad.flatten() for p in run.model.parameters() if p.grad is not None]).norm()
    assert run.history.last("gradients/model/norm") == pytest.approx(float(now), rel=1e-5)
    assert now != expected


def test_a_step_that_was_skipped_has_no_gradient_of_its_own() -> None:
    run = make(recipe(), every=1)
    run.driver = "inline"
    run.start(steps=9)
    seen = len(run.history.scalar("gradients/model/norm"))
    with torch.no_grad():
        next(run.model.parameters()).fill_(float("nan"))
    run.start(steps=2)  # step 10 would be looked at
    assert len(run.history.scalar("gradients/model/norm")) == seen


def test_an_unknown_head_is_no_part() -> None:
    own = Own(projector=None, optimiser=None)
    own.step()
    assert own.history.frame("gradients").meta["parts"] == ["encoder", "encoder.0", "encoder.2"]
    assert own.history.frame("gradients").meta["outside"] is None
    assert "gradients/model/outside" not in own.history.scalar_keys()


def test_handed_over_at_the_wrong_moment_it_says_so_once() -> None:
    own = Own()
    for _ in range(2):
        z1, z2, loss = own.backward()
        own.optimiser.step()
        own.optimiser.zero_grad()
        own.monitor.step(z1, z2, loss=loss)
    assert "before optimiser.zero_grad()" in own.history.static["not_measured"]["gradients/model"]
    assert last(own.history, "gradients") == {}
    assert texts(own.history, "failed") == []
    for _ in range(9):
        own.step()
    assert "gradients/model" not in own.history.static["not_measured"]


def test_without_a_model_it_says_so() -> None:
    monitor = vg.Monitor(save=False, every=1)
    monitor.step(torch.randn(8, 4), torch.randn(8, 4))
    assert "No model was handed over" in monitor.history.static["not_measured"]["gradients"]


def test_a_cut_graph_and_a_forgotten_head_are_seen() -> None:
    own = Own()
    own.optimiser.param_groups[0]["params"] = list(own.encoder.parameters())
    h = own.encoder(own.x).detach()
    z1, z2 = own.head(h), own.head(h + 0.1)
    own.objective(z1, z2).backward()
    own.monitor.step(z1, z2)
    frame = own.history.frame("gradients")
    states = dict(zip(frame.meta["parts"], (frame.meta["states"][n] for n in frame.arrays["state"]), strict=True))
    assert states == {
        "encoder": "no gradient", "encoder.0": "no gradient", "encoder.2": "no gradient", "projector": "alive",
    }  # fmt: skip
    assert last(own.history, "gradients")["model/unreached"] == 4
    assert (frame.meta["outside"], frame.meta["outside_count"]) == (["projector.weight", "projector.bias"], 2)


def test_a_teacher_moves_though_no_gradient_reaches_it() -> None:
    run = make(vg.methods.BYOL(encoder=vg.models.MLPEncoder(8, hidden=16, dim=8), dim=8, ema=0.5), every=1)
    run.driver = "inline"
    run.start(steps=11)
    frame = run.history.frame("gradients")
    at = frame.meta["parts"].index("teacher")
    assert frame.meta["states"][frame.arrays["state"][at]] == "frozen"
    assert frame.arrays["change"][at] > 0


def test_measures_that_do_not_exist_are_refused() -> None:
    with pytest.raises(vg.errors.UnknownName, match="Did you mean 'gradients'"):
        vg.Monitor(save=False, measures=["gradient"])
