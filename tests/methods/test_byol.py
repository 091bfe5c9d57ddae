"""BYOL: guesses of the predictor, targets of the teacher."""

from __future__ import annotations

import copy

import torch

from tests.methods.small import METHODS, start, tiny
from vergence.losses import byol


def trainer_of(**more):
    return start(METHODS.BYOL(**{"encoder": tiny, "dim": 8, **more}))._session.trainer


def test_the_loss_is_that_of_the_guesses_and_the_teachers_embeddings_of_the_other_view():
    trainer = trainer_of()
    for _ in range(2):
        learner = copy.deepcopy(trainer.learner)
        taken = trainer.step()
        guesses = tuple(learner.predictor(learner(view)[1]) for view in taken.inputs)
        targets = tuple(learner.teacher(view)[1] for view in taken.inputs)
        torch.testing.assert_close(taken.loss, byol(*guesses, targets=targets).detach())
        # Each view by itself, as in the paper: BatchNorm's statistics are those of one view.
        torch.testing.assert_close(taken.z[0].detach(), learner(taken.inputs[0])[1].detach())


def test_targets_carry_no_gradient_and_the_teacher_is_in_no_optimiser():
    trainer = trainer_of()
    taken = trainer.step()
    assert not any(target.requires_grad for target in taken.more["targets"])
    trained = {id(p) for group in trainer.optimiser.param_groups for p in group["params"]}
    assert trained == {id(p) for p in trainer.learner.parameters() if p.requires_grad}
    assert trained.isdisjoint({id(p) for p in trainer.learner.teacher.parameters()})


def test_without_its_predictor_the_embedding_is_the_guess():
    trainer = trainer_of()
    trainer.step()
    before = [p.clone() for p in trainer.learner.predictor.parameters()]
    trainer.learner.set("predictor", "off")
    taken = trainer.step()
    assert all(torch.equal(a, b) for a, b in zip(taken.given, taken.z, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.learner.predictor.parameters(), strict=True))
    trainer.learner.set("predictor", "on")
    assert not torch.equal(trainer.step().given[0], taken.z[0])


def test_a_teacher_of_momentum_zero_is_the_student():
    trainer = trainer_of(ema=0.0)
    trainer.step()
    student = [*trainer.learner.encoder.parameters(), *trainer.learner.projector.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(student, trainer.learner.teacher.parameters(), strict=True))
