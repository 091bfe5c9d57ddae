from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import towers as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError
from vergence.geometry import unit
from vergence.losses import ClipUniformity, clip, clip_uniformity

CASES = [
    Case(lambda: ClipUniformity(0.2, learned=False)),
    Case(lambda: ClipUniformity(0.2, 0.5, 2.0, 0.25).requires_grad_(False), label="CLIP + uniformity, learned"),
]


def test_the_terms_have_their_golden_values() -> None:
    a, b, _ = golden_batch()
    terms = ClipUniformity(learned=False).terms(a, b)
    assert list(terms) == ["pull", "push", "alignment", "uniformity", "cross"]
    assert float(terms["pull"] + terms["push"]) == pytest.approx(0.0119060863, abs=1e-9)
    assert float(terms["alignment"]) == pytest.approx(0.0724277263, abs=1e-9)
    assert float(terms["uniformity"]) == pytest.approx((-2.7371602690 - 2.6995830351) / 2, abs=1e-9)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.5, 2.0, 0.25), (1.0, 1.0, 0.0)])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (3, 2), (9, 4), (5, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(
    batch: int, dim: int, weights: tuple[float, float, float], dtype: torch.dtype
) -> None:
    a, b = random_batch(batch, dim, batch + dim, dtype)
    close = 1e-9 if dtype == torch.float64 else 1e-5
    named = dict(zip(("alignment", "uniformity", "cross"), weights, strict=True))
    for x, y in ((a, b), (b, a)):
        expected = slow.clip_uniformity(x, y, 0.07, *weights)
        assert float(clip_uniformity(x, y, temperature=0.07, **named)) == pytest.approx(expected, rel=close, abs=close)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.02, 5.0))
def test_without_the_three_terms_it_is_clip(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 5, seed)
    found = clip_uniformity(a, b, temperature=temperature, alignment=0.0, uniformity=0.0, cross=0.0)
    assert float(found) == pytest.approx(float(clip(a, b, temperature=temperature)), rel=1e-12, abs=1e-12)


def test_a_gap_that_clip_forgives_costs_here() -> None:
    a, _ = random_batch(32, 8, seed=1)
    flat = torch.zeros(32, 1, dtype=torch.float64)
    apart = [torch.cat([normalize(a), flat + side], 1) for side in (1.0, -1.0)]
    together = [torch.cat([normalize(a), flat], 1)] * 2
    gain = {}
    for name, function in (("clip", clip), ("both", clip_uniformity)):
        gain[name] = float(function(*apart, temperature=0.01) - function(*together, temperature=0.01))
    assert gain["clip"] < 0.05
    assert gain["both"] > 0.5


@pytest.mark.parametrize("dim", [3, 16, 128])
def test_floor_is_what_random_directions_with_aligned_partners_read(dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    loss = ClipUniformity(0.5, uniformity=2.0, learned=False)
    found = []
    for _ in range(8):
        z = unit(torch.randn(512, dim, generator=generator, dtype=torch.float64))
        found.append(float(loss(z, z)))
    assert sum(found) / 8 == pytest.approx(loss.floor(512, dim), abs=0.01)
    assert math.isfinite(loss.floor(1, dim))


def test_settings_and_words() -> None:
    loss = ClipUniformity()
    assert loss.settings() == {"temperature": pytest.approx(0.07), "alignment": 1.0, "uniformity": 1.0, "cross": 1.0}
    assert loss.reference_words(64, 8) == {"chance": "ln 64", "floor": "τ 0.07"}
    assert loss.chance(64, 8) == pytest.approx(math.log(64))
    a, b = random_batch(6, 5, seed=0)
    loss.set("cross", 0.0)
    loss.set("temperature", 0.5)
    expected = slow.clip_uniformity(a, b, 0.5, 1.0, 1.0, 0.0)
    assert loss(a, b).item() == pytest.approx(expected, rel=1e-6)
    assert loss.temperature == pytest.approx(0.5)


def test_what_does_not_fit_is_refused_in_words() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match=r"clip_uniformity: cross is -1.0. It must be a finite number, 0 or above"):
        clip_uniformity(a, b, temperature=0.1, cross=-1.0)
    with pytest.raises(ArgumentError, match="clip_uniformity: temperature is 0"):
        clip_uniformity(a, b, temperature=0.0)
    with pytest.raises(ArgumentError, match="ClipUniformity: alignment is nan"):
        ClipUniformity(alignment=math.nan)
