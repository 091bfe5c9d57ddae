from __future__ import annotations

import itertools
import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case
from tests.reference import lidar as slow
from tests.reference.golden import golden_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows
from vergence.metrics import lidar, rank_me
from vergence.metrics.grouping import _variance, grouping


def images(n: int, dim: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, ...]:
    """n images of three views."""
    return (grouped(n, 3, dim, rank=dim, noise=0.3, seed=seed).to(dtype),)


def in_threes(n: int, dim: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, ...]:
    """n rows, three for each image and fewer for the last."""
    return (grouped(-(-n // 3), 3, dim, rank=dim, noise=0.3, seed=seed).flatten(0, 1)[:n].to(dtype),)


CASES = [
    Case(
        lidar,
        images,
        least=2,
        bad="left out",
        golden=(lambda a, b, labels: lidar(torch.stack([a, b], 1)), 2.1385978633),
    ),
    Case(
        lidar,
        in_threes,
        lambda z: {"groups": torch.arange(len(z)) // 3},
        least=5,
        bad="left out",
        needs=("groups",),
        golden=(lambda a, b, labels: lidar(torch.cat([a, b]), torch.arange(8).repeat(2)), 2.1385978633),
        label="lidar of rows and groups",
    ),
]


def grouped(n: int, views: int, dim: int, *, rank: int, noise: float, seed: int = 0) -> Tensor:
    """Images in `rank` directions, views with noise in all."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(n, 1, rank, generator=generator, dtype=torch.float64) @ rotation(dim, seed)[:rank]
    return centres + noise * torch.randn(n, views, dim, generator=generator, dtype=torch.float64)


def shuffled(z: Tensor, seed: int = 0) -> Tensor:
    order = torch.randperm(z.shape[0] * z.shape[1], generator=torch.Generator().manual_seed(seed))
    return z.flatten(0, 1)[order].view_as(z)


@hypothesis.given(st.integers(2, 7), st.integers(2, 4), st.integers(1, 6), st.integers(0, 9999))
def test_agrees_with_matrix_roots(n: int, views: int, dim: int, seed: int) -> None:
    z = grouped(n, views, dim, rank=dim, noise=0.5, seed=seed)
    assert lidar(z).rank_as_given == pytest.approx(slow.rank(list(z)), rel=1e-6)
    parts = [image[: 2 + k % (views - 1)] for k, image in enumerate(z)]
    groups = torch.cat([torch.full((len(part),), 7 * k) for k, part in enumerate(parts)])
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))
    found = lidar(torch.cat(parts)[order], groups[order])
    assert found.rank_as_given == pytest.approx(slow.rank(parts), rel=1e-6)
    assert found.images == n
    assert found.views == pytest.approx(len(groups) / n)


class TestGrouping:
    """What decides the number: rows in 8 directions, 200 images by 10 views."""

    z = grouped(200, 10, 64, rank=8, noise=0.1)

    def test_grouped_reads_the_rank_of_the_images(self) -> None:
        found = lidar(self.z)
        assert float(found) == pytest.approx(8.23, abs=0.1)
        assert found.grouped
        assert found.within < 0.1

    def test_shuffled_would_read_a_healthy_rank_and_is_marked(self) -> None:
        found = lidar(shuffled(self.z))
        assert found.rank is None
        assert not found.grouped
        assert found.rank_as_given == pytest.approx(53.5, abs=0.5)
        assert found.within == pytest.approx(1, abs=0.02)
        with pytest.raises(ArgumentError, match=r"views of one image are as far apart as any rows.*torch.stack"):
            float(found)

    def test_the_other_axis_order_is_marked(self) -> None:
        a, b, _ = golden_batch()
        assert lidar(torch.stack([a, b])).rank is None
        assert lidar(self.z.transpose(0, 1)).rank is None
        assert lidar(self.z.flatten(0, 1), torch.arange(200).repeat(10)).rank is None
        right = lidar(self.z.transpose(0, 1).flatten(0, 1), torch.arange(200).repeat(10))
        assert float(right) == pytest.approx(float(lidar(self.z)))

    def test_weak_groups_are_still_groups(self) -> None:
        found = lidar(grouped(200, 10, 64, rank=8, noise=1.0))
        assert found.grouped
        assert 0.8 < found.within < 0.95

    def test_a_difference_that_many_rows_make_certain_can_still_be_too_small(self) -> None:
        found = lidar(grouped(1000, 5, 16, rank=16, noise=6.0))
        assert found.within < found.within_null.low - 0.01  # not chance ...
        assert 0.95 < found.within < 0.99
        assert found.rank is None  # ... and yet a rank of noise

    def test_what_it_misses_a_part_shuffled(self) -> None:
        """Half of the images shuffled among themselves: it goes through, and `within` is what tells."""
        z = self.z.clone()
        z[:100] = shuffled(z[:100])
        found = lidar(z)
        assert found.grouped
        assert found.within == pytest.approx(0.5, abs=0.1)

    def test_ungrouped_rows_are_refused(self) -> None:
        rows = self.z[:, 0]
        with pytest.raises(ShapeError, match=r"lidar: z is \(200, 64\) and groups is missing"):
            lidar(rows)
        with pytest.raises(TooFewRows, match=r"each of 200 groups has one row, so nothing says which rows"):
            lidar(rows, torch.arange(200))
        with pytest.raises(TooFewRows, match=r"\(200, 1, 64\), one view per image"):
            lidar(rows[:, None])
        with pytest.raises(TooFewRows, match=r"1 image with two usable views or more among 200 rows, 2 are needed"):
            lidar(rows, torch.zeros(200, dtype=torch.long))


class TestTheTest:
    def test_moments_are_those_of_all_permutations(self) -> None:
        random = np.random.default_rng(0)
        member = np.array([0, 0, 1, 1, 1, 2])
        rows = random.standard_normal((6, 3)) ** 3
        shares = [slow.share_between(rows[list(p)].tolist(), member.tolist()) for p in itertools.permutations(range(6))]
        around = rows - rows.mean(0)
        sd = math.sqrt(_variance(around, np.bincount(member).astype(float))) / np.square(around).sum()
        assert np.mean(shares) == pytest.approx(2 / 5)
        assert np.std(shares) == pytest.approx(sd)
        found = grouping(rows, member)
        assert found.score == pytest.approx((shares[0] - 2 / 5) / sd)
        assert found.within == pytest.approx((1 - shares[0]) * 5 / 3)

    @pytest.mark.parametrize(("n", "views", "dim"), [(8, 2, 6), (64, 2, 64), (30, 10, 16)])
    @pytest.mark.parametrize("heavy", [False, True])
    def test_shuffled_rows_do_not_pass(self, n: int, views: int, dim: int, heavy: bool) -> None:
        random = np.random.default_rng(1)
        member = np.repeat(np.arange(n), views)
        passed = inside = 0
        for _ in range(400):
            rows = random.standard_normal((n * views, dim)) * np.arange(1, dim + 1) ** -0.5
            found = grouping(rows**3 if heavy else rows, member)
            passed += found.grouped
            inside += found.null.holds(found.within)
        assert passed <= 1
        assert inside > 360

    def test_few_images_say_little_and_it_knows(self) -> None:
        found = lidar(grouped(2, 2, 4, rank=4, noise=0.01))
        assert found.rank is None  # one of three ways to pair four rows: no proof of anything
        assert found.bound == 1


class TestEnds:
    def test_bounds(self) -> None:
        for n, dim in ((40, 6), (5, 20)):
            found = lidar(grouped(n, 4, dim, rank=dim, noise=0.05))
            assert found.bound == min(dim, n - 1)
            assert 1 <= float(found) <= found.bound + 1e-6
            assert len(found.eigenvalues) == found.bound
            assert found.ceiling <= found.bound

    def test_even_images_read_the_ceiling(self) -> None:
        found = lidar(grouped(400, 6, 32, rank=32, noise=0.02))
        assert float(found) == pytest.approx(found.ceiling, rel=0.03)

    def test_one_direction(self) -> None:
        assert float(lidar(grouped(60, 5, 16, rank=1, noise=0.01))) == pytest.approx(1, abs=0.02)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
    def test_collapse_is_0_and_no_rank_of_rounding(self, dtype: torch.dtype) -> None:
        row = torch.linspace(-3, 5, 32, dtype=torch.float64)
        for z in (row.expand(50, 4, 32).to(dtype), (row + 1e-17 * torch.randn(50, 4, 32)).to(dtype)):
            found = lidar(z)
            assert (found.rank, found.rank_as_given) == (0, 0)
            assert not found.eigenvalues.any()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("large", [300, 3000])
    def test_one_large_column_does_not_hide_the_others(self, dtype: torch.dtype, large: float) -> None:
        z = grouped(64, 4, 16, rank=16, noise=0.2)
        z[..., 3] += large
        assert lidar(z.to(dtype)).rank == pytest.approx(float(lidar(z)), abs=1)

    @pytest.mark.parametrize("size", [1e300, 1e-300])
    def test_any_size_of_numbers(self, size: float) -> None:
        z = grouped(64, 3, 8, rank=8, noise=0.2)
        found = lidar(z * size)
        assert found.within == pytest.approx(lidar(z).within)
        assert found.rank == (pytest.approx(lidar(z * 1e10).rank) if size > 1 else 0)

    def test_directions_in_which_views_differ_more_count_less(self) -> None:
        """The difference to a plain rank: a direction that every view draws anew is noise here."""
        z = grouped(300, 10, 16, rank=4, noise=0.05)
        z[..., :6] += 5 * torch.randn(300, 10, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        assert rank_me(z.flatten(0, 1)) > 6
        found = lidar(z)
        assert float(found) < 4.5
        assert found.within > 0.95 > 0.9 > found.within_even  # the large directions hide what the others show

    def test_delta_is_where_noise_begins(self) -> None:
        z = grouped(100, 5, 8, rank=8, noise=0.0)
        assert float(lidar(1e-6 * z, delta=1e-20)) == pytest.approx(float(lidar(z, delta=1e-8)))


class TestInput:
    def test_rows_without_use_are_left_out_and_counted(self) -> None:
        z = grouped(20, 3, 5, rank=5, noise=0.1)
        groups = torch.arange(20).repeat_interleave(3)
        rows = z.flatten(0, 1).clone()
        rows[0, 2] = math.nan  # image 0 keeps two views
        rows[4:6] = math.inf  # image 1 keeps one, which tells nothing
        groups[59] = -1
        found = lidar(rows, groups)
        assert (found.images, found.images_left_out, found.rows, found.rows_left_out) == (19, 1, 55, 5)
        keep = [i for i in range(60) if i not in (0, 3, 4, 5, 59)]
        assert float(found) == float(lidar(rows[keep], groups[keep]))
        broken = z.clone()
        broken[0, 0, 2] = math.nan
        assert lidar(broken).rows_left_out == 1

    def test_a_view_that_is_not_finite_is_named(self) -> None:
        z = grouped(20, 2, 4, rank=4, noise=0.2)
        z[:, 1] = math.nan
        with pytest.raises(TooFewRows, match=r"20 of 40 rows are not finite .* 0 images with two views"):
            lidar(z)

    def test_a_row_of_zeros_is_a_row(self) -> None:
        z = grouped(20, 3, 5, rank=5, noise=0.1)
        z[3, 1] = 0
        assert lidar(z).rows == 60

    def test_refuses(self) -> None:
        z = grouped(4, 3, 5, rank=5, noise=0.1)
        with pytest.raises(ShapeError, match=r"so \(images, views, dim\), and groups came as well"):
            lidar(z, torch.arange(12))
        with pytest.raises(ShapeError, match=r"lidar: z is \(4\) and that is not it"):
            lidar(z[:, 0, 0])
        with pytest.raises(ShapeError, match=r"lidar: groups is \(3\) but there are 12 rows"):
            lidar(z.flatten(0, 1), torch.arange(3))
        with pytest.raises(DeviceMismatch, match=r"groups\.to"):
            lidar(z.flatten(0, 1), torch.arange(12, device="meta"))
        with pytest.raises(NotFinite, match="12 of 12 rows are not finite"):
            lidar(torch.full_like(z, math.nan))
        with pytest.raises(ArgumentError, match="delta is 0"):
            lidar(z, delta=0)
