from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.losses.test_sog_clr import batches, in_order
from tests.reference.golden import golden_batch, random_batch
from tests.reference.sog_clr import Memory
from vergence.errors import ArgumentError
from vergence.losses import ISogCLR, SogCLR

CASES = [Case(lambda: ISogCLR(20, 0.2), in_order)]


@pytest.mark.parametrize(("rho", "rate", "momentum"), [(0.3, 0.01, 0.9), (1.0, 0.1, 0.5), (0.0, 0.3, 1.0)])
@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_agrees_with_the_loops_step_by_step(rho: float, rate: float, momentum: float, gamma: float) -> None:
    loss = ISogCLR(7, 0.2, rho, rate, momentum, gamma, least=0.1, most=0.6)
    memory = Memory(0.2, gamma, rho, rate, momentum, 0.1, 0.6)
    for a, b, index in batches(8):
        expected = memory.step(a, b, index.tolist())
        assert float(loss(a, b, index=index)) == pytest.approx(expected, abs=2e-5)
        for item, t in memory.t.items():
            assert float(loss.temperature[item]) == pytest.approx(t, abs=2e-5)
            assert float(loss.slope[item]) == pytest.approx(memory.v[item], abs=5e-5)
    assert set(memory.t) == {item for item in range(7) if float(loss.temperature[item]) != pytest.approx(0.2, abs=1e-7)}


def test_with_temperatures_that_stand_still_it_is_sog_clr_and_the_budget() -> None:
    loss, plain = ISogCLR(7, 0.2, rho=0.4, rate=0.0), SogCLR(7, 0.2)
    for a, b, index in batches(4):
        a.requires_grad_()
        mine, other = loss(a, b, index=index), plain(a, b, index=index)
        torch.testing.assert_close(mine, other + 0.4 * 0.2, rtol=1e-6, atol=1e-6)
        one, two = torch.autograd.grad(mine, (a,))[0], torch.autograd.grad(other, (a,))[0]
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_the_slope_is_the_derivative_by_the_temperature() -> None:
    a, b = random_batch(6, 5, seed=1)
    index = torch.arange(6)

    def read(t: float) -> float:
        return float(ISogCLR(6, t, rho=0.3)(a, b, index=index))

    loss = ISogCLR(6, 0.2, rho=0.3, momentum=1.0)
    loss(a, b, index=index)
    assert float(loss.slope.mean()) == pytest.approx((read(0.201) - read(0.199)) / 0.002, abs=2e-4)


def settled(z: Tensor, rho: float, rate: float, *, least: float = 0.02, most: float = 5.0, steps: int = 120) -> ISogCLR:
    """The temperatures after many calls on embeddings that stand still."""
    loss = ISogCLR(len(z), 0.3, rho, rate, least=least, most=most)
    for _ in range(steps):
        loss(z, z, index=torch.arange(len(z)))
    return loss


@pytest.mark.parametrize(("rho", "rate"), [(0.1, 1.0), (0.3, 0.2), (1.0, 0.02)])
def test_at_the_best_temperature_the_softmax_departs_from_even_by_rho(rho: float, rate: float) -> None:
    z = normalize(random_batch(9, 4, seed=3)[0])
    loss = settled(z, rho, rate)
    # Both views are z, so the negatives of a sample are the other eight, each twice.
    others = (z @ z.T)[~torch.eye(9, dtype=torch.bool)].view(9, 8)
    log_p = torch.log_softmax(others / loss.temperature[:, None], dim=1)
    divergence = (log_p.exp() * (log_p + math.log(8))).sum(1)
    torch.testing.assert_close(divergence, torch.full((9,), rho, dtype=torch.float64), rtol=0, atol=1e-3)


def of_two_levels(share: float, rho: float) -> float:
    """The temperature that makes t log mean exp(s/t) + t rho least, with s 0.8 for `share` of the negatives, else 0."""
    t = torch.linspace(0.02, 3.0, 30_000, dtype=torch.float64)
    mean = share * (0.8 / t).exp() + (1 - share)
    return float(t[(t * mean.log() + t * rho).argmin()])


def test_frequent_samples_settle_at_larger_temperatures_while_rho_is_small() -> None:
    shares = (0.02, 0.05, 0.1, 0.2)
    best = [of_two_levels(share, 0.3) for share in shares]
    assert best == sorted(best)
    # From rho = log(1 / share) on there is no best temperature above 0: the order turns around.
    assert of_two_levels(0.2, 2.0) < of_two_levels(0.05, 2.0)


def test_finds_the_best_temperature_of_two_levels() -> None:
    # 41 rows: one anchor, 8 of its 40 others at cosine 0.8 and the rest at 0, all but it along axes of their own.
    rows = torch.zeros(41, 42, dtype=torch.float64)
    rows[0, 0] = 1
    rows[1:, 1:41] = torch.eye(40, dtype=torch.float64)
    rows[1:9, 1:41] *= 0.6
    rows[1:9, 0] = 0.8
    loss = settled(rows, 0.3, 0.2)
    assert float(loss.temperature[0]) == pytest.approx(of_two_levels(0.2, 0.3), abs=2e-3)


def test_temperatures_stay_within_their_bounds() -> None:
    z = normalize(random_batch(9, 4, seed=3)[0])
    low = settled(z, 50.0, 0.1, least=0.05, most=0.7, steps=60)
    high = settled(z, 0.0, 0.1, least=0.05, most=0.7, steps=60)
    assert torch.equal(low.temperature, torch.full((9,), 0.05))
    assert torch.equal(high.temperature, torch.full((9,), 0.7))


def test_remembers_in_a_call_with_gradients_only_and_saves_all_of_it() -> None:
    loss = ISogCLR(7)
    a, b, index = batches(1)[0]
    with torch.no_grad():
        loss(a, b, index=index)
    loss.terms(a, b, index=index)
    loss.pair_weights(a, b, index=index)
    for name, state in ISogCLR(7).state_dict().items():
        assert torch.equal(loss.state_dict()[name], state)
    loss(a, b, index=index)
    assert set(loss.state_dict()) == {"log_u", "temperature", "slope"}
    assert int((loss.temperature != 0.1).sum()) == len(index)
    assert not any(state.requires_grad for state in loss.state_dict().values())


def test_nan_is_not_remembered() -> None:
    loss = ISogCLR(7)
    a, b, index = batches(1)[0]
    a[0, 0] = math.nan
    assert math.isnan(float(loss(a, b, index=index)))
    assert all(not torch.isnan(state).any() for state in loss.state_dict().values())


def test_small_temperatures_do_not_overflow_single_precision() -> None:
    a, b, index = batches(1, dtype=torch.float32)[0]
    read = [
        float(ISogCLR(7, 0.005, least=0.004)(a.to(dtype), b.to(dtype), index=index))
        for dtype in (torch.float32, torch.float64)
    ]
    assert read[0] == pytest.approx(read[1], abs=1e-5)


def test_chance_is_the_budget() -> None:
    loss = ISogCLR(12, 0.2, rho=0.5)
    assert loss.chance(12, 7) == pytest.approx(0.1)
    assert loss.floor(12, 7) is None
    assert loss.reference_words(12, 7) == {"chance": "all alike"}


def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = golden_batch()
    with pytest.raises(ArgumentError, match=r"iSogCLR: index runs from 0 to 7, but the loss was made for 5 items"):
        ISogCLR(5)(a, b, index=torch.arange(8))
    with pytest.raises(ArgumentError, match=r"start is 0.01, least 0.05 and most 0.7"):
        ISogCLR(5, start=0.01)
    with pytest.raises(ArgumentError, match=r"ISogCLR: least is 0"):
        ISogCLR(5, least=0)
    with pytest.raises(ArgumentError, match=r"momentum is 0"):
        ISogCLR(5, momentum=0)
    assert repr(ISogCLR(5)) == "ISogCLR(n_items=5, rho=0.3, rate=0.01, momentum=0.9, gamma=0.9)"
