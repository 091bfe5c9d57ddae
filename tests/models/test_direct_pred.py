from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.reference import direct_pred as slow
from tests.reference.golden import random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError
from vergence.models.direct_pred import correlation, direct_pred, eigenspace_alignment


def stretched(batch: int, dim: int, seed: int) -> Tensor:
    z, _ = random_batch(batch, dim, seed)
    return z * torch.linspace(2, 0.5, dim, dtype=torch.float64)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize(("batch", "dim", "epsilon"), [(9, 4, 0.1), (3, 4, 0.3), (5, 1, 0.0)])
def test_agrees_with_the_loops(batch: int, dim: int, epsilon: float, relative: bool) -> None:
    z = stretched(batch, dim, 1)
    f = correlation(z)
    torch.testing.assert_close(f, torch.tensor(slow.correlation(z), dtype=torch.float64))
    expected = torch.tensor(slow.direct_pred(f.tolist(), epsilon, relative), dtype=torch.float64)
    found = direct_pred(f, epsilon=epsilon, relative=relative)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_closed_form_of_a_diagonal_correlation() -> None:
    f = torch.diag(torch.tensor([4.0, 1.0, 0.0]))
    torch.testing.assert_close(direct_pred(f), torch.diag(torch.tensor([1.1, 0.6, 0.1])))
    torch.testing.assert_close(direct_pred(f, relative=False), torch.diag(torch.tensor([2.4, 1.4, 0.4])))


@given(seed=st.integers(0, 10_000))
def test_turns_with_the_embeddings_and_keeps_its_range(seed: int) -> None:
    z, turn = stretched(12, 5, seed), rotation(5, seed)
    w = direct_pred(correlation(z))
    torch.testing.assert_close(direct_pred(correlation(z @ turn)), turn.T @ w @ turn)
    torch.testing.assert_close(direct_pred(correlation(7 * z)), w)
    torch.testing.assert_close(w, w.T)
    values = torch.linalg.eigvalsh(w)
    assert float(values.min()) >= 0.1 - 1e-9
    assert float(values.max()) == pytest.approx(1.1, rel=1e-9)


def test_both_forms_are_one_up_to_a_factor_and_another_epsilon() -> None:
    f = correlation(stretched(12, 5, 3))
    root = math.sqrt(float(torch.linalg.eigvalsh(f).max()))
    torch.testing.assert_close(direct_pred(f, relative=False) / root, direct_pred(f, epsilon=0.1 * root))


def test_nothing_to_see_leaves_epsilon() -> None:
    torch.testing.assert_close(direct_pred(torch.zeros(3, 3)), 0.1 * torch.eye(3))


def test_correlation_is_a_moving_mean_without_a_gradient() -> None:
    first, second = (z.requires_grad_() for z in random_batch(6, 4, seed=0))
    before = correlation(first)
    after = correlation(second, before, momentum=0.3)
    torch.testing.assert_close(after, 0.3 * before + 0.7 * second.detach().T @ second.detach() / 6)
    assert not after.requires_grad
    assert correlation(first.detach().bfloat16()).dtype == torch.float32
    torch.testing.assert_close(correlation(second, before, momentum=1.0), before)
    assert torch.equal(correlation(second * math.nan, before), before)


def test_alignment_is_one_with_the_computed_predictor_and_small_with_a_random_one() -> None:
    z = stretched(400, 128, 4)
    f = correlation(z)
    values, aligned = eigenspace_alignment(f, direct_pred(f))
    assert torch.equal(values, values.sort(descending=True).values)
    torch.testing.assert_close(aligned, torch.ones(128, dtype=torch.float64))
    random = torch.randn(128, 128, generator=torch.Generator().manual_seed(0))
    _, aligned = eigenspace_alignment(f, random)
    assert float(aligned.mean()) == pytest.approx(math.sqrt(2 / (math.pi * 128)), rel=0.25)
    _, aligned = eigenspace_alignment(f, torch.zeros(128, 128))
    assert float(aligned.max()) == 0.0


def test_the_largest_eigenvalue_comes_first() -> None:
    f = torch.diag(torch.tensor([1.0, 9.0, 4.0]))
    quarter_turn = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    values, aligned = eigenspace_alignment(f, quarter_turn)
    assert values.tolist() == pytest.approx([9.0, 4.0, 1.0])
    assert aligned.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_what_does_not_fit_is_refused_in_words() -> None:
    z, _ = random_batch(6, 4, seed=0)
    f = correlation(z)
    with pytest.raises(ShapeError, match=r"correlation: before is \(3, 3\) but z has 4 columns. .*\(4, 4\)"):
        correlation(z, torch.eye(3))
    with pytest.raises(DeviceMismatch, match=r"before is on meta. Use before.to\(z.device\)"):
        correlation(z, f.to("meta"))
    with pytest.raises(ArgumentError, match=r"correlation: momentum is 1.5"):
        correlation(z, f, momentum=1.5)
    with pytest.raises(ShapeError, match=r"direct_pred: correlation is \(6, 4\). It must be square, \(dim, dim\)"):
        direct_pred(z)
    with pytest.raises(NotFinite, match="direct_pred: 1 of 4 rows of correlation are not finite"):
        direct_pred(torch.where(torch.arange(4)[:, None] == 2, math.nan, f))
    with pytest.raises(ArgumentError, match="direct_pred: epsilon is -1"):
        direct_pred(f, epsilon=-1)
    with pytest.raises(ShapeError, match=r"correlation is \(4, 4\) but predictor is \(3, 4\)"):
        eigenspace_alignment(f, torch.ones(3, 4))
