from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import sigreg as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence import losses
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows
from vergence.gaussian import random_directions, sigreg_null
from vergence.geometry import unit
from vergence.metrics import sigreg, sigreg_band


def some(*given: object) -> dict[str, int]:
    return {"slices": 16}


CASES = [
    Case(
        sigreg,
        more=some,
        bad="left out",
        golden=(lambda a, b, labels: sigreg(a, directions=torch.eye(6)), 0.4315390242),
    ),
    Case(sigreg, views(2), some, bad="left out", label="sigreg of views"),
    Case(sigreg_band, lambda n, dim, dtype, seed: (torch.eye(dim),), of=()),
]


def gaussian(batch: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@hypothesis.settings(max_examples=30)
@hypothesis.given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 9999), st.sampled_from([2, 9, 17]))
def test_agrees_with_the_complex_sum_and_with_the_loss(batch: int, dim: int, seed: int, knots: int) -> None:
    a, b = random_batch(batch, dim, seed)
    directions = random_directions(dim, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = sigreg(a, directions=directions, knots=knots)
    assert float(found) == pytest.approx(slow.sigreg(a, directions, knots), rel=1e-9)
    assert float(found) == pytest.approx(float(losses.sigreg(a, directions, knots=knots)), rel=1e-9)
    own = [slow.sigreg(a, torch.eye(dim)[:, [k]], knots) for k in range(dim)]
    assert found.axes == pytest.approx(sum(own) / dim, rel=1e-9)
    assert own[found.largest_axis] == pytest.approx(max(own))
    both = sigreg(a, b, directions=directions, knots=knots)
    expected = (slow.sigreg(a, directions, knots) + slow.sigreg(b, directions, knots)) / 2
    assert float(both) == pytest.approx(expected, rel=1e-9)


class TestEnds:
    def test_the_golden_batch_on_its_axes(self) -> None:
        a, _, _ = golden_batch()
        found = sigreg(a)
        assert found.axes == pytest.approx(0.4315390242, abs=1e-9)
        assert float(sigreg(a, directions=-3 * torch.eye(6))) == pytest.approx(0.4315390242, abs=1e-9)

    @pytest.mark.parametrize("batch", [2, 64])
    def test_constant_zero(self, batch: int) -> None:
        found = sigreg(torch.zeros(batch, 5))
        assert float(found) == pytest.approx(0.40205 * batch, rel=1e-4)
        assert found.collapse == pytest.approx(float(found), rel=1e-6)
        assert found.rows == batch  # rows of zeros are rows here

    @pytest.mark.parametrize("batch", [8, 100, 1000])
    def test_a_sample_reads_the_null_and_not_zero(self, batch: int) -> None:
        read = [float(sigreg(gaussian(batch, 12, seed), slices=32)) for seed in range(40)]
        assert sum(read) / 40 == pytest.approx(1.0525, abs=0.1)
        assert sigreg(gaussian(batch, 12)).null.mean == pytest.approx(1.0525, abs=1e-4)


class TestNull:
    @pytest.mark.parametrize(("batch", "dim", "slices"), [(200, 1, 1), (200, 2, 64), (100, 16, 64), (300, 64, 16)])
    def test_the_closed_form_holds_samples(self, batch: int, dim: int, slices: int) -> None:
        found = [sigreg(gaussian(batch, dim, seed), slices=slices) for seed in range(150)]
        for read, null in (
            ([one.statistic for one in found], found[0].null),
            ([one.axes for one in found], found[0].axes_null),
        ):
            mean = sum(read) / len(read)
            sd = math.sqrt(sum((one - mean) ** 2 for one in read) / (len(read) - 1))
            assert sd == pytest.approx((null.high - null.low) / 3.92, rel=0.3)
            assert sum(map(null.holds, read)) / len(read) > 0.9

    def test_of_independent_axes_it_narrows_as_their_root(self) -> None:
        wide, narrow = sigreg_band(torch.eye(16)), sigreg_band(torch.eye(1600))
        assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(10, rel=0.05)
        # A direction that is repeated adds nothing, nor does its length or its sign.
        one = sigreg_band(torch.eye(4)[:, :1])
        again = sigreg_band(torch.tensor([[1.0, -2.0, 5.0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]))
        assert (one.low, one.high) == pytest.approx((again.low, again.high))

    def test_the_numbers_of_the_docstring(self) -> None:
        one = sigreg_band(torch.eye(1))
        assert (one.low, one.high) == pytest.approx((0.05, 3.6), abs=0.05)
        many = sigreg_band(random_directions(128, 256, generator=torch.Generator().manual_seed(0)))
        assert (many.low, many.high) == pytest.approx((0.89, 1.23), abs=0.01)
        assert many.mean == sigreg_null()

    def test_refuses(self) -> None:
        with pytest.raises(ShapeError, match="sigreg_band: directions is"):
            sigreg_band(torch.ones(3))
        with pytest.raises(NotFinite, match="sigreg_band"):
            sigreg_band(torch.full((3, 2), math.nan))


class TestFailures:
    good = gaussian(512, 32)

    def test_a_sample_passes(self) -> None:
        assert sigreg(self.good).gaussian

    @pytest.mark.parametrize("fault", ["small", "large", "off centre", "one class", "subspace", "heavy tails", "unit"])
    def test_what_it_sees(self, fault: str) -> None:
        good = self.good
        rows = {
            "small": 0.7 * good,
            "large": 1.4 * good,
            "off centre": good + 0.3,
            "one class": good + 3 * (torch.arange(512) % 2)[:, None] * rotation(32, 0)[0],
            "subspace": torch.cat([good[:, :16], torch.zeros(512, 16)], 1),
            "heavy tails": good / gaussian(512, 1, 3).abs().clamp(min=0.2),
            "unit": unit(good),
        }[fault]
        found = sigreg(rows)
        assert not found.gaussian
        assert found.statistic > found.null.high or found.axes > found.axes_null.high
        assert found.largest >= found.statistic

    def test_what_it_misses(self) -> None:
        """The corners of a cube: sums of many columns look Gaussian, and only the axes tell."""
        found = sigreg(self.good.sign())
        assert found.statistic < 2
        assert found.axes == pytest.approx(54, abs=2)
        assert not found.gaussian
        shuffled = self.good[torch.randperm(512, generator=torch.Generator().manual_seed(0))]
        assert float(sigreg(shuffled)) == pytest.approx(float(sigreg(self.good)))  # nor who is whose partner

    def test_away_from_the_null_it_grows_with_the_rows(self) -> None:
        some, more = (sigreg(0.5 * gaussian(n, 8)) for n in (200, 800))
        assert float(more) / float(some) == pytest.approx(4, rel=0.1)


class TestInput:
    def test_rows_are_drawn_and_said(self) -> None:
        found = sigreg(gaussian(3000, 4))
        assert (found.rows, found.rows_total, found.rows_of_view) == (1024, 3000, 1024)
        assert sigreg(gaussian(3000, 4), max_rows=None).rows == 3000

    def test_directions_are_the_same_in_every_call_unless_asked(self) -> None:
        z = gaussian(64, 6)
        assert float(sigreg(z)) == float(sigreg(z))
        generator = torch.Generator().manual_seed(3)
        assert float(sigreg(z, generator=generator)) != float(sigreg(z, generator=generator))

    def test_refuses(self) -> None:
        z = gaussian(20, 4)
        for bad in (0.0, math.nan, math.inf):
            directions = torch.eye(4)
            directions[2, 2] = bad
            with pytest.raises(ArgumentError, match=r"sigreg: 1 of 4 columns of directions are zero or not finite"):
                sigreg(z, directions=directions)
        with pytest.raises(ShapeError, match=r"sigreg: directions is \(3, 3\) but the rows have 4 columns"):
            sigreg(z, directions=torch.eye(3))
        with pytest.raises(ArgumentError, match="slices is 0"):
            sigreg(z, slices=0)
        with pytest.raises(ArgumentError, match="knots is 1"):
            sigreg(z, knots=1)
        with pytest.raises(TooFewRows, match="the view has 1 rows, and 2 are needed"):
            sigreg(z[:1])
