from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import uniformity_wasserstein as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import (
    uniformity,
    uniformity_floor,
    uniformity_wasserstein,
    uniformity_wasserstein_null,
    uniformity_wasserstein_of_rank,
)

CASES = [
    Case(uniformity_wasserstein, lengths="ignored", bad="left out"),
    Case(uniformity_wasserstein, views(2), lengths="ignored", bad="left out", label="uniformity_wasserstein of views"),
    Case(uniformity_wasserstein_null, lambda n, dim, dtype, seed: (n, dim), of=()),
    Case(uniformity_wasserstein_of_rank, lambda n, dim, dtype, seed: (dim // 2, dim), of=()),
]


def even(batch: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@hypothesis.given(st.integers(2, 10), st.integers(1, 9), st.integers(0, 9999), st.sampled_from([0.0, 1.0, 20.0]))
def test_is_what_the_paper_writes(batch: int, dim: int, seed: int, offset: float) -> None:
    z = random_batch(batch, dim, seed)[0] + offset
    found = uniformity_wasserstein(z)
    assert float(found) == pytest.approx(slow.distance(z), abs=1e-6)
    assert found.offset**2 + found.shape**2 == pytest.approx(found.distance**2)
    assert found.offset == pytest.approx(float(unit(z).mean(0).norm()))


def test_the_golden_batch() -> None:
    a, b, _ = golden_batch()
    assert float(uniformity_wasserstein(a)) == pytest.approx(slow.distance(a), abs=1e-12)
    both = math.sqrt((slow.distance(a) ** 2 + slow.distance(b) ** 2) / 2)
    assert float(uniformity_wasserstein(a, b)) == pytest.approx(both, abs=1e-12)
    assert uniformity_wasserstein(a, b).rows_of_view == 8


class TestEnds:
    def test_collapse(self) -> None:
        for row in (torch.ones(7), torch.linspace(-3, 5, 128), torch.tensor([1e-30, 0.0])):
            found = uniformity_wasserstein(row.expand(50, -1))
            assert float(found) == pytest.approx(math.sqrt(2), abs=1e-7)
            assert (found.offset, found.shape) == pytest.approx((1, 1), abs=1e-7)

    def test_an_even_sphere_is_0(self) -> None:
        corners = torch.cat([torch.eye(6), -torch.eye(6)]).repeat(100, 1)
        assert float(uniformity_wasserstein(corners)) == pytest.approx(0, abs=1e-7)
        # ... and that is what it misses: mean and covariance do not tell twelve points from a sphere.
        assert float(uniformity(corners)) > uniformity_floor(6) + 0.3

    @pytest.mark.parametrize(("rank", "dim"), [(1, 4), (3, 4), (16, 128), (64, 128)])
    def test_even_in_some_directions(self, rank: int, dim: int) -> None:
        corners = torch.cat([torch.eye(dim)[:rank], -torch.eye(dim)[:rank]]).double() @ rotation(dim, 1)
        expected = math.sqrt(2 - 2 * math.sqrt(rank / dim))
        assert float(uniformity_wasserstein(corners)) == pytest.approx(expected, abs=1e-7)
        assert uniformity_wasserstein_of_rank(rank, dim) == expected

    def test_the_numbers_of_the_docstring(self) -> None:
        read = [uniformity_wasserstein_of_rank(rank, 128) for rank in (0, 1, 16, 64, 128)]
        assert read == pytest.approx([1.4142, 1.3503, 1.1371, 0.7654, 0], abs=1e-4)

    def test_a_cone_is_in_the_offset(self) -> None:
        rows = unit(even(4000, 64)) + 3 * rotation(64, 0)[0]
        found = uniformity_wasserstein(rows)
        assert found.offset == pytest.approx(0.95, abs=0.01)
        assert float(found) > 1


def test_it_moves_where_uniformity_barely_does() -> None:
    """Rows even in k of 128 dimensions: how far each number goes of the way from the sphere to a point."""
    ways = []
    for rank in (64, 32, 16, 8):
        rows = torch.cat([even(2000, rank), torch.zeros(2000, 128 - rank, dtype=torch.float64)], 1)
        barely = 1 - float(uniformity(unit(rows))) / uniformity_floor(128)
        ways.append((barely, float(uniformity_wasserstein(rows)) / math.sqrt(2)))
    assert [round(way, 2) for way, _ in ways] == pytest.approx([0.02, 0.05, 0.11, 0.22], abs=0.01)
    assert [round(way, 2) for _, way in ways] == pytest.approx([0.54, 0.71, 0.80, 0.87], abs=0.01)


class TestNull:
    @pytest.mark.parametrize(
        ("batch", "dim"),
        [(2, 5), (2, 1), (16, 128), (64, 64), (300, 96), (1024, 64), (256, 512), (9000, 6), (12000, 32)],
    )
    def test_it_is_what_even_rows_read(self, batch: int, dim: int) -> None:
        null = uniformity_wasserstein_null(batch, dim)
        read = [float(uniformity_wasserstein(even(batch, dim, seed))) for seed in range(100, 130)]
        mean = sum(read) / len(read)
        spread = (null.high - null.low) / 4
        assert mean == pytest.approx(null.mean, abs=spread + 1e-9)
        assert sum(null.holds(one) for one in read) >= 24

    def test_the_numbers_of_the_docstrings(self) -> None:
        assert uniformity_wasserstein_null(1024, 128).mean == pytest.approx(0.18, abs=0.002)
        assert uniformity_wasserstein_null(128, 128).mean == pytest.approx(0.56, abs=0.01)
        assert uniformity_wasserstein(even(64, 16)).null == uniformity_wasserstein_null(64, 16)

    def test_it_is_kept(self) -> None:
        assert uniformity_wasserstein_null(50, 7) is uniformity_wasserstein_null(50, 7)

    def test_refuses(self) -> None:
        with pytest.raises(ArgumentError, match=r"uniformity_wasserstein_null: batch is 1. It must be a whole number"):
            uniformity_wasserstein_null(1, 4)
        with pytest.raises(ArgumentError, match="rank is -1"):
            uniformity_wasserstein_of_rank(-1, 4)


class TestInput:
    def test_lengths_are_said(self) -> None:
        assert uniformity_wasserstein(unit(even(9, 4))).was_unit
        assert not uniformity_wasserstein(even(9, 4)).was_unit

    def test_rows_without_a_direction_are_left_out_and_counted(self) -> None:
        z = even(20, 4)
        bad = z.clone()
        bad[3], bad[7, 1] = 0, math.nan
        keep = [i for i in range(20) if i not in (3, 7)]
        found = uniformity_wasserstein(bad)
        assert (found.rows, found.rows_left_out, found.rows_total) == (18, 2, 20)
        assert float(found) == float(uniformity_wasserstein(z[keep]))

    def test_rows_are_drawn_and_said(self) -> None:
        z = even(400, 8)
        found = uniformity_wasserstein(z, z + 1, max_rows=100)
        assert (found.rows, found.rows_of_view, found.rows_total, found.rows_left_out) == (100, 50, 800, 0)
        assert uniformity_wasserstein(z, max_rows=400) == uniformity_wasserstein(z)
        generator = torch.Generator().manual_seed(1)
        first = uniformity_wasserstein(z, max_rows=100, generator=generator)
        assert float(first) != float(uniformity_wasserstein(z, max_rows=100, generator=generator))

    def test_a_view_that_is_too_small_is_left_out(self) -> None:
        z = even(20, 4)
        found = uniformity_wasserstein(z, z[:1])
        assert (found.distance, found.rows_left_out) == (uniformity_wasserstein(z).distance, 1)

    def test_refuses(self) -> None:
        with pytest.raises(TooFewRows, match=r"the view has 3 rows, 2 of them without use, and 2 are needed"):
            uniformity_wasserstein(torch.tensor([[0.0, 0.0], [math.nan, 1.0], [0.5, 0.2]]))
        with pytest.raises(ZeroRows, match="all 3 rows are zero"):
            uniformity_wasserstein(torch.zeros(3, 4))
        with pytest.raises(NotFinite, match="2 of 2 rows are not finite"):
            uniformity_wasserstein(torch.full((2, 4), math.nan))
        with pytest.raises(ShapeError, match=r"view 1 is \(3, 4\) but view 2 is \(3, 5\)"):
            uniformity_wasserstein(torch.ones(3, 4), torch.ones(3, 5))
        with pytest.raises(ArgumentError, match="max_rows is 1"):
            uniformity_wasserstein(torch.eye(4), max_rows=1)
