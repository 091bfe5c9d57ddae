"""Spare: the last channels come back as they went in, whatever the views inside do."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from vergence import errors
from vergence.data import rand_bits
from vergence.views import Each, Identity, Images, Spare, Vectors


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
    assert repr(spare).startswith("Spare(Images(strength=0.8")
    with pytest.raises(errors.ArgumentError, match="strength is 2"):
        spare.strength = 2


def test_views_without_a_strength_have_none_and_are_not_given_one():
    class Slots:
        __slots__ = ()

        def __call__(self, x, generator):
            return x

    for inner in (Slots(), lambda x, _: x):
        views = Spare(inner, 2)
        assert not hasattr(views, "strength")
        with pytest.raises(AttributeError, match=r"Spare: the views inside, .*, have no strength"):
            views.strength = 0.5
        assert not hasattr(inner, "strength")
        both = Each(Images(0.2), views)
        both.strength = 0.5
        assert (both.strength, Each(views, Images(0.3)).strength) == (0.5, 0.3)


def test_bad_calls_are_refused():
    with pytest.raises(errors.ArgumentError, match=r"Spare: last is -1\. It must be a whole number, 0 or above"):
        Spare(Images(), -1)
    with pytest.raises(errors.ShapeError, match=r"the last 5 along axis 1 are left alone\. There must be more"):
        Spare(Images(), 5)(images(), generator())
    with pytest.raises(errors.ShapeError, match=r"turned \(6, 3, 12, 10\) into \(3, 3, 12, 10\)"):
        Spare(lambda x, _: x[:3], 2)(images(), generator())
    with pytest.raises(errors.ShapeError, match="one item for each, with as many axes"):
        Spare(lambda x, _: x.flatten(1), 2)(images(), generator())


def test_a_run_does_not_spare_twice_what_is_spared_already():
    data = rand_bits(torch.rand(40, 3, 8, 8, generator=generator()), bits=2)

    def trained_on(views):
        recipe = vg.methods.SimCLR(views=views)
        run = vg.Run(recipe, data, batch=8, driver="inline", save=False, reference=0)
        trainer = run.session.trainer
        return trainer._views_of[0](data.pair(torch.arange(8), generator())[0], generator(3))

    wanted = trained_on(Images(0.5))
    for last in (1, 2):
        assert torch.equal(trained_on(Spare(Images(0.5), last)), wanted)
    more = trained_on(Spare(Images(0.5), 3))
    assert not torch.equal(more[:, :2], wanted[:, :2]), "content is changed still"
