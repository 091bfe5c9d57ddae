from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import decoupled_uniformity as slow
from tests.reference.golden import random_batch
from vergence import metrics
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.geometry import unit
from vergence.losses import DecoupledUniformity, decoupled_uniformity

KNOWN = torch.randn(40, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def alike(index: Tensor) -> Tensor:
    """A kernel of what is known of 40 samples."""
    known = normalize(KNOWN[index.cpu()])
    return (known @ known.T).to(index.device)


CASES = [
    Case(DecoupledUniformity),
    Case(lambda: DecoupledUniformity(2.0, views=4), views=4, label="decoupled uniformity of 4 views"),
    Case(
        lambda: DecoupledUniformity(prior=alike),
        more=lambda *views: {"index": torch.arange(len(views[0])) * 3},
        values=True,  # the prior of this test looks its samples up
        label="decoupled uniformity with a prior",
    ),
]


@pytest.mark.parametrize("t", [0.1, 1.0, 40.0])
@pytest.mark.parametrize(("batch", "dim", "count"), [(2, 1, 2), (9, 4, 2), (5, 20, 3), (6, 3, 5)])
def test_agrees_with_the_loops_in_any_order(batch: int, dim: int, count: int, t: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    views = [a + k * b for k in range(count)]
    expected = slow.decoupled_uniformity(views, t)
    for order in (views, views[::-1]):
        assert float(decoupled_uniformity(*order, t=t)) == pytest.approx(expected, abs=1e-9)
        assert float(DecoupledUniformity(t)(*order)) == pytest.approx(expected, abs=1e-9)
    single = decoupled_uniformity(*[view.float() for view in views], t=t)
    assert float(single) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_prior_mixes_centroids() -> None:
    a, b = random_batch(8, 4, seed=1)
    index = torch.arange(8) * 5
    expected = slow.decoupled_uniformity((a, b), 1.0, alike(index), 0.1)
    assert float(decoupled_uniformity(a, b, kernel=alike(index), ridge=0.1)) == pytest.approx(expected, abs=1e-9)
    assert float(DecoupledUniformity(prior=alike, ridge=0.1)(a, b, index=index)) == pytest.approx(expected, abs=1e-9)
    # Nothing known of anybody: every sample is like itself alone, and a small ridge leaves it where it is.
    plain = float(decoupled_uniformity(a, b))
    assert float(decoupled_uniformity(a, b, kernel=torch.eye(8), ridge=1e-9)) == pytest.approx(plain, abs=1e-6)
    # All known to be the same: one centroid for all.
    assert float(decoupled_uniformity(a, b, kernel=torch.ones(8, 8))) == pytest.approx(0, abs=1e-6)


def test_is_the_uniformity_of_the_rows_when_views_agree() -> None:
    a, _ = random_batch(30, 5, seed=2)
    for t in (1.0, 2.0):
        expected = float(metrics.uniformity(unit(a), t=t))
        assert float(decoupled_uniformity(a, 3 * a, t=t)) == pytest.approx(expected, abs=1e-10)


def test_spreading_centroids_aligns_the_views() -> None:
    # No term holds partners together, and still the centroids' lengths go to 1.
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, 32, 16, generator=generator).requires_grad_()

    def length() -> float:
        with torch.no_grad():
            return float(normalize(z, dim=2).mean(0).norm(dim=1).mean())

    before = length()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(decoupled_uniformity(z[0], z[1]), (z,))
        with torch.no_grad():
            z -= 20 * gradient
    assert before < 0.8
    assert length() > 0.95


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_collapse_reads_zero_and_the_floor_is_met_at_random(dtype: torch.dtype) -> None:
    z = torch.linspace(-3, 5, 6, dtype=dtype).expand(16, 6)
    assert float(decoupled_uniformity(z, z)) == pytest.approx(0, abs=1e-5)
    z = torch.randn(3000, 16, generator=torch.Generator().manual_seed(0), dtype=dtype)
    loss = DecoupledUniformity()
    assert float(loss(z, z)) == pytest.approx(loss.floor(3000, 16), abs=0.01)
    assert loss.floor(256, 128) == pytest.approx(-1.984, abs=1e-3)
    assert loss.reference_words(8, 6) == {"chance": "collapse", "floor": "even in 6 dim"}


def test_pair_weights_pull_as_hard_as_they_push() -> None:
    a, b = random_batch(6, 4, seed=5)
    weights = DecoupledUniformity(2.0).pair_weights(a, b)
    samples = weights.view(2, 6, 2, 6)
    assert bool((samples[0, :, 1, :].diagonal() < 0).all())
    # Over all views of two samples what pushes is what pulls; the diagonal, which no loss moves, is taken out.
    torch.testing.assert_close(samples[0, :, 1, :].sum(1), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1e-12)
    with_prior = DecoupledUniformity(prior=alike).pair_weights(a, b, index=torch.arange(6))
    assert with_prior.shape == (12, 12)


def test_impossible_arguments_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ShapeError, match=r"decoupled_uniformity: 1 view came, 2 or more are needed"):
        decoupled_uniformity(a)
    with pytest.raises(ArgumentError, match=r"decoupled_uniformity: t is 0.0"):
        decoupled_uniformity(a, b, t=0.0)
    with pytest.raises(ArgumentError, match=r"decoupled_uniformity: ridge is 0.0"):
        decoupled_uniformity(a, b, kernel=torch.eye(6), ridge=0.0)
    with pytest.raises(ShapeError, match=r"the kernel is \(5, 5\).*but there are 6 samples"):
        decoupled_uniformity(a, b, kernel=torch.eye(5))
    with pytest.raises(DeviceMismatch, match=r"kernel.to"):
        decoupled_uniformity(a, b, kernel=torch.eye(6, device="meta"))
    with pytest.raises(ArgumentError, match=r"DecoupledUniformity: views is 1"):
        DecoupledUniformity(views=1)
    with pytest.raises(ArgumentError, match=r"index is missing"):
        DecoupledUniformity(prior=alike)(a, b)
