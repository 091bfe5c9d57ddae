"""Two kinds of positives: the dip by its definition, planted noise recovered, and no alarm where there is one kind."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import dip as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import bimodality
from vergence.metrics.dip import dip, dip_by_chance

MODULE = sys.modules[bimodality.__module__]
CASES = [
    Case(bimodality, views(2), lengths="ignored", bad="left out", least=8, single=1e-2),
]


def planted(batch: int, dim: int, share: float, *, noise: float = 0.5, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Two views, of which a share has a partner that is somebody else; and which."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    b = a + noise * torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    wrong = torch.arange(batch) < round(share * batch)
    b[wrong] = torch.randn(int(wrong.sum()), dim, generator=generator, dtype=torch.float64)
    return a, b, wrong


class TestTheDip:
    @settings(deadline=None, max_examples=25)
    @given(st.integers(2, 13), st.integers(0, 10_000), st.booleans())
    def test_it_is_the_least_distance_to_one_peak(self, n: int, seed: int, two: bool) -> None:
        random = np.random.default_rng(seed)
        values = random.normal(size=n) * 0.3 + 2 * (two * (np.arange(n) % 2))
        assert dip(values) == pytest.approx(slow.dip(values.tolist()), abs=1e-9)

    def test_the_ends(self) -> None:
        assert dip(np.array([0.0] * 50 + [1.0] * 50)) == pytest.approx(0.25, abs=1e-5)
        assert dip(np.ones(20)) == 1 / 40
        assert dip(np.arange(20.0)) == pytest.approx(1 / 40)
        assert dip(np.array([3.0])) == 0.5

    @given(st.integers(0, 10_000))
    def test_blind_to_order_shift_and_scale(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        values = random.normal(size=60)
        for other in (random.permutation(values), 7 * values - 3, -values):
            assert dip(other) == pytest.approx(dip(values), abs=1e-9)

    def test_equal_values_lie_side_by_side(self) -> None:
        values = np.array([0.0, 0, 0, 1, 2, 2, 5, 5, 5, 5])
        apart = values + 1e-7 * np.arange(10)
        assert dip(values) == pytest.approx(dip(apart), abs=1e-4)

    @pytest.mark.parametrize("n", [8, 100, 1000])
    def test_chance_holds_what_has_one_peak(self, n: int) -> None:
        random = np.random.default_rng(1)
        band = dip_by_chance(n)
        found = [dip(random.random(n)) for _ in range(100)]
        assert sum(band.low <= value <= band.high for value in found) >= 88
        assert np.mean(found) == pytest.approx(band.mean, rel=0.1)
        # Any other single peak reads less.
        assert np.mean([dip(random.normal(size=n)) for _ in range(50)]) < band.mean


class TestPlantedNoise:
    @pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.5, 0.8])
    def test_its_share_is_recovered_and_its_pairs_are_named(self, share: float) -> None:
        a, b, wrong = planted(512, 32, share)
        found = bimodality(a, b)
        assert found.two
        assert found.share_low == pytest.approx(float(wrong.double().mean()), abs=0.01)
        # Random directions in 32 dimensions have cosines of standard deviation 0.18.
        assert found.mean_low == pytest.approx(0, abs=4 * 0.18 / (512 * share) ** 0.5)
        assert found.mean_high == pytest.approx(0.9, abs=0.02)
        assert found.of_low is not None
        assert found.i.tolist() == list(range(512))
        assert found.j.tolist() == list(range(512, 1024))
        assert float(((found.of_low > 0.5) == wrong).double().mean()) > 0.99
        assert found.separation is not None
        assert found.separation > 4
        assert found.bic is not None
        assert found.bic > 100

    @pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
    @pytest.mark.parametrize(("batch", "dim"), [(64, 8), (256, 32), (512, 128)])
    def test_no_alarm_where_there_is_one_kind(self, batch: int, dim: int, noise: float) -> None:
        alarms = sum(bimodality(*planted(batch, dim, 0, noise=noise, seed=seed)[:2]).two for seed in range(10))
        assert alarms <= 1

    def test_skewness_alone_moves_the_fit_but_not_the_verdict(self) -> None:
        """Samples of very different difficulty: one heap with a long tail, which two normals explain better."""
        generator = torch.Generator().manual_seed(0)
        a = torch.randn(512, 32, generator=generator)
        hard = 0.5 * torch.rand(512, 1, generator=generator)
        found = bimodality(a, a + hard * torch.randn(512, 32, generator=generator))
        assert found.bic is not None
        assert found.bic > 10
        assert not found.two

    def test_what_it_misses_noise_that_looks_like_the_rest(self) -> None:
        a, b, _ = planted(512, 32, 0.3, noise=8.0)
        assert not bimodality(a, b).two

    @pytest.mark.parametrize("copies", [1, 20, 150])
    def test_copies_do_not_take_a_heap_of_the_fit(self, copies: int) -> None:
        a, b, wrong = planted(512, 64, 0.1)
        b[-copies:] = a[-copies:]
        found = bimodality(a, b)
        assert (found.identical, found.pairs, found.two) == (copies, 512, True)
        assert found.share_low == pytest.approx(float(wrong.double().mean()), abs=0.01)
        assert found.of_low is not None
        assert float(((found.of_low > 0.5) == wrong).double().mean()) > 0.99
        assert bool((found.of_low[-copies:] == 0).all())

    @pytest.mark.parametrize("copies", [1, 10, 200])
    def test_copies_beside_one_heap_raise_no_alarm(self, copies: int) -> None:
        a, b, _ = planted(512, 64, 0)
        b[:copies] = a[:copies]
        assert not bimodality(a, b).two

    def test_copies_that_are_the_rule_are_the_upper_heap(self) -> None:
        a, _, _ = planted(512, 64, 0)
        b = a.clone()
        b[:51] = torch.randn(51, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        found = bimodality(a, b)
        assert (found.identical, found.two) == (461, True)
        assert found.share_low == pytest.approx(51 / 512, abs=1e-3)

    def test_collapse_and_an_untrained_encoder_are_one_heap(self) -> None:
        flat = torch.ones(40, 8)
        found = bimodality(flat, flat)
        assert not found.two
        assert found.dip == 1 / 80
        assert found.bic is found.share_low is found.of_low is found.sarle is None
        generator = torch.Generator().manual_seed(0)
        assert not bimodality(torch.randn(256, 64, generator=generator), torch.randn(256, 64, generator=generator)).two


def test_sarle_at_its_three_known_places() -> None:
    random = np.random.default_rng(0)
    assert MODULE._sarle(random.normal(size=200_000)) == pytest.approx(1 / 3, abs=0.01)
    assert MODULE._sarle(random.random(200_000)) == pytest.approx(5 / 9, abs=0.01)
    assert MODULE._sarle(np.array([0.0, 1.0] * 50)) == pytest.approx(1)


def test_the_fit_is_at_a_maximum() -> None:
    """No small step from it explains the values better."""
    a, b, _ = planted(200, 16, 0.3)
    z = np.arctanh((unit(a) * unit(b)).sum(1).numpy())
    two = MODULE._two_normals(z)

    def likely(share: float, low: float, high: float, narrow: float, wide: float) -> float:
        each = [
            w * np.exp(-((z - m) ** 2) / (2 * s**2)) / (s * math.sqrt(2 * math.pi))
            for w, m, s in ((share, low, narrow), (1 - share, high, wide))
        ]
        return float(np.log(each[0] + each[1]).sum())

    at = [float(two.weight[0]), *map(float, two.mean), *map(float, two.width)]
    best = likely(*at)
    for k in range(5):
        for step in (-1e-3, 1e-3):
            moved = list(at)
            moved[k] += step
            assert likely(*moved) <= best + 1e-6
    one = np.log(np.exp(-((z - z.mean()) ** 2) / (2 * z.var())) / (z.std() * math.sqrt(2 * math.pi))).sum()
    assert two.bic == pytest.approx(2 * (best - one) - 3 * math.log(len(z)), abs=1e-6)


def test_golden_batch() -> None:
    a, b, _ = golden_batch()
    found = bimodality(a, b)
    assert float(found.cosine.mean()) == pytest.approx(1 - 0.0724277263 / 2, abs=1e-9)
    assert found.dip == pytest.approx(slow.dip(found.cosine.tolist()), abs=1e-9)
    assert (found.pairs, found.pairs_total, found.rows) == (8, 8, 16)
    assert not found.two


def test_pairs_are_drawn_where_there_are_many() -> None:
    a, b, _ = planted(2000, 16, 0.3)
    found = bimodality(a, b, max_pairs=500)
    assert (found.pairs, found.pairs_total) == (500, 2000)
    assert found.share_low == pytest.approx(0.3, abs=0.07)
    assert torch.equal(found.i, bimodality(a, b, max_pairs=500).i)


def test_rows_left_out_are_counted_and_row_numbers_stay() -> None:
    a, b, _ = planted(20, 8, 0.5)
    a[1], b[4, 2] = 0, math.nan
    found = bimodality(a, b)
    assert (found.rows, found.rows_left_out, found.pairs) == (38, 2, 18)
    assert found.i.tolist() == [k for k in range(20) if k not in (1, 4)]
    assert found.j.tolist() == [20 + k for k in range(20) if k not in (1, 4)]


def test_ids_and_a_matrix() -> None:
    a, b, _ = planted(20, 8, 0.5)
    plain = bimodality(a, b)
    assert bimodality(a, b, positives=torch.eye(20, dtype=torch.bool)).dip == plain.dip
    assert bimodality(a, b, positives=torch.arange(20)).dip == plain.dip


def test_blind_to_rotation_length_and_which_view_is_first() -> None:
    a, b, _ = planted(40, 8, 0.3)
    plain = bimodality(a, b)
    turn = rotation(8, 0)
    for other in (bimodality(b, a), bimodality(a @ turn, b @ turn), bimodality(5 * a, b)):
        assert other.dip == pytest.approx(plain.dip, abs=1e-9)
        assert other.share_low == pytest.approx(plain.share_low, abs=1e-6)


A, B = random_batch(12, 4, seed=0)
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((A,), {}, TooFewRows, "bimodality: 0 positive pairs among 12 rows"),
    ((A[:7], B[:7]), {}, TooFewRows, "7 positive pairs.*8 are needed"),
    ((A, B[:5]), {}, ShapeError, "the views have 12, 5 rows"),
    ((A, B), {"max_pairs": 7}, ArgumentError, "max_pairs is 7"),
    ((A * math.nan, B * math.nan), {}, NotFinite, "not finite"),
    ((0 * A, 0 * B), {}, ZeroRows, "all 24 rows are zero"),
]


@pytest.mark.parametrize(("given", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(given: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        bimodality(*given, **more)
