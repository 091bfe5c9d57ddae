from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import intrinsic_dimension as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows
from vergence.geometry import unit
from vergence.metrics import intrinsic_dimension, intrinsic_dimension_null, local_intrinsic_dimension, two_nn
from vergence.metrics.neighbours import distinct


def few(*given: object) -> dict[str, int]:
    return {"k": 5}


CASES = [
    Case(intrinsic_dimension, more=few, least=7, bad="left out", half=1e-6, single=1e-3),
    Case(
        intrinsic_dimension, views(2), few, least=7, bad="left out", single=1e-3, label="intrinsic_dimension of views"
    ),
    Case(two_nn, least=3, single=1e-3),
    Case(local_intrinsic_dimension, more=few, least=6, single=1e-3),
    Case(intrinsic_dimension_null, lambda n, dim, dtype, seed: (24, 8), of=()),
]


def cloud(m: int, batch: int = 2000, dim: int = 64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, m, generator=generator, dtype=torch.float64) @ rotation(dim, seed)[:m]


@hypothesis.given(st.integers(6, 14), st.integers(1, 6), st.integers(0, 9999), st.integers(3, 5))
def test_agrees_distance_by_distance(batch: int, dim: int, seed: int, k: int) -> None:
    z = random_batch(batch, dim, seed)[0] + 5
    assert two_nn(z) == pytest.approx(slow.two_nn(z), rel=1e-6)
    for discard in (0.0, 0.1, 0.5):
        assert two_nn(z, discard=discard) == pytest.approx(slow.two_nn_fit(z, discard), rel=1e-6)
    expected = slow.local(z, k)
    assert local_intrinsic_dimension(z, k=k).tolist() == pytest.approx(expected, rel=1e-6)
    if batch < k + 2:
        return
    found = intrinsic_dimension(z, k=k)
    assert float(found) == two_nn(z)
    assert found.two_nn_fit == two_nn(z, discard=0.1)
    assert found.local.tolist() == local_intrinsic_dimension(z, k=k).tolist()
    assert found.local_mean == pytest.approx(sum(expected) / batch, rel=1e-6)
    assert found.local_pooled == pytest.approx(batch / math.fsum(1 / one for one in expected), rel=1e-6)


def test_the_golden_batch() -> None:
    a, _, _ = golden_batch()
    assert two_nn(a) == pytest.approx(slow.two_nn(a), rel=1e-9)
    assert local_intrinsic_dimension(a, k=4).tolist() == pytest.approx(slow.local(a, 4), rel=1e-9)


class TestKnownDimension:
    @pytest.mark.parametrize("m", [1, 2, 5, 10])
    def test_within_fifteen_percent_up_to_ten(self, m: int) -> None:
        found = intrinsic_dimension(cloud(m))
        for read in (found.two_nn, found.two_nn_fit, found.local_mean, found.local_median, found.local_pooled):
            assert read == pytest.approx(m, rel=0.15)

    def test_low_above_that(self) -> None:
        found = intrinsic_dimension(cloud(20))
        assert found.local_mean == pytest.approx(16, abs=0.5)
        assert found.null is not None
        assert not found.null.local_mean.holds(found.local_mean or 0)

    def test_a_bent_line_is_a_line(self) -> None:
        t = 20 * torch.rand(1500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        found = intrinsic_dimension(torch.stack([t.sin(), t.cos(), t / 5], 1))
        assert found.local_median == pytest.approx(1, abs=0.1)

    def test_the_distribution_tells_parts_apart(self) -> None:
        """Half on a line, half filling eight dimensions: the mean is neither, the ends are both."""
        low, high = cloud(1, 600), cloud(8, 600, seed=1) + 40
        found = intrinsic_dimension(torch.cat([low, high]))
        assert found.local_spread is not None
        assert found.local_spread[0] < 1
        assert found.local_spread[1] > 9
        assert found.local[:600].median() == pytest.approx(1, abs=0.1)
        assert found.local[600:].median() == pytest.approx(8, rel=0.2)

    def test_one_dimension_everywhere_spreads_as_said(self) -> None:
        found = intrinsic_dimension(cloud(4))
        assert found.local_spread is not None
        assert [one / 4 for one in found.local_spread] == pytest.approx([0.7, 1.5], abs=0.1)
        assert found.local_mean == pytest.approx((found.local_pooled or 0) * (1 + 1 / 18), rel=0.02)


class TestWhatItSees:
    def test_fewer_dimensions(self) -> None:
        assert float(intrinsic_dimension(unit(cloud(4)))) < 4 < 20 < float(intrinsic_dimension(unit(cloud(40))))

    def test_collapse_is_missed_and_reads_more(self) -> None:
        healthy = cloud(4, 500)
        generator = torch.Generator().manual_seed(3)
        collapsed = torch.ones(64) + 1e-3 * torch.randn(500, 64, generator=generator, dtype=torch.float64)
        assert float(intrinsic_dimension(collapsed)) > 4 * float(intrinsic_dimension(healthy))
        assert float(intrinsic_dimension(1e-9 * healthy)) == pytest.approx(float(intrinsic_dimension(healthy)))

    def test_the_radius_is_a_share_of_the_usual_distance(self) -> None:
        line, sphere = intrinsic_dimension(cloud(1)), intrinsic_dimension(cloud(60))
        assert line.radius is not None
        assert sphere.radius is not None
        assert line.radius < 0.02 < 0.8 < sphere.radius < 1
        assert intrinsic_dimension(7 * cloud(1) + 3).radius == pytest.approx(line.radius)


class TestDuplicates:
    def test_they_are_counted_and_taken_once(self) -> None:
        z = cloud(3, 300)
        repeated = torch.cat([z, z[:50], z[:10], -0.0 * z[:1], 0.0 * z[:1]])
        found, once = intrinsic_dimension(repeated), intrinsic_dimension(torch.cat([z, 0 * z[:1]]))
        assert (found.rows, found.duplicates, found.rows_total, found.rows_left_out) == (301, 61, 362, 0)
        assert (found.two_nn, found.local_mean) == (once.two_nn, once.local_mean)
        assert two_nn(repeated) == once.two_nn
        own = local_intrinsic_dimension(repeated)
        assert torch.equal(own[300:350], own[:50])
        assert torch.isfinite(own).all()

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_what_only_rounding_tells_apart_is_a_duplicate(self, dtype: torch.dtype) -> None:
        z = cloud(3, 300).to(dtype)
        close = torch.cat([z, z * (1 + torch.finfo(dtype).eps)])
        found = intrinsic_dimension(close)
        assert (found.rows, found.duplicates) == (300, 300)
        assert found.two_nn == pytest.approx(float(intrinsic_dimension(z)), rel=0.02)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    def test_collapse_has_no_dimension(self, dtype: torch.dtype) -> None:
        row = torch.linspace(-3, 5, 32, dtype=torch.float64)
        noise = torch.randn(200, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        for rows in (row.expand(200, 32), row + 1e-17 * noise, row + torch.finfo(dtype).eps / 4 * noise):
            found = intrinsic_dimension(rows.to(dtype))
            assert (found.two_nn, found.local_mean, found.radius, found.null) == (None, None, None, None)
            assert len(found.local) == 0
            assert found.duplicates + found.rows == 200
            assert found.rows <= 20
            with pytest.raises(TooFewRows, match="rows are different from one another"):
                float(found)
            with pytest.raises(TooFewRows, match=r"differ from one another, 21 are needed. Has the batch collapsed"):
                local_intrinsic_dimension(rows.to(dtype))

    def test_very_near_rows_keep_their_digits(self) -> None:
        """A product of matrices cannot tell distances of 1e-9 beside a spread of 1; differences can."""
        base = cloud(3, 100)
        pairs = torch.cat([base, base + 1e-9 * cloud(3, 100, seed=1)])
        assert two_nn(pairs) == pytest.approx(slow.two_nn(pairs), rel=1e-4)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("large", [300, 3000])
    def test_one_large_column_does_not_hide_the_others(self, dtype: torch.dtype, large: float) -> None:
        z = cloud(16, 256)
        z[..., 3] += large
        found = intrinsic_dimension(z.to(dtype))
        assert found.duplicates == 0
        assert float(found) == pytest.approx(two_nn(z), rel=0.1)

    @pytest.mark.parametrize("size", [1e300, 1e-300])
    def test_any_size_of_numbers(self, size: float) -> None:
        z = cloud(4, 100)
        assert float(intrinsic_dimension(z * size)) == pytest.approx(two_nn(z))
        assert two_nn(z * size) == pytest.approx(two_nn(z))


class TestNull:
    @pytest.mark.parametrize(("batch", "dim"), [(60, 3), (300, 32), (800, 10)])
    def test_it_is_what_rows_without_structure_read(self, batch: int, dim: int) -> None:
        null = intrinsic_dimension_null(batch, dim)
        for name in ("two_nn", "local_mean", "local_pooled"):
            band = getattr(null, name)
            read = [getattr(intrinsic_dimension(cloud(dim, batch, dim, seed)), name) for seed in range(50, 65)]
            assert sum(read) / 15 == pytest.approx(band.mean, abs=(band.high - band.low) / 3)
            assert sum(map(band.holds, read)) >= 12

    def test_the_numbers_of_the_docstring(self) -> None:
        assert [intrinsic_dimension_null(1024, dim).two_nn.mean for dim in (10, 64, 128)] == pytest.approx(
            [9.5, 37, 56], rel=0.02
        )

    def test_of_as_few_rows_as_are_measured(self) -> None:
        z = cloud(5, 21)
        null = intrinsic_dimension(torch.cat([z, z[:10]])).null
        assert null is not None
        assert null == intrinsic_dimension_null(21, z.shape[1])

    def test_it_is_kept(self) -> None:
        assert intrinsic_dimension_null(60, 3) is intrinsic_dimension_null(60, 3)

    def test_refuses(self) -> None:
        with pytest.raises(ArgumentError, match="batch is 20"):
            intrinsic_dimension_null(20, 3)


class TestInput:
    def test_rows_are_drawn_and_said(self) -> None:
        z = cloud(3, 900)
        found = intrinsic_dimension(z, z[:100], max_rows=300)
        assert (found.rows, found.rows_of_view, found.rows_total) == (250, 100, 1000)
        assert intrinsic_dimension(z, max_rows=300).two_nn == intrinsic_dimension(z, max_rows=300).two_nn
        generator = torch.Generator().manual_seed(1)
        first = intrinsic_dimension(z, max_rows=300, generator=generator)
        assert first.two_nn != intrinsic_dimension(z, max_rows=300, generator=generator).two_nn
        assert first.two_nn == pytest.approx(3, abs=0.6)

    def test_views_are_looked_at_one_by_one(self) -> None:
        """The other view of a sample is its neighbour: together they tell of the views, not of the samples."""
        a = cloud(3, 600)
        b = a + 1e-4 * torch.randn(600, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        assert float(intrinsic_dimension(a, b)) == pytest.approx(3, abs=0.4)
        assert float(intrinsic_dimension(torch.cat([a, b]))) < 1

    def test_rows_that_are_not_finite_are_left_out_and_zeros_are_rows(self) -> None:
        z = cloud(3, 100)
        bad = z.clone()
        bad[3, 0], bad[4, 1] = math.nan, math.inf
        bad[5] = 0
        found = intrinsic_dimension(bad)
        assert (found.rows, found.rows_left_out) == (98, 2)

    def test_refuses(self) -> None:
        with pytest.raises(TooFewRows, match="the view has 20 rows, and 22 are needed"):
            intrinsic_dimension(cloud(3, 20))
        with pytest.raises(ArgumentError, match="k is 2"):
            intrinsic_dimension(cloud(3, 20), k=2)
        with pytest.raises(ArgumentError, match=r"max_rows is 10. It must be a whole number, 22 or above"):
            intrinsic_dimension(cloud(3, 30), max_rows=10)
        with pytest.raises(TooFewRows, match=r"two_nn: 2 of 3 rows of z differ from one another, 3 are needed"):
            two_nn(torch.tensor([[0.0, 1.0], [0.0, 1.0], [2.0, 3.0]]))
        with pytest.raises(ArgumentError, match="discard is 1"):
            two_nn(cloud(3, 30), discard=1)
        with pytest.raises(NotFinite, match="two_nn: 1 of 3"):
            two_nn(torch.tensor([[math.nan, 1.0], [0.0, 1.0], [2.0, 3.0]]))
        with pytest.raises(ShapeError, match="local_intrinsic_dimension: z is"):
            local_intrinsic_dimension(torch.ones(3))
        with pytest.raises(ArgumentError, match="k is True"):
            local_intrinsic_dimension(cloud(3, 30), k=True)


def test_rows_of_equal_numbers_are_one_row_whatever_their_bytes() -> None:
    first, member = distinct(np.array([[0.0, 1.0], [2.0, 3.0], [-0.0, 1.0], [2.0, 3.0]]))
    assert (first.tolist(), member.tolist()) == ([0, 1], [0, 1, 0, 1])


def test_equal_distances_do_not_divide_by_zero() -> None:
    found = intrinsic_dimension(torch.eye(30))
    assert torch.isfinite(found.local).all()
    assert math.isfinite(float(found))
    assert (found.two_nn_fit or 0) > 1e6
