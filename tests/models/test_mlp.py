"""Linear encoders and heads."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vergence import errors
from vergence.models import MLPEncoder, Projector


def rows(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_encoder_takes_vectors_and_flattens_images():
    torch.manual_seed(0)
    assert MLPEncoder(12, hidden=16, dim=5)(rows(4, 12)).shape == (4, 5)
    encoder = MLPEncoder(64, hidden=16, dim=5).eval()
    x = rows(4, 1, 8, 8)
    assert torch.equal(encoder(x), encoder(x.flatten(1)))


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    for model in (MLPEncoder(12, hidden=16, dim=5), Projector(12, hidden=16, out_dim=5, layers=3)):
        model(rows(8, 12)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_dropout_is_on_in_training_only():
    torch.manual_seed(0)
    encoder, x = MLPEncoder(12, hidden=32, dim=5, dropout=0.5), rows(8, 12)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_projector_has_the_layers_asked_for_and_ends_linear(layers, batch_norm):
    torch.manual_seed(0)
    head = Projector(12, hidden=16, out_dim=5, layers=layers, batch_norm=batch_norm)
    kinds = [type(m) for m in head.layers]
    assert kinds.count(nn.Linear) == layers
    assert kinds.count(nn.BatchNorm1d) == (layers - 1 if batch_norm else 0)
    assert kinds[-1] is nn.Linear
    z = head(rows(50, 12))
    assert z.shape == (50, 5)
    assert z.min() < 0 < z.max()


def test_one_layer_is_a_linear_map():
    torch.manual_seed(0)
    head = Projector(12, out_dim=5, layers=1)
    a, b = rows(8, 12), rows(8, 12).flip(0)
    assert torch.allclose(head(a + b) - head(b), head(a) - head(torch.zeros_like(a)), atol=1e-5)


def test_what_cannot_be_used_is_answered():
    with pytest.raises(errors.ArgumentError, match="layers is 0"):
        Projector(12, layers=0)
    with pytest.raises(errors.ArgumentError, match="hidden is -1"):
        MLPEncoder(12, hidden=-1)
    with pytest.raises(errors.ShapeError, match=r"Projector: h is \(4, 3\).*in_dim = encoder.dim"):
        Projector(12)(rows(4, 3))
    with pytest.raises(errors.ShapeError, match=r"MLPEncoder: x is \(4, 3, 8\).*\(batch, 12\) once flattened"):
        MLPEncoder(12)(rows(4, 3, 8))
