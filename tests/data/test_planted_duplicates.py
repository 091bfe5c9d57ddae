"""Planted duplicates: as many as was asked for, found by comparing items exactly, on any source."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vergence as vg
from tests.data.wrapping import EVERY, classes, generator, images, rows
from vergence import errors
from vergence.data import (
    Source,
    digits,
    emoji,
    latent_factors,
    paired,
    planted_duplicates,
    rand_bits,
    source,
    two_towers,
)


def everything(made):
    return made.pair(torch.arange(len(made)), generator())[0]


def pairs_of_equal_items(items):
    flat = items.flatten(1).double()
    return {
        (i, int(j)) for i in range(len(flat)) for j in torch.nonzero((flat == flat[i]).all(1)).flatten() if int(j) > i
    }


@settings(max_examples=25)
@given(share=st.floats(0, 0.95), seed=st.integers(0, 1000), n=st.integers(20, 80))
def test_duplicates_are_those_that_are_found_by_comparing_all_items(share, seed, n):
    made = planted_duplicates(rows(n), share, seed=seed)
    of = made.truth.factors["copy of"]
    copies = of != torch.arange(n)
    assert int(copies.sum()) == round(share * n) == made.truth.knobs["copies"]
    assert not copies[of].any(), "a copy shows an original, never a copy"
    wanted = {(i, j) for i in range(n) for j in range(i + 1, n) if of[i] == of[j]}
    assert pairs_of_equal_items(everything(made)) == wanted


@pytest.mark.parametrize("kind", EVERY)
def test_any_source_can_have_duplicates(kind):
    made = planted_duplicates(EVERY[kind](), 0.3, seed=4)
    inside = made.inside
    assert isinstance(made, Source)
    of = made.truth.factors["copy of"]
    index = torch.nonzero(of != torch.arange(len(made))).flatten()[:10]
    a, b = made.pair(index, generator())
    first, second = inside.pair(of[index], generator())
    assert torch.equal(a, first)
    assert torch.equal(b, second)
    assert torch.equal(made.label_of(index), inside.label_of(of[index]))
    assert made.item_shape == inside.item_shape
    assert made.kinds_of_positives == inside.kinds_of_positives
    assert made.label_names == inside.label_names
    if made.labels is not None:
        assert torch.equal(made.labels, inside.labels[of])


def test_near_copies_are_near_and_always_the_same():
    made = planted_duplicates(rows(200, 12), 0.3, noise=0.1)
    of = made.truth.factors["copy of"]
    index = torch.arange(200)
    items = made.pair(index, generator())[0]
    original = made.inside.pair(index, generator())[0]
    copies = of != index
    assert torch.equal(items[~copies], original[~copies])
    distance = (items - original[of])[copies]
    assert float(distance.std()) == pytest.approx(0.1, rel=0.15)
    assert len(pairs_of_equal_items(items)) == 0
    assert torch.equal(made.pair(index.flip(0), generator(5))[0].flip(0), items)
    # Two copies of one original differ from each other as well.
    shown, many = of[copies].unique(return_counts=True)
    twins = torch.nonzero((of == shown[many.argmax()]) & copies).flatten()
    assert len(twins) > 1
    assert not torch.equal(items[twins[0]], items[twins[1]])


def test_pictures_stay_between_0_and_1():
    made = planted_duplicates(images(), 0.5, noise=2.0)
    items = everything(made)
    assert (float(items.min()), float(items.max())) == (0.0, 1.0)


def test_the_reference_set_has_duplicates_that_are_never_parted():
    made = planted_duplicates(digits(), 0.2)
    items, labels = made.reference(300)
    of = made.reference_copy_of(300)
    assert int((of != torch.arange(300)).sum()) == 60
    assert torch.equal(items, digits().reference(300)[0][of])
    assert torch.equal(labels, digits().reference(300)[1][of])
    assert (made.thumbnails(300) == digits().thumbnails(300)[of.numpy()]).all()
    assert torch.equal(made.about_reference(300)["groups"], of)


def test_what_was_known_follows_what_is_shown():
    made = planted_duplicates(latent_factors(64), 0.3)
    of, inside = made.truth.factors["copy of"], made.inside
    assert torch.equal(made.truth.factors["quantity 1"], inside.truth.factors["quantity 1"][of])
    assert made.truth.knobs["noise"] == 0
    there = made.about_reference(100)["factors"]["subclass"]
    assert torch.equal(there, inside.about_reference(100)["factors"]["subclass"][made.reference_copy_of(100)])
    about = planted_duplicates(emoji(), 0.3).about_reference(200)
    of = planted_duplicates(emoji(), 0.3).reference_copy_of(200)
    assert about["names"] == [emoji().about_reference(200)["names"][i] for i in of.tolist()]
    assert torch.equal(about["groups"], emoji().about_reference(200)["groups"][of])


def test_partners_in_a_group_are_originals():
    grouped = source(torch.arange(40.0)[:, None], groups=torch.arange(40) // 10)
    made = planted_duplicates(grouped, 0.5)
    of = made.truth.factors["copy of"]
    originals = set(of.tolist())
    draw = generator()
    for _ in range(30):
        a, b = made.pair(torch.arange(40), draw)
        assert set(b[:, 0].int().tolist()) <= originals
        assert torch.equal((a // 10).int(), (b // 10).int())
    assert torch.equal(made.positives_of(torch.arange(40)), of // 10)
    one = planted_duplicates(grouped, 0.5)
    one.positives = "same row"
    assert one.positives_of(torch.arange(40)) is None
    assert copy.copy(made).positives == "same group"


def test_none_changes_nothing():
    made = planted_duplicates((rows(), classes()), 0)
    assert torch.equal(everything(made), rows())
    assert torch.equal(made.truth.factors["copy of"], torch.arange(60))
    assert made.truth.knobs["copies"] == 0


def test_pairs_of_two_kinds_are_copied_as_pairs():
    made = planted_duplicates(paired(rows(), rows(60, 7, seed=1)), 0.4, noise=0.1)
    of = made.truth.factors["copy of"]
    assert torch.equal(made.pair(torch.arange(60), generator())[1], rows(60, 7, seed=1)[of])
    assert torch.equal(made.seconds, rows(60, 7, seed=1)[of])


def test_bits_and_duplicates_go_together():
    made = planted_duplicates(rand_bits(rows(), bits=3), 0.4, noise=0.5)
    a, b = made.pair(torch.arange(60), generator())
    assert torch.equal(a[:, 5:], b[:, 5:])
    assert len(a[:, 5:].unique()) == 2
    assert made.untouched == 3
    other = rand_bits(planted_duplicates(rows(), 0.4), bits=3)
    assert "copy of" in other.truth.factors
    assert other.truth.knobs["share"] == 0.4


def test_the_seed_decides():
    one, same, other = (planted_duplicates(rows(), 0.3, seed=seed).truth.factors["copy of"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"share": 1.0}, r"share 1 of 60 samples leaves no original\. Choose at most 0\.983"),
        ({"share": -0.1}, r"share is -0\.1\. It is a number, from 0 to 1: of the samples"),
        ({"share": True}, "share is True"),
        ({"noise": -1}, r"noise is -1\. It is a number, 0 or above: 0 for the same numbers"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"seed": -1}, r"seed is -1"),
    ],
)
def test_numbers_outside_their_range_are_refused(more, words):
    with pytest.raises(errors.ArgumentError, match=words):
        planted_duplicates(rows(), **more)


def test_groups_that_vanish_are_said():
    grouped = source(rows(6), groups=torch.arange(6) // 2)
    with pytest.raises(errors.ArgumentError, match="no two samples share a group"):
        planted_duplicates(grouped, 0.66)


def test_a_run_trains_on_it():
    run = vg.Run(
        vg.methods.SimCLR(dim=8),
        planted_duplicates(digits(), 0.3),
        batch=64,
        driver="inline",
        save=False,
        reference=100,
    )
    run.start(steps=3)
    assert run.steps_done == 3


def test_copies_of_copies_are_copies_of_the_first():
    inside = planted_duplicates(rows(400), 0.3, noise=0.2, seed=1)
    made = planted_duplicates(inside, 0.3, seed=2)
    of, there = made.truth.factors["copy of"], torch.arange(400)
    assert torch.equal(of[of], of)
    assert made.truth.knobs["copies"] == int((of != there).sum()) > inside.truth.knobs["copies"]
    assert (made.truth.knobs["noise"], made.truth.knobs["noise inside"]) == (0, 0.2)
    assert made.truth.knobs["copies inside"] == inside.truth.knobs["copies"] == 120
    exact = planted_duplicates(planted_duplicates(rows(400), 0.3, seed=1), 0.3, seed=2)
    assert torch.equal(exact.truth.factors["copy of"], of)
    items = everything(exact)
    assert torch.equal(items[of], items)
    assert len(of.unique()) == len(items.unique(dim=0))


def test_noise_falls_on_the_first_kind_alone_where_both_have_one_shape():
    made = planted_duplicates(two_towers(n=64), 0.5, noise=0.5)
    first, second = made.pair(torch.arange(64), generator())
    assert torch.equal(second, made.seconds)
    assert not torch.equal(first, made.inside.pair(made.truth.factors["copy of"], generator())[0])
    assert rand_bits(made, bits=2).two_kinds
    assert not planted_duplicates(rows(), 0.5).two_kinds


def test_a_seed_has_an_end():
    assert planted_duplicates(rows(), seed=2**62).reference(20)[0].shape == (20, 5)
    for seed in (-1, 2**70, 1.5):
        with pytest.raises(errors.ArgumentError, match="planted_duplicates: seed is"):
            planted_duplicates(rows(), seed=seed)
