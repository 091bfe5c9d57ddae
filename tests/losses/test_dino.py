from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.losses.case import Case
from tests.reference import targets as slow
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import DINO, dino


def of_shapes(*views: Tensor) -> dict[str, tuple[Tensor, ...]]:
    """Targets that depend on the shape only: the same whatever the order of the views."""
    rows, columns = (torch.arange(1.0, size + 1, dtype=torch.float64) for size in views[0].shape)
    target = torch.cos(rows[:, None] * columns).to(views[0].dtype)
    return {"targets": (target, target)}


# Rows are logits: their axes are classes and their lengths count.
CASES = [
    Case(DINO, of_shapes, rotates=False, lengths=False, collapse=False, rows=1),
    Case(
        lambda: DINO(views=3),
        of_shapes,
        views=3,
        symmetric=False,
        rotates=False,
        lengths=False,
        collapse=False,
        rows=1,
        label="DINO, 3 views",
    ),
]


def cosines() -> Tensor:
    i = torch.arange(8, dtype=torch.float64)[:, None]
    return torch.cos(0.3 * i + 1.36 * torch.arange(5, dtype=torch.float64)[None, :])


def several(views: int, batch: int, classes: int, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(batch, classes, generator=generator, dtype=torch.float64) for _ in range(views)]
    return tuple(z.to(dtype) for z in drawn)


def test_golden_value() -> None:
    first, second = cosines(), cosines().roll(1, 0)
    assert float(dino(0.7 * first, 0.9 * second, targets=(first, second))) == pytest.approx(2.0482618427, abs=1e-9)
    assert float(DINO()(0.7 * first, 0.9 * second, targets=(first, second))) == pytest.approx(2.0482618427, abs=1e-9)


@pytest.mark.parametrize(("views", "targets"), [(2, 2), (2, 1), (4, 2)])
@pytest.mark.parametrize(("batch", "classes"), [(1, 2), (5, 4), (3, 9)])
@pytest.mark.parametrize(("temperature", "teacher"), [(0.1, 0.04), (1.0, 2.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(
    views: int, targets: int, batch: int, classes: int, temperature: float, teacher: float, dtype: torch.dtype
) -> None:
    s, t = several(views, batch, classes, 1, dtype), several(targets, batch, classes, 2, dtype)
    centre = torch.linspace(-1, 1, classes, dtype=dtype)
    for own, other in ((s, t), (s[::-1], t[::-1])):
        found = dino(*own, targets=other, temperature=temperature, teacher_temperature=teacher, centre=centre)
        expected = slow.dino(own, other, temperature, teacher, centre.double().tolist())
        close = 1e-5 if dtype == torch.float32 else 1e-9
        assert float(found) == pytest.approx(expected, rel=close, abs=close)


def test_the_terms_are_the_teachers_entropy_and_the_divergence() -> None:
    s, t = several(3, 4, 5, 3), several(2, 4, 5, 4)
    terms = DINO(0.5, 0.7).terms(*s, targets=t)
    own = [slow.entropy(slow.softmax(row, 0.7)) for z in t for row in z.tolist()]
    assert float(terms["entropy"]) == pytest.approx(math.fsum(own) / len(own), rel=1e-9)
    assert float(terms["divergence"]) > 0


def test_equal_outputs_leave_the_entropy_and_equal_answers_no_divergence() -> None:
    z = several(1, 6, 5, 5)[0]
    equal = DINO().terms(z, z, targets=(z, z))
    assert float(equal["divergence"]) > 0.02  # the temperatures differ, so equal logits are not equal answers
    agreeing = DINO().terms(z / 0.4, z / 0.4, targets=(z, z))
    assert float(agreeing["divergence"]) == pytest.approx(0, abs=1e-12)
    assert float(agreeing["entropy"]) > 0.01


@pytest.mark.parametrize("classes", [2, 4096])
def test_even_answers_read_chance(classes: int) -> None:
    z = torch.zeros(3, classes)
    loss = DINO()
    terms = loss.terms(z, z, targets=(z, z))
    assert float(terms["entropy"]) == pytest.approx(loss.chance(3, classes), abs=1e-4)
    assert float(terms["divergence"]) == pytest.approx(0, abs=1e-4)
    assert loss.reference_words(3, 4096) == {"chance": "ln 4096"}
    assert loss.chance(3, 4096) == pytest.approx(8.317766, abs=1e-6)


def test_one_class_for_everything_reads_zero_without_a_centre_and_chance_with_one() -> None:
    z = torch.zeros(6, 5)
    z[:, 2] = 30
    without, settled = DINO(momentum=1.0), DINO(momentum=0.0)
    for _ in range(2):
        collapsed = without(z, z, targets=(z, z))
        uniform = settled.terms(z, z, targets=(z, z))
        settled(z, z, targets=(z, z))
    assert float(collapsed) == pytest.approx(0, abs=1e-6)
    # The centre takes away what all rows share: the teacher spreads evenly again.
    assert float(uniform["entropy"]) == pytest.approx(math.log(5), abs=1e-6)


def test_the_centre_is_a_moving_mean_that_follows_after_the_loss() -> None:
    loss = DINO(momentum=0.9)
    s, (t1, t2) = several(2, 4, 3, 6), several(2, 4, 3, 7)
    assert loss.centre.mean is None
    assert float(loss(*s, targets=(t1, t2))) == pytest.approx(slow.dino(s, (t1, t2), 0.1, 0.04), rel=1e-9)
    after = 0.1 * torch.cat([t1, t2]).mean(0)
    torch.testing.assert_close(loss.centre.mean, after)
    expected = slow.dino(s, (t2, t1), 0.1, 0.04, after.tolist())
    assert float(loss(*s, targets=(t2, t1))) == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(loss.centre.mean, 1.9 * after)
    loss.set("momentum", 1.0)
    loss(*s, targets=(t1 + 5, t2))
    torch.testing.assert_close(loss.centre.mean, 1.9 * after)


def test_the_centre_rests_while_nothing_is_learned() -> None:
    loss = DINO()
    s, t = several(2, 4, 3, 6), several(2, 4, 3, 7)
    with torch.no_grad():
        loss(*s, targets=t)
    loss.terms(*s, targets=t)
    assert loss.centre.mean is None


def test_the_centre_is_saved_loaded_and_copied() -> None:
    loss = DINO()
    s, t = several(2, 4, 3, 6), several(2, 4, 3, 7)
    empty = copy.deepcopy(loss.state_dict())
    loss(*s, targets=t)
    other = DINO()
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other(*s, targets=t), copy.deepcopy(loss)(*s, targets=t))
    other = DINO()
    other.load_state_dict(empty)
    assert other.centre.mean is None


def test_a_batch_that_is_not_finite_leaves_the_centre_as_it_was() -> None:
    loss = DINO()
    s, t = several(2, 4, 3, 6), several(2, 4, 3, 7)
    for expected in (torch.zeros(3, dtype=torch.float64), 0.1 * torch.cat(t).mean(0)):
        assert math.isnan(float(loss(*s, targets=(t[0], t[1] * math.nan))))
        torch.testing.assert_close(loss.centre.mean, expected)
        loss(*s, targets=t)
    assert math.isfinite(float(loss(*s, targets=t)))


def test_no_gradient_reaches_the_teacher() -> None:
    s, t = ([z.requires_grad_() for z in several(2, 4, 3, seed)] for seed in (8, 9))
    DINO()(*s, targets=tuple(t)).backward()
    assert all(z.grad is None for z in t)
    assert all(float(z.grad.abs().sum()) > 0 for z in s)


@given(seed=st.integers(0, 10_000))
def test_a_constant_added_to_a_row_of_logits_changes_nothing(seed: int) -> None:
    s, t = several(2, 3, 4, seed), several(2, 3, 4, seed + 1)
    shift = torch.linspace(-3, 7, 3, dtype=torch.float64)[:, None]
    value = float(dino(*s, targets=t))
    assert float(dino(s[0] + shift, s[1], targets=(t[0], t[1] - shift))) == pytest.approx(value, rel=1e-9)


def test_what_does_not_fit_is_refused_in_words() -> None:
    s, t = several(2, 4, 3, 6), several(2, 4, 3, 7)
    for settings, words in (
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"teacher_temperature": -1.0}, "teacher_temperature is -1.0"),
        ({"momentum": 1.5}, "momentum is 1.5. It must be a number from 0 to 1"),
    ):
        with pytest.raises(ArgumentError, match=f"DINO: {words}"):
            DINO(**settings)
    with pytest.raises(ArgumentError, match="dino: teacher_temperature is 0"):
        dino(*s, targets=t, teacher_temperature=0.0)
    with pytest.raises(ArgumentError, match="DINO: views is 1"):
        DINO(views=1)
    loss = DINO()
    loss(*s, targets=t)
    with pytest.raises(ShapeError, match=r"DINO: the targets have 5 columns but the centre of the steps before has 3"):
        loss(*several(2, 4, 5, 1), targets=several(2, 4, 5, 2))
