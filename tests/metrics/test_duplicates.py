"""Near-duplicates in a set: planted copies counted, by threshold and in groups."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import duplicates as slow
from tests.reference.golden import golden_batch, rotation
from vergence.errors import ArgumentError, ShapeError, TooFewRows
from vergence.metrics import duplicates, near_duplicates

# Inputs of any kind are rows to it, so what is refused is tried below.
CASES = [
    Case(duplicates, views(), of=()),
]


def planted(samples: int, copies: int, noise: float = 0.0, seed: int = 0, shape: tuple[int, ...] = (3, 6, 6)) -> Tensor:
    """A set whose last rows are copies of its first."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, *shape, generator=generator)
    more = x[:copies] + noise * torch.randn(copies, *shape, generator=generator)
    return torch.cat([x, more])


class TestAgainstTheLoop:
    @given(st.integers(0, 10_000), st.integers(3, 16), st.integers(1, 3), st.integers(1, 2))
    def test_nearest_and_groups(self, seed: int, batch: int, dim: int, count: int) -> None:
        x = torch.randn(count * batch, dim, generator=torch.Generator().manual_seed(seed))
        samples = list(range(batch)) * count
        found = duplicates(*x.split(batch), near=0.3)
        rows = x.double().tolist()
        expected = slow.nearest(rows, samples)
        assert found.nearest.tolist() == pytest.approx(expected, abs=1e-5)
        sizes = slow.groups(rows, samples, 0.3)
        assert found.groups == len(sizes)
        assert found.redundant == sum(sizes) - len(sizes)
        assert found.largest == max(sizes, default=1)
        for level, within in zip(found.thresholds, found.within, strict=True):
            assert within == sum(value <= level for value in expected)
        assert int(found.counts.sum()) == found.samples == batch

    def test_golden_batch(self) -> None:
        a, b, _ = golden_batch()
        found = duplicates(a, b)
        expected = slow.nearest(torch.cat([a, b]).tolist(), list(range(8)) * 2)
        assert found.nearest.tolist() == pytest.approx(expected, abs=1e-6)

    def test_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        x = planted(60, 20, 0.01)
        whole = duplicates(x)
        monkeypatch.setattr(sys.modules[duplicates.__module__], "CELLS", 200)
        parts = duplicates(x)
        assert parts.nearest.tolist() == pytest.approx(whole.nearest.tolist(), abs=1e-6)
        assert (parts.groups, parts.redundant) == (whole.groups, whole.redundant)


class TestPlantedCopies:
    @pytest.mark.parametrize("copies", [0, 1, 30])
    def test_exact_ones_are_at_zero(self, copies: int) -> None:
        found = duplicates(planted(200, copies))
        assert found.within[0] == 2 * copies
        assert (found.groups, found.redundant) == (copies, copies)
        assert int(found.counts[0]) == 2 * copies
        assert found.median > 0.7

    @pytest.mark.parametrize("noise", [0.005, 0.02, 0.05])
    def test_noisy_ones_stand_apart_from_the_rest(self, noise: float) -> None:
        found = duplicates(planted(200, 30, noise), near=0.15)
        assert (found.groups, found.redundant, found.largest) == (30, 30, 2)
        # A copy is as far as its noise, a usual pair as two samples: sqrt(2).
        assert float(found.nearest[:30].mean()) == pytest.approx(noise / math.sqrt(2), rel=0.1)
        assert float(found.nearest[30:200].min()) > 0.5

    def test_it_agrees_with_the_list(self) -> None:
        x = planted(100, 12, 0.01)
        found, listed = duplicates(x, most=50), near_duplicates(x, most=50)
        assert found.pairs.found == listed.found == 12
        assert torch.equal(found.pairs.i, listed.i)
        assert found.nearest[found.pairs.i].tolist() == pytest.approx(found.pairs.score.tolist(), abs=1e-5)

    def test_many_copies_of_one_sample_are_one_group(self) -> None:
        x = torch.cat([planted(50, 0), planted(50, 0)[:1].expand(9, -1, -1, -1)])
        found = duplicates(x)
        assert (found.groups, found.redundant, found.largest) == (1, 9, 10)

    def test_two_views_of_one_sample_are_no_copies(self) -> None:
        x = planted(40, 0)
        assert duplicates(x, x).redundant == 0
        y = planted(40, 5)
        assert duplicates(y, y + 1e-3).redundant == 5

    def test_rows_of_one_group_are_no_copies(self) -> None:
        x = planted(40, 5)
        ids = torch.cat([torch.arange(40), torch.arange(5)])
        assert duplicates(x, positives=ids).redundant == 0
        assert duplicates(x, positives=(ids,)).redundant == 0

    def test_what_it_misses_a_copy_that_was_changed_much(self) -> None:
        x = planted(100, 20)
        x[100:] = x[100:].flip(3)
        assert duplicates(x).redundant == 0


class TestExtremes:
    @pytest.mark.parametrize("size", [1e6, 1e12, 1e30])
    def test_one_huge_sample_makes_no_copies_of_the_others(self, size: float) -> None:
        plain = planted(60, 5, shape=(10,))
        x = plain.clone()
        x[30] = size
        for views_ in ((x,), (x, x + 1e-3)):
            found = duplicates(*views_, near=0.15)
            assert (found.groups, found.redundant) == (5, 5)
            assert found.median == pytest.approx(duplicates(plain).median, rel=0.1)
            assert float(found.nearest[30]) > 1e4
            assert found.pairs.found == 5

    def test_two_huge_samples_are_copies_where_they_are_equal_only(self) -> None:
        x = planted(100, 0, shape=(10,)).double()
        x[3], x[4] = 1e30, 2e30
        assert duplicates(x).redundant == 0
        x[4] = x[3]
        assert duplicates(x).redundant == 1

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("scale", [2.0**-100, 1e19, 1e30])
    def test_the_unit_does_not_matter(self, scale: float, dtype: torch.dtype) -> None:
        x = planted(40, 6, 0.01, shape=(8,)).to(dtype)
        plain, other = duplicates(x), duplicates(scale * x)
        assert other.nearest.tolist() == pytest.approx(plain.nearest.tolist(), abs=1e-5)
        assert other.pairs.score.tolist() == pytest.approx(plain.pairs.score.tolist(), abs=1e-5)

    @pytest.mark.parametrize(("scale", "shift"), [(1e-300, 0.0), (1e300, 0.0), (1.0, 1e9)])
    def test_double_precision_is_not_given_up(self, scale: float, shift: float) -> None:
        x = planted(40, 6, 0.01, shape=(8,)).double()
        plain, other = duplicates(x), duplicates(scale * x + shift)
        assert other.nearest.tolist() == pytest.approx(plain.nearest.tolist(), abs=1e-5)
        assert other.redundant == plain.redundant == 6

    def test_many_blank_samples_are_copies_and_the_few_others_are_not(self) -> None:
        x = torch.zeros(100, 9)
        x[:8] = planted(8, 0, shape=(9,))
        found = duplicates(x)
        assert (found.groups, found.redundant, found.largest) == (1, 91, 92)
        x[1:8] = 0
        assert duplicates(x).redundant == 98

    def test_where_the_usual_ones_are_one_group_the_others_count(self) -> None:
        x = planted(30, 0, shape=(4,))
        x[29] += 50
        ids = (torch.arange(30) == 29).long()
        found = duplicates(x, positives=(ids,))
        assert float(found.nearest[0]) == pytest.approx(1, abs=0.1)
        assert found.pairs.of == 29


def test_points_in_a_plane_are_near_without_being_copies() -> None:
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    found = duplicates(x)
    assert found.median < 0.05
    assert found.within[0] == 0


def test_equal_inputs_are_all_one_group() -> None:
    found = duplicates(torch.ones(10, 3))
    assert (found.within[0], found.groups, found.redundant, found.median) == (10, 1, 9, 0.0)


def test_embeddings_of_any_kind_and_integers() -> None:
    for x in (
        planted(30, 4, shape=(5,)).bfloat16(),
        planted(30, 4, shape=(2, 9)),
        (planted(30, 4, shape=(7,)) * 40).long(),
    ):
        assert duplicates(x).within[0] >= 8


def test_inputs_that_are_not_finite_are_left_out_and_counted() -> None:
    x = planted(30, 4)
    x[7, 0, 0, 0] = math.nan
    found = duplicates(x)
    assert (found.samples, found.samples_left_out, found.redundant) == (33, 1, 4)
    assert math.isnan(float(found.nearest[7]))
    assert int(found.nearest.isnan().sum()) == 1


def test_blind_to_order_shift_scale_and_rotation() -> None:
    x = planted(40, 6, 0.01, shape=(8,))
    plain = duplicates(x)
    order = torch.randperm(46, generator=torch.Generator().manual_seed(0))
    assert duplicates(x[order]).nearest.tolist() == pytest.approx(plain.nearest[order].tolist(), abs=1e-5)
    for other in (9 * x - 4, x @ rotation(8, 0).float()):
        assert duplicates(other).nearest.tolist() == pytest.approx(plain.nearest.tolist(), abs=1e-5)


X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((), {}, ShapeError, "there are no inputs"),
    ((X[:1],), {}, TooFewRows, "1 of 1 samples are finite and no two"),
    ((X * math.nan,), {}, TooFewRows, "0 of 6 samples are finite"),
    ((X,), {"near": 0.0}, ArgumentError, "near is 0.0"),
    ((X,), {"thresholds": ()}, ArgumentError, "thresholds is"),
    ((X,), {"thresholds": (-0.1,)}, ArgumentError, "thresholds is -0.1"),
    ((X,), {"most": 0}, ArgumentError, "most is 0"),
    ((X, X[:3]), {}, ShapeError, "the views have 6, 3 rows"),
    ((X,), {"positives": torch.zeros(6, dtype=torch.long)}, TooFewRows, "no two of them are different samples"),
]


@pytest.mark.parametrize(("given", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(given: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        duplicates(*given, **more)
