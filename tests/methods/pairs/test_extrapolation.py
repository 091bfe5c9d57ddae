"""Positive extrapolation and negative interpolation: the exact scores, the draws, and what training sees."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from vergence import errors
from vergence.losses import NTXent
from vergence.methods.pairs import Extrapolation, extrapolated, interpolated, score_after
from vergence.methods.pairs.extrapolation import beta


def unit(n=8, dim=5, seed=0, dtype=torch.float64):
    return normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype))


@given(seed=st.integers(0, 10_000), dim=st.integers(2, 9), weight=st.floats(0, 3))
def test_the_score_is_exact_on_unit_rows(seed, dim, weight):
    a, b = unit(8, dim, seed), unit(8, dim, seed + 1)
    moved_a, moved_b = extrapolated(a, b, weight)
    s = (a * b).sum(1)
    expected = [x + 2 * weight * (1 - weight) * (1 - x) for x in s.tolist()]
    assert (moved_a * moved_b).sum(1).tolist() == pytest.approx(expected, abs=1e-12)
    assert score_after(s, weight).tolist() == pytest.approx(expected, abs=1e-12)
    assert torch.allclose(moved_a + moved_b, a + b)  # the middle stays
    if weight >= 1:
        assert (score_after(s, weight) <= s + 1e-12).all()
        # What a loss that normalises reads is lower still.
        length = 1 + 2 * weight * (weight - 1) * (1 - s)
        assert torch.allclose(moved_a.square().sum(1), length)
        cosine = torch.cosine_similarity(moved_a, moved_b)
        assert torch.allclose(cosine, score_after(s, weight) / length)


def test_a_weight_of_one_changes_nothing_and_a_half_meets_in_the_middle():
    a, b = unit(), unit(seed=1)
    assert all(torch.equal(x, y) for x, y in zip(extrapolated(a, b, 1), (a, b), strict=True))
    middle, same = extrapolated(a, b, 0.5)
    assert torch.allclose(middle, same)
    assert torch.allclose(middle, (a + b) / 2)


def test_a_pair_that_coincides_stays_together():
    a = unit()
    moved, partner = extrapolated(a, a, 1.7)
    assert torch.allclose(moved, a)
    assert torch.allclose(partner, a)


def test_the_score_of_a_mixed_negative_is_the_mix_of_both_scores():
    query, negatives = unit(3), unit(8, seed=1)
    order = torch.tensor([1, 2, 3, 4, 5, 6, 7, 0])
    weight = torch.linspace(0, 1, 8, dtype=torch.float64)
    scores = query @ negatives.T
    mixed = query @ interpolated(negatives, weight, order).T
    assert torch.allclose(mixed, weight * scores + (1 - weight) * scores[:, order])
    even = query @ interpolated(negatives, 0.3, order).T
    assert torch.allclose(even.mean(1), scores.mean(1))
    assert (even.std(1) < scores.std(1)).all()


@pytest.mark.parametrize(("shape", "variance"), [(0.5, 1 / 8), (1.0, 1 / 12), (2.0, 1 / 20), (8.0, 1 / 68)])
def test_draws_follow_the_beta_distribution(shape, variance):
    draws = beta(shape, 40_000, torch.zeros(1, dtype=torch.float64), torch.Generator().manual_seed(0))
    assert 0 <= draws.min() <= draws.max() <= 1
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(draws.var()) == pytest.approx(variance, rel=0.03)


def test_the_module_moves_positives_in_training_only():
    a, b = 3 * unit(200), 0.1 * unit(200, seed=1)
    module = Extrapolation()
    moved = module(a, b, torch.Generator().manual_seed(0))
    s = torch.cosine_similarity(a, b)
    after = (moved[0] * moved[1]).sum(1)
    assert (after < s).all()
    assert (after > score_after(s, 2.0)).all()  # no weight above 2
    loss = NTXent()
    assert loss(*moved) > loss(a, b)
    module.eval()
    assert all(x is y for x, y in zip(module(a, b), (a, b), strict=True))
    assert module.negatives(a) is a
    assert Extrapolation(positive=0).train()(a, b)[0] is a


def test_the_module_mixes_a_queue():
    queue = unit(50)
    module = Extrapolation(negative=1.6)
    mixed = module.negatives(queue, torch.Generator().manual_seed(0))
    assert mixed.shape == queue.shape
    assert (mixed.norm(dim=1) <= 1 + 1e-12).all()
    assert torch.allclose(mixed, module.negatives(queue, torch.Generator().manual_seed(0)))
    assert not torch.allclose(mixed, queue)


def test_gradients_flow_through():
    a, b = unit(4).requires_grad_(), unit(4, seed=1)
    Extrapolation()(a, b)[0].sum().backward()
    assert a.grad.abs().sum() > 0


def test_what_does_not_fit_is_refused():
    a, b = unit(), unit(seed=1)
    with pytest.raises(errors.NotUnitLength, match=r"extrapolated: 8 of 8 rows of b"):
        extrapolated(a, 2 * b, 1.5)
    with pytest.raises(errors.ShapeError, match=r"weight is \(3\) but there are 8 rows"):
        extrapolated(a, b, torch.ones(3))
    with pytest.raises(errors.ShapeError, match="drop_last"):
        extrapolated(a, b[:5], 1.5)
    with pytest.raises(errors.ArgumentError, match=r"weight is -1"):
        interpolated(a, -1.0, torch.arange(8))
    with pytest.raises(errors.ArgumentError, match=r"positive is -1"):
        Extrapolation(positive=-1)
