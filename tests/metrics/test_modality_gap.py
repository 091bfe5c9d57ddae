"""Two towers: the gap between their centres, a probe that tells them apart, and what both read by chance."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import modality_gap as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import centroid_gap, modality_gap, uniformity

CASES = [
    Case(centroid_gap, views(2), lengths="ignored", least=1, golden=(lambda a, b, _: centroid_gap(a, b), 0.0749908118)),
    Case(
        modality_gap, views(2), lengths="ignored", bad="left out", least=8,
        golden=(lambda a, b, _: modality_gap(a, b).gap, 0.0749908118),
    ),
]  # fmt: skip


def towers(batch: int, dim: int, gap: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two views of the same rows, of which the second has moved along one direction; isotropic else."""
    generator = torch.Generator().manual_seed(seed)
    content = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    a, b = (content + 0.5 * torch.randn(batch, dim, generator=generator, dtype=torch.float64) for _ in range(2))
    b[:, 0] += gap * dim**0.5
    return a, b


class TestAgainstTheLoop:
    @settings(max_examples=40)
    @given(st.integers(0, 10_000), st.integers(8, 14), st.integers(1, 5))
    def test_pairs(self, seed: int, batch: int, dim: int) -> None:
        a, b = random_batch(batch, dim, seed)
        found = modality_gap(a, b)
        assert found.gap == pytest.approx(slow.centroid_gap(a, b), abs=1e-12)
        assert centroid_gap(a, b) == pytest.approx(found.gap, abs=1e-12)
        one, other = slow.unit(a), slow.unit(b)
        first, second, across = (
            slow.between(one, one, True),
            slow.between(other, other, True),
            slow.between(one, other, True),
        )
        assert (found.uniformity_first, found.cosine_first) == pytest.approx(first, abs=1e-9)
        assert (found.uniformity_second, found.cosine_second) == pytest.approx(second, abs=1e-9)
        assert (found.uniformity_across, found.cosine_across) == pytest.approx(across, abs=1e-9)
        assert found.cosine_partners == pytest.approx(float((unit(a) * unit(b)).sum(1).mean()))
        assert (found.rows, found.dim) == ((batch, batch), dim)

    def test_no_pairs(self) -> None:
        a, _ = random_batch(9, 4, seed=0)
        b, _ = random_batch(13, 4, seed=1)
        found = modality_gap(a, b, paired=False)
        assert found.gap == pytest.approx(slow.centroid_gap(a, b), abs=1e-12)
        expected = slow.between(slow.unit(a), slow.unit(b), False)
        assert (found.uniformity_across, found.cosine_across) == pytest.approx(expected)
        assert found.cosine_partners is None
        assert found.rows == (9, 13)

    def test_golden_batch(self) -> None:
        a, b, _ = golden_batch()
        found = modality_gap(a, b)
        assert found.gap == pytest.approx(0.0749908118, abs=1e-9)
        assert found.uniformity_first == pytest.approx(-2.7371602690, abs=1e-9)
        assert found.uniformity_second == pytest.approx(-2.6995830351, abs=1e-9)
        assert found.cosine_partners == pytest.approx(1 - 0.0724277263 / 2, abs=1e-9)

    def test_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = random_batch(30, 4, seed=0)
        whole = modality_gap(a, b)
        monkeypatch.setattr(sys.modules[modality_gap.__module__], "BLOCK", 7)
        assert modality_gap(a, b).uniformity_across == pytest.approx(whole.uniformity_across)


class TestEnds:
    def test_apart(self) -> None:
        a = torch.tensor([[1.0, 0.0]]).expand(20, 2)
        found = modality_gap(a, -a)
        assert (found.gap, found.separability) == (2.0, 1.0)
        assert found.uniformity_across == pytest.approx(-8)

    def test_after_centring_there_is_no_gap(self) -> None:
        a, b = towers(64, 16, 0.5)
        a, b = unit(a), unit(b)
        assert centroid_gap(a, b) > 0.3
        assert float(((a - a.mean(0)).mean(0) - (b - b.mean(0)).mean(0)).norm()) < 1e-15
        # Normalised again, hardly any is left, and a line no longer tells the towers apart.
        again = modality_gap(a - a.mean(0), b - b.mean(0))
        assert again.gap < 0.05
        assert again.separability < 0.6

    def test_evenly_spread_towers_have_one_centre(self) -> None:
        z = torch.cat([torch.eye(6), -torch.eye(6)]).double()
        found = modality_gap(z, z.roll(1, 0))
        assert found.gap == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    def test_complete_collapse_looks_ideal_but_for_the_uniformities(self, dtype: torch.dtype) -> None:
        z = torch.linspace(-3, 5, 16).to(dtype).expand(20, 16)
        found = modality_gap(z, z)
        assert (found.gap, found.separability) == (0.0, 0.5)
        assert found.uniformity_first == pytest.approx(0, abs=1e-6)
        assert found.uniformity_across == pytest.approx(0, abs=1e-6)

    def test_the_uniformity_within_is_the_one_of_the_hypersphere(self) -> None:
        a, b = random_batch(20, 5, seed=0)
        assert modality_gap(a, b).uniformity_first == pytest.approx(float(uniformity(unit(a))))


class TestSeparability:
    def test_it_rises_with_the_gap(self) -> None:
        found = [modality_gap(*towers(400, 32, gap)).separability for gap in (0.0, 0.05, 0.2, 0.5, 2.0)]
        assert found == sorted(found)
        assert found[0] == pytest.approx(0.5, abs=0.06)
        assert found[-1] > 0.99

    def test_towers_of_one_law_read_half_within_the_interval(self) -> None:
        inside = 0
        for seed in range(40):
            found = modality_gap(*towers(100, 16, 0.0, seed=seed))
            inside += abs(found.separability - 0.5) <= found.separability_half
        assert inside >= 34

    def test_it_is_asked_of_rows_it_has_not_seen(self) -> None:
        """More dimensions than rows: a probe asked of its own rows would read 1."""
        found = modality_gap(*towers(24, 200, 0.0))
        assert found.separability == pytest.approx(0.5, abs=0.25)

    def test_towers_of_unequal_size_still_read_half(self) -> None:
        generator = torch.Generator().manual_seed(0)
        a, b = torch.randn(500, 8, generator=generator), torch.randn(50, 8, generator=generator)
        found = modality_gap(a, b, paired=False)
        assert abs(found.separability - 0.5) <= 1.5 * found.separability_half
        far = modality_gap(a + 3, b - 3, paired=False)
        assert far.separability == 1.0

    def test_what_it_misses_one_centre_and_another_shape(self) -> None:
        generator = torch.Generator().manual_seed(0)
        a, b = torch.randn(400, 8, generator=generator), torch.randn(400, 8, generator=generator)
        b[:, 4:] *= 0.05
        found = modality_gap(a, b, paired=False)
        assert found.separability == pytest.approx(0.5, abs=0.06)
        assert found.gap < 2 * found.gap_by_chance


class TestChance:
    def test_the_gap_of_unrelated_rows(self) -> None:
        values, expected = [], []
        for seed in range(60):
            generator = torch.Generator().manual_seed(seed)
            found = modality_gap(torch.randn(64, 32, generator=generator), torch.randn(64, 32, generator=generator))
            values.append(found.gap**2)
            expected.append(found.gap_by_chance**2)
        assert sum(values) / 60 == pytest.approx(2 / 64, rel=0.1)
        assert sum(expected) / 60 == pytest.approx(sum(values) / 60, rel=0.1)

    def test_pairs_that_are_alike_leave_less_to_chance(self) -> None:
        values, expected = [], []
        for seed in range(60):
            found = modality_gap(*towers(64, 32, 0.0, seed=seed))
            values.append(found.gap**2)
            expected.append(found.gap_by_chance**2)
        assert sum(expected) / 60 == pytest.approx(sum(values) / 60, rel=0.15)
        assert sum(expected) / 60 < 0.6 * 2 / 64


class TestDrawnAndLeftOut:
    def test_drawn_pairs_stay_pairs(self) -> None:
        a, b = towers(500, 16, 0.3)
        found = modality_gap(a, b, max_rows=100)
        assert found.rows == (100, 100)
        assert found.cosine_partners == pytest.approx(modality_gap(a, b).cosine_partners, abs=0.05)
        assert found == modality_gap(a, b, max_rows=100)

    def test_rows_without_a_direction_take_their_partner_along(self) -> None:
        a, b = random_batch(12, 4, seed=0)
        bad, worse = a.clone(), b.clone()
        bad[1], worse[5, 0] = 0, math.nan
        keep = [k for k in range(12) if k not in (1, 5)]
        found = modality_gap(bad, worse)
        assert (found.rows, found.rows_left_out) == ((10, 10), 2)
        assert found.gap == pytest.approx(slow.centroid_gap(a[keep], b[keep]), abs=1e-12)

    def test_blind_to_rotation_length_and_which_is_first(self) -> None:
        a, b = towers(40, 6, 0.3)
        plain = modality_gap(a, b)
        turn = rotation(6, 0)
        for other in (modality_gap(b, a), modality_gap(a @ turn, b @ turn), modality_gap(7 * a, b)):
            assert other.gap == pytest.approx(plain.gap)
            assert other.uniformity_across == pytest.approx(plain.uniformity_across)
        assert modality_gap(b, a).separability == pytest.approx(plain.separability)


A, B = random_batch(12, 4, seed=0)
REFUSED: list[tuple[Any, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    (modality_gap, (A, B[:9]), {}, ShapeError, r"a is \(12, 4\) but b is \(9, 4\), so rows are no pairs.*paired=False"),
    (modality_gap, (A, B[:, :3]), {}, ShapeError, r"a is \(12, 4\) but b is \(12, 3\)"),
    (modality_gap, (A[:7], B[:7]), {}, TooFewRows, "a has 7 rows, 8 are needed"),
    (modality_gap, (A * math.nan, B), {}, NotFinite, "0 rows of a tower have a direction.*12 are not finite"),
    (modality_gap, (0 * A, 0 * B), {}, ZeroRows, "24 rows are zero"),
    (modality_gap, (A, B.to("meta")), {}, DeviceMismatch, "a is on cpu but b is on meta"),
    (modality_gap, (A, B), {"max_rows": 7}, ArgumentError, "max_rows is 7"),
    (centroid_gap, (A, B[:, :3]), {}, ShapeError, "centroid_gap: a is"),
    (centroid_gap, (A * math.nan, B), {}, NotFinite, "rows of a are not finite"),
    (centroid_gap, (A, 0 * B), {}, ZeroRows, "rows of b are zero"),
    (centroid_gap, (A, B.to("meta")), {}, DeviceMismatch, "meta"),
]


@pytest.mark.parametrize(("call", "given", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(call: Any, given: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        call(*given, **more)
