from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference.golden import golden_batch, random_batch
from tests.reference.sog_clr import Memory
from vergence.errors import ArgumentError, ShapeError
from vergence.geometry import unit
from vergence.losses import SogCLR, nt_xent
from vergence.losses.weighting import by_autograd


def in_order(*views: Tensor) -> dict[str, Tensor]:
    return {"index": torch.arange(len(views[0]), device=views[0].device)}


CASES = [
    Case(lambda: SogCLR(20, 0.2), in_order),
    Case(lambda: SogCLR(20, 0.05, 1.0), in_order, label="SogCLR, gamma 1"),
]


def decoupled(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """T times the decoupled contrastive loss with the mean over negatives: the batch loss that is estimated."""
    z = normalize(torch.cat([a, b]))
    n = len(a)
    itself = torch.eye(2 * n, dtype=torch.bool)
    partner = itself.roll(n, 1)
    s = z @ z.T
    negatives = (s / temperature).masked_fill(itself | partner, -math.inf).logsumexp(1) - math.log(2 * n - 2)
    return (temperature * negatives - s[partner]).mean()


def batches(steps: int, dim: int = 5, dtype: torch.dtype = torch.float64) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Batches of four out of seven samples."""
    order = torch.Generator().manual_seed(5)
    drawn = [torch.randperm(7, generator=order)[:4] for _ in range(steps)]
    return [(*random_batch(4, dim, seed, dtype), index) for seed, index in enumerate(drawn)]


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.03])
@pytest.mark.parametrize("gamma", [0.1, 0.9, 1.0])
def test_agrees_with_the_loops_step_by_step(temperature: float, gamma: float) -> None:
    loss, memory = SogCLR(7, temperature, gamma), Memory(temperature, gamma)
    for a, b, index in batches(8):
        expected = memory.step(a, b, index.tolist())
        assert float(loss(a, b, index=index)) == pytest.approx(expected, abs=2e-6)
        for item, u in memory.u.items():
            assert float(loss.log_u[item]) == pytest.approx(math.log(u), abs=2e-5)


def test_the_order_of_views_does_not_matter_over_several_steps() -> None:
    one, other = SogCLR(7), SogCLR(7)
    for a, b, index in batches(4):
        torch.testing.assert_close(one(a, b, index=index), other(b, a, index=index))


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_with_this_batchs_own_sum_the_gradient_is_that_of_the_batch_loss(temperature: float) -> None:
    loss = SogCLR(7, temperature, gamma=1.0)
    for a, b, index in batches(3):
        a.requires_grad_()
        b.requires_grad_()
        value, expected = loss(a, b, index=index), decoupled(a, b, temperature)
        torch.testing.assert_close(value, expected)
        for one, other in zip(torch.autograd.grad(value, (a, b)), torch.autograd.grad(expected, (a, b)), strict=True):
            torch.testing.assert_close(one, other)


def test_the_gradient_is_that_of_g_over_u_with_u_held_fixed() -> None:
    loss = SogCLR(7, 0.2, gamma=0.3)
    (first, second) = batches(2)
    loss(*first[:2], index=first[2])
    a, b = (view.clone().requires_grad_() for view in second[:2])
    (gradient,) = torch.autograd.grad(loss(a, b, index=first[2]), (a,))
    itself = torch.eye(8, dtype=torch.bool)
    apart = itself | itself.roll(4, 1)
    other = SogCLR(7, 0.2, gamma=0.3)
    other(*first[:2], index=first[2])
    before = other.log_u[first[2]].exp().double().repeat(2)
    z = normalize(torch.cat([a, b]))
    s = z @ z.T
    g = (s / 0.2).exp().masked_fill(apart, 0).sum(1) / 6
    now = (0.7 * before + 0.3 * g).detach()
    surrogate = (0.2 * g / now - s[itself.roll(4, 1)]).mean()
    (expected,) = torch.autograd.grad(surrogate, (a,))
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


def test_pair_weights_are_the_gradient_of_the_cosines_with_u_held_fixed() -> None:
    loss = SogCLR(7, 0.2, gamma=0.3)
    a, b, index = batches(1)[0]
    loss(a, b, index=index)
    c, d = random_batch(4, 5, seed=77)
    itself = torch.eye(8, dtype=torch.bool)
    partner = itself.roll(4, 1)
    before = loss.log_u[index].exp().double().repeat(2)

    def of_cosines(s: Tensor) -> Tensor:
        g = (s / 0.2).exp().masked_fill(itself | partner, 0).sum(1) / 6
        return (0.2 * g / (0.7 * before + 0.3 * g).detach() - s[partner]).mean()

    found = loss.pair_weights(c, d, index=index)
    torch.testing.assert_close(found, by_autograd(of_cosines, c, d), rtol=1e-6, atol=1e-8)


def test_remembers_in_a_call_with_gradients_only() -> None:
    loss = SogCLR(7)
    a, b, index = batches(1)[0]
    with torch.no_grad():
        loss(a, b, index=index)
    loss.terms(a, b, index=index)
    loss.pair_weights(a, b, index=index)
    assert torch.equal(loss.log_u, torch.full((7,), -math.inf))
    loss(a, b, index=index)
    assert sorted(torch.isfinite(loss.log_u).nonzero()[:, 0].tolist()) == sorted(index.tolist())


def test_state_is_saved_and_loaded() -> None:
    loss, copy = SogCLR(7), SogCLR(7)
    first, second = batches(2)
    loss(*first[:2], index=first[2])
    copy.load_state_dict(loss.state_dict())
    torch.testing.assert_close(copy(*second[:2], index=second[2]), loss(*second[:2], index=second[2]))


def test_another_temperature_forgets_what_was_remembered_with_the_old_one() -> None:
    loss = SogCLR(7, 0.2)
    first, second = batches(2)
    loss(*first[:2], index=first[2])
    loss.set("temperature", 0.5)
    expected = SogCLR(7, 0.5)(*second[:2], index=second[2])
    torch.testing.assert_close(sum(loss.terms(*second[:2], index=second[2]).values()), expected)
    torch.testing.assert_close(loss(*second[:2], index=second[2]), expected)
    assert sorted(torch.isfinite(loss.log_u).nonzero()[:, 0].tolist()) == sorted(second[2].tolist())


def test_nan_is_not_remembered() -> None:
    loss = SogCLR(7)
    first, second = batches(2)
    loss(*first[:2], index=first[2])
    before = loss.log_u.clone()
    a, b = first[0].clone(), first[1]
    a[0, 0] = math.nan
    assert math.isnan(float(loss(a, b, index=first[2])))
    assert torch.equal(loss.log_u, before)
    assert math.isfinite(float(loss(*second[:2], index=second[2])))


def test_no_temperature_overflows_the_average() -> None:
    a, b = random_batch(6, 4, seed=0, dtype=torch.float32)
    loss = SogCLR(6, 0.002)
    for _ in range(3):
        assert math.isfinite(float(loss(a, b, index=torch.arange(6))))
    assert torch.isfinite(loss.log_u).all()


def test_collapse_reads_zero_and_spread_reads_the_floor() -> None:
    generator = torch.Generator().manual_seed(0)
    loss = SogCLR(512, 0.2)
    z = unit(torch.randn(512, 16, generator=generator, dtype=torch.float64))
    assert float(loss(z, z, index=torch.arange(512))) == pytest.approx(loss.floor(512, 16), abs=5e-3)
    same = z[:1].expand(512, 16)
    assert float(SogCLR(512)(same, same, index=torch.arange(512))) == pytest.approx(0, abs=1e-9)
    assert loss.chance(5, 4) == 0
    assert loss.reference_words(5, 4) == {"chance": "all alike", "floor": "τ 0.2"}


def test_it_orders_as_nt_xent_does() -> None:
    # Not the same loss, but the same two forces: both fall from collapse to the golden batch.
    a, b, _ = golden_batch()
    same = torch.ones(8, 6, dtype=torch.float64)
    for read in (
        lambda x, y: float(SogCLR(8)(x, y, index=torch.arange(8))),
        lambda x, y: float(nt_xent(x, y, temperature=0.1)),
    ):
        assert read(a, b) < read(same, same)


def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = golden_batch()
    with pytest.raises(
        ArgumentError, match=r"SogCLR: index runs from 0 to 7, but the loss was made for 5 items. .*len"
    ):
        SogCLR(5)(a, b, index=torch.arange(8))
    with pytest.raises(ArgumentError, match=r"index runs from -1 to 6"):
        SogCLR(9)(a, b, index=torch.arange(8) - 1)
    with pytest.raises(ShapeError, match=r"index is \(3\) but there are 8 rows"):
        SogCLR(9)(a, b, index=torch.arange(3))
    with pytest.raises(ArgumentError, match=r"SogCLR: n_items is 0"):
        SogCLR(0)
    for bad in (0.0, 1.1, math.nan):
        with pytest.raises(ArgumentError, match=r"gamma is"):
            SogCLR(5, gamma=bad)
    assert repr(SogCLR(5)) == "SogCLR(n_items=5, temperature=0.1, gamma=0.9)"
