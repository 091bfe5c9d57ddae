"""Tri-feature: factors are drawn as the truth says, correlated in training and never where it is asked."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.wrapping import generator
from vergence import errors
from vergence.data import tri_feature
from vergence.data.drawing import COLOURS, SHAPES, TEXTURES, drawn


@settings(max_examples=8)
@given(correlation=st.floats(0, 1), seed=st.integers(0, 100))
def test_colour_follows_shape_as_often_as_was_asked_for(correlation, seed):
    made = tri_feature(correlation, n=600, size=16, seed=seed)
    factors = made.truth.factors
    share = correlation + (1 - correlation) / 10
    slack = 5 * (share * (1 - share) / 600) ** 0.5 + 1e-9
    assert abs(float((factors["shape"] == factors["colour"]).float().mean()) - share) <= slack
    for one, other in (("shape", "texture"), ("texture", "colour")):
        assert abs(float((factors[one] == factors[other]).float().mean()) - 0.1) < 5 * 0.3 / 600**0.5
    held = made.held_out.factors
    together = torch.stack([held[name] for name in ("shape", "texture", "colour")], dim=1)
    assert len(together.unique(dim=0)) == 1000, "held out, every combination once"


def test_part_of_the_reference_set_is_fair_too():
    made = tri_feature(1.0, n=50, size=16)
    _, shape = made.reference(512)
    factors = made.about_reference(512)["factors"]
    assert set(factors) == {"texture", "colour"}
    for values in (shape, *factors.values()):
        assert int(torch.bincount(values, minlength=10).min()) > 25
    assert abs(float((shape == factors["colour"]).float().mean()) - 0.1) < 0.06


@pytest.fixture(scope="module")
def pictures():
    """One picture of each combination, without saturation lost."""
    every = torch.arange(1000)
    kinds = torch.stack([every // 100, every // 10 % 10, every % 10], dim=1)
    return kinds, drawn(*kinds.T, 32, 1.0, 1.0, generator())


def test_every_combination_can_be_seen(pictures):
    kinds, x = pictures
    assert x.shape == (1000, 3, 32, 32)
    ground = (x == 255).all(1)
    covered = 1 - ground.flatten(1).float().mean(1)
    assert float(covered.min()) > 0.04
    assert float(covered.max()) < 0.75
    border = torch.cat([ground[:, 0], ground[:, -1], ground[:, :, 0], ground[:, :, -1]], dim=1)
    assert float(border.float().mean()) > 0.98, "nothing is cut off"
    del kinds


def test_colour_is_the_hue_whatever_shape_and_texture(pictures):
    kinds, x = pictures
    inside = ~(x > 250).all(1, keepdim=True)
    mean = (x.float() * inside).sum((2, 3)) / inside.sum((2, 3))
    mean = mean - mean.mean(1, keepdim=True)
    angle = torch.atan2(3**0.5 * (mean[:, 1] - mean[:, 2]), 2 * mean[:, 0] - mean[:, 1] - mean[:, 2])
    wanted = 2 * torch.pi * kinds[:, 2] / 10
    off = torch.remainder(angle - wanted + torch.pi, 2 * torch.pi) - torch.pi
    assert float(off.abs().max()) < torch.pi / 10, "nearer to its own than to the next"


def test_knobs_take_a_factor_away():
    kinds = torch.arange(10)
    fixed = torch.zeros(10, dtype=torch.long)
    grey = drawn(fixed, fixed, kinds, 32, 0.0, 1.0, generator())
    assert torch.equal(grey[:, 0], grey[:, 1])
    same = [drawn(fixed[:1], fixed[:1], kinds[c : c + 1], 32, 0.0, 1.0, generator()) for c in range(10)]
    assert all(torch.equal(same[0], other) for other in same)
    plain = [drawn(fixed[:1], kinds[t : t + 1], fixed[:1], 32, 1.0, 0.0, generator()) for t in range(10)]
    assert all(torch.equal(plain[0], other) for other in plain)
    bold = [drawn(fixed[:1], kinds[t : t + 1], fixed[:1], 32, 1.0, 1.0, generator()) for t in range(10)]
    assert all(not torch.equal(bold[s], bold[t]) for s in range(10) for t in range(s))
    truth = tri_feature(n=20, size=16, saturation=0.0).truth
    assert (truth.shared, truth.nuisance) == (("shape", "texture"), ("colour",))


def test_shapes_differ_in_outline():
    kinds = torch.arange(10)
    fixed = torch.zeros(1, dtype=torch.long)
    outlines = [(drawn(kinds[s : s + 1], fixed, fixed, 32, 1.0, 0.0, generator()) == 255).all(1) for s in range(10)]
    for s in range(10):
        for t in range(s):
            assert int((outlines[s] ^ outlines[t]).sum()) > 20, (SHAPES[s], SHAPES[t])


def test_names():
    assert len({*SHAPES}) == len({*TEXTURES}) == len({*COLOURS}) == 10
    made = tri_feature(n=20, size=16, labels="texture")
    assert tuple(made.label_names) == TEXTURES
    assert made.about_reference(9)["label"] == "texture"
    assert set(made.about_reference(9)["factors"]) == {"shape", "colour"}


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        (
            {"correlation": 1.2},
            errors.ArgumentError,
            r"correlation is 1\.2\. It is a number, from 0 to 1: 0 independent",
        ),
        ({"saturation": -0.1}, errors.ArgumentError, "saturation is -0.1"),
        ({"texture_contrast": float("nan")}, errors.ArgumentError, "texture_contrast is nan"),
        ({"labels": "shap"}, errors.UnknownName, "shape"),
        ({"size": 8}, errors.ArgumentError, r"size is 8\. It must be a whole number, 16 or above"),
        ({"size": 65}, errors.ArgumentError, "At most 64 is possible"),
    ],
)
def test_what_cannot_be_is_refused(more, kind, words):
    with pytest.raises(kind, match=words):
        tri_feature(**more)
