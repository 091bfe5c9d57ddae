from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses.case import Case
from tests.reference import barlow_twins as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, TooFewRows
from vergence.losses import BarlowTwins, barlow_twins
from vergence.losses.barlow_twins import cross_correlation

CASES = [Case(BarlowTwins, golden=0.0477755823, rotates=False, lengths=False)]


def test_golden_value_and_what_an_unbiased_variance_would_read() -> None:
    a, b, _ = golden_batch()
    assert float(barlow_twins(a, b)) == pytest.approx(0.0477755823, abs=1e-9)
    # The values named in the docstring, so that nobody takes one loss for the other.
    assert slow.barlow_twins(a, b, 0.005, biased=False) == pytest.approx(0.1694, abs=1e-4)
    assert slow.barlow_twins(a, a, 0.0, biased=False) == pytest.approx(0.0938, abs=1e-4)
    # The reference value has the epsilon of batch norm in it; the equation alone reads 0.000006 less.
    assert float(barlow_twins(a, b, epsilon=0.0)) == pytest.approx(slow.barlow_twins(a, b, 0.005, 0.0), abs=1e-12)
    assert float(barlow_twins(a, b, epsilon=0.0)) == pytest.approx(0.04777005, abs=1e-7)


@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (9, 4), (5, 20)])
@pytest.mark.parametrize("redundancy", [0.0, 0.005, 2.0])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, redundancy: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    assert float(barlow_twins(a, b, redundancy=redundancy)) == pytest.approx(slow.barlow_twins(a, b, redundancy))
    assert float(barlow_twins(b, a, redundancy=redundancy)) == pytest.approx(slow.barlow_twins(b, a, redundancy))
    assert float(BarlowTwins(redundancy)(a, b)) == pytest.approx(slow.barlow_twins(a, b, redundancy))
    single = barlow_twins(a.float(), b.float(), redundancy=redundancy)
    assert float(single) == pytest.approx(slow.barlow_twins(a, b, redundancy), rel=1e-4, abs=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), far=st.floats(-100, 100))
def test_blind_to_an_affine_change_of_each_column(seed: int, far: float) -> None:
    a, b = random_batch(7, 4, seed)
    generator = torch.Generator().manual_seed(seed)
    scale = torch.rand(2, 4, generator=generator, dtype=torch.float64) + 0.1
    value = float(barlow_twins(a, b, epsilon=0.0))
    changed = float(barlow_twins(a * scale[0] + far, b * scale[1] - far, epsilon=0.0))
    assert changed == pytest.approx(value, rel=1e-8, abs=1e-12)
    order = torch.randperm(4, generator=generator)
    assert float(barlow_twins(a[:, order], b[:, order], epsilon=0.0)) == pytest.approx(value, rel=1e-9)
    # With the authors' epsilon the shift still does not matter, and the scale hardly does.
    assert float(barlow_twins(a + far, b - far)) == pytest.approx(float(barlow_twins(a, b)), rel=1e-8)
    assert float(barlow_twins(3 * a, 2 * b)) == pytest.approx(value, rel=1e-2, abs=1e-4)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_identical_views_cost_only_their_redundancy(seed: int) -> None:
    a, _ = random_batch(9, 5, seed)
    assert float(barlow_twins(a, a, redundancy=0.0, epsilon=0.0)) == pytest.approx(0, abs=1e-20)
    assert float(barlow_twins(a, 3 * a + 1, redundancy=0.0, epsilon=0.0)) == pytest.approx(0, abs=1e-20)
    assert float(barlow_twins(a, a, redundancy=0.0)) == pytest.approx(0, abs=1e-6)
    q = torch.linalg.qr(a - a.mean(0)).Q  # columns without correlation
    assert float(barlow_twins(q, q, epsilon=0.0)) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [2, 12, 257, 4096])
@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
def test_constant_output_reads_dim(batch: int, dtype: torch.dtype, epsilon: float) -> None:
    # Numbers whose mean is not exactly themselves: the rounding error must not be taken for agreement.
    row = torch.tensor([0.1, 1 / 3, math.pi, -1e4 / 7, 1e-8, 0.0], dtype=dtype)
    z = row.expand(batch, 6).clone().requires_grad_()
    value = barlow_twins(z, z, epsilon=epsilon)
    assert float(value.detach()) == 6.0
    assert BarlowTwins().chance(batch, 6) == 6.0
    (gradient,) = torch.autograd.grad(value, (z,))
    assert torch.isfinite(gradient).all()


def test_one_constant_column_does_not_poison_the_others() -> None:
    a, b = random_batch(9, 4, seed=3)
    a[:, 1] = 0.7
    a.requires_grad_()
    value = barlow_twins(a, b)
    assert float(value.detach()) == pytest.approx(slow.barlow_twins(a.detach(), b, 0.005))
    (gradient,) = torch.autograd.grad(value, (a,))
    assert torch.isfinite(gradient).all()
    assert bool((gradient[:, [0, 2, 3]] != 0).all())
    assert bool((gradient[:, 1] == 0).all())


def test_correlations_lie_between_minus_one_and_one() -> None:
    a, _ = random_batch(30, 3, seed=1)
    c = cross_correlation(a, torch.stack([a[:, 0], -a[:, 1], a[:, 2] ** 2], dim=1))
    assert float(c[0, 0]) == pytest.approx(1, abs=1e-4)
    assert float(c[1, 1]) == pytest.approx(-1, abs=1e-4)
    assert bool((c.abs() <= 1 + 1e-12).all())


def test_gradients_first_and_second() -> None:
    a, b = (z.requires_grad_() for z in random_batch(5, 3, seed=1))
    assert torch.autograd.gradcheck(lambda x, y: barlow_twins(x, y, redundancy=0.3), (a, b))
    assert torch.autograd.gradgradcheck(lambda x, y: barlow_twins(x, y, redundancy=0.3), (a, b))


def test_floor_is_reached_where_the_batch_is_small() -> None:
    # 3 rows span 2 directions. Columns of two views on the corners of two ellipses, so that partners correlate 2/3.
    loss = BarlowTwins(0.5, epsilon=0.0)
    corners = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1]], dtype=torch.float64) / 2
    centred = torch.eye(3, dtype=torch.float64) - 1 / 3
    plane = torch.linalg.svd(centred).U[:, :2] * 3**0.5
    long = 2 + (4 - 16 / 9) ** 0.5
    axes = torch.diag(torch.tensor([long, 4 - long], dtype=torch.float64).sqrt())
    a, b = plane @ axes @ corners, plane @ (torch.linalg.inv(axes) * 4 / 3) @ corners
    assert cross_correlation(a, b, epsilon=0.0).diagonal().tolist() == pytest.approx([2 / 3] * 4)
    assert float(loss(a, b)) == pytest.approx(loss.floor(3, 4), abs=1e-9)
    assert loss.floor(3, 4) == pytest.approx(4 / 3)
    # Views that agree fully cost more.
    even = plane @ corners * 2**0.5
    assert float(loss(even, even)) == pytest.approx(2.0)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), redundancy=st.floats(0.01, 1))
def test_nothing_lies_below_the_floor(seed: int, redundancy: float) -> None:
    loss = BarlowTwins(redundancy, epsilon=0.0)
    a, b = random_batch(4, 7, seed)
    assert float(loss(a, a)) >= loss.floor(4, 7) - 1e-9
    assert float(loss(a, b)) >= loss.floor(4, 7) - 1e-9


def test_floor_and_words() -> None:
    loss = BarlowTwins()
    assert loss.floor(129, 128) == 0.0
    assert loss.floor(2048, 8192) == pytest.approx(121.2, abs=0.1)
    assert loss.reference_words(256, 128) == {"chance": "collapse", "floor": "decorrelated"}
    assert loss.reference_words(64, 128) == {"chance": "collapse", "floor": "rank 63 of 128"}
    assert list(loss.terms(*random_batch(6, 4, seed=0))) == ["invariance", "redundancy"]
    assert loss.pair_weights(*random_batch(6, 4, seed=0)) is None


def test_a_negative_weight_and_a_single_row_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ArgumentError, match=r"barlow_twins: redundancy is -1.0. It must be a finite number, 0"):
        barlow_twins(a, b, redundancy=-1.0)
    with pytest.raises(ArgumentError, match=r"BarlowTwins: epsilon is -1.0"):
        BarlowTwins(epsilon=-1.0)
    with pytest.raises(TooFewRows, match=r"cross_correlation: a and b have 1 row each"):
        cross_correlation(a[:1], b[:1])
