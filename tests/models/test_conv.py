"""The convolutional encoder: shapes, size, layout, and that every weight learns."""

from __future__ import annotations

import re

import pytest
import torch

from vergence import errors
from vergence.models import ConvEncoder


def images(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sides", [(8, 8), (9, 13), (32, 32), (8, 100), (64, 48)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_from_8_up(sides, channels):
    torch.manual_seed(0)
    h = ConvEncoder(channels=channels, width=8, dim=24)(images(4, channels, *sides))
    assert h.shape == (4, 24)
    assert (h >= 0).all()
    assert torch.isfinite(h).all()


def test_the_docstring_gives_the_number_of_parameters():
    count = sum(p.numel() for p in ConvEncoder().parameters())
    assert f"{count:,} parameters" in re.sub(r"\s+", " ", ConvEncoder.__doc__)
    assert ConvEncoder().dim == 128


def test_weights_are_channels_last_and_the_layout_of_the_input_does_not_matter():
    torch.manual_seed(0)
    encoder = ConvEncoder(width=8).eval()
    convolutions = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 4
    assert all(m.weight.is_contiguous(memory_format=torch.channels_last) for m in convolutions)
    x = images(4, 3, 32, 32)
    assert torch.allclose(encoder(x), encoder(x.contiguous(memory_format=torch.channels_last)), atol=1e-6)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    encoder = ConvEncoder(width=8, dim=16)
    encoder(images(8, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_it_sees_all_of_the_image():
    torch.manual_seed(0)
    x = images(2, 3, 32, 32).requires_grad_()
    ConvEncoder(width=8).eval()(x).sum().backward()
    assert (x.grad.abs().sum(1) > 0).float().mean() > 0.99


def test_dropout_is_on_in_training_only():
    torch.manual_seed(0)
    encoder, x = ConvEncoder(width=8, dim=64, dropout=0.5), images(8, 3, 16, 16)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    sure = ConvEncoder(width=8, dim=64)
    assert torch.equal(sure(x), sure(x))


def test_what_cannot_be_used_is_answered():
    with pytest.raises(errors.ArgumentError, match="width is 0"):
        ConvEncoder(width=0)
    with pytest.raises(errors.ArgumentError, match=r"dim is 1\.5"):
        ConvEncoder(dim=1.5)
    with pytest.raises(errors.ArgumentError, match="dropout is 1"):
        ConvEncoder(dropout=1)
    encoder = ConvEncoder(width=8)
    for wrong in (images(2, 1, 32, 32), images(2, 3, 7, 32), images(3, 32, 32)):
        with pytest.raises(errors.ShapeError, match=r"ConvEncoder: x is .*\(batch, 3, height, width\)"):
            encoder(wrong)
