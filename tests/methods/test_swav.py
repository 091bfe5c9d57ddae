"""SwAV: prototypes that belong to a run, and Sinkhorn as a switch."""

from __future__ import annotations

import torch
from torch import nn

from tests.methods.small import METHODS, start, tiny


def run_of(seed=0, **more):
    run = start(METHODS.SwAV(**{"prototypes": 12, "encoder": tiny, "dim": 8, **more}), seed=seed)
    return run, run._session.trainer.loss


def test_prototypes_are_drawn_for_each_seed_trained_and_kept_at_length_one():
    run, loss = run_of()
    first = loss.prototypes.detach().clone()
    assert torch.equal(first, run_of()[1].prototypes)
    assert not torch.equal(first, run_of(seed=1)[1].prototypes)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(12))
    run.start(steps=3)
    assert not torch.equal(first, loss.prototypes)
    assert float((loss.prototypes.detach().norm(dim=1) - 1).abs().max()) < 0.05
    run.reset()
    assert torch.equal(first, run._session.trainer.loss.prototypes)


def test_prototypes_are_as_wide_as_a_head_of_the_users():
    run, loss = run_of(projector=lambda: nn.Linear(8, 5))
    assert loss.prototypes.shape == (12, 5)
    run.start(steps=1)


def test_the_learning_rate_holds_for_the_prototypes_too():
    run, _ = run_of()
    run.set(learning_rate=0.5).start(steps=1)
    assert [group["lr"] for group in run._session.trainer.optimiser.param_groups] == [0.5, 0.5]


def test_sinkhorn_spreads_the_codes_and_can_be_switched_off():
    run, loss = run_of()
    run.start(steps=1)
    z = run.model(torch.randn(40, 8))[1].detach()
    even = loss.codes(z).sum(0)
    run.set(sinkhorn="off").start(steps=1)
    assert loss.sinkhorn is False
    skewed = loss.codes(z).sum(0)
    assert even.max() < skewed.max()
    assert start(METHODS.SwAV(prototypes=12, sinkhorn=False, encoder=tiny)).controls.value("sinkhorn") == "off"
