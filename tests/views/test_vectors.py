"""Vector views: noise in proportion to each feature, hidden entries replaced by values that occur."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vergence import errors
from vergence.views import Vectors, Views
from vergence.views.base import check_relative, check_strength


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=2000):
    """Features of spread 1, 10 and 0."""
    x = torch.randn(n, 3, generator=generator(1)) * torch.tensor([1.0, 10.0, 0.0])
    return x + torch.tensor([0.0, 100.0, 5.0])


def test_strength_0_is_the_identity():
    x = rows()
    assert isinstance(Vectors(), Views)
    assert torch.equal(Vectors(0)(x, generator()), x)
    assert torch.equal(Vectors(1, noise=0, mask=0)(x, generator()), x)


def test_noise_has_the_spread_of_its_feature():
    x = rows()
    moved = (Vectors(0.5, mask=0)(x, generator()) - x).std(0)
    assert moved[0].item() == pytest.approx(0.5, rel=0.06)
    assert moved[1].item() == pytest.approx(5, rel=0.06)
    assert moved[2] == 0


def test_hidden_entries_hold_values_of_the_same_feature():
    x = rows(500)
    view = Vectors(0.8, noise=0)(x, generator())
    changed = view != x
    for feature in range(3):
        assert torch.isin(view[:, feature], x[:, feature]).all()
    assert changed[:, :2].float().mean().item() == pytest.approx(0.4, abs=0.04)
    assert not changed[:, 2].any()


def test_a_higher_strength_changes_more():
    x = rows()
    moved = [(Vectors(s)(x, generator()) - x).abs().mean().item() for s in (0, 0.1, 0.3, 0.6, 1)]
    assert moved == sorted(moved)
    assert len(set(moved)) == 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_shape_and_type_are_kept_and_only_the_generator_decides(dtype):
    x = rows(64).to(dtype)
    before = x.clone()
    torch.manual_seed(1)
    first = Vectors(0.5)(x, generator())
    torch.manual_seed(2)
    assert torch.equal(first, Vectors(0.5)(x, generator()))
    assert (first.shape, first.dtype) == (x.shape, dtype)
    assert torch.equal(x, before)
    assert not torch.equal(first, x)


def test_a_batch_of_one_has_no_spread_to_measure():
    x = rows(1)
    assert torch.equal(Vectors(1)(x, generator()), x)
    assert Vectors(1)(x[:0], generator()).shape == (0, 3)


def test_what_cannot_be_used_is_answered():
    with pytest.raises(errors.ArgumentError, match="strength is 2"):
        Vectors(2)
    with pytest.raises(errors.ArgumentError, match="mask is -1"):
        Vectors(mask=-1)
    with pytest.raises(errors.ShapeError, match=r"must be \(batch, dim\)"):
        Vectors()(torch.zeros(2, 3, 4), generator())
    views = Vectors(0.25)
    views.set("noise", 2)
    assert views.settings() == {"strength": 0.25, "noise": 2.0, "mask": 1.0}
    assert repr(views) == "Vectors(strength=0.25, noise=2, mask=1)"
    with pytest.raises(errors.UnknownName, match="Did you mean 'mask'"):
        views.set("masks", 1)


def test_numbers_of_numpy_are_strengths():
    for number in (np.float32(1), np.int64(1)):
        assert check_strength("Vectors", number) == check_relative("Vectors", "noise", number) == 1
