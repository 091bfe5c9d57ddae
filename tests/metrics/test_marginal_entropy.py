from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference.entropy_maximisation import marginal_entropy as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, TooFewRows, UnknownName, ZeroRows
from vergence.geometry import unit
from vergence.metrics import marginal_entropy, marginal_entropy_null, rank_centred, sphere_entropy


def of_columns(*given: object) -> dict[str, str]:
    return {"of": "columns"}


CASES = [
    Case(marginal_entropy, least=5, lengths="ignored", bad="left out"),
    Case(marginal_entropy, views(2), of_columns, least=5, bad="left out", label="marginal_entropy of columns"),
    Case(marginal_entropy_null, lambda n, dim, dtype, seed: (n, dim), of=()),
    Case(sphere_entropy, lambda n, dim, dtype, seed: (dim,), of=()),
]


def even(batch: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@hypothesis.given(st.integers(5, 30), st.integers(2, 6), st.integers(0, 9999))
def test_agrees_gap_by_gap(batch: int, dim: int, seed: int) -> None:
    z = random_batch(batch, dim, seed)[0] + 1
    on_sphere = unit(z) * math.sqrt(dim)
    standard = (z - z.mean(0)) / z.std(0, correction=0)
    for found, rows in ((marginal_entropy(z), on_sphere), (marginal_entropy(z, of="columns"), standard)):
        expected = [slow(column) for column in rows.T.tolist()]
        assert found.by_coordinate.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert float(found) == pytest.approx(sum(expected) / dim, rel=1e-6, abs=1e-6)
        assert found.lowest == pytest.approx(min(expected), rel=1e-6, abs=1e-6)
        assert (found.dead, found.tied) == (0, 0)


def test_the_golden_batch_and_views_one_by_one() -> None:
    a, b, _ = golden_batch()
    both = marginal_entropy(a, b)
    assert float(both) == pytest.approx((float(marginal_entropy(a)) + float(marginal_entropy(b))) / 2)
    assert (both.rows, both.rows_of_view) == (16, 8)


class TestEnds:
    def test_of_distributions_that_are_known(self) -> None:
        n = 60_000
        normal = even(n, 1)
        uniform = torch.rand(n, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        assert float(marginal_entropy(normal, of="columns")) == pytest.approx(1.4189, abs=0.03)
        # Variance 1 on an interval of length sqrt(12).
        assert float(marginal_entropy(uniform, of="columns")) == pytest.approx(math.log(12) / 2, abs=0.02)
        assert marginal_entropy(normal, of="columns").gaussian == pytest.approx(1.418939)

    def test_the_numbers_that_were_tried(self) -> None:
        """1.34 for 1,000 normal values of variance 1, 1.38 for 4,000 by another window."""
        assert float(marginal_entropy(even(1000, 20), of="columns")) == pytest.approx(1.34, abs=0.02)

    def test_the_sphere(self) -> None:
        assert sphere_entropy(2) == pytest.approx(math.log(math.pi / 2) + math.log(2) / 2)  # arc sine of radius sqrt 2
        assert sphere_entropy(3) == pytest.approx(math.log(2 * math.sqrt(3)))  # even over an interval
        assert sphere_entropy(16) == pytest.approx(1.416, abs=1e-3)
        assert 1.41893 < sphere_entropy(2048) < 1.418939
        for dim in (2, 3, 16):
            assert float(marginal_entropy(even(60_000, dim))) == pytest.approx(sphere_entropy(dim), abs=0.04)

    def test_half_the_spread_takes_log_2(self) -> None:
        z = even(2000, 64)
        less = z.clone()
        less[:, 5] /= 2
        lost = marginal_entropy(z).by_coordinate - marginal_entropy(less).by_coordinate
        assert lost[5] == pytest.approx(math.log(2), abs=0.02)
        assert lost[torch.arange(64) != 5].abs().max() < 0.02
        same = marginal_entropy(less, of="columns").by_coordinate  # shape alone
        assert torch.allclose(same, marginal_entropy(z, of="columns").by_coordinate)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
    def test_collapse(self, dtype: torch.dtype) -> None:
        row = torch.linspace(-3, 5, 32)
        for of in ("sphere", "columns"):
            found = marginal_entropy(row.expand(100, 32).to(dtype), of=of)
            assert (found.entropy, found.lowest, found.dead, found.tied, found.short) == (None, None, 32, 0, None)
            assert torch.isneginf(found.by_coordinate).all()
            with pytest.raises(ArgumentError, match="all 32 coordinates are the same in every row"):
                float(found)
        towards = [float(marginal_entropy(row + size * even(500, 32))) for size in (1.0, 0.1, 0.01)]
        assert towards[0] > towards[1] + 2 > towards[2] + 4


class TestWhatItSees:
    def test_a_dead_coordinate(self) -> None:
        z = even(500, 16)
        for value in (0.0, 0.1):
            z[:, 3] = value
            found = marginal_entropy(z, of="columns")
            assert (found.dead, int(found.by_coordinate.argmin())) == (1, 3)
            assert found.by_coordinate[3] == -math.inf
        z[:, 3] = 0
        found = marginal_entropy(z.float())
        assert found.dead == 1
        assert found.entropy == pytest.approx(1.35, abs=0.05)
        z[:, 3] = 1e-3 * z[:, 4]
        faint = marginal_entropy(z)
        assert faint.dead == 0
        assert faint.lowest is not None
        assert faint.lowest < -4

    @pytest.mark.parametrize("size", [1e300, 1e-300])
    @pytest.mark.parametrize("of", ["sphere", "columns"])
    def test_any_size_of_numbers(self, size: float, of: str) -> None:
        z = even(64, 8).double()
        assert float(marginal_entropy(z * size, of=of)) == pytest.approx(float(marginal_entropy(z, of=of)), abs=1e-6)

    def test_a_coordinate_dead_in_one_view_only(self) -> None:
        a, b = even(100, 6), even(100, 6, 1)
        b[:, 2] = 0
        assert marginal_entropy(a, b).dead == 0
        b, a = b.clone(), a.clone()
        a[:, 2] = 0
        assert marginal_entropy(a, b).dead == 1

    def test_values_that_many_rows_share(self) -> None:
        found = marginal_entropy(even(500, 16).relu())
        assert found.tied == 16
        assert float(found) < -3
        assert marginal_entropy(even(500, 16).sign(), of="columns").tied == 16

    def test_saturated_coordinates(self) -> None:
        z = even(2000, 16)
        assert float(marginal_entropy((3 * z).tanh(), of="columns")) < float(marginal_entropy(z, of="columns")) - 0.4

    def test_what_it_misses(self) -> None:
        twice = even(1000, 32).repeat(1, 2)
        found = marginal_entropy(twice, of="columns")
        assert rank_centred(twice) < 33
        assert found.short == pytest.approx(0, abs=0.005)  # half the columns repeat the other half
        turned = marginal_entropy(even(1000, 4) @ rotation(128, 0)[:4])
        assert float(turned) == pytest.approx(1.2, abs=0.1)


class TestNull:
    @pytest.mark.parametrize(
        ("batch", "dim"), [(5, 3), (20, 300), (64, 16), (256, 128), (1000, 2), (9000, 8), (300, 700), (63, 2000)]
    )
    @pytest.mark.parametrize("of", ["sphere", "columns"])
    def test_it_is_what_even_rows_read(self, batch: int, dim: int, of: str) -> None:
        null = marginal_entropy_null(batch, dim, of=of)
        read = [float(marginal_entropy(even(batch, dim, seed), of=of)) for seed in range(100, 120)]
        assert sum(read) / 20 == pytest.approx(null.mean, abs=(null.high - null.low) / 3)
        assert sum(map(null.holds, read)) >= 15

    def test_the_numbers_of_the_docstring(self) -> None:
        assert marginal_entropy_null(1024, 128).mean == pytest.approx(1.33, abs=0.005)
        assert marginal_entropy_null(256, 128).mean == pytest.approx(1.27, abs=0.005)
        assert marginal_entropy(even(64, 8)).null is marginal_entropy_null(64, 8, of="sphere")

    def test_refuses(self) -> None:
        with pytest.raises(ArgumentError, match="dim is 1"):
            marginal_entropy_null(50, 1)
        with pytest.raises(ArgumentError, match="batch is 4"):
            marginal_entropy_null(4, 2)
        with pytest.raises(UnknownName, match=r"'spheres'. Did you mean 'sphere'"):
            marginal_entropy_null(50, 2, of="spheres")  # type: ignore[arg-type]


class TestInput:
    def test_zero_rows_have_no_direction_and_are_rows_among_columns(self) -> None:
        z = even(50, 4)
        z[3] = 0
        assert marginal_entropy(z).rows_left_out == 1
        assert marginal_entropy(z, of="columns").rows_left_out == 0
        with pytest.raises(ZeroRows, match="marginal_entropy: all 9 rows are zero"):
            marginal_entropy(torch.zeros(9, 4))

    def test_rows_are_drawn_and_said(self) -> None:
        found = marginal_entropy(even(900, 4), max_rows=100)
        assert (found.rows, found.rows_total) == (100, 900)

    def test_refuses(self) -> None:
        with pytest.raises(TooFewRows, match="the view has 4 rows, and 5 are needed"):
            marginal_entropy(even(4, 4))
        with pytest.raises(ArgumentError, match=r"rows of 1 column have the directions -1 and 1"):
            marginal_entropy(even(9, 1))
        with pytest.raises(UnknownName, match="column"):
            marginal_entropy(even(9, 2), of="column")  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="dim is 1"):
            sphere_entropy(1)
