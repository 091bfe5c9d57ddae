from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from tests.losses.case import Case
from tests.reference import nt_xent as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.losses import NTXent, nt_xent

# 0.01 lies below the temperature at which float32 needs a shift per row, 0.002 below that of float64.
TEMPERATURES = [1.0, 0.5, 0.1, 0.05, 0.01]

CASES = [Case(lambda: NTXent(0.5), golden=1.3127873820)]


def plain(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """The usual implementation, in as many words."""
    n = len(a)
    z = normalize(torch.cat([a, b]))
    logits = z @ z.T / temperature
    logits.fill_diagonal_(-math.inf)
    partner = torch.arange(2 * n).roll(n)
    return cross_entropy(logits, partner)


@pytest.mark.parametrize(("temperature", "value"), [(0.5, 1.3127873820), (0.1, 0.1105932325)])
def test_golden_value(temperature: float, value: float) -> None:
    a, b, _ = golden_batch()
    assert float(nt_xent(a, b, temperature=temperature)) == pytest.approx(value, abs=1e-9)
    assert float(NTXent(temperature)(a, b)) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (3, 2), (9, 4), (5, 40)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    assert float(nt_xent(a, b, temperature=temperature)) == pytest.approx(slow.nt_xent(a, b, temperature), abs=1e-9)
    assert float(nt_xent(b, a, temperature=temperature)) == pytest.approx(slow.nt_xent(b, a, temperature), abs=1e-9)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_single_precision_agrees_with_the_loops(temperature: float) -> None:
    a, b = random_batch(12, 8, seed=3, dtype=torch.float32)
    value = nt_xent(a, b, temperature=temperature)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(slow.nt_xent(a, b, temperature), rel=1e-5, abs=2e-5)


@pytest.mark.parametrize("temperature", [*TEMPERATURES, 0.002])
@pytest.mark.parametrize("batch", [2, 7, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_rows_read_chance(batch: int, temperature: float, dtype: torch.dtype) -> None:
    z = torch.linspace(-1, 2, 5, dtype=dtype).expand(batch, 5)
    close = 1e-12 if dtype == torch.float64 else 1e-6 / temperature
    assert float(nt_xent(z, z, temperature=temperature)) == pytest.approx(math.log(2 * batch - 1), abs=close)


def test_opposite_rows_do_not_underflow() -> None:
    # Each row has its partner and all others at cosine -1 or 0: exp(s/T) alone would be 0 in float32.
    z = torch.eye(4)
    value = nt_xent(z, -z, temperature=0.01)
    assert float(value) == pytest.approx(100 + math.log(6), rel=1e-6)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
def test_symmetric_in_views_and_blind_to_order_rotation_and_length(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 5, seed)
    value = float(nt_xent(a, b, temperature=temperature))
    generator = torch.Generator().manual_seed(seed)
    order, turn = torch.randperm(6, generator=generator), rotation(5, seed)
    lengths = torch.rand(6, 1, generator=generator, dtype=torch.float64) + 0.1
    for other in ((b, a), (a[order], b[order]), (a @ turn, b @ turn), (a * lengths, 3 * b)):
        assert float(nt_xent(*other, temperature=temperature)) == pytest.approx(value, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 0.02, 0.002])
def test_gradients_first_and_second(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 3, seed=1))
    weights = torch.tensor([1.0, 0.5, 2.0, 0.1], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, y: nt_xent(x, y, temperature=temperature, weights=weights), (a, b))
    if temperature > 0.1:  # below, second derivatives are too steep for finite differences
        assert torch.autograd.gradgradcheck(lambda x, y: nt_xent(x, y, temperature=temperature), (a, b))


@pytest.mark.parametrize("temperature", [0.5, 0.1, 0.02])
def test_gradients_are_those_of_the_plain_chain(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(32, 16, seed=2, dtype=torch.float32))
    ours = torch.autograd.grad(nt_xent(a, b, temperature=temperature), (a, b))
    theirs = torch.autograd.grad(plain(a, b, temperature), (a, b))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_only_one_view_needs_a_gradient() -> None:
    a, b = random_batch(5, 4, seed=0)
    a.requires_grad_()
    (alone,) = torch.autograd.grad(nt_xent(a, b, temperature=0.3), (a,))
    (theirs,) = torch.autograd.grad(plain(a, b, 0.3), (a,))
    torch.testing.assert_close(alone, theirs)


def test_weights_are_a_weighted_mean_over_pairs() -> None:
    a, b = random_batch(6, 4, seed=5)
    ones, mixed = torch.ones(6), torch.tensor([0.0, 1.0, 2.0, 0.5, 0.0, 3.0])
    plain_value = nt_xent(a, b, temperature=0.4)
    torch.testing.assert_close(nt_xent(a, b, temperature=0.4, weights=ones), plain_value)
    torch.testing.assert_close(nt_xent(a, b, temperature=0.4, weights=7 * ones), plain_value)
    expected = slow.nt_xent(a, b, 0.4, mixed.tolist())
    assert float(nt_xent(a, b, temperature=0.4, weights=mixed)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_pair_weights_are_the_gradient_of_the_cosines(temperature: float) -> None:
    a, b = random_batch(5, 3, seed=9)
    z = normalize(torch.cat([a, b]))
    cosines = (z @ z.T).requires_grad_()
    logits = (cosines / temperature).masked_fill(torch.eye(10, dtype=torch.bool), -math.inf)
    (expected,) = torch.autograd.grad(cross_entropy(logits, torch.arange(10).roll(5)), (cosines,))
    found = NTXent(temperature).pair_weights(a.requires_grad_(), b)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad
    assert torch.equal(found.diagonal(), torch.zeros(10, dtype=torch.float64))
    partner = torch.arange(10).roll(5)
    of_positive = found[torch.arange(10), partner]
    assert (of_positive < 0).all()
    torch.testing.assert_close(found.clamp_min(0).sum(1), -of_positive)


def test_pair_weights_lead_to_the_gradient_of_the_rows() -> None:
    a, b = random_batch(5, 3, seed=4)
    z = normalize(torch.cat([a, b])).requires_grad_()
    weights = NTXent(0.3).pair_weights(*z.detach().chunk(2))
    (gradient,) = torch.autograd.grad(nt_xent(*z.chunk(2), temperature=0.3), (z,))
    along = (weights + weights.T) @ z.detach()
    # The loss normalises, so only the part of it across the row survives.
    expected = along - (along * z.detach()).sum(1, keepdim=True) * z.detach()
    torch.testing.assert_close(gradient, expected)


def test_terms_add_up_and_pull_knows_its_end() -> None:
    a, b = random_batch(6, 4, seed=8)
    loss = NTXent(0.25)
    terms = loss.terms(a, b)
    assert list(terms) == ["pull", "push"]
    torch.testing.assert_close(terms["pull"] + terms["push"], loss(a, b))
    assert float(loss.terms(a, 2 * a)["pull"]) == pytest.approx(-4.0)


def test_chance_and_words() -> None:
    loss = NTXent(0.2)
    assert loss.chance(256, 128) == pytest.approx(math.log(511))
    assert loss.reference_words(256, 128) == {"chance": "ln 511", "floor": "τ 0.2"}
    assert loss.floor(1, 8) == 0.0
