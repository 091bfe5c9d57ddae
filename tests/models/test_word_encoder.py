"""The encoder for words."""

from __future__ import annotations

import pytest
import torch

from vergence import errors
from vergence.models import WordEncoder


def test_a_row_is_the_same_alone_and_among_others():
    torch.manual_seed(0)
    encoder = WordEncoder(20, hidden=16, dim=5)
    x = torch.randint(3, (6, 20)).float()
    h = encoder(x)
    assert h.shape == (6, 5)
    assert torch.allclose(encoder(x[2:3]), h[2:3], atol=1e-6)


def test_what_counts_is_the_mix_and_not_how_often():
    torch.manual_seed(0)
    encoder = WordEncoder(20, hidden=16, dim=5)
    x = torch.randint(3, (6, 20)).float()
    assert torch.allclose(encoder(x), encoder(4 * x), atol=1e-5)
    assert torch.isfinite(encoder(torch.zeros(2, 20))).all()


def test_every_parameter_learns_and_dropout_is_on_in_training_only():
    torch.manual_seed(0)
    encoder = WordEncoder(20, hidden=16, dim=5, dropout=0.5)
    x = torch.rand(6, 20)
    encoder(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


def test_other_rows_are_refused():
    with pytest.raises(errors.ShapeError, match=r"x is \(6, 19\)\. It must be \(batch, 20\).*width=20"):
        WordEncoder(20)(torch.rand(6, 19))
    with pytest.raises(errors.ArgumentError, match="hidden is 0"):
        WordEncoder(20, hidden=0)
