"""Subclasses: distances are what was asked for, and so is how well the best guess can tell them apart."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.wrapping import generator
from vergence import errors
from vergence.data import subclasses


def rows(made):
    return made.pair(torch.arange(len(made)), generator())[0]


def middles(made):
    x = rows(made)
    return torch.stack(
        [x[made.truth.factors["subclass"] == kind].mean(0) for kind in range(len(made.truth.names["subclass"]))]
    )


@settings(max_examples=10)
@given(classes=st.integers(2, 5), within=st.integers(2, 4), separation=st.floats(0, 8))
def test_distances_are_what_was_asked_for(classes, within, separation):
    made = subclasses(separation, classes=classes, subclasses=within, n=200 * classes * within, seed=1)
    found = middles(made)
    slack = 4 * math.sqrt(2 * 32 / 200)
    for c in range(classes):
        own = found[c * within : (c + 1) * within]
        apart = torch.pdist(own)
        assert torch.allclose(apart, torch.full_like(apart, separation), atol=slack)
    centres = found.view(classes, within, -1).mean(1)
    assert torch.allclose(torch.pdist(centres), torch.tensor(6.0), atol=slack)
    assert torch.equal(made.labels, made.truth.factors["subclass"] // within)


@pytest.mark.parametrize(("separation", "best"), [(0.0, 0.5), (1.0, 0.691), (3.0, 0.933), (6.0, 0.9987)])
def test_separation_says_how_well_the_best_guess_does(separation, best):
    made = subclasses(separation, classes=2, subclasses=2, n=8000, dim=3)
    x, kind = rows(made), made.truth.factors["subclass"]
    first = kind < 2
    line = middles(made)[1] - middles(made)[0]
    if separation == 0:
        line = torch.tensor([1.0, 0, 0])
    along = x[first] @ line
    guess = along > along.median()
    right = float((guess == (kind[first] == 1)).float().mean())
    assert max(right, 1 - right) == pytest.approx(best, abs=0.02)


def test_views_add_noise_of_the_size_asked_for():
    made = subclasses(jitter=0.25, n=4000)
    x = rows(made)
    assert float((made.views(x, generator()) - x).std()) == pytest.approx(0.25, rel=0.02)
    assert torch.equal(subclasses(jitter=0, n=100).views(x, generator()), x)
    assert made.truth.shared == ("class", "subclass")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"separation": -1}, r"separation is -1\. It is a number, 0 or above: 0 makes subclasses alike"),
        ({"classes": 1}, r"classes is 1\. It must be a whole number, 2 or above"),
        ({"subclasses": 1}, "subclasses is 1"),
        ({"classes": 9}, r"9 classes of 4 subclasses at equal distances take 35 directions: dim=35 or more"),
        ({"jitter": True}, "jitter is True"),
        ({"n": 19}, "n is 19"),
    ],
)
def test_numbers_outside_their_range_are_refused(more, words):
    with pytest.raises(errors.ArgumentError, match=words):
        subclasses(**more)


def test_subclasses_that_cannot_be_told_apart_are_not_shared():
    truth = subclasses(0, n=64).truth
    assert (truth.shared, truth.nuisance) == (("class",), ("subclass",))
