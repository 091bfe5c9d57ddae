"""Pairs of two kinds: your own, and emoji with their words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vergence import errors
from vergence.data import Source, emoji, emoji_words, hashed_words, paired, source


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed))


def test_two_tensors_are_pairs():
    first, second = rows(9, 3, 8, 8).sigmoid(), rows(9, 5, seed=1)
    pairs = paired(first, second, labels=["a", "b", "c"] * 3)
    assert isinstance(pairs, Source)
    assert source(pairs) is pairs
    assert (len(pairs), pairs.item_shape, pairs.second_shape, pairs.words) == (9, (3, 8, 8), (5,), False)
    index = torch.tensor([4, 0, 4])
    a, b = pairs.pair(index, generator())
    assert torch.equal(a, first[index])
    assert torch.equal(b, second[index])
    assert torch.equal(pairs.seconds, second)
    assert pairs.label_of(index).tolist() == [1, 0, 1]
    assert list(pairs.label_names) == ["a", "b", "c"]
    items, labels = pairs.reference(3)
    assert torch.equal(items, first[[0, 3, 6]])
    assert labels.tolist() == [0, 0, 0]
    assert pairs.thumbnails(3).shape == (3, 8, 8, 3)
    assert repr(pairs) == "paired(pairs: 9 pairs of 3 x 8 x 8 and 5)"


def test_strings_become_rows():
    texts = ["a red apple", "a tree", "a flag"]
    pairs = paired(np.zeros((3, 4), np.float32), texts)
    assert pairs.words
    assert pairs.texts == tuple(texts)
    assert torch.equal(pairs.pair(torch.arange(3), generator())[1], hashed_words(texts))


def test_unequal_numbers_are_refused():
    with pytest.raises(errors.ShapeError, match=r"first has 9 items and second 8\. Item i of both is a pair"):
        paired(rows(9, 3), rows(8, 3))


@pytest.fixture(scope="module")
def words():
    return emoji_words()


def test_emoji_come_with_their_words(words):
    assert isinstance(words, Source)
    assert len(words) == len(emoji()) == len(words.seconds) == 1213
    index = torch.tensor([3, 700])
    image, text = words.pair(index, generator())
    for i, row in zip(index.tolist(), text, strict=True):
        every = " ".join([words.texts[i], *words.keywords[i]])
        assert torch.equal(row, hashed_words([every])[0])
    drawings = words.images[index].permute(0, 1, 4, 2, 3).float() / 255
    assert all((drawn == one).flatten(1).all(1).any() for drawn, one in zip(drawings, image, strict=True))
    assert words.positives == "name and keywords"
    assert repr(words).startswith("emoji_words(train: 1213 emoji x 3 artists and their words")


def test_the_name_alone(words):
    named = emoji_words("name", split="held out", width=256)
    assert named.second_shape == (256,)
    assert torch.equal(named.seconds, hashed_words(named.texts, 256))
    named.positives = "name and keywords"
    assert not torch.equal(named.seconds, hashed_words(named.texts, 256))
    with pytest.raises(errors.UnknownName, match="Did you mean 'name'"):
        emoji_words("names")
    assert torch.equal(words.reference(20)[0], emoji().reference(20)[0])
    assert words.about_reference(20)["names"] == emoji().about_reference(20)["names"]


def test_only_the_generator_decides(words):
    index = torch.arange(64)
    state = torch.get_rng_state()
    first = words.pair(index, generator(3))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first[0], words.pair(index, generator(3))[0])
    assert not torch.equal(first[0], words.pair(index, generator(4))[0])
