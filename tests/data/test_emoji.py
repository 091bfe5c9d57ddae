"""The emoji set: what the shipped file holds, which pairs come out, and what is held out."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest
import torch

from vergence import errors
from vergence.data import Source, emoji


@pytest.fixture(scope="module")
def stored():
    path = resources.files("vergence.data") / "files" / "emoji.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def artist_of(source, index, items):
    """Which artist's drawing each item is: the only one of three that agrees in every pixel."""
    images = source.images[index].permute(0, 1, 4, 2, 3).float() / 255
    same = (images == items[:, None]).flatten(2).all(2)
    assert (same.sum(1) == 1).all()
    return same.int().argmax(1)


def test_the_file_is_small_and_needs_no_pickle(stored):
    path = resources.files("vergence.data") / "files" / "emoji.npz"
    assert len(path.read_bytes()) <= 6_000_000
    assert all(array.dtype != object for array in stored.values())
    assert stored["images"].shape == (1595, 3, 32, 32, 3)
    assert stored["images"].dtype == np.uint8


def test_every_drawing_shows_something(stored):
    flat = stored["images"].reshape(1595 * 3, -1)
    assert (flat.max(1) > flat.min(1)).all()
    assert len(np.unique(flat, axis=0)) > 4700


def test_the_split_depends_on_nothing_but_the_hexcode(stored):
    digests = [hashlib.sha256(str(code).encode()).hexdigest() for code in stored["hexcodes"]]
    smallest = set(sorted(digests)[:382])
    assert stored["held_out"].tolist() == [digest in smallest for digest in digests]


def test_splits_are_disjoint_and_complete():
    train, held_out, everything = emoji(), emoji(split="held out"), emoji(split="all")
    assert (len(train), len(held_out), len(everything)) == (1213, 382, 1595)
    assert not set(train.hexcodes) & set(held_out.hexcodes)
    assert set(train.hexcodes) | set(held_out.hexcodes) == set(everything.hexcodes)


def test_words_belong_to_the_pictures():
    source = emoji(split="all", labels="subgroup")
    assert (len(emoji().label_names), len(source.label_names)) == (9, 95)
    assert len(source.texts) == len(set(source.texts)) == len(source.keywords) == len(source) == 1595
    apple = source.texts.index("red apple")
    assert source.hexcodes[apple] == "1F34E"
    assert source.label_names[source.labels[apple]] == "food-fruit"
    assert "fruit" in source.keywords[apple]
    red, green, blue = source.images[apple, :, 14:22, 12:20].float().mean((0, 1, 2))
    assert red > 2 * green
    assert red > 2 * blue


def test_labels_index_the_names():
    for kind in ("group", "subgroup"):
        source = emoji(split="all", labels=kind)
        assert sorted(set(source.labels.tolist())) == list(range(len(source.label_names)))


def test_the_one_mirrored_alias_points_the_other_way():
    source = emoji(split="all")
    left = source.texts.index("backhand index pointing left")
    right = source.texts.index("backhand index pointing right")
    fluent = source.artists.index("Fluent")
    a, b = source.images[left, fluent].float(), source.images[right, fluent].float()
    assert (a.flip(1) - b).abs().mean() < (a - b).abs().mean() / 4


def test_other_artist_pairs_one_emoji_by_two_artists():
    source = emoji()
    index = torch.arange(len(source))
    a, b = source.pair(index, generator())
    # Where two artists' drawings coincided the helper would refuse; it does not, so each is told apart.
    first, second = artist_of(source, index, a), artist_of(source, index, b)
    assert (first != second).all()
    counts = torch.bincount(3 * first + second, minlength=9).reshape(3, 3)
    assert counts.diagonal().sum() == 0
    assert counts[~torch.eye(3, dtype=torch.bool)].min() > 150  # six orders, 202 expected of each


def test_same_image_pairs_a_drawing_with_itself():
    source = emoji(positives="same image")
    index = torch.arange(300)
    a, b = source.pair(index, generator())
    assert torch.equal(a, b)
    assert set(artist_of(source, index, a).tolist()) == {0, 1, 2}


def test_items_are_float_in_0_to_1_and_channels_last():
    source = emoji()
    assert source.item_shape == (3, 32, 32)
    for item in source.pair(torch.arange(8), generator()):
        assert item.shape == (8, 3, 32, 32)
        assert item.dtype == torch.float32
        assert item.min() >= 0
        assert item.max() == 1
        assert item.is_contiguous(memory_format=torch.channels_last)


def test_only_the_generator_decides():
    source, index = emoji(), torch.arange(64)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    a = source.pair(index, generator(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    b = source.pair(index, generator(3))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a[0], source.pair(index, generator(4))[0])


def test_changing_the_positives_shifts_no_later_draw():
    after = []
    for kind in ("other artist", "same image"):
        g = generator()
        emoji(positives=kind).pair(torch.arange(16), g)
        after.append(torch.rand(4, generator=g))
    assert torch.equal(*after)


def test_reference_is_held_out_fixed_and_two_artists_of_the_same_emoji():
    source = emoji()
    items, labels = source.reference(512)
    assert items.shape == (512, 3, 32, 32)
    assert torch.equal(items, emoji(split="held out").reference(512)[0])
    held_out = emoji(split="held out")
    images = held_out.images.permute(0, 1, 4, 2, 3).float() / 255
    noto = [int((images[:, 0] == item).flatten(1).all(1).nonzero()[0]) for item in items[:256]]
    assert torch.equal(images[noto, 1], items[256:])
    assert torch.equal(held_out.labels[noto], labels[:256])
    assert torch.equal(labels[:256], labels[256:])
    assert len(set(labels.tolist())) == 9


@pytest.mark.parametrize(("n", "comes"), [(1, 1), (382, 382), (383, 383), (765, 765), (1146, 1146), (5000, 1146)])
def test_reference_has_as_many_as_asked_or_all(n, comes):
    items, labels = emoji().reference(n)
    assert len(items) == len(labels) == comes
    assert len(torch.unique(items.flatten(1), dim=0)) >= comes - 2  # two drawings coincide within an artist


def test_thumbnails_are_the_reference():
    source = emoji()
    pictures = source.thumbnails(10)
    assert pictures.shape == (10, 32, 32, 3)
    assert pictures.dtype == np.uint8
    assert np.array_equal(pictures, (source.reference(10)[0] * 255).round().byte().permute(0, 2, 3, 1).numpy())


def test_it_is_a_source_and_says_what_it_is():
    source = emoji()
    assert isinstance(source, Source)
    assert source.kinds_of_positives[0] == source.positives == "other artist"
    assert repr(source) == "emoji(train: 1213 emoji x 3 artists, positives='other artist')"
    index = torch.tensor([5, 0, 5])
    assert torch.equal(source.label_of(index), source.labels[index])


def test_positives_can_change_and_a_wrong_name_is_answered():
    source = emoji()
    source.positives = "same image"
    assert source.positives == "same image"
    with pytest.raises(errors.UnknownName, match="Did you mean 'other artist'"):
        source.set_positives("other artists")
    assert source.positives == "same image"
    with pytest.raises(errors.UnknownName, match=r"no split 'test'.*held out"):
        emoji(split="test")
    with pytest.raises(errors.UnknownName, match="Did you mean 'group'"):
        emoji(labels="groups")


def test_an_index_that_does_not_exist_is_refused():
    with pytest.raises(errors.ArgumentError, match="1213 samples, 0 to 1212"):
        emoji().pair(torch.tensor([0, 1213]), generator())
    with pytest.raises(errors.ShapeError, match="1-d integer tensor"):
        emoji().pair(torch.tensor([0.5]), generator())
    with pytest.raises(errors.ArgumentError, match="n is 0"):
        emoji().reference(0)
