"""Spare: the last channels come back as they went in, whatever the views inside do."""

from __future__ import annotations

import pytest
import torch

from vergence import errors
from vergence.views import Identity, Images, Spare, Vectors


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(channels=5, **more):
    return torch.rand(6, channels, 12, 10, generator=generator(1), **more)


def test_the_rest_is_what_the_views_make_of_it_alone():
    x = images()
    view = Spare(Images(1.0, noise=1, erase=1, rotate=1), 2)(x, generator())
    assert torch.equal(view[:, 3:], x[:, 3:])
    assert torch.equal(view[:, :3], Images(1.0, noise=1, erase=1, rotate=1)(x[:, :3].contiguous(), generator()))
    assert not torch.equal(view[:, :3], x[:, :3])


def test_rows():
    x = torch.randn(30, 7, generator=generator(1))
    view = Spare(Vectors(1.0), 4)(x, generator())
    assert torch.equal(view[:, 3:], x[:, 3:])
    assert torch.equal(view[:, :3], Vectors(1.0)(x[:, :3].contiguous(), generator()))


def test_nothing_spared_is_the_views_alone():
    x = images(3)
    assert torch.equal(Spare(Images(1.0), 0)(x, generator()), Images(1.0)(x, generator()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_type_and_layout_are_kept(dtype):
    x = images().to(dtype).contiguous(memory_format=torch.channels_last)
    view = Spare(Images(0.7), 2)(x, generator())
    assert (view.dtype, view.shape) == (dtype, x.shape)
    assert view.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(view[:, 3:], x[:, 3:])
    assert Spare(Images(0.7), 2)(x.contiguous(), generator()).is_contiguous()


def test_views_that_cut_a_smaller_picture_out():
    class Half(Identity):
        def __call__(self, x, generator):
            return x[..., ::2, ::2]

    x = images()
    x[:, 3:] = torch.arange(2.0)[:, None, None]
    view = Spare(Half(), 2)(x, generator())
    assert view.shape == (6, 5, 6, 5)
    assert torch.equal(view[:, 3:].unique(), torch.tensor([0.0, 1.0]))


def test_the_strength_is_that_of_the_views_inside():
    inner = Images(0.3)
    spare = Spare(inner, 2)
    assert spare.strength == 0.3
    spare.strength = 0.8
    assert inner.strength == 0.8
    assert Spare(lambda x, _: x, 1).strength == 0
    assert repr(spare).startswith("Spare(Images(strength=0.8")
    with pytest.raises(errors.ArgumentError, match="strength is 2"):
        spare.strength = 2


def test_bad_calls_are_refused():
    with pytest.raises(errors.ArgumentError, match=r"Spare: last is -1\. It must be a whole number, 0 or above"):
        Spare(Images(), -1)
    with pytest.raises(errors.ShapeError, match=r"the last 5 along axis 1 are left alone\. There must be more"):
        Spare(Images(), 5)(images(), generator())
    with pytest.raises(errors.ShapeError, match=r"turned \(6, 3, 12, 10\) into \(3, 3, 12, 10\)"):
        Spare(lambda x, _: x[:3], 2)(images(), generator())
    with pytest.raises(errors.ShapeError, match="one item for each, with as many axes"):
        Spare(lambda x, _: x.flatten(1), 2)(images(), generator())
