from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses.case import Case
from tests.reference import koleo as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, TooFewRows
from vergence.losses import KoLeo, koleo

CASES = [Case(KoLeo, close=1e-5), Case(lambda: KoLeo(1), views=1, golden=0.1381340170, label="KoLeo of one view")]


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    assert float(koleo(a)) == pytest.approx(0.1381340170, abs=1e-8)
    assert float(KoLeo()(a, b)) == pytest.approx((slow.koleo(a) + slow.koleo(b)) / 2, abs=1e-12)


@pytest.mark.parametrize(("batch", "dim"), [(2, 2), (9, 4), (5, 20), (1200, 3)])
def test_agrees_with_the_loops(batch: int, dim: int) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    assert float(koleo(a)) == pytest.approx(slow.koleo(a), abs=1e-10)
    if batch < 1000:
        for views in ((a, b), (b, a)):
            assert float(KoLeo()(*views)) == pytest.approx((slow.koleo(a) + slow.koleo(b)) / 2, abs=1e-10)
        assert float(koleo(a.float())) == pytest.approx(slow.koleo(a.float()), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_duplicates_cost_much_and_not_infinity(dtype: torch.dtype) -> None:
    z = torch.linspace(-3, 5, 6, dtype=dtype).expand(16, 6).clone().requires_grad_()
    value = koleo(z)
    assert float(value.detach()) == pytest.approx(-math.log(1e-8), abs=1e-5)
    assert KoLeo().chance(16, 6) == pytest.approx(18.4207, abs=1e-4)
    (gradient,) = torch.autograd.grad(value, (z,))
    assert torch.isfinite(gradient).all()
    pair = torch.eye(4, dtype=dtype)[[0, 0, 1, 2]].requires_grad_()
    (gradient,) = torch.autograd.grad(koleo(pair), (pair,))
    assert torch.isfinite(gradient).all()


def test_near_duplicates_keep_their_digits_in_single_precision() -> None:
    z = torch.eye(4)
    z[1] = z[0] + torch.tensor([0.0, 1e-5, 0.0, 0.0])
    expected = -(2 * math.log(1e-5) + 2 * math.log(2**0.5)) / 4
    assert float(koleo(z)) == pytest.approx(expected, rel=1e-4)  # 2 - 2 cosine would read 0 here


def test_never_below_two_opposite_points() -> None:
    z = torch.tensor([[1.0, 2.0], [-1.0, -2.0]])
    assert float(koleo(z)) == pytest.approx(-math.log(2), abs=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_blind_to_order_rotation_and_length(seed: int) -> None:
    a, _ = random_batch(7, 5, seed)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(7, generator=generator)
    lengths = torch.rand(7, 1, generator=generator, dtype=torch.float64) + 0.1
    for other in (a[order], a @ rotation(5, seed), a * lengths):
        assert float(koleo(other)) == pytest.approx(float(koleo(a)), rel=1e-9, abs=1e-9)


def test_pair_weights_have_one_neighbour_each() -> None:
    a, b = random_batch(6, 4, seed=5)
    weights = KoLeo().pair_weights(a, b)
    assert bool(((weights > 0).sum(1) == 1).all())
    assert bool((weights[:6, 6:] == 0).all())
    assert bool((weights[6:, :6] == 0).all())


@pytest.mark.parametrize(("batch", "dim"), [(2, 3), (64, 2), (256, 8), (256, 128), (2000, 3)])
def test_floor_is_what_random_directions_read(batch: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = max(3, 4000 // batch)
    found = [float(koleo(torch.randn(batch, dim, generator=generator))) for _ in range(draws)]
    floor = KoLeo().floor(batch, dim)
    assert floor is not None
    assert sum(found) / draws == pytest.approx(floor, abs=0.06)
    assert KoLeo().floor(256, 128) == pytest.approx(-0.204, abs=0.001)


def test_where_there_is_no_floor_and_words() -> None:
    assert KoLeo().floor(8, 1) is None
    assert KoLeo().reference_words(8, 1) == {"chance": "collapse"}
    assert KoLeo().reference_words(8, 2) == {"chance": "collapse", "floor": "random"}
    assert list(KoLeo().terms(*random_batch(6, 4, seed=0))) == ["spread"]


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"KoLeo: views is 0"):
        KoLeo(0)
    with pytest.raises(TooFewRows, match=r"koleo: z has 1 row, 2 are needed"):
        koleo(torch.ones(1, 3))
