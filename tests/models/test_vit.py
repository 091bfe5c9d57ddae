"""The vision transformer: shapes, size, what it is made of, and that every weight learns."""

from __future__ import annotations

import re

import pytest
import torch

from tests.reference import attention as slow
from vergence import errors
from vergence.models import ViTEncoder
from vergence.observe import attention


def images(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("size", "patch", "channels"), [(32, 4, 3), (16, 8, 1), (12, 3, 2)])
def test_images_become_rows(size, patch, channels):
    torch.manual_seed(0)
    encoder = ViTEncoder(size=size, patch=patch, channels=channels, dim=12, depth=2, heads=3)
    h = encoder(images(4, channels, size, size))
    assert h.shape == (4, 12)
    assert torch.isfinite(h).all()
    assert encoder.grid == (size // patch, size // patch)


def test_the_docstring_gives_the_numbers():
    encoder = ViTEncoder()
    text = re.sub(r"\s+", " ", ViTEncoder.__doc__)
    assert f"{sum(p.numel() for p in encoder.parameters()):,} parameters" in text
    assert f"{encoder.prefix} + {encoder.grid[0] * encoder.grid[1]} tokens" in text
    assert encoder.dim == 64


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    encoder = ViTEncoder(size=16, dim=8, depth=2, heads=2)
    # Squared: the norm at the end makes the plain sum of h the same for all images.
    (encoder(images(8, 3, 16, 16)) * torch.arange(8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_it_sees_all_of_the_image_and_where_things_are():
    torch.manual_seed(0)
    encoder, x = ViTEncoder(size=16, dim=8, depth=2, heads=2), images(2, 3, 16, 16).requires_grad_()
    (encoder(x) * torch.arange(8)).sum().backward()
    assert (x.grad.abs().sum(1) > 0).all()
    assert not torch.allclose(encoder(x), encoder(x.flip(3)), atol=1e-4)


def test_attention_by_hand():
    torch.manual_seed(0)
    encoder, x = ViTEncoder(size=8, dim=8, depth=1, heads=2), images(2, 3, 8, 8)
    block = encoder.blocks[0]
    with attention(encoder) as seen:
        encoder(x)
    tokens = encoder.patches(x).flatten(2).transpose(1, 2)
    tokens = torch.cat([encoder.cls.expand(2, -1, -1), tokens], 1) + encoder.position
    layer = block.attention.queries_keys_values
    for sample, rows in enumerate(block.before_attention(tokens).tolist()):
        made = [slow.linear(row, layer.weight.tolist(), layer.bias.tolist()) for row in rows]
        q, k, v = ([row[start : start + 8] for row in made] for start in (0, 8, 16))
        for head in range(2):
            maps = slow.weights(slow.head(q, head, 2), slow.head(k, head, 2))
            assert torch.allclose(seen.layers[0].weights[sample, head], torch.tensor(maps), atol=1e-6)
            norms = [slow.norm(value) for value in slow.head(v, head, 2)]
            assert torch.allclose(seen.layers[0].value_norms[sample, head], torch.tensor(norms), atol=1e-5)


def test_dropout_is_on_in_training_only():
    torch.manual_seed(0)
    encoder, x = ViTEncoder(size=8, dim=8, depth=1, heads=2, dropout=0.5), images(4, 3, 8, 8)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    sure = ViTEncoder(size=8, dim=8, depth=1, heads=2)
    assert torch.equal(sure(x), sure(x))


def test_what_cannot_be_used_is_answered():
    with pytest.raises(errors.ArgumentError, match="patch=5 does not divide size=32"):
        ViTEncoder(patch=5)
    with pytest.raises(errors.ArgumentError, match="heads=5 do not divide dim=64"):
        ViTEncoder(heads=5)
    with pytest.raises(errors.ArgumentError, match="depth is 0"):
        ViTEncoder(depth=0)
    with pytest.raises(errors.ArgumentError, match="dropout is 1"):
        ViTEncoder(dropout=1)
    encoder = ViTEncoder(size=8, dim=8, depth=1, heads=2)
    for wrong in (images(2, 1, 8, 8), images(2, 3, 16, 16), images(3, 8, 8)):
        with pytest.raises(errors.ShapeError, match=r"ViTEncoder: x is .*\(batch, 3, 8, 8\)"):
            encoder(wrong)
