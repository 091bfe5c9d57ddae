from __future__ import annotations

import math

import pytest
import torch

from tests.losses.case import Case
from tests.reference import alignment_uniformity as slow
from tests.reference.golden import golden_batch, random_batch
from vergence import metrics
from vergence.errors import ArgumentError, TooFewRows
from vergence.geometry import unit
from vergence.losses import AlignmentUniformity, alignment_uniformity
from vergence.losses.alignment_uniformity import crowding

ALIGNED, EVEN_A, EVEN_B = 0.0724277263, -2.7371602690, -2.6995830351

CASES = [Case(AlignmentUniformity, golden=ALIGNED + (EVEN_A + EVEN_B) / 2)]


def test_golden_values() -> None:
    a, b, _ = golden_batch()
    assert float(alignment_uniformity(a, b, uniformity=0.0)) == pytest.approx(ALIGNED, abs=1e-9)
    assert float(crowding(a)) == pytest.approx(EVEN_A, abs=1e-9)
    assert float(crowding(b)) == pytest.approx(EVEN_B, abs=1e-9)


@pytest.mark.parametrize("t", [0.1, 2.0, 30.0])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 6), (9, 4), (7, 20)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, t: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    for of_alignment, of_uniformity in ((1.0, 1.0), (0.0, 2.0), (3.0, 0.5)):
        expected = slow.alignment_uniformity(a, b, of_alignment, of_uniformity, t)
        named = {"alignment": of_alignment, "uniformity": of_uniformity, "t": t}
        assert float(alignment_uniformity(a, b, **named)) == pytest.approx(expected, abs=1e-9)
        assert float(alignment_uniformity(b, a, **named)) == pytest.approx(expected, abs=1e-9)
        single = alignment_uniformity(a.float(), b.float(), **named)
        assert float(single) == pytest.approx(expected, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("t", [0.5, 2.0, 10.0])
def test_is_what_the_metric_measures(t: float) -> None:
    a, b = random_batch(40, 6, seed=2)
    assert float(crowding(a, t=t)) == pytest.approx(float(metrics.uniformity(unit(a), t=t)), abs=1e-10)
    whole = float(metrics.alignment(unit(a), unit(b)))
    assert float(alignment_uniformity(a, b, uniformity=0.0)) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("t", [2.0, 100.0])
def test_collapse_reads_zero(t: float, dtype: torch.dtype) -> None:
    z = torch.linspace(-3, 5, 6, dtype=dtype).expand(16, 6)
    close = 1e-12 if dtype == torch.float64 else 1e-6 * t
    assert float(crowding(z, t=t)) == pytest.approx(0, abs=close)
    assert AlignmentUniformity(t=t).chance(16, 6) == 0.0


def test_floor_is_what_random_directions_read() -> None:
    z = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    loss = AlignmentUniformity(uniformity=2.0)
    assert float(loss(z, z)) == pytest.approx(loss.floor(4000, 16), abs=0.01)
    assert AlignmentUniformity().floor(256, 128) == pytest.approx(-3.93753, abs=1e-5)
    assert loss.floor(256, 128) == pytest.approx(2 * metrics.uniformity_floor(128), abs=1e-12)


def test_pair_weights_of_a_view_sum_to_a_softmax() -> None:
    a, b = random_batch(6, 4, seed=5)
    weights = AlignmentUniformity(alignment=3.0, uniformity=0.5, t=2.0).pair_weights(a, b)
    assert float(weights[:6, :6].sum()) == pytest.approx(1.0)
    assert float(weights[6:, 6:].sum()) == pytest.approx(1.0)
    assert float(weights[:6, 6:].sum()) == pytest.approx(-3.0)
    assert bool((weights.diagonal() == 0).all())


def test_terms_and_words() -> None:
    loss = AlignmentUniformity()
    assert list(loss.terms(*random_batch(6, 4, seed=0))) == ["alignment", "uniformity"]
    assert loss.reference_words(64, 128) == {"chance": "collapse", "floor": "even in 128 dim"}


def test_impossible_arguments_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ArgumentError, match=r"alignment_uniformity: alignment is -1.0. It must be a finite number, 0"):
        alignment_uniformity(a, b, alignment=-1.0)
    with pytest.raises(ArgumentError, match=r"crowding: t is nan. It must be a finite number above 0"):
        crowding(a, t=math.nan)
    with pytest.raises(TooFewRows, match=r"crowding: z has 1 row, 2 are needed"):
        crowding(a[:1])
