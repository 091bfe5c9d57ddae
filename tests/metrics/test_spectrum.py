from __future__ import annotations

import math
import sys

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import spectrum as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import (
    isotropic,
    mean_correlation,
    participation_ratio,
    rank_centred,
    rank_me,
    singular_values,
    spectrum,
    stable_rank,
    unit_spread,
)

PARTS = (mean_correlation, participation_ratio, rank_centred, rank_me, singular_values, stable_rank, unit_spread)


def cloud(batch: int, dim: int, rank: int, seed: int = 0) -> Tensor:
    """Rows spread evenly over a subspace of so many directions."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(batch, rank, generator=generator, dtype=torch.float64)
    return rows @ rotation(dim, seed)[:rank]


class TestGolden:
    def test_ranks(self) -> None:
        a, _, _ = golden_batch()
        assert rank_me(a) == pytest.approx(3.9721928505, abs=1e-9)
        assert rank_me(a, eps=1e-5) == pytest.approx(3.9725473112, abs=1e-9)
        assert rank_centred(a) == pytest.approx(3.6561828864, abs=1e-9)
        assert stable_rank(a) == pytest.approx(1.9630155842, abs=1e-9)
        assert participation_ratio(a) == pytest.approx(2.4229036522, abs=1e-9)
        # What two libraries call RankMe: of the centred eigenvalues.
        eigenvalues = singular_values(a, centred=True).square().tolist()
        assert slow.entropy_rank(eigenvalues, 1e-7) == pytest.approx(2.7690838441, abs=1e-9)

    def test_spread(self) -> None:
        a, _, _ = golden_batch()
        assert unit_spread(a) / math.sqrt(6) == pytest.approx(0.4294014299, abs=1e-9)
        assert unit_spread(a, ddof=0) / math.sqrt(6) == pytest.approx(0.4016682580, abs=1e-9)

    def test_all_at_once_is_its_parts(self) -> None:
        a, b, _ = golden_batch()
        both = torch.cat([a, b])
        found = spectrum(a, b)
        assert (found.rank, found.rank_centred) == (rank_me(both), rank_centred(both))
        assert (found.participation, found.stable_rank) == (participation_ratio(both), stable_rank(both))
        assert (found.std, found.correlation) == (unit_spread(both), mean_correlation(both))
        assert (found.rows, found.rows_left_out, found.rows_total, found.dim) == (16, 0, 16, 6)
        assert found.ceiling == isotropic(16, 6)
        for centred, shares in ((False, found.singular), (True, found.singular_centred)):
            sigma = singular_values(both, centred=centred)
            assert torch.allclose(shares, sigma / sigma.norm(), atol=1e-15)


@hypothesis.given(st.integers(2, 12), st.integers(1, 12), st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 30.0]))
def test_every_part_is_what_its_paper_writes(batch: int, dim: int, seed: int, offset: float) -> None:
    z = random_batch(batch, dim, seed)[0] + offset
    for centred in (False, True):
        sigma = slow.singular(z, centred=centred)
        assert singular_values(z, centred=centred).tolist() == pytest.approx(sigma, abs=1e-6 * sigma[0])
    assert rank_me(z) == pytest.approx(slow.entropy_rank(slow.singular(z, centred=False), 1e-7), rel=1e-4)
    around = slow.singular(z, centred=True)
    assert rank_centred(z) == pytest.approx(slow.entropy_rank(around, 0.0), rel=1e-4)
    assert participation_ratio(z) == pytest.approx(slow.participation(around), rel=1e-9)
    assert stable_rank(z) == pytest.approx(slow.stable_rank(around), rel=1e-9)
    for ddof in (0, 1):
        assert unit_spread(z, ddof=ddof) == pytest.approx(slow.unit_spread(z, ddof), rel=1e-9, abs=1e-12)
    if dim > 1:
        assert mean_correlation(z) == pytest.approx(slow.mean_correlation(z), rel=1e-9)


@pytest.mark.parametrize(("batch", "dim"), [(300, 40), (40, 300), (64, 64), (90, 600)])
def test_large_ones_too(batch: int, dim: int) -> None:
    z = cloud(batch, dim, dim, seed=3) * torch.linspace(1, 0.001, dim) + 2.0
    found = spectrum(z)
    for centred, shares in ((False, found.singular), (True, found.singular_centred)):
        sigma = np.asarray(slow.singular(z, centred=centred))
        assert np.abs(shares.numpy() - sigma / np.linalg.norm(sigma)).max() < 1e-8
    assert found.rank_centred == pytest.approx(slow.entropy_rank(slow.singular(z, centred=True), 0.0), rel=1e-6)


class TestEnds:
    def test_the_cone_trap(self) -> None:
        rows = cloud(1024, 128, 16)
        rows += 50 * rotation(128, 5)[0]
        assert rank_me(rows) == pytest.approx(3.40, abs=0.02)
        assert rank_centred(rows) == pytest.approx(15.97, abs=0.02)

    def test_equal_directions_are_counted(self) -> None:
        rows = torch.cat([torch.eye(4), -torch.eye(4)])  # mean 0, four equal directions
        found = spectrum(rows)
        assert found.rank_centred == pytest.approx(4)
        assert found.participation == pytest.approx(4)
        assert found.stable_rank == pytest.approx(4)
        assert found.rank == pytest.approx(4, abs=1e-4)
        assert found.correlation == pytest.approx(0, abs=1e-12)
        assert found.std == pytest.approx(math.sqrt(2 / 7) * 2)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
    def test_complete_collapse_is_no_spectrum_of_rounding(self, dtype: torch.dtype) -> None:
        row = torch.linspace(-3, 5, 128)
        for rows in (row.to(dtype).expand(256, 128), row.expand(256, 128).to(dtype)):
            found = spectrum(rows)
            assert found.rank == pytest.approx(1, abs=1e-3)
            assert (found.rank_centred, found.participation, found.stable_rank) == (0, 0, 0)
            assert not found.singular_centred.any()
            assert found.std == pytest.approx(0, abs=1e-12)
            assert found.correlation is None

    @pytest.mark.parametrize(("dtype", "digit"), [(torch.float32, 2e-8), (torch.bfloat16, 1e-3)])
    def test_differences_of_the_size_of_rounding_are_none(self, dtype: torch.dtype, digit: float) -> None:
        # One point, and noise that is half a unit of its last digit: what is left is rounding, and as even as a cloud.
        noise = random_batch(512, 64, 0)[0]
        found = spectrum((torch.linspace(1, 2, 64) * (1 + digit * noise)).to(dtype))
        assert found.rank_centred == 0
        assert not found.singular_centred.any()
        assert found.rank == pytest.approx(1, abs=0.01 if dtype is torch.float32 else 2)

    def test_what_lies_under_rounding_is_named(self) -> None:
        z = cloud(256, 64, 8)
        exact, coarse = spectrum(z), spectrum(z.bfloat16())
        assert (exact.singular[8:] <= exact.floor).all()
        assert (coarse.singular[8:] <= coarse.floor).all()
        assert (coarse.singular[:8] > coarse.floor).all()
        assert exact.floor < 1e-6 < 1e-4 < coarse.floor < 1e-2

    def test_a_line(self) -> None:
        rows = torch.arange(1.0, 9)[:, None] * torch.tensor([1.0, -2.0, 0.5])
        found = spectrum(rows)
        assert found.rank == pytest.approx(1, abs=1e-5)
        assert (found.rank_centred, found.participation, found.stable_rank) == pytest.approx((1, 1, 1))
        assert found.correlation == pytest.approx(1)
        assert found.std == pytest.approx(0, abs=1e-7)

    def test_rotation_and_scale_do_not_matter(self) -> None:
        z = random_batch(40, 8, 0)[0] + 1
        turned = 7 * z @ rotation(8, 1)
        for part in (rank_me, rank_centred, participation_ratio, stable_rank):
            assert part(turned) == pytest.approx(part(z), rel=1e-9)


class TestFailures:
    """Which reading sees which failure: 1,024 rows in 128 dimensions, 16 classes."""

    @staticmethod
    def healthy() -> Tensor:
        generator = torch.Generator().manual_seed(0)
        centres = unit(torch.randn(16, 128, generator=generator, dtype=torch.float64))
        noise = torch.randn(1024, 128, generator=generator, dtype=torch.float64) / math.sqrt(128)
        return unit(centres.repeat(64, 1) * 0.75 + noise)

    def test_healthy(self) -> None:
        found = spectrum(self.healthy())
        assert found.rank == pytest.approx(118, abs=3)
        assert found.std == pytest.approx(0.99, abs=0.02)
        assert found.rank < found.ceiling.rank

    def test_complete_collapse_is_seen_uncentred_and_missed_centred(self) -> None:
        rows = unit(0.014 * self.healthy() + rotation(128, 9)[0])
        found = spectrum(rows)
        assert found.rank < 4
        assert found.std < 0.02
        assert found.rank_centred > 100  # misses it: the noise around the point is even

    def test_dimensional_collapse_is_seen_by_ranks_and_missed_by_the_spread(self) -> None:
        found = spectrum(unit(cloud(1024, 128, 4) + 0.01 * self.healthy()))
        assert found.rank < 15
        assert found.participation == pytest.approx(4, abs=0.3)
        assert found.std > 0.9  # misses it

    def test_a_common_offset_is_seen_uncentred_and_missed_centred(self) -> None:
        found = spectrum(unit(self.healthy() + 2 * rotation(128, 9)[0]))
        assert found.std < 0.5
        assert found.rank < 90
        assert found.rank_centred > 110


class TestIsotropic:
    @pytest.mark.parametrize(
        ("batch", "dim", "rank", "within"),
        [
            (64, 128, 59.2, 0.1), (128, 128, 103.1, 0.1), (256, 128, 118.6, 0.1), (1024, 128, 126.0, 0.1),
            (4096, 128, 127.5, 0.1), (512, 512, 412, 0.5), (4096, 512, 504, 0.5),
        ],
    )  # fmt: skip
    def test_the_table(self, batch: int, dim: int, rank: float, within: float) -> None:
        assert isotropic(batch, dim).rank == pytest.approx(rank, abs=within)

    @pytest.mark.parametrize(
        ("batch", "dim"), [(2, 2), (3, 1), (6, 9), (20, 64), (31, 31), (33, 33), (200, 64), (48, 400)]
    )
    def test_it_is_what_random_rows_read_on_average(self, batch: int, dim: int) -> None:
        generator = torch.Generator().manual_seed(1)
        reps = 200 if batch * dim < 5000 else 20
        found = [spectrum(torch.randn(batch, dim, generator=generator, dtype=torch.float64)) for _ in range(reps)]
        expected = isotropic(batch, dim)

        def mean(name: str) -> float:
            return sum(getattr(one, name) for one in found) / reps

        assert mean("rank") == pytest.approx(expected.rank, rel=0.02)
        assert mean("rank_centred") == pytest.approx(expected.rank_centred, rel=0.02)
        assert mean("participation") == pytest.approx(expected.participation, rel=0.06)
        assert mean("stable_rank") == pytest.approx(expected.stable_rank, rel=0.12)
        if dim > 1 and batch > 2:
            assert expected.correlation is not None
            assert mean("correlation") == pytest.approx(expected.correlation, rel=0.05)
        shares = torch.stack([one.singular_centred for one in found]).mean(0)
        assert shares.tolist() == pytest.approx(expected.singular_centred.tolist(), abs=0.03)

    def test_the_two_ways_meet(self) -> None:
        below, above = isotropic(400, 31), isotropic(400, 32)
        assert above.rank - below.rank == pytest.approx(1, abs=0.15)

    def test_it_is_kept_and_draws_nothing_of_yours(self) -> None:
        state = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
        first = isotropic(700, 20)
        assert isotropic(700, 20) is first
        assert torch.equal(torch.get_rng_state(), state[0])
        assert np.random.get_state()[1].tolist() == state[1]  # noqa: NPY002
        assert first.singular_centred.norm() == pytest.approx(1)

    def test_refuses(self) -> None:
        with pytest.raises(ArgumentError, match=r"isotropic: batch is 1. It must be a whole number, 2 or above"):
            isotropic(1, 8)
        with pytest.raises(ArgumentError, match=r"isotropic: dim is 0"):
            isotropic(8, 0)


class TestInput:
    @pytest.mark.parametrize("scale", [1e-30, 1e30, 1.0])
    def test_size_does_not_matter(self, scale: float) -> None:
        z = random_batch(30, 8, 0, torch.float32)[0]
        assert spectrum(scale * z).rank == pytest.approx(spectrum(z).rank, rel=1e-6)
        assert singular_values(scale * z)[0] == pytest.approx(scale * float(singular_values(z)[0]), rel=1e-6)

    def test_the_largest_numbers_there_are(self) -> None:
        z = random_batch(30, 8, 0)[0]
        assert spectrum(1e300 * z).participation == pytest.approx(spectrum(z).participation)

    def test_layout_does_not_matter(self) -> None:
        z = random_batch(8, 30, 0)[0]
        assert not z.T.is_contiguous()
        assert spectrum(z.T).rank == spectrum(z.T.contiguous()).rank

    def test_bfloat16_is_measured_in_float64(self) -> None:
        z = random_batch(64, 16, 0)[0].bfloat16()
        assert spectrum(z).rank == rank_me(z.double())

    def test_fewer_rows_than_dimensions(self) -> None:
        found = spectrum(random_batch(5, 40, 0)[0])
        assert len(found.singular) == len(found.singular_centred) == 5
        assert found.singular_centred[-1] == 0  # five rows around their mean span four directions
        assert found.rank_centred <= 4
        assert found.ceiling.singular_centred[-1] == 0

    def test_rows_without_a_direction_are_left_out_and_counted(self) -> None:
        z = random_batch(30, 8, 0)[0]
        bad = z.clone()
        bad[3], bad[7, 2], bad[9, 0] = 0, math.nan, math.inf
        keep = [i for i in range(30) if i not in (3, 7, 9)]
        found, clean = spectrum(bad), spectrum(z[keep])
        assert (found.rows, found.rows_left_out, found.rows_total) == (27, 3, 30)
        assert (found.rank, found.std, found.correlation) == (clean.rank, clean.std, clean.correlation)
        assert found.ceiling == isotropic(27, 8)

    def test_views_of_different_sizes(self) -> None:
        a, b = random_batch(12, 6, 0)[0], random_batch(5, 6, 1)[0]
        assert spectrum(a, b).rank == rank_me(torch.cat([a, b]))

    def test_rows_are_drawn_and_said(self) -> None:
        z = random_batch(400, 8, 0)[0]
        found = spectrum(z, max_rows=100)
        assert (found.rows, found.rows_total, found.rows_left_out) == (100, 400, 0)
        assert found.ceiling == isotropic(100, 8)
        assert found.rank == spectrum(z, max_rows=100).rank != spectrum(z).rank
        assert found.rank == pytest.approx(spectrum(z).rank, rel=0.05)

    def test_many_columns_are_drawn_for_the_correlation(self) -> None:
        assert mean_correlation(random_batch(60, 700, 0)[0]) == pytest.approx(isotropic(60, 700).correlation, rel=0.02)

    def test_constant_columns_are_no_part_of_the_correlation(self) -> None:
        z = random_batch(50, 6, 0)[0]
        dead = torch.cat([z, torch.full((50, 2), 0.1), torch.zeros(50, 1)], 1)
        assert mean_correlation(dead) == pytest.approx(mean_correlation(z), rel=1e-12)
        with pytest.raises(ArgumentError, match=r"mean_correlation: fewer than 2 of 3 columns vary"):
            mean_correlation(dead[:, 5:8])

    def test_watching_leaves_no_trace(self) -> None:
        z = random_batch(2000, 8, 0)[0].requires_grad_()
        before, state = z.detach().clone(), torch.get_rng_state()
        spectrum(z, max_rows=50)
        assert torch.equal(z, before)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.is_grad_enabled()

    @pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
    def test_parts_refuse(self, part) -> None:
        name = part.__name__
        with pytest.raises(TooFewRows, match=rf"{name}: z has 1 row, 2 are needed"):
            part(torch.ones(1, 4))
        with pytest.raises(ShapeError, match=rf"{name}: z is \(2, 3, 4\)"):
            part(torch.ones(2, 3, 4))
        with pytest.raises(NotFinite, match=rf"{name}: 1 of 3 rows of z are not finite"):
            part(torch.tensor([[1.0, 2.0], [math.nan, 1.0], [0.5, 0.2]]))

    def test_refuses(self) -> None:
        with pytest.raises(TooFewRows, match=r"spectrum: 1 row has a direction \(2 of 3 are zero or not finite\), 2"):
            spectrum(torch.tensor([[0.0, 0.0], [math.nan, 1.0], [0.5, 0.2]]))
        with pytest.raises(ZeroRows, match=r"spectrum: all 6 rows are zero.*ReLU"):
            spectrum(torch.zeros(3, 4), torch.zeros(3, 4))
        with pytest.raises(ShapeError, match=r"spectrum: view 1 is \(3, 4\) but view 2 is \(3, 5\)"):
            spectrum(torch.ones(3, 4), torch.ones(3, 5))
        with pytest.raises(ShapeError, match=r"spectrum: view 1 is a list"):
            spectrum([1.0])  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match=r"spectrum: views is nothing"):
            spectrum()
        with pytest.raises(ArgumentError, match=r"max_rows is 1. It must be a whole number, 2 or above"):
            spectrum(torch.eye(4), max_rows=1)
        with pytest.raises(ArgumentError, match=r"unit_spread: ddof is 2"):
            unit_spread(torch.eye(4), ddof=2)
        with pytest.raises(ZeroRows, match=r"unit_spread: 1 of 2 rows"):
            unit_spread(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        with pytest.raises(ArgumentError, match=r"rank_me: eps is 0"):
            rank_me(torch.eye(4), eps=0)


def test_the_module_is_reached_by_its_own_name() -> None:
    assert sys.modules[spectrum.__module__].__name__ == "vergence.metrics.spectrum"


CASES = [
    Case(spectrum, views(2), bad="left out", least=1, apart=("floor", "floor_centred")),
    *(Case(metric) for metric in (singular_values, rank_me, rank_centred, participation_ratio, stable_rank)),
    Case(unit_spread, lengths="ignored"),
    Case(mean_correlation),
    Case(isotropic, lambda n, dim, dtype, seed: (n, dim), of=()),
]
