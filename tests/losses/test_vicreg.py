from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.losses.case import Case
from tests.reference import vicreg as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, TooFewRows
from vergence.losses import VICReg, vicreg
from vergence.losses.vicreg import covariance, invariance, variance

CASES = [Case(VICReg, golden=7.8381290887, rotates=False, lengths=False)]


def test_golden_values_of_the_loss_and_its_parts() -> None:
    a, b, _ = golden_batch()
    assert float(vicreg(a, b)) == pytest.approx(7.8381290887, abs=1e-9)
    assert float(VICReg()(a, b)) == pytest.approx(7.8381290887, abs=1e-9)
    assert float(invariance(a, b)) == pytest.approx(0.0458319253, abs=1e-9)
    assert [float(variance(z)) for z in (a, b)] == pytest.approx([0.2574377788, 0.1996989520], abs=1e-9)
    assert [float(covariance(z)) for z in (a, b)] == pytest.approx([0.4484898403, 0.5296319819], abs=1e-9)


@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 6), (9, 4), (5, 20)])
@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 2.0, 3.0), (0.0, 1.0, 0.0)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, weights: tuple[float, float, float]) -> None:
    a, b = (0.6 * z for z in random_batch(batch, dim, seed=batch + dim))
    named = dict(zip(("invariance_weight", "variance_weight", "covariance_weight"), weights, strict=True))
    assert float(vicreg(a, b, **named)) == pytest.approx(slow.vicreg(a, b, *weights), rel=1e-9)
    assert float(vicreg(b, a, **named)) == pytest.approx(slow.vicreg(b, a, *weights), rel=1e-9)
    assert float(VICReg(*weights)(a, b)) == pytest.approx(slow.vicreg(a, b, *weights), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_collapse_reads_chance(dtype: torch.dtype) -> None:
    z = torch.linspace(-3, 5, 6, dtype=dtype).expand(16, 6)
    assert float(vicreg(z, z)) == pytest.approx(24.75, abs=1e-5)
    assert VICReg().chance(16, 6) == pytest.approx(24.75, abs=1e-12)
    assert VICReg(variance=10.0).chance(16, 6) == pytest.approx(9.9, abs=1e-12)


@given(seed=st.integers(0, 10_000))
def test_symmetric_in_views_and_blind_to_order_and_shift(seed: int) -> None:
    a, b = random_batch(6, 5, seed)
    value = float(vicreg(a, b))
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    columns = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    for other in ((b, a), (a[order], b[order]), (a[:, columns], b[:, columns]), (a + 3, b + 3)):
        assert float(vicreg(*other)) == pytest.approx(value, rel=1e-9)


@given(seed=st.integers(0, 10_000))
def test_rotation_keeps_invariance_and_the_whole_covariance(seed: int) -> None:
    # VICReg itself is *not* blind to rotation: its terms know the axes.
    a, b = random_batch(6, 5, seed)
    turn = rotation(5, seed)
    assert float(invariance(a @ turn, b @ turn)) == pytest.approx(float(invariance(a, b)), rel=1e-9)

    def whole(z: Tensor) -> float:
        return float(covariance(z)) * 5 + float(z.var(dim=0).square().sum())

    assert whole(a @ turn) == pytest.approx(whole(a), rel=1e-9)


def test_gradients_first_and_second() -> None:
    a, b = (z.requires_grad_() for z in random_batch(5, 3, seed=1))
    assert torch.autograd.gradcheck(vicreg, (a * 0.4, b * 0.4))
    assert torch.autograd.gradgradcheck(vicreg, (a * 0.4, b * 0.4))


def test_gradient_at_collapse_is_finite() -> None:
    z = torch.ones(6, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(vicreg(z, z.detach()), (z,))
    assert torch.isfinite(gradient).all()


def test_small_correlations_survive_large_variances() -> None:
    # Taking the diagonal out after squaring would leave nothing of 1e-4 beside 1e8 in float32.
    z, _ = random_batch(64, 3, seed=2)
    z = torch.linalg.qr(z - z.mean(0)).Q * 64**0.5 * 100
    z[:, 2] = z[:, 1] * 1e-6 + z[:, 2]
    assert float(covariance(z.float())) == pytest.approx(slow.covariance(z.float()), rel=1e-2)


def frame(rank: int, dim: int) -> Tensor:
    """rank + 1 rows: dim columns of variance 1, as little correlated as their rank allows (a harmonic frame)."""
    k = torch.arange(dim, dtype=torch.float64)
    waves = [f(2 * math.pi * k * m / dim) for m in range(1, rank // 2 + 1) for f in (torch.cos, torch.sin)]
    centred = torch.eye(rank + 1, dtype=torch.float64) - 1 / (rank + 1)
    basis = torch.linalg.svd(centred).U[:, :rank]
    return basis @ torch.stack(waves) * (2 / rank * rank) ** 0.5


@pytest.mark.parametrize(("rank", "dim"), [(4, 7), (6, 15), (2, 8)])
def test_floor_is_reached_where_the_batch_is_small(rank: int, dim: int) -> None:
    z = frame(rank, dim)
    torch.testing.assert_close(z.var(dim=0), torch.ones(dim, dtype=torch.float64))
    loss = VICReg()
    assert loss.floor(rank + 1, dim) == pytest.approx(float(loss(z, z)), abs=1e-9)


def test_floor_shrinks_the_columns_when_that_is_cheaper() -> None:
    loss, z = VICReg(variance=5.0), frame(2, 9)
    best = min(float(loss(v**0.5 * z, v**0.5 * z)) for v in torch.linspace(0.01, 1, 2000).tolist())
    assert loss.floor(3, 9) < float(loss(z, z)) - 0.1
    # The 0.0001 under the root is left out of the floor.
    assert loss.floor(3, 9) == pytest.approx(best, abs=2e-3)


def test_floor_of_a_large_batch_is_zero_and_words_say_which() -> None:
    loss = VICReg()
    assert loss.floor(129, 128) == 0.0
    assert loss.floor(2048, 8192) == pytest.approx(6.004, abs=1e-3)
    assert loss.reference_words(256, 128) == {"chance": "collapse", "floor": "decorrelated"}
    assert loss.reference_words(64, 128) == {"chance": "collapse", "floor": "rank 63 of 128"}


def test_terms_add_up_and_there_are_no_pair_weights() -> None:
    a, b = random_batch(6, 4, seed=8)
    loss = VICReg()
    terms = loss.terms(a, b)
    assert list(terms) == ["invariance", "variance", "covariance"]
    torch.testing.assert_close(torch.stack(list(terms.values())).sum(), loss(a, b))
    assert float(terms["invariance"]) == pytest.approx(25 * slow.invariance(a, b))
    assert loss.pair_weights(a, b) is None


def test_weights_below_zero_and_single_rows_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ArgumentError, match=r"vicreg: variance_weight is -1.0. It must be a finite number, 0 or above"):
        vicreg(a, b, variance_weight=-1.0)
    with pytest.raises(ArgumentError, match=r"VICReg: covariance is nan"):
        VICReg(covariance=math.nan)
    for part in (variance, covariance):
        with pytest.raises(TooFewRows, match=r"z has 1 row, 2 are needed"):
            part(a[:1])
