from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import alpha_req as slow
from tests.reference.golden import random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows
from vergence.metrics import alpha_req, alpha_req_null, power_law_exponent

CASES = [
    Case(alpha_req, size=(40, 24), least=15, bad="left out"),
    Case(alpha_req, views(2), lambda *given: {"first": 1, "last": 6}, least=3, bad="left out", label="of first ranks"),
    Case(alpha_req_null, lambda n, dim, dtype, seed: (40, 24), of=()),
    Case(power_law_exponent, lambda n, dim, dtype, seed: (torch.arange(1, 30).double() ** -1,), of=()),
]


def power_law(alpha: float, batch: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    return rows * torch.arange(1, dim + 1) ** (-alpha / 2)


def exact(alpha: float, dim: int) -> Tensor:
    """Rows whose covariance has exactly these eigenvalues."""
    half = torch.diag(torch.arange(1, dim + 1, dtype=torch.float64) ** (-alpha / 2)) @ rotation(dim, 3)
    return torch.cat([half, -half])


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5])
class TestPowerLaws:
    def test_recovered_from_20_000_rows(self, alpha: float) -> None:
        z = power_law(alpha, 20_000, 256)
        if alpha:
            assert float(alpha_req(z)) == pytest.approx(alpha, abs=0.005)
            assert float(alpha_req(z, weighted=True)) == pytest.approx(alpha, abs=0.01)

    def test_recovered_exactly_from_exact_ones(self, alpha: float) -> None:
        found = alpha_req(exact(alpha, 150))
        assert float(found) == pytest.approx(alpha, abs=1e-9)
        assert (found.first, found.last, found.shortened, found.eigenvalues) == (10, 100, False, 150)
        if alpha:
            assert found.fit == pytest.approx(1)
        values = torch.arange(1, 150, dtype=torch.float64) ** -alpha
        for weighted in (False, True):
            assert power_law_exponent(values, weighted=weighted) == pytest.approx(alpha, abs=1e-12)


@hypothesis.given(
    st.integers(8, 30), st.integers(6, 12), st.integers(0, 9999), st.integers(1, 2), st.integers(0, 3), st.booleans()
)
def test_agrees_with_the_normal_equations(
    batch: int, dim: int, seed: int, first: int, less: int, weighted: bool
) -> None:
    z = random_batch(batch, dim, seed)[0] + 3
    last = min(batch - 1, dim) - (less if min(batch - 1, dim) - less - first >= 4 else 0)
    expected = slow.exponent(slow.eigenvalues(z), first, last, weighted=weighted)
    assert float(alpha_req(z, first=first, last=last, weighted=weighted)) == pytest.approx(expected, rel=1e-6)


def test_the_trap_three_calls_read_the_same() -> None:
    """A fit range that is changed in place moves by one rank with each call."""
    z = power_law(0.8, 500, 120)
    read = [float(alpha_req(z)) for _ in range(3)]
    assert read[0] == read[1] == read[2] == pytest.approx(slow.exponent(slow.eigenvalues(z), 10, 100, weighted=False))
    values = torch.tensor(slow.eigenvalues(z))
    assert power_law_exponent(values) == power_law_exponent(values) == pytest.approx(read[0])


class TestRange:
    def test_fewer_eigenvalues_than_wanted_are_said(self) -> None:
        found = alpha_req(exact(1.0, 40))
        assert (found.first, found.last, found.last_wanted, found.shortened) == (10, 40, 100, True)
        assert float(found) == pytest.approx(1)
        assert alpha_req(power_law(1.0, 31, 200)).last == 30  # rows around their mean span one direction less
        assert power_law_exponent(torch.arange(1, 20).double() ** -2) == pytest.approx(2)

    def test_too_few_are_refused(self) -> None:
        with pytest.raises(TooFewRows, match=r"12 rows of 40 columns have 11 eigenvalues, and a fit from rank 10 on"):
            alpha_req(power_law(1.0, 12, 40))
        with pytest.raises(TooFewRows, match=r"100 rows of 8 columns have 8 eigenvalues.*first=1, last=8"):
            alpha_req(power_law(1.0, 100, 8))
        with pytest.raises(ArgumentError, match=r"ranks 10 to 13 are fewer than 5"):
            alpha_req(power_law(1.0, 100, 80), last=13)

    def test_rounding_is_no_spectrum(self) -> None:
        flat = power_law(1.0, 300, 20).float() @ rotation(128, 0)[:20].float()
        found = alpha_req(flat)
        assert (found.eigenvalues, found.last) == (20, 20)
        for rows in (torch.ones(300, 128), flat[:, :1] * torch.ones(128)):
            none = alpha_req(rows)
            assert (none.alpha, none.fit, none.null) == (None, None, None)
            assert none.eigenvalues <= 1
            with pytest.raises(ArgumentError, match="there is no exponent"):
                float(none)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("large", [300, 3000])
    def test_one_large_column_does_not_hide_the_others(self, dtype: torch.dtype, large: float) -> None:
        z = random_batch(256, 16, 3)[0].double()
        z[..., 3] += large
        found, expected = alpha_req(z.to(dtype), first=1), alpha_req(z, first=1)
        assert found.last >= 15
        assert float(found) == pytest.approx(float(expected), abs=0.05)

    def test_no_power_law_is_seen_by_the_fit(self) -> None:
        values = torch.cat([torch.ones(40), torch.full((80,), 1e-3)]).double()
        rows = torch.diag(values.sqrt())
        found = alpha_req(torch.cat([rows, -rows]))
        assert found.fit is not None
        assert found.fit < 0.9
        assert alpha_req(power_law(1.0, 5000, 128)).fit == pytest.approx(1, abs=0.005)


def test_what_it_misses() -> None:
    """A collapse into fewer directions than the first rank leaves it with the faint noise, which looks even."""
    generator = torch.Generator().manual_seed(1)
    noise = 0.01 * torch.randn(1024, 128, generator=generator, dtype=torch.float64)
    found = alpha_req(torch.randn(1024, 4, generator=generator, dtype=torch.float64) @ rotation(128, 0)[:4] + noise)
    assert found.null is not None
    assert float(found) == pytest.approx(found.null.mean, abs=0.03)
    assert float(alpha_req(noise + 50)) == pytest.approx(float(found), abs=0.03)  # blind to an offset, too


class TestNull:
    @pytest.mark.parametrize(("batch", "dim"), [(64, 32), (400, 64), (120, 300), (500, 400), (1000, 200)])
    def test_it_is_what_random_rows_read(self, batch: int, dim: int) -> None:
        null = alpha_req_null(batch, dim)
        read = []
        for seed in range(12):
            generator = torch.Generator().manual_seed(seed)
            read.append(float(alpha_req(torch.randn(batch, dim, generator=generator))))
        assert float(np.mean(read)) == pytest.approx(null.mean, abs=(null.high - null.low) / 4)
        assert sum(null.holds(one) for one in read) >= 9

    def test_the_numbers_of_the_docstring(self) -> None:
        assert alpha_req_null(1024, 128).mean == pytest.approx(0.38, abs=0.01)
        assert alpha_req_null(256, 128).mean == pytest.approx(0.82, abs=0.01)

    def test_it_is_kept_and_of_the_range_that_was_fitted(self) -> None:
        assert alpha_req_null(40, 24) is alpha_req_null(40, 24)
        found = alpha_req(power_law(0.5, 60, 24), first=2, weighted=True)
        assert found.null == alpha_req_null(60, 24, first=2, last=24, weighted=True)

    def test_refuses(self) -> None:
        with pytest.raises(TooFewRows, match="alpha_req_null: 100 rows of 8 columns"):
            alpha_req_null(100, 8)


class TestInput:
    def test_size_offset_and_rotation_do_not_matter(self) -> None:
        z = power_law(0.7, 200, 40)
        for other in (1e-20 * z, 1e20 * z, z + 7, z @ rotation(40, 0)):
            assert float(alpha_req(other)) == pytest.approx(float(alpha_req(z)), rel=1e-9)

    def test_views_are_measured_together(self) -> None:
        z = power_law(0.7, 200, 40)
        assert float(alpha_req(z[:50], z[50:])) == float(alpha_req(z))

    def test_rows_are_drawn_and_said(self) -> None:
        found = alpha_req(power_law(0.7, 400, 40), max_rows=100)
        assert (found.rows, found.rows_total, found.rows_left_out) == (100, 400, 0)

    def test_refuses(self) -> None:
        with pytest.raises(ShapeError, match=r"power_law_exponent: values is \(3, 4\)"):
            power_law_exponent(torch.ones(3, 4))
        with pytest.raises(ShapeError, match="values is list"):
            power_law_exponent([1.0])  # type: ignore[arg-type]
        with pytest.raises(NotFinite, match="values"):
            power_law_exponent(torch.full((20,), math.nan))
        with pytest.raises(ArgumentError, match="above 0 and fall"):
            power_law_exponent(torch.arange(1.0, 30))
        with pytest.raises(ArgumentError, match="above 0 and fall"):
            power_law_exponent(torch.zeros(30))
        with pytest.raises(TooFewRows, match="power_law_exponent: 12 values have 12 eigenvalues"):
            power_law_exponent(torch.ones(12))
        with pytest.raises(ArgumentError, match="first is 0"):
            alpha_req(torch.ones(30, 30), first=0)
