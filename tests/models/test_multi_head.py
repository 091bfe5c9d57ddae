"""Several heads beside one another."""

from __future__ import annotations

import pytest
import torch

from vergence import errors
from vergence.models import MultiHead, Projector


def test_each_head_fills_its_own_part_of_the_row():
    torch.manual_seed(0)
    head, h = MultiHead(12, heads=3, out_dim=4, hidden=16).eval(), torch.randn(5, 12)
    z = head(h)
    assert z.shape == (5, head.out_dim) == (5, 12)
    for number, one in enumerate(head.heads):
        assert isinstance(one, Projector)
        assert torch.equal(z[:, 4 * number : 4 * number + 4], one(h))
    assert not torch.allclose(z[:, :4], z[:, 4:8])


def test_impossible_sizes_are_refused():
    with pytest.raises(errors.ArgumentError, match="heads is 0"):
        MultiHead(12, heads=0)
    with pytest.raises(errors.ShapeError, match=r"Projector: h is \(5, 11\)"):
        MultiHead(12)(torch.randn(5, 11))
