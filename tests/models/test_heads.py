"""Heads beside the projector: none, linear, fixed weights, prototypes."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from vergence.errors import ArgumentError, ShapeError
from vergence.models import LinearHead, NoHead, Prototypes, Reweight


def test_no_head_is_h():
    h = torch.randn(5, 3)
    assert torch.equal(NoHead()(h), h)
    assert list(NoHead().parameters()) == []


def test_a_linear_head_is_a_linear_map():
    head = LinearHead(3, 2)
    h = torch.randn(5, 3)
    torch.testing.assert_close(head(h), h @ head.weight.T + head.bias)
    with pytest.raises(ArgumentError, match=r"LinearHead: out_dim is 0"):
        LinearHead(3, 0)


def test_weights_fall_by_a_constant_factor():
    head = Reweight(4, kappa=2.0)
    h = torch.randn(6, 4)
    torch.testing.assert_close(head(h), h * torch.tensor([1.0, 0.5, 0.25, 0.125]))
    assert list(head.parameters()) == []
    assert float(Reweight(128).weights[-1]) == pytest.approx(5.5e-6, rel=0.01)
    assert torch.equal(Reweight(4, kappa=1)(h), h)
    assert torch.equal(Reweight(4, kappa=1.5, keep=2)(h)[:, 2:], torch.zeros(6, 2))


def test_the_gradient_of_a_feature_is_scaled_by_its_weight():
    h = torch.ones(2, 3, requires_grad=True)
    Reweight(3, kappa=10.0)(h).sum().backward()
    torch.testing.assert_close(h.grad, torch.tensor([[1.0, 0.1, 0.01]]).expand(2, 3))


@pytest.mark.parametrize("kappa", [0.9, float("nan"), float("inf")])
def test_weights_do_not_rise(kappa):
    with pytest.raises(ArgumentError, match=r"Reweight: kappa is"):
        Reweight(4, kappa=kappa)


def test_prototypes_give_cosines():
    head = Prototypes(4, 7)
    z = 3 * torch.randn(5, 4)
    expected = normalize(z) @ normalize(head.directions).T
    torch.testing.assert_close(head(z), expected)
    torch.testing.assert_close(head(5 * z), expected)
    with torch.no_grad():
        head.directions.mul_(2)
    torch.testing.assert_close(head(z), expected)


def test_rows_that_do_not_fit_are_refused_in_words():
    for head, name in ((Reweight(4), "Reweight"), (Prototypes(4, 3), "Prototypes")):
        with pytest.raises(ShapeError, match=rf"{name}: . is \(5, 3\)\. It must be \(batch, 4\)"):
            head(torch.randn(5, 3))
