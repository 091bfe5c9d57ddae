"""AMCL as a method: heads share the row, and the loss fits them."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from vergence import errors
from vergence.methods import AMCL

QUIET = {"save": False, "driver": "inline", "reference": 0}


def test_heads_and_loss_fit_one_another_and_both_learn():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    run = vg.Run(AMCL(heads=4, dim=20, beta=0.01), x, batch=20, **QUIET)
    trainer = run._session.trainer
    assert isinstance(run.model.projector, vg.models.MultiHead)
    assert len(run.model.projector.heads) == 4
    assert (trainer.loss.heads, trainer.loss.dim, trainer.loss.settings()) == (4, 5, {"beta": 0.01})
    before = trainer.loss.out.weight.detach().clone()
    run.start(steps=2)
    assert not torch.equal(before, trainer.loss.out.weight)
    run.set(beta=0.5)
    run.start(steps=1)
    assert trainer.loss.settings() == {"beta": 0.5}


def test_a_recipe_draws_no_random_numbers():
    state = torch.get_rng_state()
    AMCL()
    assert torch.equal(torch.get_rng_state(), state)


def test_heads_that_cannot_share_the_row_are_refused():
    with pytest.raises(errors.ArgumentError, match=r"dim is 128, which 3 heads cannot share\. Use a multiple, dim=126"):
        AMCL(dim=128)
    with pytest.raises(errors.ArgumentError, match="low must be below high"):
        AMCL(low=3)
    with pytest.raises(errors.ArgumentError, match="heads is 0"):
        AMCL(heads=0)
