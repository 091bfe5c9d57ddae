from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from tests.reference import info_nce as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.losses import InfoNCE, info_nce


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    assert float(info_nce(a, b, temperature=0.2)) == pytest.approx(0.2709060137, abs=1e-9)
    assert float(InfoNCE()(a, b)) == pytest.approx(0.2709060137, abs=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.05, 0.01])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (9, 4), (5, 40)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    forth, back = info_nce(a, b, temperature=temperature), info_nce(b, a, temperature=temperature)
    assert float(forth) == pytest.approx(slow.info_nce(a, b, temperature), abs=1e-9)
    assert float(back) == pytest.approx(slow.info_nce(b, a, temperature), abs=1e-9)


def test_the_directions_differ() -> None:
    a, b, _ = golden_batch()
    assert abs(float(info_nce(a, b, temperature=0.2) - info_nce(b, a, temperature=0.2))) > 1e-3


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.01])
def test_candidates_that_look_alike_read_chance(temperature: float) -> None:
    a, _ = random_batch(7, 4, seed=0)
    b = torch.ones(7, 4, dtype=torch.float64)
    assert float(info_nce(a, b, temperature=temperature)) == pytest.approx(math.log(7), abs=1e-12)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
def test_blind_to_order_rotation_and_length(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 5, seed)
    value = float(info_nce(a, b, temperature=temperature))
    order, turn = torch.randperm(6, generator=torch.Generator().manual_seed(seed)), rotation(5, seed)
    for other in ((a[order], b[order]), (a @ turn, b @ turn), (2 * a, 0.1 * b)):
        assert float(info_nce(*other, temperature=temperature)) == pytest.approx(value, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 0.02, 0.002])
def test_gradients_first_and_second(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 3, seed=1))
    weights = torch.tensor([1.0, 0.5, 2.0, 0.1], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, y: info_nce(x, y, temperature=temperature, weights=weights), (a, b))
    if temperature > 0.1:
        assert torch.autograd.gradgradcheck(lambda x, y: info_nce(x, y, temperature=temperature), (a, b))


def test_weights_are_a_weighted_mean_over_pairs() -> None:
    a, b = random_batch(6, 4, seed=5)
    ones, mixed = torch.ones(6), torch.tensor([0.0, 1.0, 2.0, 0.5, 0.0, 3.0])
    plain_value = info_nce(a, b, temperature=0.4)
    torch.testing.assert_close(info_nce(a, b, temperature=0.4, weights=ones), plain_value)
    expected = slow.info_nce(a, b, 0.4, mixed.tolist())
    assert float(info_nce(a, b, temperature=0.4, weights=mixed)) == pytest.approx(expected, abs=1e-9)


def test_pair_weights_are_the_gradient_of_the_cosines() -> None:
    a, b = random_batch(5, 3, seed=9)
    cosines = (normalize(a) @ normalize(b).T).requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(cosines / 0.2, torch.arange(5)), (cosines,))
    found = InfoNCE(0.2).pair_weights(a, b)
    torch.testing.assert_close(found[:5, 5:], expected)
    assert float(found.abs().sum() - expected.abs().sum()) == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(expected.clamp_min(0).sum(1), -expected.diagonal())


def test_terms_add_up_and_pull_knows_its_end() -> None:
    a, b = random_batch(6, 4, seed=8)
    loss = InfoNCE(0.25)
    terms = loss.terms(a, b)
    assert list(terms) == ["pull", "push"]
    torch.testing.assert_close(terms["pull"] + terms["push"], loss(a, b))
    assert float(loss.terms(a, 2 * a)["pull"]) == pytest.approx(-4.0)


def test_chance_and_words() -> None:
    loss = InfoNCE(0.2)
    assert loss.chance(256, 128) == pytest.approx(math.log(256))
    assert loss.floor(256, 128) == pytest.approx(1.0627, abs=1e-4)
    assert loss.floor(1, 8) == 0.0
    assert loss.reference_words(256, 128) == {"chance": "ln 256", "floor": "τ 0.2"}
