"""Predictors: trained and computed."""

from __future__ import annotations

import pytest
import torch

from vergence.errors import ArgumentError, ShapeError
from vergence.models import DirectPredictor, Predictor
from vergence.models.direct_pred import correlation, direct_pred


def test_a_predictor_is_as_wide_at_the_end_as_at_the_start():
    predictor = Predictor(8, hidden=2)
    assert predictor(torch.randn(5, 8)).shape == (5, 8)
    assert [tuple(p.shape) for p in predictor.parameters() if p.ndim == 2] == [(2, 8), (8, 2)]


def test_a_computed_predictor_follows_the_moving_correlation():
    predictor, f = DirectPredictor(4, momentum=0.3, epsilon=0.2), None
    z = torch.randn(9, 4)
    assert torch.equal(predictor(z), z)
    for seed in range(3):
        a, b = (torch.randn(9, 4, generator=torch.Generator().manual_seed(2 * seed + k)) for k in (0, 1))
        f = correlation(torch.cat([a, b]), f, momentum=0.3)
        predictor.follow(a.requires_grad_(), b)
        torch.testing.assert_close(predictor.correlation, f)
        torch.testing.assert_close(predictor.weight, direct_pred(f, epsilon=0.2))
        torch.testing.assert_close(predictor(z), z @ direct_pred(f, epsilon=0.2).T)
    assert list(predictor.parameters()) == []
    assert not predictor.weight.requires_grad


def test_a_graph_of_the_step_before_survives_a_follow():
    predictor = DirectPredictor(4)
    z = torch.randn(9, 4, requires_grad=True)
    out = predictor(z).sum()
    predictor.follow(z)
    out.backward()
    torch.testing.assert_close(z.grad, torch.ones(9, 4))  # by the identity that was in force


def test_is_saved_with_the_model():
    one, other = DirectPredictor(4), DirectPredictor(4)
    one.follow(torch.randn(9, 4))
    other.load_state_dict(one.state_dict())
    z = torch.randn(9, 4)
    one.follow(z)
    other.follow(z)
    assert torch.equal(one.weight, other.weight)


def test_the_words_of_errors():
    with pytest.raises(ShapeError, match=r"DirectPredictor: z is \(5, 3\)\. It must be \(batch, 4\)"):
        DirectPredictor(4)(torch.randn(5, 3))
    for wrong in ({"momentum": 1.5}, {"momentum": -1.0}, {"epsilon": -0.1}):
        with pytest.raises(ArgumentError, match=r"DirectPredictor: \w+ is"):
            DirectPredictor(4, **wrong)
