"""DINO: scores of student and teacher, and a centre that follows."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.methods.small import METHODS, start, tiny
from vergence.losses import dino


def test_loss_centre_and_teacher_by_hand():
    run = start(METHODS.DINO(classes=24, ema=0.9, encoder=tiny, dim=8))
    trainer = run._session.trainer
    centre = torch.zeros(24)
    for _ in range(3):
        learner = copy.deepcopy(trainer.learner)
        taken = trainer.step()
        both = torch.cat(taken.inputs)
        z = learner(both)[1]
        torch.testing.assert_close(torch.cat(taken.z).detach(), z.detach())
        scores = learner.last(z).split(32)
        targets = learner.teacher(both)[-1].split(32)
        assert all(torch.equal(a, b) for a, b in zip(taken.more["targets"], targets, strict=True))
        torch.testing.assert_close(taken.loss, dino(*scores, targets=targets, centre=centre).detach())
        centre = 0.9 * centre + 0.1 * torch.cat(targets).mean(0)
        torch.testing.assert_close(trainer.loss.centre.mean, centre)
        student = [p for part in (trainer.learner.encoder, trainer.learner.projector, trainer.learner.last)
                   for p in part.parameters()]  # fmt: skip
        for old, new, found in zip(
            learner.teacher.parameters(), student, trainer.learner.teacher.parameters(), strict=True
        ):
            torch.testing.assert_close(found, 0.9 * old + 0.1 * new)


def test_a_reset_forgets_the_centre():
    run = start(METHODS.DINO(classes=24, encoder=tiny, dim=8)).start(steps=2)
    assert run._session.trainer.loss.centre.mean is not None
    run.reset()
    assert run._session.trainer.loss.centre.mean is None
    assert run.method.loss.centre.mean is None


def test_chance_is_that_of_the_classes():
    run = start(METHODS.DINO(classes=24, encoder=tiny, dim=8)).start(steps=1)
    assert run.history.last("loss/chance") == pytest.approx(torch.tensor(24.0).log().item())


def test_the_knobs_have_sensible_ranges():
    described = {entry["name"]: entry for entry in start(METHODS.DINO(encoder=tiny)).controls.described()}
    assert (described["ema"]["low"], described["ema"]["high"]) == (0.9, 1.0)
    assert described["teacher_temperature"]["scale"] == "log"
    assert described["teacher_temperature"]["symbol"] == "τ teacher"
    assert (described["momentum"]["low"], described["momentum"]["high"]) == (0.9, 1.0)
