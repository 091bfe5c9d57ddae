"""CKA: against its definition, what it does not see by design, chance, and what cannot be compared."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import cka as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows
from vergence.metrics import cka, cka_matrix, linear_cka, participation_ratio
from vergence.metrics.kernels import CELLS, null_moments, products, sides


def normal(batch: int, dim: int, seed: int) -> Tensor:
    return torch.randn(batch, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestValue:
    def test_golden_batch(self) -> None:
        a, b, _ = golden_batch()
        found = cka(a, b)
        assert found.biased == pytest.approx(0.9707089159, abs=1e-9)
        assert found.unbiased == pytest.approx(0.9601336684, abs=1e-9)
        assert linear_cka(a, b) == found.unbiased
        assert linear_cka(a, b, unbiased=False) == found.biased
        assert (found.rows, found.rows_left_out, found.rows_total, found.dims) == (8, 0, 8, (6, 6))

    @given(st.integers(4, 9), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99), st.booleans())
    def test_the_slow_twin(self, batch: int, one: int, other: int, seed: int, unbiased: bool) -> None:
        a, b = normal(batch, one, seed), normal(batch, other, seed + 100)
        expected = slow.cka(a.numpy(), b.numpy(), unbiased=unbiased)
        assert linear_cka(a, b, unbiased=unbiased) == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("unbiased", [True, False])
    def test_the_same_up_to_rotation_scale_and_shift(self, unbiased: bool) -> None:
        a, b = random_batch(40, 12, seed=0)
        turned = 1e-6 * (a @ rotation(12, seed=1)) + 30
        assert linear_cka(a, a, unbiased=unbiased) == pytest.approx(1, abs=1e-12)
        assert linear_cka(a, turned, unbiased=unbiased) == pytest.approx(1, abs=1e-9)
        assert linear_cka(turned, b, unbiased=unbiased) == pytest.approx(linear_cka(a, b, unbiased=unbiased), abs=1e-9)
        assert linear_cka(a, a @ rotation(12, seed=1), unbiased=unbiased) == pytest.approx(1, abs=1e-12)
        assert linear_cka(b, a, unbiased=unbiased) == pytest.approx(linear_cka(a, b, unbiased=unbiased), abs=1e-12)

    def test_a_map_that_is_no_rotation_lowers_it(self) -> None:
        a = normal(200, 20, seed=0)
        stretched = a * torch.linspace(0.1, 3, 20, dtype=torch.float64)
        assert 0.5 < linear_cka(a, stretched) < 0.95

    @pytest.mark.parametrize("scale", [1e-150, 1e150])
    def test_any_size_of_numbers(self, scale: float) -> None:
        a, b, _ = golden_batch()
        assert linear_cka(scale * a, b) == pytest.approx(0.9601336684, abs=1e-9)
        assert linear_cka((1e-30 * a).float(), b) == pytest.approx(0.9601336684, abs=1e-6)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("large", [300, 3000])
    def test_one_large_column_does_not_hide_the_others(self, dtype: torch.dtype, large: float) -> None:
        z = random_batch(64, 16, 3)[0].double()
        z[..., 3] += large
        other = z + 0.3 * random_batch(64, 16, 9)[0].double()
        assert cka(z.to(dtype), other.to(dtype)).unbiased == pytest.approx(cka(z, other).unbiased, abs=0.02)


class TestSeenAndMissed:
    def test_sees_rows_that_have_lost_their_partners(self) -> None:
        a, b = random_batch(64, 16, seed=0)
        found = cka(a, b.flip(0))
        assert found.unbiased is not None
        assert found.null is not None
        assert found.null.holds(found.unbiased)
        assert not found.null.holds(linear_cka(a, b))

    def test_misses_collapse(self) -> None:
        a = normal(64, 16, seed=0)
        assert linear_cka(a, 1 + 1e-4 * a) == pytest.approx(1, abs=1e-6)

    def test_misses_what_happens_in_small_directions(self) -> None:
        a = normal(256, 8, seed=0)
        a[:, 0] *= 30
        changed = a.clone()
        changed[:, 1:] = normal(256, 7, seed=1)
        assert linear_cka(a, changed) > 0.99


class TestChance:
    def test_independent_rows_read_nothing_but_the_biased_one_does(self) -> None:
        read = [cka(normal(32, 8, seed), normal(32, 8, seed + 1000)) for seed in range(200)]
        without, within = (torch.tensor([getattr(x, name) for x in read]) for name in ("unbiased", "biased"))
        assert abs(float(without.mean())) < 3 * float(without.std()) / 200**0.5
        assert float(within.mean()) == pytest.approx(0.2, abs=0.01)
        assert float(without.std()) == pytest.approx(math.sqrt(2 / (32 * 29)), rel=0.15)
        for name, null in (("unbiased", "null"), ("biased", "null_biased")):
            outside = sum(not getattr(x, null).holds(getattr(x, name)) for x in read)
            assert 2 <= outside <= 22

    def test_200_rows_in_100_dimensions(self) -> None:
        found = cka(normal(200, 100, 0), normal(200, 100, 1))
        assert found.biased == pytest.approx(0.33, abs=0.02)
        assert abs(found.unbiased or 1) < 0.02

    def test_mean_and_deviation_are_those_of_all_orders(self) -> None:
        a, b = normal(5, 3, 0) ** 3, normal(5, 2, 1)
        orders = [list(order) for order in itertools.permutations(range(5))]
        for unbiased in (True, False):
            one, other = sides([a, b])
            mean, deviation, _ = null_moments(one, other, unbiased)
            read = [linear_cka(a, b[order], unbiased=unbiased) for order in orders]
            assert mean == pytest.approx(float(np.mean(read)), abs=1e-9)
            assert deviation == pytest.approx(float(np.std(read)), abs=1e-9)
            if unbiased:
                assert deviation == pytest.approx(math.sqrt(2 / 10))

    @pytest.mark.parametrize(("dim", "tail"), [(1, False), (8, True), (300, False)])
    def test_the_band_holds_shuffled_rows(self, dim: int, tail: bool) -> None:
        a, b = normal(100, dim, 0), normal(100, 30, 1) / torch.arange(1, 31)
        if tail:
            a = a * normal(100, 1, 2).exp()
        found = cka(a, b)
        assert found.null is not None
        assert found.null_biased is not None
        generator = torch.Generator().manual_seed(0)
        shuffled = [cka(a, b[torch.randperm(100, generator=generator)]) for _ in range(400)]
        for name, null in (("unbiased", found.null), ("biased", found.null_biased)):
            read = torch.tensor([getattr(x, name) for x in shuffled])
            assert float(read.mean()) == pytest.approx(null.mean, abs=3.5 * float(read.std()) / 20)
            assert 0.005 < float((read > null.high).float().mean()) < 0.055
            assert float((read < null.low).float().mean()) < 0.10

    def test_the_biased_one_by_participation_ratios(self) -> None:
        a, b = normal(50, 9, 0), normal(50, 4, 1)
        found = cka(a, b).null_biased
        assert found is not None
        assert found.mean == pytest.approx(math.sqrt(participation_ratio(a) * participation_ratio(b)) / 49)


class TestBlocks:
    def test_features_or_rows_give_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = [normal(30, dim, seed) for seed, dim in enumerate((3, 50, 12))]
        wanted = [(0, 1), (0, 2), (1, 2), (1, 1)]
        whole = products(sides(given), wanted)
        one = cka(given[0], given[1])
        monkeypatch.setattr("vergence.metrics.kernels.CELLS", 64)
        assert products(sides(given), wanted) == pytest.approx(whole, rel=1e-12)
        small, large = cka(given[0], given[1]), one
        assert small.unbiased == pytest.approx(large.unbiased, abs=1e-12)
        assert small.null_biased is not None
        assert large.null_biased is not None
        assert small.null_biased.high == pytest.approx(large.null_biased.high, abs=1e-12)

    def test_no_square_of_many_rows_is_held(self) -> None:
        a = normal(5000, 6, 0)
        assert 5 * CELLS < 5000**2
        found = cka(a, a[:, :3] + normal(5000, 3, 1))
        assert found.unbiased == pytest.approx(3 / 72**0.5, abs=0.02)

    def test_drawn_rows(self) -> None:
        a, b = random_batch(400, 8, seed=0)
        found = cka(a, b, max_rows=100)
        assert (found.rows, found.rows_total) == (100, 400)
        assert found == cka(a, b, max_rows=100)
        assert found.unbiased == pytest.approx(linear_cka(a, b), abs=0.1)
        other = cka(a, b, max_rows=100, generator=torch.Generator().manual_seed(5))
        assert other.unbiased != found.unbiased


class TestMatrix:
    def test_layers(self) -> None:
        a, b = random_batch(40, 6, seed=0)
        c = normal(40, 100, 3)
        named = {"input": a, "h": b, "z": c}
        for unbiased in (True, False):
            found = cka_matrix(named, unbiased=unbiased)
            assert found.names == found.other_names == ("input", "h", "z")
            for (i, one), (j, other) in itertools.product(enumerate(named.values()), repeat=2):
                expected = linear_cka(one, other, unbiased=unbiased)
                assert float(found.values[i, j]) == pytest.approx(expected, abs=1e-12)
                both = cka(one, other)
                null = both.null if unbiased else both.null_biased
                assert null is not None
                assert float(found.null_high[i, j]) == pytest.approx(null.high, abs=1e-12)
                assert float(found.null_mean[i, j]) == pytest.approx(null.mean, abs=1e-12)

    def test_two_runs(self) -> None:
        a, b = random_batch(40, 6, seed=0)
        c = normal(40, 10, 3)
        found = cka_matrix({"1": a, "2": b}, {"1": b, "2": c, "3": a}, max_rows=None)
        assert found.values.shape == (2, 3)
        assert float(found.values[0, 1]) == pytest.approx(linear_cka(a, c), abs=1e-12)
        assert float(found.values[1, 2]) == pytest.approx(linear_cka(b, a), abs=1e-12)

    def test_what_has_no_structure_is_named(self) -> None:
        a, b = random_batch(12, 12, seed=0)
        found = cka_matrix({"a": a, "flat": torch.ones(12, 3), "each": torch.eye(12), "b": b})
        assert found.without == ("flat", "each")
        assert torch.isnan(found.values).sum() == 12
        assert float(found.values[0, 3]) == pytest.approx(linear_cka(a, b), abs=1e-12)

    def test_rows_that_are_not_finite_are_left_out_of_all(self) -> None:
        a, b = random_batch(12, 4, seed=0)
        bad = b.clone()
        bad[3, 1] = math.inf
        bad[5, 0] = math.nan
        keep = [0, 1, 2, 4, *range(6, 12)]
        found = cka_matrix({"a": a, "b": bad, "c": a + b})
        assert (found.rows, found.rows_left_out, found.rows_total) == (10, 2, 12)
        assert float(found.values[0, 2]) == pytest.approx(linear_cka(a[keep], (a + b)[keep]), abs=1e-12)

    def test_refuses(self) -> None:
        with pytest.raises(ShapeError, match=r'cka_matrix: rows is \(4, 4\). It must name .* rows=\{"h": h'):
            cka_matrix(torch.eye(4))  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match="rows is empty"):
            cka_matrix({})
        with pytest.raises(ShapeError, match=r"rows\['a'\] is \(8, 8\) but others\['b'\] is \(7, 8\). Row i of both"):
            cka_matrix({"a": torch.eye(8)}, {"b": torch.eye(8)[:7]})


class TestTheDoor:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
    def test_nothing_to_compare(self, dtype: torch.dtype) -> None:
        a = normal(9, 4, 0).to(dtype)
        same = torch.full((9, 5), 1 / 3).to(dtype)
        found = cka(a, same)
        assert (found.unbiased, found.biased, found.null, found.null_biased) == (None, None, None, None)
        with pytest.raises(
            ArgumentError, match=r"linear_cka: all rows of b coincide, .* nothing to compare.*collapsed"
        ):
            linear_cka(a, same)
        with pytest.raises(ArgumentError, match=r"all rows of a lie equally far from one another"):
            linear_cka(torch.eye(9), a)

    def test_refuses(self) -> None:
        a, b = random_batch(9, 4, seed=0)
        with pytest.raises(TooFewRows, match=r"linear_cka: a has 3 rows, 4 are needed"):
            linear_cka(a[:3], b[:3])
        with pytest.raises(
            ShapeError, match=r"cka: a is \(9, 4\) but b is \(8, 4\). Row i of both must be the same item"
        ):
            cka(a, b[:8])
        with pytest.raises(DeviceMismatch, match=r"a is on cpu but b is on meta"):
            cka(a, b.to("meta"))
        with pytest.raises(NotFinite, match=r"linear_cka: 1 of 9 rows of b are not finite"):
            linear_cka(a, torch.where(torch.arange(9)[:, None] == 2, math.nan, b))
        with pytest.raises(TooFewRows, match=r"cka: 3 of 9 rows are finite in a and b, 4 are needed"):
            cka(a, torch.where(torch.arange(9)[:, None] > 2, math.nan, b))
        with pytest.raises(ArgumentError, match=r"max_rows is 3. It must be a whole number, 4 or above"):
            cka(a, b, max_rows=3)


def _named(*how: Any) -> tuple[dict[str, Tensor]]:
    a, b = views(2)(*how)
    return ({"a": a, "b": b, "wide": a.repeat(1, 9)},)


CASES = [
    Case(linear_cka, views(2), least=4, golden=(lambda a, b, _: linear_cka(a, b), 0.9601336684)),
    Case(cka, views(2), bad="left out", least=4, golden=(lambda a, b, _: cka(a, b).biased, 0.9707089159)),
    Case(cka_matrix, _named, of=()),
]
