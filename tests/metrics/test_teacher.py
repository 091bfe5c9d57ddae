"""The teacher: against its formula and its loss, both collapses, and what cannot be read."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import teacher as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError
from vergence.losses import dino
from vergence.metrics import teacher


def golden_logits() -> tuple[Tensor, Tensor]:
    """Teachers and students of the golden value, pairs of different views one under the other."""
    i, k = torch.arange(8, dtype=torch.float64)[:, None], torch.arange(5, dtype=torch.float64)
    first = torch.cos(0.3 * i + 1.36 * k)
    second = first.roll(1, 0)
    return torch.cat([first, second]), torch.cat([0.9 * second, 0.7 * first])


class TestValue:
    def test_golden_batch_is_what_the_loss_reads(self) -> None:
        target, student = golden_logits()
        found = teacher(target, student)
        one, other = target[:8], target[8:]
        loss = float(dino(student[8:], student[:8], targets=(one, other)))
        assert loss == pytest.approx(2.0482618427, abs=1e-8)
        assert found.cross_entropy == pytest.approx(loss, abs=1e-9)
        assert found.divergence is not None
        assert found.entropy + found.divergence == found.cross_entropy

    @given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 99), st.floats(0.05, 3), st.floats(0.05, 3))
    def test_the_slow_twin(self, rows: int, classes: int, seed: int, warm: float, cold: float) -> None:
        target, student = random_batch(rows, classes, seed)
        centre = torch.linspace(-1, 1, classes, dtype=torch.float64)
        found = teacher(target, student, temperature=warm, teacher_temperature=cold, centre=centre)
        expected = slow.parts(target.tolist(), student.tolist(), warm, cold, centre.tolist())
        read = (found.entropy, found.divergence, found.entropy_of_mean)
        for got, wanted in zip(read, expected, strict=True):
            assert got == pytest.approx(wanted, abs=1e-8)
        assert found.information == pytest.approx(expected[2] - expected[0], abs=1e-8)
        assert 0 <= found.information <= found.information_ceiling + 1e-9

    def test_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        target, student = random_batch(50, 7, seed=0)
        whole = teacher(target, student)
        monkeypatch.setattr(sys.modules["vergence.metrics.teacher"], "CELLS", 21)
        part = teacher(target, student)
        assert part.cross_entropy == pytest.approx(whole.cross_entropy, abs=1e-12)
        assert part.information == pytest.approx(whole.information, abs=1e-12)


class TestBothCollapses:
    def test_the_teacher_prefers_no_class(self) -> None:
        found = teacher(torch.full((16, 4096), 0.3), torch.zeros(16, 4096))
        assert found.entropy == pytest.approx(8.3178, abs=1e-4)
        assert found.cross_entropy == pytest.approx(found.chance)
        assert found.divergence == pytest.approx(0, abs=1e-9)
        assert found.information == pytest.approx(0, abs=1e-9)

    def test_the_teacher_puts_everything_into_one_class(self) -> None:
        target = torch.zeros(16, 64)
        target[:, 3] = 5
        found = teacher(target, 3 * target)
        assert found.entropy == pytest.approx(0, abs=1e-9)
        assert found.divergence == pytest.approx(0, abs=1e-9)
        assert found.entropy_of_mean == pytest.approx(0, abs=1e-9)
        assert found.information == pytest.approx(0, abs=1e-9)

    def test_a_healthy_sharp_teacher_has_no_entropy_either(self) -> None:
        found = teacher(5 * torch.eye(16))
        assert found.entropy == pytest.approx(0, abs=1e-9)
        assert found.information == pytest.approx(math.log(16))
        assert found.information_ceiling == found.chance == math.log(16)

    def test_misses_answers_that_follow_something_else(self) -> None:
        # Which class a row is put into is not asked: a teacher that sorts by brightness reads like a good one.
        rows = 5 * torch.eye(16)
        assert teacher(rows[torch.randperm(16, generator=torch.Generator().manual_seed(0))]) == teacher(rows)

    def test_centring_brings_the_classes_back(self) -> None:
        target = 0.2 * torch.eye(8, dtype=torch.float64).repeat(4, 1)
        target[:, 0] += 3
        assert teacher(target).information < 0.01
        assert teacher(target, centre=target.mean(0)).information > 1.5

    def test_equal_logits_do_not_read_nothing(self) -> None:
        target, _ = random_batch(16, 8, seed=0)
        found = teacher(target, target)
        assert found.divergence is not None
        assert found.divergence > 0.01
        assert teacher(target, target, temperature=0.04).divergence == pytest.approx(0, abs=1e-12)


class TestTheDoor:
    def test_the_teacher_alone(self) -> None:
        target, _ = random_batch(16, 8, seed=0)
        found = teacher(target)
        assert (found.divergence, found.cross_entropy) == (None, None)

    def test_rows_that_are_not_finite_are_left_out_of_both(self) -> None:
        target, student = random_batch(9, 4, seed=0)
        bad, worse = target.clone(), student.clone()
        bad[2, 1] = math.nan
        worse[5, 0] = math.inf
        keep = [0, 1, 3, 4, 6, 7, 8]
        found, expected = teacher(bad, worse), teacher(target[keep], student[keep])
        assert (found.rows, found.rows_left_out) == (7, 2)
        assert found.cross_entropy == pytest.approx(expected.cross_entropy, abs=1e-12)
        assert found.entropy_of_mean == pytest.approx(expected.entropy_of_mean, abs=1e-12)

    @pytest.mark.parametrize("size", [1e30, 1e-30])
    def test_any_size_of_logits(self, size: float) -> None:
        target, student = random_batch(9, 4, seed=0)
        found = teacher((size * target).float(), (size * student).float())
        assert found.divergence is not None
        assert math.isfinite(found.divergence)
        assert math.isfinite(found.entropy)

    def test_refuses(self) -> None:
        target, student = random_batch(9, 4, seed=0)
        with pytest.raises(ShapeError, match=r"teacher: target is \(9, 4\) but student is \(8, 4\)"):
            teacher(target, student[:8])
        with pytest.raises(ShapeError, match=r"teacher: target is \(9, 1\): one class. 2 or more"):
            teacher(target[:, :1])
        with pytest.raises(ShapeError, match=r"centre is \(3\) but target has 4 classes. It must be \(4,\)"):
            teacher(target, centre=torch.zeros(3))
        with pytest.raises(ShapeError, match=r"centre is float but target"):
            teacher(target, centre=0.0)  # type: ignore[arg-type]
        with pytest.raises(NotFinite, match=r"rows of centre are not finite"):
            teacher(target, centre=torch.full((4,), math.nan))
        with pytest.raises(NotFinite, match=r"teacher: none of 9 rows is finite"):
            teacher(target * math.nan)
        with pytest.raises(DeviceMismatch, match=r"target is on cpu but centre is on meta"):
            teacher(target, centre=torch.zeros(4, device="meta"))
        with pytest.raises(ArgumentError, match=r"teacher_temperature is 0. It must be a finite number above 0"):
            teacher(target, teacher_temperature=0)


def _golden(*given: Any) -> float:
    del given
    return teacher(*golden_logits()).cross_entropy or 0.0


CASES = [
    Case(teacher, views(2), bad="left out", least=1, golden=(_golden, 2.0482618427)),
    Case(teacher, views(1), bad="left out", least=1, label="teacher alone"),
]
