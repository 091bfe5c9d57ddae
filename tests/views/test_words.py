"""Views of words, and views of pairs of two kinds."""

from __future__ import annotations

import pytest
import torch

from vergence import errors
from vergence.views import Each, Images, Views, Words


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("strength", "share"), [(0.0, 0.0), (0.4, 0.2), (1.0, 0.5)])
def test_as_much_is_hidden_as_is_said(strength, share):
    x = torch.full((200, 300), 2.0)
    view = Words(strength)(x, generator())
    assert set(view.unique().tolist()) <= {0.0, 2.0}
    assert float((view == 0).float().mean()) == pytest.approx(share, abs=0.01)
    assert (x == 2).all()


def test_only_the_generator_decides():
    x = torch.rand(20, 30)
    state = torch.get_rng_state()
    assert torch.equal(Words()(x, generator(1)), Words()(x, generator(1)))
    assert not torch.equal(Words()(x, generator(1)), Words()(x, generator(2)))
    assert torch.equal(torch.get_rng_state(), state)


def test_each_kind_has_its_own():
    views = Each(Images(strength=0.2), Words(strength=0.7))
    assert isinstance(views, Views)
    assert isinstance(views.parts[1], Words)
    assert views.strength == 0.2
    views.strength = 0.9
    assert [part.strength for part in views.parts] == [0.9, 0.9]
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(views(x, generator()), views.parts[0](x, generator()))
    assert repr(views).endswith("Words(strength=0.9))")


def test_impossible_strengths_and_batches_are_refused():
    with pytest.raises(errors.ArgumentError, match="Words: strength is 2"):
        Words(2)
    with pytest.raises(errors.ArgumentError, match="Each: strength is -1"):
        Each(Words(), Words()).strength = -1
    with pytest.raises(errors.ShapeError, match=r"It must be \(batch, places\)"):
        Words()(torch.rand(2, 3, 4), generator())
