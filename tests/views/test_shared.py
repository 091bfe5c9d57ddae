"""Views in which several items are changed alike."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vergence import errors
from vergence.views import Each, Images, Shared, Vectors


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def everything(strength=1.0):
    return Images(strength, rotate=1, noise=1, erase=1)


@given(st.integers(1, 9), st.integers(1, 7))
def test_within_a_group_equal_pictures_stay_equal_and_groups_differ(n, size):
    picture = torch.rand(1, 3, 9, 9, generator=seeded(1))
    view = Shared(everything(), size)(picture.expand(n, -1, -1, -1).contiguous(), seeded())
    groups = Shared(everything(), size).groups(n)
    for number in range(int(groups.max()) + 1):
        part = view[groups == number]
        assert torch.allclose(part, part[:1].expand_as(part), atol=1e-6)
    first = view[torch.unique(groups, return_inverse=True)[1].diff(prepend=torch.tensor([-1])) != 0]
    assert len(torch.unique(first.flatten(1), dim=0)) == len(first)


def test_rows_get_the_same_noise_and_the_same_hidden_entries():
    x = torch.randn(6, 5, generator=seeded(1))
    moved = Shared(Vectors(1.0, mask=0), size=3)(x, seeded()) - x
    assert torch.allclose(moved[:3], moved[:1].expand(3, -1), atol=1e-6)
    assert not torch.allclose(moved[0], moved[3])
    hidden = Shared(Vectors(1.0, noise=0))(x, seeded()) != x
    assert hidden.any(0).sum() >= 1
    # A hidden entry is that of one row for all; the row itself keeps it.
    assert all(int(column.sum()) in (0, 5, 6) for column in hidden.T)


def test_a_group_of_one_is_the_view_itself():
    x = torch.rand(4, 3, 8, 8, generator=seeded(1))
    assert torch.equal(Shared(everything(), 1)(x, seeded(2)), everything()(x, seeded(2)))
    rows = torch.randn(4, 5)
    assert torch.equal(Shared(Vectors(0.5), 1)(rows, seeded(2)), Vectors(0.5)(rows, seeded(2)))


def test_views_of_ones_own_are_shared_too_one_item_at_a_time():
    calls = []

    def own(x, generator):
        calls.append(len(x))
        return x + torch.randn(x.shape[1:], generator=generator)

    x = torch.zeros(5, 3)
    generator = seeded()
    view = Shared(own, size=2)(x, generator)
    assert calls == [1] * 5
    assert torch.equal(view[0], view[1])
    assert torch.equal(view[2], view[3])
    assert len(torch.unique(view, dim=0)) == 3
    assert not torch.equal(Shared(own, size=2)(x, generator)[0], view[0]), "the generator went on"
    assert len(Shared(own)(x[:0], generator)) == 0
    # What ours do at once is what they do one by one.
    pictures = torch.rand(3, 3, 8, 8, generator=seeded(1))
    at_once = Shared(Images(0.8))(pictures, seeded(3))
    assert torch.allclose(Shared(lambda x, g: Images(0.8)(x, g))(pictures, seeded(3)), at_once, atol=1e-5)


def test_the_strength_is_that_of_the_views_inside():
    inner = Images(0.25)
    shared = Shared(inner, 4)
    shared.strength = 0.75
    assert shared.strength == inner.strength == 0.75
    assert "size=4" in repr(shared)
    with pytest.raises(errors.ArgumentError, match="strength is 2"):
        shared.strength = 2


def test_views_without_a_strength_have_none_and_are_not_given_one():
    class Slots:
        __slots__ = ()

        def __call__(self, x, generator):
            return x

    for inner in (Slots(), lambda x, _: x):
        views = Shared(inner)
        assert not hasattr(views, "strength")
        with pytest.raises(AttributeError, match=r"Shared: the views inside, .*, have no strength"):
            views.strength = 0.5
        assert not hasattr(inner, "strength")
        both = Each(Images(0.2), views)
        both.strength = 0.5
        assert (both.strength, Each(views, Images(0.3)).strength) == (0.5, 0.3)


def test_what_cannot_be_is_refused_in_words():
    with pytest.raises(errors.ArgumentError, match="Shared: size is 0"):
        Shared(Images(), 0)
    with pytest.raises(errors.ShapeError, match=r"turned one item into \(2, 3\)"):
        Shared(lambda x, g: x.repeat(2, 1))(torch.zeros(4, 3), seeded())
