"""Latent factors: what is in a row is what the truth says, and views keep what they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.wrapping import generator
from vergence import errors
from vergence.data import latent_factors


def explained(rows, values):
    """R2 of the best linear reading of `values`, with an intercept."""
    x = torch.cat([rows, torch.ones(len(rows), 1)], dim=1).double()
    y = values.double()[:, None]
    left = y - x @ torch.linalg.lstsq(x, y).solution
    return 1 - float(left.square().sum() / (y - y.mean()).square().sum())


def views_of(made, seed=0):
    x = made.pair(torch.arange(len(made)), generator())[0]
    draw = generator(seed)
    return made.views(x, draw), made.views(x, draw)


def test_classes_hold_subclasses_equally_often():
    made = latent_factors(4096)
    kind = made.truth.factors["subclass"]
    assert torch.equal(made.labels, kind // 4)
    assert torch.bincount(kind).unique().tolist() == [128]
    assert made.truth.names["subclass"][5] == "B2"


def test_everything_is_in_a_row():
    made = latent_factors(2000)
    x = made.pair(torch.arange(2000), generator())[0]
    for name, values in made.truth.factors.items():
        if values.is_floating_point():
            assert explained(x, values) > 0.9999, name
            assert abs(float(values.mean())) < 0.12
            assert float(values.std()) == pytest.approx(1, abs=0.08)
    middles = torch.stack([x[made.truth.factors["subclass"] == kind].mean(0) for kind in range(32)])
    assert float(torch.cdist(middles, middles).fill_diagonal_(9).min()) > 0.5


def test_views_share_what_the_truth_says():
    made = latent_factors(4000, noise=0)
    a, b = views_of(made)
    for name in made.truth.shared:
        if "quantity" in name:
            assert explained(a, made.truth.factors[name]) > 0.9999
    for name in made.truth.nuisance:
        assert explained(a, made.truth.factors[name]) < 0.03, name
    # What differs between two views of a row lies in as many directions as there is nuisance.
    assert int((torch.linalg.svdvals(a - b) > 1e-3).sum()) == 8
    assert {*made.truth.shared} == {"class", "subclass", *(f"quantity {i}" for i in range(1, 7))}


@settings(max_examples=10)
@given(noise=st.floats(0.25, 6))
def test_noise_leaves_its_share_of_the_quantities(noise):
    made = latent_factors(4000, noise=noise)
    a, b = views_of(made)
    wanted = 1 / (1 + noise**2)
    assert explained(a, made.truth.factors["quantity 2"]) == pytest.approx(wanted, abs=0.05)
    assert "quantity 2" in (made.truth.shared if noise < 1 else made.truth.nuisance)
    assert int((torch.linalg.svdvals(a - b) > 1e-3).sum()) == 14
    middles = [torch.stack([view[made.labels == c].mean(0) for c in range(8)]) for view in (a, b)]
    assert float((middles[0] - middles[1]).norm(dim=1).max()) < 8 * (1 + noise) / 500**0.5


def test_the_knobs_of_difficulty():
    none = latent_factors(500, noise=0.0, nuisance=0.0)
    a, b = views_of(none)
    assert torch.allclose(a, b, atol=1e-5)
    loud = latent_factors(500, nuisance=5.0)
    assert float(loud.truth.factors["nuisance 1"].std()) == pytest.approx(5, rel=0.1)
    hidden = latent_factors(640, separation=0.0)
    x = hidden.pair(torch.arange(640), generator())[0]
    rest = x - torch.stack([x[hidden.labels == c].mean(0) for c in range(8)])[hidden.labels]
    assert int((torch.linalg.svdvals(rest) > 1e-2).sum()) == 14, "quantities and nuisance alone"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"noise": -1}, r"noise is -1\. It is a number, 0 or above: 0 keeps the quantities, 4 drowns them"),
        ({"nuisance": float("inf")}, "nuisance is inf"),
        ({"separation": "far"}, "separation is 'far'"),
        ({"n": 31}, "n is 31. It must be a whole number, 32 or above"),
    ],
)
def test_numbers_outside_their_range_are_refused(more, words):
    with pytest.raises(errors.ArgumentError, match=words):
        latent_factors(**more)


def test_a_subclass_that_cannot_be_seen_is_not_shared():
    truth = latent_factors(64, separation=0).truth
    assert "subclass" in truth.nuisance
    assert "subclass" not in truth.shared
