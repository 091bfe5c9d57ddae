"""MoCo: keys of a slow teacher, a queue of them, exact against hand computation."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import normalize

import vergence as vg
from tests.methods.small import METHODS, start, state, tiny
from vergence.losses import info_nce, momentum_contrast


def moco(version="v2", **more):
    return start(METHODS.MoCo(version, **{"encoder": tiny, "dim": 8, "queue": 80, **more}))._session.trainer


def test_queries_are_the_students_and_keys_the_teachers_and_the_loss_is_moco():
    trainer = moco()
    for _ in range(3):
        student, teacher = copy.deepcopy(trainer.learner), copy.deepcopy(trainer.learner.teacher)
        waiting = trainer.learner.queue().clone()
        taken = trainer.step()
        first, second = taken.inputs
        torch.testing.assert_close(taken.given[0], student(first)[1])
        torch.testing.assert_close(taken.given[1], teacher(second)[1])
        assert not taken.given[1].requires_grad
        assert torch.equal(taken.more["negatives"], waiting)
        query, key = (rows.detach() for rows in taken.given)
        expected = info_nce(query, key, temperature=0.2, negatives=waiting)
        torch.testing.assert_close(taken.loss, expected)


def test_the_queue_holds_the_newest_keys_in_order_of_coming():
    trainer = moco()
    by_hand = trainer.learner.queue().clone()
    place = 0
    for _ in range(4):  # 32 rows each into 80 places: it wraps around within a batch
        keys = normalize(trainer.step().given[1])
        for row in keys:
            by_hand[place % 80] = row
            place += 1
        assert torch.equal(trainer.learner.queue(), by_hand)


def test_the_teacher_is_the_moving_average_of_the_students_new_weights():
    trainer = moco(ema=0.9)
    for _ in range(3):
        before = [p.clone() for p in trainer.learner.teacher.parameters()]
        trainer.step()
        newest = [*trainer.learner.encoder.parameters(), *trainer.learner.projector.parameters()]
        for old, new, found in zip(before, newest, trainer.learner.teacher.parameters(), strict=True):
            torch.testing.assert_close(found, 0.9 * old + 0.1 * new)
            assert found.grad is None
    assert not any(
        p is q
        for group in trainer.optimiser.param_groups
        for p in group["params"]
        for q in trainer.learner.teacher.parameters()
    )


def test_the_schedule_brings_the_momentum_to_one():
    trainer = moco(ema=0.5, ema_steps=2)
    trainer.step()
    trainer.step()
    settled = [p.clone() for p in trainer.learner.teacher.parameters()]
    trainer.step()
    assert all(torch.equal(a, b) for a, b in zip(settled, trainer.learner.teacher.parameters(), strict=True))


def test_chance_and_floor_speak_of_the_queue():
    run = start(METHODS.MoCo(encoder=tiny, dim=8, queue=80)).start(steps=2)
    assert run.history.last("loss/chance") == pytest.approx(torch.tensor(81.0).log().item())
    assert run.history.static["loss_words"]["chance"] == "ln 81"


def test_the_momentum_is_a_control_and_a_value_that_cannot_be_is_refused_in_words():
    run = start(METHODS.MoCo(encoder=tiny, dim=8, queue=80)).start(steps=1)
    run.set(ema=1.0).start(steps=1)
    settled = state(run)
    run.start(steps=2)
    moved = [name for name in settled if not torch.equal(settled[name], state(run)[name])]
    # At 1 the weights stay; the statistics that are copied from the student do not.
    assert not any(name.startswith("learner.teacher") and name.endswith(("weight", "bias")) for name in moved)
    run.set(
        ema=0.5,
    ).start(steps=1)
    assert run.controls.value("ema") == 0.5  # below the slider's end, and allowed
    run.set(ema=2).start(steps=1)
    refused = [event.data["why"] for event in run.history.events("control") if event.data["state"] == "refused"]
    assert refused == [
        "Teacher: momentum is 2.0. It must lie between 0 (the teacher is the student) and 1 (it never moves), for "
        "example 0.99."
    ]
    with pytest.raises(vg.errors.ArgumentError, match=r"ema is nan\. It must be a finite number"):
        run.set(ema=float("nan"))


def test_version_3_predicts_the_teachers_rows_of_the_other_view():
    trainer = moco("v3")
    learner, teacher = copy.deepcopy(trainer.learner), copy.deepcopy(trainer.learner.teacher)
    taken = trainer.step()
    z = tuple(learner(view)[1] for view in taken.inputs)
    keys = tuple(teacher(view)[1] for view in taken.inputs)
    guesses = tuple(learner.predictor(rows) for rows in z)
    torch.testing.assert_close(taken.loss, momentum_contrast(*guesses, targets=keys, temperature=0.2).detach())
    assert not hasattr(trainer.learner, "queue")
    assert start(METHODS.MoCo("v3", encoder=tiny)).controls.value("predictor") == "on"


def test_impossible_arguments_are_refused():
    with pytest.raises((vg.errors.UnknownName, TypeError)):
        METHODS.MoCo("v4")
    with pytest.raises(vg.errors.ArgumentError, match=r"MoCo: queue is 0"):
        METHODS.MoCo(queue=0)
    with pytest.raises(vg.errors.ArgumentError, match=r"momentum is 1\.5"):
        start(METHODS.MoCo(ema=1.5, encoder=tiny))
