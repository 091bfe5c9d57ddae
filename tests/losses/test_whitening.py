from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses.case import Case
from tests.reference import whitening as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, ShapeError, TooFewRows
from vergence.losses import WMSE, w_mse
from vergence.losses.whitening import whiten

CASES = [
    Case(WMSE, golden=0.0116047631, rotates=False, lengths=False, collapse=False, rows=8, close=1e-3),
    Case(
        lambda: WMSE(views=3, shrink=0.2),
        views=3,
        rotates=False,
        lengths=False,
        collapse=False,
        rows=8,
        close=1e-3,
        label="W-MSE of 3 views",
    ),
]


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    assert float(w_mse(a, b)) == pytest.approx(0.0116047631, abs=1e-9)


@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (9, 4), (30, 20)])
@pytest.mark.parametrize("shrink", [0.0, 0.3])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, shrink: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    torch.testing.assert_close(whiten(a, shrink=shrink), torch.tensor(slow.whiten(a, shrink), dtype=torch.float64))
    for first, second in ((a, b), (b, a)):
        expected = slow.w_mse(first, second, shrink)
        assert float(w_mse(first, second, shrink=shrink)) == pytest.approx(expected, rel=1e-8)
        assert float(WMSE(shrink=shrink)(first, second)) == pytest.approx(expected, rel=1e-8)
        single = w_mse(first.float(), second.float(), shrink=shrink)
        assert float(single) == pytest.approx(expected, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize(("batch", "dim"), [(8, 6), (64, 32), (65, 64), (500, 40)])
def test_whitened_covariance_is_the_identity(batch: int, dim: int) -> None:
    a, _ = random_batch(batch, dim, seed=dim)
    white = whiten(a @ torch.diag(torch.logspace(-2, 2, dim, dtype=torch.float64)) + 3)
    identity = torch.eye(dim, dtype=torch.float64)
    torch.testing.assert_close(white.T @ white / (batch - 1), identity, rtol=0, atol=1e-10)
    torch.testing.assert_close(white.mean(0), torch.zeros(dim, dtype=torch.float64), rtol=0, atol=1e-10)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_blind_to_lower_triangular_maps_of_each_view(seed: int) -> None:
    a, b = random_batch(12, 4, seed)
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, 4, 4, generator=generator, dtype=torch.float64).tril(-1)
    maps += torch.diag_embed(torch.rand(2, 4, generator=generator, dtype=torch.float64) + 0.5)
    value = float(w_mse(a, b))
    assert float(w_mse(a @ maps[0].T + 2, b @ maps[1].T - 1)) == pytest.approx(value, rel=1e-6)
    assert float(w_mse(a, a @ maps[0].T)) == pytest.approx(0, abs=1e-10)
    order = torch.randperm(12, generator=generator)
    assert float(w_mse(a[order], b[order])) == pytest.approx(value, rel=1e-9)


def test_unrelated_views_read_two() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(4000, 16, generator=generator) for _ in range(2))
    assert float(w_mse(a, b)) == pytest.approx(WMSE().chance(4000, 16), abs=0.03)
    assert float(w_mse(a, a)) == pytest.approx(WMSE().floor(4000, 16), abs=1e-5)
    assert WMSE().reference_words(8, 4) == {"chance": "unrelated", "floor": "views agree"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_cannot_be_whitened_is_nan_and_not_noise(dtype: torch.dtype) -> None:
    good, other = random_batch(40, 6, seed=1, dtype=dtype)
    constant, copied, summed = good.clone(), good.clone(), good.clone()
    constant[:, 3] = 1 / 3
    copied[:, 5] = copied[:, 1]
    summed[:, 5] = summed[:, 0] * 0.7 + summed[:, 1] * 0.3
    for bad in (torch.linspace(-3, 5, 6, dtype=dtype).expand(40, 6), constant, copied, summed):
        assert math.isnan(float(w_mse(bad, other)))
        assert bool(torch.isnan(whiten(bad)).any())
        assert math.isfinite(float(w_mse(bad, other, shrink=0.1)))  # shrinking answers


def test_sub_batches() -> None:
    a, b = random_batch(24, 4, seed=2)
    loss = WMSE(8, generator=torch.Generator().manual_seed(1))
    cut = torch.randperm(24, generator=torch.Generator().manual_seed(1)).view(3, 8)
    expected = sum(slow.w_mse(a[part], b[part]) for part in cut) / 3
    assert float(loss(a, b)) == pytest.approx(expected, rel=1e-9)
    assert float(loss(a, b)) != pytest.approx(expected, rel=1e-9)  # the next call cuts anew
    many = WMSE(8, rounds=20)
    spread = [abs(float(many(a, b)) - float(many(a, b))) for _ in range(5)]
    assert max(spread) < 0.2
    assert float(WMSE(24)(a, b)) == pytest.approx(slow.w_mse(a, b), rel=1e-9)
    torch.manual_seed(0)
    first = float(WMSE(8)(a, b))
    torch.manual_seed(0)
    assert float(WMSE(8)(a, b)) == first
    assert WMSE(8).variant.startswith("Cholesky, random parts of 8 rows")


def test_more_views_are_the_mean_over_pairs() -> None:
    a, b = random_batch(12, 4, seed=4)
    c = a + b.roll(1, 0)
    expected = (slow.w_mse(a, b) + slow.w_mse(a, c) + slow.w_mse(b, c)) / 3
    assert float(WMSE(views=3)(a, b, c)) == pytest.approx(expected, rel=1e-9)


def test_gradients() -> None:
    a, b = (z.requires_grad_() for z in random_batch(7, 3, seed=1))
    assert torch.autograd.gradcheck(w_mse, (a, b))
    assert WMSE().pair_weights(a.detach(), b.detach()) is None


def test_too_few_rows_and_impossible_arguments_are_refused() -> None:
    a, b = random_batch(12, 4, seed=8)
    with pytest.raises(TooFewRows, match=r"w_mse: 4 rows are to be whitened together, but 4 columns need 5 at least"):
        w_mse(a[:4], b[:4])
    with pytest.raises(TooFewRows, match=r"W-MSE: 4 rows are to be whitened together, but 4 columns need 5 at least"):
        WMSE(4)(a, b)
    with pytest.raises(TooFewRows, match=r"whiten: 3 rows.*5 at least, 8 for a covariance that is not mostly noise"):
        whiten(a[:3])
    with pytest.raises(ArgumentError, match=r"W-MSE: 12 rows cannot be cut into parts of 5"):
        WMSE(5)(a, b)
    with pytest.raises(ArgumentError, match=r"whiten: shrink is 1.0. It must be below 1"):
        whiten(a, shrink=1.0)
    with pytest.raises(ArgumentError, match=r"WMSE: size is 1"):
        WMSE(1)
    with pytest.raises(ShapeError, match=r"w_mse: 1 view came, 2 or more are needed"):
        w_mse(a)
