"""The teacher: an exact moving average, schedules, no gradients, modes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from vergence.errors import ArgumentError, ShapeError
from vergence.models import Teacher


def student() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))


def shaken(model: nn.Module, by: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn(parameter.shape))


def test_is_the_student_at_first_and_shares_no_memory():
    model = student()
    teacher = Teacher(model)
    assert all(torch.equal(a, b) for a, b in zip(teacher.model.parameters(), model.parameters(), strict=True))
    shaken(model, 1.0)
    assert not any(torch.equal(a, b) for a, b in zip(teacher.model.parameters(), model.parameters(), strict=True))


@pytest.mark.parametrize("momentum", [0.9, 0.996, 0.3])
def test_three_updates_by_hand(momentum):
    model = student()
    teacher = Teacher(model, momentum)
    by_hand = [p.detach().double() for p in teacher.model.parameters()]
    for step in range(3):
        shaken(model, 0.5)
        teacher.follow(model, step)
        by_hand = [momentum * old + (1 - momentum) * new.detach().double()
                   for old, new in zip(by_hand, model.parameters(), strict=True)]  # fmt: skip
        for found, expected in zip(teacher.model.parameters(), by_hand, strict=True):
            torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_at_the_ends_it_is_the_student_or_never_moves_to_the_last_bit(momentum):
    model = student()
    teacher = Teacher(model, momentum)
    kept = [p.clone() for p in teacher.model.parameters()]
    shaken(model, 1.0)
    teacher.follow(model)
    expected = list(model.parameters()) if momentum == 0 else kept
    assert all(torch.equal(a, b) for a, b in zip(teacher.model.parameters(), expected, strict=True))


def test_buffers_are_copied():
    model = student()
    teacher = Teacher(model, 0.99)
    model(torch.randn(8, 3))
    teacher.follow(model)
    assert torch.equal(teacher.model[1].running_mean, model[1].running_mean)
    assert int(teacher.model[1].num_batches_tracked) == 1


def test_the_schedule_rises_by_a_cosine_from_the_base_to_one():
    teacher = Teacher(student(), 0.996, steps=100)
    assert teacher.at(0) == pytest.approx(0.996)
    assert teacher.at(50) == pytest.approx(0.998)
    assert teacher.at(25) == pytest.approx(1 - 0.004 * (math.cos(math.pi / 4) + 1) / 2)
    assert teacher.at(100) == teacher.at(10_000) == 1.0
    rising = [teacher.at(step) for step in range(101)]
    assert rising == sorted(rising)
    assert Teacher(student(), 0.9).at(10_000) == 0.9
    teacher.momentum = 0.5
    assert teacher.at(50) == pytest.approx(0.75)


def test_no_gradient_reaches_it_or_leaves_it():
    teacher = Teacher(student())
    x = torch.randn(6, 3, requires_grad=True)
    assert not teacher(x).requires_grad
    assert not any(p.requires_grad for p in teacher.parameters())
    model = student()
    teacher.follow(model)
    assert all(p.requires_grad for p in model.parameters())


def test_batch_statistics_in_training_no_dropout_and_running_statistics_at_rest():
    teacher = Teacher(student())
    assert teacher.model[1].training
    assert not teacher.model[3].training
    x = torch.randn(16, 3) + 5
    assert torch.equal(teacher(x), teacher(x))  # dropout would differ
    trained = teacher(x)
    teacher.eval()
    assert not teacher.model[1].training
    assert not torch.allclose(trained, teacher(x))
    assert teacher.train().model[1].training
    assert not teacher.model[3].training
    assert not Teacher(student().eval()).model[1].training


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "0.9"])
def test_impossible_momenta_are_refused(value):
    teacher = Teacher(student())
    with pytest.raises((ArgumentError, TypeError)) if isinstance(value, str) else pytest.raises(ArgumentError):
        teacher.momentum = value
    assert teacher.momentum == 0.99


def test_the_words_of_errors():
    with pytest.raises(ArgumentError, match=r"momentum is 1\.5\. It must lie between 0 .* and 1 .* for example 0\.99"):
        Teacher(student(), 1.5)
    with pytest.raises(ArgumentError, match=r"Teacher: steps is 0"):
        Teacher(student(), steps=0)
    with pytest.raises(ShapeError, match=r"does not have the teacher's parameters"):
        Teacher(student()).follow(nn.Linear(3, 4))


def test_a_model_without_parameters_has_a_teacher():
    teacher = Teacher(nn.Identity())
    teacher.follow(nn.Identity())
    assert torch.equal(teacher(torch.ones(2, 2)), torch.ones(2, 2))
