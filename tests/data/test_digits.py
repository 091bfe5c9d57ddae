"""Digits: the split, and that `reference` never shows what is trained on."""

from __future__ import annotations

import pytest
import torch

from vergence import errors
from vergence.data import Source, digits


def test_shapes_and_split():
    train, held_out = digits(), digits("held out")
    assert (len(train), len(held_out), len(digits("all"))) == (1438, 359, 1797)
    assert isinstance(train, Source)
    assert train.item_shape == (1, 8, 8)
    assert train.label_names == [str(d) for d in range(10)]
    assert sorted(set(held_out.labels.tolist())) == list(range(10))
    a, b = train.pair(torch.arange(4), torch.Generator())
    assert torch.equal(a, b)
    assert 0 <= a.min() < a.max() <= 1


def test_reference_is_held_out():
    train, held_out = digits(), digits("held out")
    items, labels = train.reference(10_000)
    assert torch.equal(labels, held_out.labels)
    assert torch.equal(items, held_out.reference(10_000)[0])
    seen = train.pair(torch.arange(len(train)), torch.Generator())[0].flatten(1)
    shared = (items.flatten(1)[:, None] == seen).all(2).any(1)
    assert not shared.any()


def test_an_unknown_split_is_answered():
    with pytest.raises(errors.UnknownName, match="Did you mean 'train'"):
        digits("training")
