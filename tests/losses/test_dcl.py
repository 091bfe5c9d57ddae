from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import dcl as slow
from tests.reference.golden import random_batch, rotation
from vergence.errors import ArgumentError, ShapeError
from vergence.geometry import unit
from vergence.losses import DCL, DCLW, InfoNCE, NTXent, dcl, dclw
from vergence.losses.dcl import pull_weights
from vergence.losses.partition import log_partition

CASES = [
    Case(lambda: DCL(0.1), golden=-2.2066981278),
    # Its gradient is not that of its values, as the weights are constants to it; with them differentiated it is.
    Case(lambda: DCLW(0.1, 0.5), golden=-2.2051947000, smooth=False),
    Case(lambda: DCLW(0.1, 0.5, stop_gradient=False), golden=-2.2051947000, label="DCLW all through"),
]


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (9, 4), (5, 40)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    expected = slow.dcl(a, b, temperature)
    weighted = slow.dcl(a, b, temperature, sigma=0.5)
    for one, other in ((a, b), (b, a)):
        assert float(dcl(one, other, temperature=temperature)) == pytest.approx(expected, abs=1e-9)
        assert float(dclw(one, other, temperature=temperature, sigma=0.5)) == pytest.approx(weighted, abs=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
def test_single_precision_agrees_with_the_loops(temperature: float) -> None:
    a, b = random_batch(12, 8, seed=3, dtype=torch.float32)
    value = dcl(a, b, temperature=temperature)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(slow.dcl(a, b, temperature), rel=1e-5, abs=2e-5)


@pytest.mark.parametrize("batch", [2, 7, 64])
@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.002])
def test_identical_rows_read_chance(batch: int, temperature: float) -> None:
    z = torch.linspace(-1, 2, 5, dtype=torch.float64).expand(batch, 5)
    assert float(dcl(z, z, temperature=temperature)) == pytest.approx(math.log(2 * batch - 2), abs=1e-12)
    found = dclw(z, z, temperature=temperature, sigma=0.5)
    assert float(found) == pytest.approx(DCLW(temperature).chance(batch, 5), abs=1e-12)


def one_way(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """The parts of DCL whose anchors are rows of a and whose negatives are rows of b."""
    return (log_partition(a, b, temperature, skip_self=True) - (a * b).sum(1) / temperature).mean()


@pytest.mark.parametrize("temperature", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("batch", [2, 8, 32])
def test_the_gradient_of_info_nce_is_q_times_that_of_dcl(batch: int, temperature: float) -> None:
    a, b = random_batch(batch, 16, seed=batch)
    a, b = unit(a).requires_grad_(), unit(b)
    share = torch.softmax(a.detach() @ b.T / temperature, 1).fill_diagonal_(0)
    q = share.sum(1, keepdim=True)  # 1 - p(partner), without the rounding of a p close to 1
    loss = log_partition(a, b, temperature) - (a * b).sum(1) / temperature
    (of_info_nce,) = torch.autograd.grad(loss.mean(), a)
    (of_dcl,) = torch.autograd.grad(one_way(a, b, temperature), a)
    scale = of_dcl.abs().max()
    assert float((of_info_nce - q * of_dcl).abs().max() / scale) < 1e-12
    # The same of the exported loss, which normalises, and of what the two classes say of their pairs.
    (exported,) = torch.autograd.grad(InfoNCE(temperature)(a, b), a)
    across = of_dcl - (of_dcl * a.detach()).sum(1, keepdim=True) * a.detach()
    assert float((exported - q * across).abs().max() / scale) < 1e-12


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_each_row_of_pair_weights_is_that_of_nt_xent_over_q(temperature: float) -> None:
    a, b = random_batch(8, 5, seed=2)
    coupled, decoupled = (loss.pair_weights(a, b) for loss in (NTXent(temperature), DCL(temperature)))
    q = coupled.clamp_min(0).sum(1, keepdim=True) * 16 * temperature
    torch.testing.assert_close(coupled, q * decoupled, rtol=1e-12, atol=1e-15)
    partner = torch.arange(16).roll(8)
    torch.testing.assert_close(
        decoupled[torch.arange(16), partner], torch.full((16,), -1 / (16 * temperature)).double()
    )


def test_q_grows_with_the_batch() -> None:
    a, b = random_batch(256, 32, seed=0)
    means = []
    for batch in (2, 8, 32, 128, 256):
        positive = InfoNCE(0.1).pair_weights(a[:batch], b[:batch])[:batch, batch:].diagonal()
        means.append(float(-positive.mean() * batch * 0.1))
    assert means == sorted(means)
    assert means[0] < 0.1 < 0.3 < means[-1]


@given(seed=st.integers(0, 10_000), sigma=st.floats(0.05, 5.0))
def test_pull_weights_average_to_one_and_fall_with_closeness(seed: int, sigma: float) -> None:
    cosines = 2 * torch.rand(9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1
    w = pull_weights(cosines, sigma)
    assert float(w.mean()) == pytest.approx(1, abs=1e-12)
    assert (w <= 2).all()
    assert (w >= 2 - 9).all()
    assert (w[cosines.argsort()].diff() <= 0).all()


def test_a_large_sigma_is_dcl() -> None:
    a, b = random_batch(6, 4, seed=1)
    torch.testing.assert_close(dclw(a, b, temperature=0.3, sigma=1e9), dcl(a, b, temperature=0.3))


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_pair_weights_of_the_positives_are_the_gradient_of_the_pull(stop_gradient: bool) -> None:
    a, b = random_batch(6, 4, seed=1)
    loss = DCLW(0.2, 0.3, stop_gradient=stop_gradient)
    cosines = (normalize(a) * normalize(b)).sum(1).requires_grad_()
    w = pull_weights(cosines.detach() if stop_gradient else cosines, 0.3)
    (expected,) = torch.autograd.grad(-(w * cosines).mean() / 0.2, cosines)
    found = loss.pair_weights(a, b)
    torch.testing.assert_close(found.diagonal(6) + found.diagonal(-6), expected)
    through = dclw(a, b, temperature=0.2, sigma=0.3, stop_gradient=stop_gradient)
    torch.testing.assert_close(through, loss(a, b))


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
def test_symmetric_in_views_and_blind_to_order_rotation_and_length(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 5, seed)
    value = float(dcl(a, b, temperature=temperature))
    order, turn = torch.randperm(6, generator=torch.Generator().manual_seed(seed)), rotation(5, seed)
    for other in ((b, a), (a[order], b[order]), (a @ turn, b @ turn), (2 * a, 0.1 * b)):
        assert float(dcl(*other, temperature=temperature)) == pytest.approx(value, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 0.02, 0.002])
def test_gradients_first_and_second(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 3, seed=1))
    weights = torch.tensor([1.0, 0.5, 2.0, 0.1], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, y: dcl(x, y, temperature=temperature, weights=weights), (a, b))
    if temperature > 0.1:
        assert torch.autograd.gradgradcheck(lambda x, y: dcl(x, y, temperature=temperature), (a, b))


def test_weights_are_a_weighted_mean_over_pairs() -> None:
    a, b = random_batch(6, 4, seed=5)
    mixed = torch.tensor([0.0, 1.0, 2.0, 0.5, 0.0, 3.0])
    expected = slow.dcl(a, b, 0.4, weights=mixed.tolist())
    assert float(dcl(a, b, temperature=0.4, weights=mixed)) == pytest.approx(expected, abs=1e-9)


def test_terms_and_pull_knows_its_end() -> None:
    a, b = random_batch(6, 4, seed=8)
    terms = DCL(0.25).terms(a, b)
    assert list(terms) == ["pull", "push"]
    assert float(DCL(0.25).terms(a, 2 * a)["pull"]) == pytest.approx(-4.0)
    assert float(DCLW(0.25).terms(a, 2 * a)["pull"]) == pytest.approx(-4.0)


@pytest.mark.parametrize("dim", [3, 16, 128])
def test_floor_is_what_random_directions_with_aligned_partners_read(dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(8):
        z = unit(torch.randn(512, dim, generator=generator, dtype=torch.float64))
        found.append(float(dcl(z, z, temperature=0.5)))
    assert sum(found) / 8 == pytest.approx(DCL(0.5).floor(512, dim), abs=0.01)


def test_chance_floor_and_words() -> None:
    for loss in (DCL(0.2), DCLW(0.2)):
        assert loss.chance(256, 128) == pytest.approx(math.log(510))
        assert loss.floor(256, 128) == pytest.approx(1.3320, abs=1e-4)
        assert loss.reference_words(256, 128) == {"chance": "ln 510", "floor": "τ 0.2"}
        for asked in (loss.chance, loss.floor, loss.reference_words):
            with pytest.raises(ArgumentError, match=rf"{loss.name}\.\w+: batch is 1. It must be a whole number, 2 or"):
                asked(1, 8)
    assert DCL(0.1).floor(8, 128) < 0


def test_settings_and_words_of_errors() -> None:
    a, b = random_batch(6, 4, seed=0)
    loss = DCLW(0.3, 0.7)
    assert loss.settings() == {"temperature": 0.3, "sigma": 0.7}
    assert (loss.temperature, loss.sigma) == (0.3, 0.7)
    loss.set("sigma", 0.2)
    torch.testing.assert_close(loss(a, b), dclw(a, b, temperature=0.3, sigma=0.2))
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ArgumentError, match="sigma is"):
            dclw(a, b, temperature=0.3, sigma=bad)
        with pytest.raises(ArgumentError, match="dcl: temperature is"):
            dcl(a, b, temperature=bad)
    with pytest.raises(ShapeError, match=r"weights is \(5\) torch.float32 but there are 6 positive pairs"):
        dcl(a, b, temperature=0.2, weights=torch.ones(5))
