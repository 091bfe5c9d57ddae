from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.losses.case import Case
from tests.reference import hard_negatives as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError
from vergence.geometry import unit
from vergence.losses import HCL, NTXent, hard_negatives, nt_xent
from vergence.losses.weighting import by_autograd

CASES = [
    Case(HCL, golden=1.6427682528),
    Case(lambda: HCL(0.2, 0.0, 2.0), label="HCL, no prior"),
    Case(lambda: HCL(0.5, 0.0, 0.0), golden=1.3127873820, label="HCL as NT-Xent"),
    Case(lambda: HCL(0.3, 0.4, 0.5), label="HCL at its bound"),
]


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    value = hard_negatives(a, b, temperature=0.5, tau_plus=0.1, beta=1.0)
    assert float(value) == pytest.approx(1.6427682528, abs=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.05])
@pytest.mark.parametrize(("tau_plus", "beta"), [(0, 0), (0, 1.5), (0.1, 0), (0.1, 1), (0.5, 2), (0.9, 0.3)])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (7, 4)])
def test_agrees_with_the_loops_in_both_orders(
    temperature: float, tau_plus: float, beta: float, batch: int, dim: int
) -> None:
    a, b = random_batch(batch, dim, seed=batch)
    for own in ((a, b), (b, a)):
        found = hard_negatives(*own, temperature=temperature, tau_plus=tau_plus, beta=beta)
        assert float(found) == pytest.approx(slow.hard_negatives(*own, temperature, tau_plus, beta), abs=1e-8)


@pytest.mark.parametrize("temperature", [0.5, 0.05, 0.01])
@pytest.mark.parametrize("tau_plus", [0.0, 0.3])
def test_single_precision_agrees_with_the_loops(temperature: float, tau_plus: float) -> None:
    a, b = random_batch(9, 6, seed=3, dtype=torch.float32)
    found = hard_negatives(a, b, temperature=temperature, tau_plus=tau_plus, beta=1.0)
    assert float(found) == pytest.approx(slow.hard_negatives(a, b, temperature, tau_plus, 1.0), rel=5e-5, abs=5e-5)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_without_prior_and_weights_it_is_nt_xent(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 4, seed)
    found = hard_negatives(a, b, temperature=temperature, tau_plus=0, beta=0)
    assert float(found) == pytest.approx(float(nt_xent(a, b, temperature=temperature)), rel=1e-10, abs=1e-10)
    weights = HCL(temperature, 0, 0).pair_weights(a, b)
    torch.testing.assert_close(weights, NTXent(temperature).pair_weights(a, b))


@given(seed=st.integers(0, 10_000), beta=st.floats(0.0, 4.0), tau_plus=st.floats(0.0, 0.6))
@settings(max_examples=15)
def test_rises_with_beta_and_is_blind_to_order_rotation_and_length(seed: int, beta: float, tau_plus: float) -> None:
    a, b = random_batch(6, 5, seed)

    def read(x: Tensor, y: Tensor, more: float = 0.0) -> float:
        return float(hard_negatives(x, y, temperature=0.4, tau_plus=tau_plus, beta=beta + more))

    value, order, turn = read(a, b), torch.randperm(6), rotation(5, seed)
    for other in ((b, a), (a[order], b[order]), (2 * a @ turn, b @ turn)):
        assert read(*other) == pytest.approx(value, rel=1e-9, abs=1e-9)
    # A sharper weighting never makes the negatives look easier.
    assert read(a, b, 0.5) >= value - 1e-10


def test_the_nearest_negative_is_all_that_counts_in_the_end() -> None:
    a, b = random_batch(5, 4, seed=0)
    z = unit(torch.cat([a, b]))
    s = z @ z.T
    partner = torch.arange(10).roll(5)
    positive = s[torch.arange(10), partner]
    nearest = s.masked_fill(torch.eye(10, dtype=torch.bool) | torch.eye(10, dtype=torch.bool)[partner], -9).amax(1)
    expected = ((positive / 0.5).exp() + 8 * (nearest / 0.5).exp()).log() - positive / 0.5
    found = hard_negatives(a, b, temperature=0.5, tau_plus=0, beta=500)
    assert float(found) == pytest.approx(float(expected.mean()), abs=1e-6)


@pytest.mark.parametrize(("tau_plus", "beta"), [(0.0, 0.0), (0.0, 1.0), (0.1, 1.0), (0.4, 0.5)])
def test_pair_weights_are_the_gradient_of_the_cosines(tau_plus: float, beta: float) -> None:
    a, b = random_batch(5, 3, seed=9)
    itself = torch.eye(10, dtype=torch.bool)
    partner = itself.roll(5, 1)

    def of_cosines(s: Tensor) -> Tensor:
        e = (s / 0.3).exp()
        own, others = (e * partner).sum(1), e[~(itself | partner)].view(10, 8)
        hard = (others ** (1 + beta)).sum(1) / (others**beta).mean(1)
        left = ((hard - tau_plus * 8 * own) / (1 - tau_plus)).clamp_min(8 * math.exp(-1 / 0.3))
        return ((own + left) / own).log().mean()

    found = HCL(0.3, tau_plus, beta).pair_weights(a, b)
    torch.testing.assert_close(found, by_autograd(of_cosines, a, b))


def test_some_anchors_of_the_case_at_its_bound_do_rest_on_it() -> None:
    a, b = random_batch(12, 7, seed=0)
    partner = torch.eye(24, dtype=torch.bool).roll(12, 1)
    weights = HCL(0.3, 0.4, 0.5).pair_weights(a, b)
    still = weights.masked_fill(partner, 0).abs().sum(1) == 0
    assert 0 < int(still.sum()) < 24


def test_an_unlikely_negative_is_pulled_when_hard_ones_weigh_more() -> None:
    a, b, _ = golden_batch()
    partner = torch.eye(16, dtype=torch.bool).roll(8, 1)
    assert (HCL(0.5, 0, 0).pair_weights(a, b)[~partner] >= 0).all()
    assert (HCL(0.5, 0, 2).pair_weights(a, b)[~partner] < 0).any()


@pytest.mark.parametrize("temperature", [0.5, 0.01, 0.002])
def test_identical_rows_read_chance_at_any_setting(temperature: float) -> None:
    z = torch.linspace(-1, 2, 5, dtype=torch.float32).expand(6, 5)
    for tau_plus, beta in ((0.0, 0.0), (0.1, 1.0), (0.6, 3.0)):
        found = hard_negatives(z, z, temperature=temperature, tau_plus=tau_plus, beta=beta)
        assert float(found) == pytest.approx(math.log(11), abs=3e-6 * (1 + beta) / temperature)


@pytest.mark.parametrize(("tau_plus", "beta"), [(0.0, 0.0), (0.0, 1.0), (0.1, 1.0), (0.2, 0.0)])
def test_floor_is_what_random_directions_with_aligned_partners_read(tau_plus: float, beta: float) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [unit(torch.randn(512, 16, generator=generator, dtype=torch.float64)) for _ in range(4)]
    read = [float(hard_negatives(z, z, temperature=0.5, tau_plus=tau_plus, beta=beta)) for z in rows]
    assert sum(read) / 4 == pytest.approx(HCL(0.5, tau_plus, beta).floor(512, 16), abs=0.02)


def test_floor_and_words() -> None:
    assert HCL(0.5, 0, 0).floor(256, 128) == pytest.approx(NTXent(0.5).floor(256, 128), abs=1e-9)
    assert HCL(0.07, 0, 0).floor(256, 128) == pytest.approx(NTXent(0.07).floor(256, 128), abs=1e-9)
    assert HCL().floor(1, 9) == 0.0
    assert HCL(0.2).reference_words(256, 128) == {"chance": "ln 511", "floor": "τ 0.2"}
    for temperature in (1e-3, 0.1, 100.0):
        assert 0 <= HCL(temperature).floor(256, 64) <= HCL(temperature).chance(256, 64)


@pytest.mark.parametrize("bad", [-0.1, 1.0, 1.5, math.nan, True])
def test_impossible_priors_are_refused(bad: float) -> None:
    a, b, _ = golden_batch()
    with pytest.raises(ArgumentError, match=r"tau_plus is"):
        hard_negatives(a, b, temperature=0.5, tau_plus=bad, beta=1.0)
    with pytest.raises(ArgumentError, match=r"HCL: tau_plus is"):
        HCL(tau_plus=bad)
    with pytest.raises(ArgumentError, match=r"HCL: beta is -1"):
        HCL(beta=-1)
