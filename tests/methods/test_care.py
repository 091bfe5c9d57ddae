"""CARE: which items share their augmentations, and that the loss is told so."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from tests.methods.small import METHODS, start, tiny
from vergence.losses import rotation_equivariance
from vergence.views import Shared, Vectors


def test_a_group_is_augmented_alike_and_the_loss_is_told():
    trainer = start(METHODS.CARE(group=8, encoder=tiny, dim=8))._session.trainer
    taken = trainer.step()
    groups = torch.arange(32) // 8
    assert torch.equal(taken.more["groups"], groups)
    expected = rotation_equivariance(*taken.given, groups=groups, temperature=0.5, equivariance=0.9)
    torch.testing.assert_close(taken.loss, expected.detach())


def test_groups_that_a_source_has_for_other_reasons_are_not_taken_for_these():
    trainer = start(METHODS.CARE(group=4, encoder=tiny, dim=8))._session.trainer
    trainer.source.positives_of = lambda index: 0 * index
    assert torch.equal(trainer.step().more["groups"], torch.arange(32) // 4)


def test_the_whole_batch_shares_and_shared_views_bring_their_size():
    trainer = start(METHODS.CARE(group=None, encoder=tiny, dim=8))._session.trainer
    assert trainer.step().more["groups"].tolist() == [0] * 32
    recipe = METHODS.CARE(views=Shared(Vectors(0.3), size=4), encoder=tiny, dim=8)
    assert recipe.group == 4
    assert start(recipe)._session.trainer.step().more["groups"].max() == 7
    assert isinstance(METHODS.CARE().views_for((8,)), Shared)


def test_without_gram_matching_it_is_simclr_on_shared_views():
    views = Shared(Vectors(0.5), size=16)
    care = start(METHODS.CARE(temperature=0.2, equivariance=0.0, encoder=tiny, dim=8)).start(steps=3)
    simclr = start(METHODS.SimCLR(temperature=0.2, views=views, encoder=tiny, dim=8)).start(steps=3)
    assert care.history.scalar("loss").values.tolist() == pytest.approx(simclr.history.scalar("loss").values.tolist())


def test_the_strength_of_what_is_inside_is_a_control():
    run = start(METHODS.CARE(encoder=tiny, dim=8, strength=0.25))
    assert run.controls.value("strength") == 0.25
    run.set(strength=0.75).start(steps=1)
    assert run._session.trainer.views.inner.strength == 0.75


@pytest.mark.parametrize("group", [0, 1])
def test_a_group_has_two_items_at_least(group):
    with pytest.raises(vg.errors.ArgumentError, match=f"CARE: group is {group}. It must be a whole number, 2 or above"):
        METHODS.CARE(group=group)
