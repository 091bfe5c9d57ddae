"""Two towers: the gap is the one that was asked for, and what both kinds share is what the truth says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.test_latent_factors import explained
from tests.data.wrapping import generator
from vergence import errors
from vergence.data import hashed_words, two_towers, two_towers_words


@settings(max_examples=20)
@given(gap=st.floats(0, 1.99), own=st.floats(0, 5), seed=st.integers(0, 1000))
def test_the_gap_is_exact_on_rows_of_length_one(gap, own, seed):
    made = two_towers(gap, own=own, n=256, seed=seed)
    a, b = made.pair(torch.arange(256), generator())
    for rows in (a, b):
        assert torch.allclose(rows.norm(dim=1), torch.ones(256), atol=1e-5)
    assert float((a.mean(0) - b.mean(0)).norm()) == pytest.approx(gap, abs=1e-5)
    assert made.truth.knobs["gap"] == gap


def test_what_is_shared_is_in_both_and_what_is_not_is_in_one():
    made = two_towers(n=8000, own=1.0)
    a, b = made.pair(torch.arange(8000), generator())
    for name, values in made.truth.factors.items():
        if not values.is_floating_point():
            continue
        first, second = explained(a, values), explained(b, values)
        wanted = {"shared": (True, True), "own": (True, False), "other's own": (False, True)}[name.rsplit(" ", 1)[0]]
        for found, there in zip((first, second), wanted, strict=True):
            assert found > 0.9 if there else found < 0.02, (name, found)
        assert (name in made.truth.shared) == all(wanted)
    kind = torch.nn.functional.one_hot(made.labels).float()
    assert min(explained(rows, kind[:, c]) for rows in (a, b) for c in range(8)) > 0.4
    assert torch.bincount(made.labels).unique().tolist() == [1000]


def test_without_anything_of_their_own_one_kind_tells_the_other():
    made = two_towers(gap=0.8, own=0.0, n=512)
    a, b = made.pair(torch.arange(512), generator())
    turn = torch.linalg.lstsq(torch.cat([a, torch.ones(512, 1)], 1), b).solution
    assert torch.allclose(torch.cat([a, torch.ones(512, 1)], 1) @ turn, b, atol=1e-4)


def test_the_reference_set_is_of_the_first_kind():
    made = two_towers(n=64)
    assert "other's own 1" not in made.about_reference(50)["factors"]
    items, labels = made.reference(2000)
    assert items.shape == (1024, 32)
    centre = items.mean(0)
    assert float(centre.norm()) == pytest.approx(0.25, abs=1e-5)
    assert made.about_reference(50)["label"] == "class"
    assert labels.unique().tolist() == list(range(8))


def test_views_add_noise_of_the_length_asked_for():
    made = two_towers(n=2000, jitter=0.3)
    a = made.pair(torch.arange(2000), generator())[0]
    assert float((made.views(a, generator()) - a).norm(dim=1).mean()) == pytest.approx(0.3, rel=0.05)


def test_words_say_what_they_are_asked_to():
    made = two_towers_words(("shape", "colour"), n=60)
    names, factors = made.truth.names, made.truth.factors
    for place in (0, 17, 59):
        said = [names[name][int(factors[name][place])] for name in ("colour", "shape")]
        assert made.texts[place] == " ".join(said)
    picture, words = made.pair(torch.arange(60), generator())
    assert picture.shape == (60, 3, 32, 32)
    assert torch.equal(words, hashed_words(made.texts))
    assert made.words
    assert (made.truth.shared, made.truth.nuisance) == (("shape", "colour"), ("texture",))
    assert made.about_reference(40)["label"] == "shape"
    assert set(made.about_reference(40)["factors"]) == {"texture", "colour"}
    assert two_towers_words(("texture",), n=20).truth.shared == ("texture",)
    assert two_towers_words(("colour",), n=20, saturation=0.0).truth.shared == ()


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: two_towers(2.0), errors.ArgumentError, r"gap is 2\.0\. It is a number, from 0 to 1\.99"),
        (lambda: two_towers(-0.5), errors.ArgumentError, r"gap is -0\.5"),
        (lambda: two_towers(own=-1), errors.ArgumentError, "own is -1"),
        (lambda: two_towers(n=65), errors.ArgumentError, r"n is 65\. Pairs come with their mirror images: n=66"),
        (lambda: two_towers(n=8), errors.ArgumentError, "n is 8"),
        (lambda: two_towers_words(()), errors.ArgumentError, r"says is \(\)\. Give names of factors"),
        (lambda: two_towers_words("shape"), errors.ArgumentError, "says is 'shape'"),
        (lambda: two_towers_words(("size",)), errors.UnknownName, "size"),
    ],
)
def test_what_cannot_be_is_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_words_that_say_the_shape_say_the_colour_where_one_tells_the_other():
    for says in ("shape", "colour"):
        for correlation, shared in ((1.0, ("shape", "colour")), (0.4, (says,))):
            truth = two_towers_words((says,), n=20, correlation=correlation).truth
            assert truth.shared == shared
            assert {*truth.nuisance} == {"shape", "texture", "colour"} - {*shared}
    assert two_towers_words(("shape",), n=20, correlation=1.0, saturation=0.0).truth.shared == ("shape",)


def test_what_says_must_be_names_each_once():
    for says, words in ((5, "says is 5. Give names"), (("shape", "shape"), "name each one time")):
        with pytest.raises(errors.ArgumentError, match=words):
            two_towers_words(says, n=20)
