from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import hypersphere as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import alignment, hypersphere, tolerance, uniformity_floor


def unit_batch(batch: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    a, b = random_batch(batch, dim, seed)
    return unit(a).to(dtype), unit(b).to(dtype)


class TestHypersphere:
    def test_golden_batch(self) -> None:
        a, b, labels = golden_batch()
        found = hypersphere(a, b, labels=labels)
        assert found.alignment == pytest.approx(0.0724277263, abs=1e-9)
        both = math.log((math.exp(-2.7371602690) + math.exp(-2.6995830351)) / 2)
        assert found.uniformity == pytest.approx(both, abs=1e-9)
        assert found.uniformity_floor == uniformity_floor(6)
        of_b = float(tolerance(unit(b), labels))
        assert found.tolerance == pytest.approx((0.1950626733 + of_b) / 2, abs=1e-9)
        assert (found.rows, found.rows_left_out, found.was_unit, found.dim) == (16, 0, False, 6)

    def test_each_view_is_spread_on_its_own(self) -> None:
        z, _ = unit_batch(9, 4, seed=0)
        # Partners coincide: counted as pairs they would crowd the sphere.
        assert hypersphere(z, z).uniformity == pytest.approx(slow.uniformity(z), abs=1e-12)
        assert hypersphere(z, z).alignment == 0.0

    def test_one_view(self) -> None:
        z, _ = unit_batch(9, 4, seed=0)
        found = hypersphere(z)
        assert found.alignment is None
        assert found.tolerance is None
        assert found.uniformity == pytest.approx(slow.uniformity(z), abs=1e-12)
        assert found.was_unit

    def test_three_views(self) -> None:
        a, b = unit_batch(9, 4, seed=0)
        c, _ = unit_batch(9, 4, seed=1)
        found = hypersphere(a, b, c)
        apart = [slow.alignment(x, y) for x, y in ((a, b), (a, c), (b, c))]
        assert found.alignment == pytest.approx(sum(apart) / 3, abs=1e-12)
        spread = [slow.kernel_mean(z, 2.0) for z in (a, b, c)]
        assert found.uniformity == pytest.approx(math.log(sum(spread) / 3), abs=1e-12)

    @pytest.mark.parametrize("max_rows", [1024, 8])
    def test_alignment_with_ids_and_with_a_matrix_takes_all_positives(self, max_rows: int) -> None:
        a, b = unit_batch(9, 4, seed=0)
        queue, _ = unit_batch(20, 4, seed=1)
        ids = torch.tensor([0, 1, 2, 0, 1, 2, 3, 4, -1])
        every = torch.cat([a, b])
        both = ids.repeat(2).tolist()
        apart = [
            float((every[i] - every[j]).square().sum())
            for i in range(18) for j in range(i) if both[i] == both[j] >= 0
        ]  # fmt: skip
        expected = pytest.approx(sum(apart) / len(apart), abs=1e-12)
        assert hypersphere(a, b, positives=ids, max_rows=max_rows).alignment == expected
        assert hypersphere(a, b, queue, positives=(ids, ids, None), max_rows=max_rows).alignment == expected
        matrix = torch.rand(9, 20, generator=torch.Generator().manual_seed(0)) > 0.8
        pairs = [float((a[i] - queue[j]).square().sum()) for i, j in matrix.nonzero().tolist()]
        found = hypersphere(a, queue, positives=matrix, max_rows=max_rows)
        assert found.alignment == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
        assert hypersphere(a, queue, positives=matrix & False).alignment is None

    def test_alignment_by_sums_keeps_its_digits(self) -> None:
        a, _ = unit_batch(64, 16, seed=0)
        b = unit(a + 1e-4 * random_batch(64, 16, seed=1)[0])
        found = hypersphere(a.float(), b.float(), positives=torch.arange(64)).alignment
        assert found == pytest.approx(float(alignment(a, b)), rel=0.01)
        assert hypersphere(a.float(), a.float(), positives=torch.arange(64)).alignment == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_collapse(self, dtype: torch.dtype) -> None:
        z = torch.linspace(-3, 5, 128).to(dtype).expand(256, 128)
        found = hypersphere(z, z, labels=torch.arange(256) % 4)
        assert found.alignment == 0.0
        assert found.uniformity == 0.0
        assert found.tolerance == pytest.approx(1 / 4, abs=1e-6)

    @pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
    def test_length_of_rows_does_not_matter_but_is_said(self, scale: float) -> None:
        a, b = unit_batch(9, 4, seed=0, dtype=torch.float32)
        plain, scaled = hypersphere(a, b), hypersphere(scale * a, scale * b)
        assert scaled.uniformity == pytest.approx(plain.uniformity, abs=1e-6)
        assert scaled.alignment == pytest.approx(plain.alignment, abs=1e-6)
        assert scaled.was_unit == (scale == 1)

    def test_rounding_of_half_precision_still_counts_as_unit(self) -> None:
        a, b = unit_batch(64, 32, seed=0, dtype=torch.bfloat16)
        assert hypersphere(a, b).was_unit
        assert not hypersphere(a.float() * 1.005, b.float()).was_unit

    def test_rows_without_a_direction_are_left_out_and_counted(self) -> None:
        a, b = random_batch(9, 4, seed=0)
        labels = torch.arange(9) % 3
        bad = a.clone()
        bad[1] = 0
        bad[4, 2] = math.nan
        bad[5, 0] = math.inf
        keep = torch.tensor([0, 2, 3, 6, 7, 8])
        found = hypersphere(bad, b, labels=labels)
        assert (found.rows, found.rows_left_out) == (15, 3)
        assert found.alignment == pytest.approx(slow.alignment(unit(a[keep]), unit(b[keep])), abs=1e-12)
        spread = slow.kernel_mean(unit(a[keep]), 2.0) + slow.kernel_mean(unit(b), 2.0)
        assert found.uniformity == pytest.approx(math.log(spread / 2), abs=1e-12)
        tolerances = tolerance(unit(a[keep]), labels[keep]), tolerance(unit(b), labels)
        assert found.tolerance == pytest.approx(float(sum(tolerances)) / 2, abs=1e-12)

    def test_drawn_rows_estimate_the_whole(self) -> None:
        a, b = random_batch(60, 8, seed=0)
        labels = torch.arange(60) % 3
        whole = hypersphere(a, b, labels=labels)
        generator = torch.Generator().manual_seed(0)
        drawn = [hypersphere(a, b, labels=labels, max_rows=40, generator=generator) for _ in range(300)]
        assert whole.alignment is not None
        for read in (lambda found: found.alignment, lambda found: math.exp(found.uniformity)):
            values = torch.tensor([read(found) for found in drawn])
            error = float(values.std()) / 300**0.5
            assert error > 0
            assert abs(float(values.mean()) - read(whole)) < 4 * error

    def test_a_long_queue_leaves_rows_for_every_view(self) -> None:
        a, b = unit_batch(20, 8, seed=0)
        queue, _ = unit_batch(5000, 8, seed=1)
        ids = torch.arange(20)
        whole = hypersphere(a, b, queue, positives=(ids, ids, None), labels=(ids % 2, ids % 2, None), max_rows=20_000)
        generator = torch.Generator().manual_seed(0)
        drawn = [
            hypersphere(a, b, queue, positives=(ids, ids, None), max_rows=60, generator=generator).uniformity
            for _ in range(100)
        ]
        values = torch.tensor(drawn).exp()
        assert abs(float(values.mean()) - math.exp(whole.uniformity)) < 4 * float(values.std()) / 10
        of_views = tolerance(a, ids % 2), tolerance(b, ids % 2)
        assert whole.tolerance == pytest.approx(float(sum(of_views)) / 2, abs=1e-12)
        once = hypersphere(a, b, queue, positives=(ids, ids, None), max_rows=60)
        assert once == hypersphere(a, b, queue, positives=(ids, ids, None), max_rows=60)
        assert once.rows == 5040

    def test_watching_leaves_no_trace(self) -> None:
        a, b = (z.requires_grad_() for z in random_batch(2000, 4, seed=0))
        state = torch.get_rng_state()
        before = a.detach().clone()
        hypersphere(a, b)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(a, before)
        assert torch.is_grad_enabled()

    def test_refuses(self) -> None:
        one = torch.ones(1, 4)
        with pytest.raises(TooFewRows, match=r"hypersphere: no view has 2 rows with a direction .*1, 1; 0 rows are"):
            hypersphere(one, one)
        with pytest.raises(ZeroRows, match=r"hypersphere: all 6 rows are zero.*ReLU"):
            hypersphere(torch.zeros(3, 4), torch.zeros(3, 4))
        with pytest.raises(NotFinite, match=r"hypersphere: 4 of 6 rows are not finite .* the rest are zero"):
            hypersphere(torch.cat([torch.zeros(2, 4), torch.full((4, 4), math.nan)]))
        with pytest.raises(ArgumentError, match=r"max_rows is 1. It must be a whole number, 2 or above"):
            hypersphere(torch.eye(4), max_rows=1)
        with pytest.raises(ShapeError, match=r"hypersphere: labels is \(3\) but there are 4 rows"):
            hypersphere(torch.eye(4), labels=torch.arange(3))
        with pytest.raises(ShapeError, match=r"hypersphere: views is nothing"):
            hypersphere()

    def test_without_labelled_rows_there_is_no_tolerance(self) -> None:
        assert hypersphere(torch.eye(4), labels=torch.full((4,), -1)).tolerance is None


CASES = [
    Case(hypersphere, views(2), labelled, lengths="ignored", bad="left out"),
    Case(hypersphere, lengths="ignored", bad="left out", label="hypersphere of one view"),
]
