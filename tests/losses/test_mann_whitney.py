from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import mann_whitney as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import MannWhitney, info_nce, mann_whitney

TEMPERATURES = [5.0, 1.0, 0.2, 0.05, 0.02]

CASES = [Case(MannWhitney), Case(lambda: MannWhitney(0.1), label="Mann-Whitney, T 0.1")]


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (9, 4), (12, 2)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    for first, second in ((a, b), (b, a)):
        expected = slow.mann_whitney(first, second, temperature)
        assert float(mann_whitney(first, second, temperature=temperature)) == pytest.approx(expected, abs=1e-11)
        single = mann_whitney(first.float(), second.float(), temperature=temperature)
        assert single.dtype == torch.float32
        assert float(single) == pytest.approx(expected, rel=1e-6, abs=1e-6 / temperature)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_pair_weights_agree_with_the_closed_form(temperature: float) -> None:
    a, b = random_batch(7, 3, seed=1)
    s = normalize(a) @ normalize(b).T
    off = ~torch.eye(7, dtype=torch.bool)
    share = ((s[off][:, None] - s.diagonal()) / temperature).sigmoid() / temperature
    expected = torch.zeros(7, 7, dtype=torch.float64)
    expected[off] = share.mean(1) / 42
    expected -= torch.diag(share.mean(0) / 7)
    found = MannWhitney(temperature).pair_weights(a, b)
    torch.testing.assert_close(found[:7, 7:], expected, rtol=1e-9, atol=1e-12 / temperature)
    assert float(found.sum()) == pytest.approx(0, abs=1e-12 / temperature)
    assert float(found.abs().sum()) == pytest.approx(float(expected.abs().sum()))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), temperature=st.floats(0.02, 10.0), noise=st.floats(0.0, 5.0))
def test_bounds_what_the_curve_leaves_over(seed: int, temperature: float, noise: float) -> None:
    a, b = random_batch(8, 4, seed)
    b = a + noise * b
    loss = float(mann_whitney(a, b, temperature=temperature))
    assert 1 - slow.area_under_curve(a, b) <= loss / math.log(2) + 1e-12


def with_constants(a: Tensor, b: Tensor, constants: Tensor) -> tuple[Tensor, Tensor]:
    """Unit rows whose cosines are half of those of a and b, plus constants_i for anchor i."""
    n = len(a)
    own = constants * math.sqrt(2)
    rest = (0.5 - own**2).sqrt()
    half = math.sqrt(0.5)
    left = torch.cat([half * normalize(a), own[:, None], rest[:, None]], dim=1)
    right = torch.cat([half * normalize(b), torch.full((n, 1), half).double(), torch.zeros(n, 1).double()], dim=1)
    return left, right


def test_a_constant_per_anchor_moves_this_and_the_curve_but_not_infonce() -> None:
    a, noise = random_batch(64, 16, seed=0)
    b = a + 0.5 * noise
    generator = torch.Generator().manual_seed(0)
    constants = torch.rand(64, generator=generator, dtype=torch.float64) - 0.5
    before = with_constants(a, b, torch.zeros(64, dtype=torch.float64))
    after = with_constants(a, b, constants)
    torch.testing.assert_close(
        normalize(after[0]) @ normalize(after[1]).T, 0.5 * normalize(a) @ normalize(b).T + constants[:, None]
    )
    values = [float(info_nce(*rows, temperature=0.1)) for rows in (before, after)]
    assert values[1] == pytest.approx(values[0], abs=1e-12)
    curve = [slow.area_under_curve(*rows) for rows in (before, after)]
    assert curve[0] > 0.99
    assert curve[1] < 0.9
    ours = [float(mann_whitney(*rows, temperature=0.1)) for rows in (before, after)]
    assert ours[1] > 3 * ours[0]
    for area, value in zip(curve, ours, strict=True):
        assert 1 - area <= value / math.log(2)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_chance_and_floor_are_what_their_arrangements_read(temperature: float) -> None:
    loss = MannWhitney(temperature)
    same = torch.ones(6, 8, dtype=torch.float64)
    assert float(loss(same, same)) == pytest.approx(loss.chance(6, 8), abs=1e-12)
    apart = torch.eye(8, dtype=torch.float64)
    assert float(loss(apart, apart)) == pytest.approx(loss.floor(8, 8), abs=1e-12)
    assert MannWhitney().floor(256, 128) == pytest.approx(0.3133, abs=1e-4)
    assert loss.reference_words(8, 8)["floor"] == f"others orthogonal, τ {temperature:g}"


@pytest.mark.parametrize("temperature", [1.0, 0.05])
def test_a_larger_batch_agrees_with_all_differences_formed(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(128, 8, seed=2))
    s = normalize(a) @ normalize(b).T
    differences = s[~torch.eye(128, dtype=torch.bool)][:, None] - s.diagonal()  # 2,080,768; ours never forms them
    expected = (1 + (differences / temperature).exp()).log().mean()
    of_expected = torch.autograd.grad(expected, (a, b))
    for dtype, close in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        x, y = (z.detach().to(dtype).requires_grad_() for z in (a, b))
        found = mann_whitney(x, y, temperature=temperature)
        assert float(found.detach()) == pytest.approx(float(expected.detach()), abs=close)
        for mine, theirs in zip(torch.autograd.grad(found, (x, y)), of_expected, strict=True):
            torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=close)


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match=r"temperature is 0.01. It must be a finite number, 0.02 or above"):
        mann_whitney(a, b, temperature=0.01)
    with pytest.raises(ArgumentError, match="temperature is nan"):
        MannWhitney().set("temperature", math.nan)
    with pytest.raises(ShapeError, match="1 view came"):
        MannWhitney()(a)
