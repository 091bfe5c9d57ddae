from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ive
from torch import Tensor

from tests.reference import moment as slow
from tests.reference.golden import random_batch
from vergence import geometry
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, ZeroRows
from vergence.geometry import Pairs, log_moment, pairs, unit


class TestUnit:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
    def test_rows_have_length_one_and_keep_their_direction(self, dtype: torch.dtype) -> None:
        z = random_batch(7, 5, seed=0, dtype=dtype)[0]
        found = unit(z)
        assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        torch.testing.assert_close(found.norm(dim=1), torch.ones(7, dtype=found.dtype))
        torch.testing.assert_close(found * z.to(found.dtype).norm(dim=1, keepdim=True), z.to(found.dtype))
        torch.testing.assert_close(unit(found), found)

    @pytest.mark.parametrize("scale", [1e-30, 1e30])
    def test_very_long_and_very_short_rows(self, scale: float) -> None:
        z = random_batch(7, 5, seed=0, dtype=torch.float32)[0]
        torch.testing.assert_close(unit(z * scale), unit(z))

    def test_gradient(self) -> None:
        z = random_batch(4, 3, seed=0)[0].requires_grad_()
        assert torch.autograd.gradcheck(unit, (z,))

    def test_layout(self) -> None:
        z = random_batch(6, 5, seed=0)[0]
        torch.testing.assert_close(unit(z.T.contiguous().T[::2]), unit(z)[::2])

    def test_rows_without_a_direction_are_refused(self) -> None:
        z = torch.ones(3, 2)
        z[1] = 0
        with pytest.raises(ZeroRows, match="unit: 1 of 3 rows of z are zero"):
            unit(z)
        z[0, 1] = math.nan
        with pytest.raises(NotFinite, match="unit: 1 of 3 rows of z are not finite"):
            unit(z)
        with pytest.raises(ShapeError, match="unit: z is"):
            unit(torch.ones(3))


class TestLogMoment:
    @pytest.mark.parametrize("dim", [1, 2, 3, 5, 16, 128, 2048, 8192])
    @pytest.mark.parametrize("kappa", [1e-3, 1.0, 4.0, 10.0, 100.0, 1000.0])
    def test_agrees_with_the_series_of_its_definition(self, kappa: float, dim: int) -> None:
        assert log_moment(kappa, dim) == pytest.approx(slow.log_0f1(dim / 2, kappa**2 / 4), rel=1e-10, abs=1e-12)

    @pytest.mark.parametrize("kappa", [0.1, 1.0, 10.0, 300.0, 9e3, 1.1e4, 1e6, 1e12])
    def test_closed_forms_in_one_and_three_dimensions(self, kappa: float) -> None:
        # cosh(k) and sinh(k) / k, in logs.
        assert log_moment(kappa, 1) == pytest.approx(kappa + math.log1p(math.exp(-2 * kappa)) - math.log(2), rel=1e-12)
        in_three = kappa + math.log(-math.expm1(-2 * kappa)) - math.log(2 * kappa)
        assert log_moment(kappa, 3) == pytest.approx(in_three, rel=1e-9)

    @pytest.mark.parametrize("dim", [2, 4, 10, 64])
    @pytest.mark.parametrize("kappa", [0.5, 5.0, 50.0, 5e3, 2e4, 1e6])
    def test_agrees_with_a_library_of_bessel_functions(self, kappa: float, dim: int) -> None:
        nu = dim / 2 - 1
        bessel = math.log(ive(nu, kappa)) + kappa
        expected = math.lgamma(dim / 2) + nu * math.log(2 / kappa) + bessel
        assert log_moment(kappa, dim) == pytest.approx(expected, rel=1e-9, abs=1e-9)

    @pytest.mark.parametrize("dim", [1, 2, 3, 128, 8192])
    def test_series_and_expansion_meet(self, dim: int) -> None:
        # The same step three times as wide, so that a jump between the two shows.
        step = log_moment(10000.1, dim) - log_moment(9999.9, dim)
        wide = log_moment(10000.3, dim) - log_moment(9999.7, dim)
        assert step == pytest.approx(wide / 3, abs=1e-8)

    def test_ends(self) -> None:
        assert log_moment(0.0, 5) == 0.0
        assert log_moment(0.01, 128) == pytest.approx(0.01**2 / 256, rel=1e-5)
        assert math.isfinite(log_moment(1e15, 2))

    def test_is_the_mean_over_random_directions(self) -> None:
        z = unit(torch.randn(200_000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        assert math.log(float((3 * z[:, 0]).exp().mean())) == pytest.approx(log_moment(3.0, 8), abs=0.01)

    @pytest.mark.parametrize("kappa", [-1.0, math.nan, math.inf])
    def test_refuses(self, kappa: float) -> None:
        with pytest.raises(ArgumentError, match="kappa is"):
            log_moment(kappa, 3)
        with pytest.raises(ArgumentError, match="dim is 0"):
            log_moment(1.0, 0)


def listed(found: Pairs) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Positive and negative pairs as the masks have them, in blocks of 3 rows."""
    positive, negative = set(), set()
    n = len(found.rows)
    for start in range(0, n, 3):
        for mask, into in zip(found.masks(start, min(start + 3, n)), (positive, negative), strict=True):
            into |= {(start + i, j) for i, j in mask.nonzero().tolist()}
    return positive, negative


def consistent(found: Pairs) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The masks, after checking the three other ways to ask against them."""
    positive, negative = listed(found)
    assert all(i < j for i, j in positive | negative)
    assert not positive & negative
    assert len(positive) == found.positive_total
    assert len(negative) == found.negative_total
    i, j = found.positive_pairs()
    assert len(i) == found.positive_total
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == positive
    return positive, negative


def every_pair(n: int) -> set[tuple[int, int]]:
    return {(i, j) for i in range(n) for j in range(i + 1, n)}


def rows(*sizes: int) -> list[Tensor]:
    """Views whose first column says which row it is."""
    total = torch.arange(sum(sizes), dtype=torch.float64)
    return [part[:, None].expand(-1, 2) for part in total.split(list(sizes))]


class TestPairs:
    def test_two_views(self) -> None:
        found = pairs(rows(3, 3))
        positive, negative = consistent(found)
        assert positive == {(0, 3), (1, 4), (2, 5)}
        assert positive | negative == every_pair(6)
        assert found.aligned

    def test_three_views(self) -> None:
        positive, negative = consistent(pairs(rows(2, 2, 2)))
        assert positive == {(0, 2), (0, 4), (2, 4), (1, 3), (1, 5), (3, 5)}
        assert positive | negative == every_pair(6)

    def test_one_view_has_no_positives(self) -> None:
        found = pairs(rows(4))
        assert consistent(found) == (set(), every_pair(4))
        assert found.groups is None

    def test_a_single_row(self) -> None:
        assert consistent(pairs(rows(1))) == (set(), set())
        assert consistent(pairs(rows(1, 1))) == ({(0, 1)}, set())

    def test_ids_are_the_same_for_every_view(self) -> None:
        positive, negative = consistent(pairs(rows(3, 3), positives=torch.tensor([7, 5, 7])))
        assert positive == {(0, 2), (0, 3), (0, 5), (2, 3), (2, 5), (3, 5), (1, 4)}
        assert positive | negative == every_pair(6)
        one = pairs(rows(4), positives=torch.tensor([0, 0, 1, 1], dtype=torch.int32))
        assert consistent(one)[0] == {(0, 1), (2, 3)}

    def test_different_ids_give_what_no_ids_give(self) -> None:
        assert consistent(pairs(rows(3, 3), positives=torch.arange(3))) == consistent(pairs(rows(3, 3)))

    @pytest.mark.parametrize("queue", [None, torch.tensor([-1, -1, -1])])
    def test_a_queue_is_not_compared_with_itself(self, queue: Tensor | None) -> None:
        ids = torch.arange(2)
        positive, negative = consistent(pairs(rows(2, 2, 3), positives=(ids, ids, queue)))
        assert positive == {(0, 2), (1, 3)}
        assert positive | negative == every_pair(7) - {(4, 5), (4, 6), (5, 6)}

    def test_where_no_row_has_a_positive_every_pair_is_negative(self) -> None:
        assert consistent(pairs(rows(2, 2), positives=(None, None))) == (set(), every_pair(4))
        assert consistent(pairs(rows(4), positives=torch.full((4,), -1))) == (set(), every_pair(4))

    def test_a_matrix_between_two_views_of_different_sizes(self) -> None:
        matrix = torch.tensor([[1, 0, 1], [0, 0, 0]], dtype=torch.bool)
        positive, negative = consistent(pairs(rows(2, 3), positives=matrix))
        assert positive == {(0, 2), (0, 4)}
        assert positive | negative == every_pair(5)
        assert consistent(pairs(rows(2, 3, 1), positives=matrix))[0] == {(0, 2), (0, 4)}

    def test_labels(self) -> None:
        both = pairs(rows(2, 2), torch.tensor([3, 1], dtype=torch.int32))
        assert both.labels is not None
        assert both.labels.tolist() == [3, 1, 3, 1]
        some = pairs(rows(2, 1), (torch.tensor([3, 1]), None), positives=(None, None))
        assert some.labels is not None
        assert some.labels.tolist() == [3, 1, -1]

    def test_rows_come_in_order_and_in_one_type(self) -> None:
        views = [z.to(dtype) for z, dtype in zip(rows(2, 3), (torch.bfloat16, torch.float16), strict=True)]
        found = pairs(views, positives=(None, None))
        assert found.rows.dtype == torch.float32
        assert found.rows[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert found.sizes == (2, 3)
        assert not pairs([torch.ones(2, 2, requires_grad=True)]).rows.requires_grad

    @given(data=st.data())
    def test_taking_rows_takes_what_is_known_of_them(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.integers(-1, 3), min_size=9, max_size=9))
        matrix = data.draw(st.lists(st.booleans(), min_size=12, max_size=12))
        chosen = sorted(data.draw(st.sets(st.integers(0, 8), min_size=1)))
        views = rows(3, 4, 2)
        labels = tuple(torch.arange(9).split([3, 4, 2]))
        by_ids = pairs(views, labels, tuple(torch.tensor(ids).split([3, 4, 2])))
        by_matrix = pairs(views, labels, torch.tensor(matrix).view(3, 4))
        for whole in (by_ids, by_matrix):
            part = whole.take(torch.tensor(chosen))
            assert part.rows[:, 0].tolist() == chosen
            assert part.labels is not None
            assert part.labels.tolist() == chosen
            assert part.sizes == tuple(sum(low <= i < high for i in chosen) for low, high in ((0, 3), (3, 7), (7, 9)))
            expected = {(chosen[i], chosen[j]) for i, j in consistent(part)[0]}
            assert expected == {(i, j) for i, j in consistent(whole)[0] if i in chosen and j in chosen}

    @pytest.mark.parametrize(
        ("views", "labels", "positives", "error", "words"),
        [
            ([], None, None, ShapeError, r"views is nothing. .*hand over \[z1, z2\]"),
            (torch.ones(2, 3, 4), None, None, ShapeError, r"views is a tensor \(2, 3, 4\)"),
            ([torch.ones(2, 3, 4)], None, None, ShapeError, r"view 1 is \(2, 3, 4\)"),
            (rows(2, 3), None, None, ShapeError, r"the views have 2, 3 rows, so positives must say .*None for a queue"),
            ([torch.ones(2, 3), torch.ones(2, 4)], None, None, ShapeError, r"view 2 is \(2, 4\).*same dim"),
            (rows(2, 3), None, torch.arange(2), ShapeError, r"positives=\(first, second, ...\)"),
            (rows(2, 2), None, torch.arange(3), ShapeError, r"positives is \(3\) but there are 2 rows"),
            (rows(2, 2), None, (torch.arange(2),), ShapeError, r"positives has 1 entries for 2 views"),
            (rows(2, 2), None, [0, 1], ShapeError, r"positives is a list without tensors.*torch.as_tensor"),
            (rows(2, 2), None, "other artist", ShapeError, r"positives is a str without tensors"),
            (rows(2, 2), None, torch.ones(2), ShapeError, r"positives has dtype torch.float32"),
            (rows(2, 2), None, torch.ones(2, 3, dtype=torch.bool), ShapeError, r"boolean \(2, 3\).*must be \(2, 2\)"),
            (rows(2), None, torch.ones(2, 2, dtype=torch.bool), ShapeError, r"for 1 view. It must be .*two views"),
            (rows(2, 2), torch.arange(3), None, ShapeError, r"labels is \(3\) but there are 2 rows"),
            (rows(2, 2), torch.ones(2), None, ShapeError, r"labels has dtype torch.float32"),
            (rows(2, 3), torch.arange(2), (None, None), ShapeError, r"so labels must say .*one tensor or None per"),
            ([torch.ones(2, 2), torch.ones(2, 2, device="meta")], None, None, DeviceMismatch, r"view 2 is on meta"),
        ],
    )  # fmt: skip
    def test_refuses(
        self, views: Sequence[Tensor], labels: Tensor, positives: Tensor, error: type[Exception], words: str
    ) -> None:
        with pytest.raises(error, match=f"pairs: .*{words}"):
            pairs(views, labels, positives)

    def test_names_who_asked(self) -> None:
        with pytest.raises(ShapeError, match=r"^similarity: "):
            pairs([], call="similarity")


class TestDraw:
    def test_nothing_is_drawn_below_the_limit(self) -> None:
        for found in (pairs(rows(4, 4)), pairs(rows(4, 4), positives=torch.arange(4)), pairs(rows(8))):
            assert found.draw(8) is found

    def test_whole_groups_of_aligned_views(self) -> None:
        found = pairs(rows(9, 9, 9), labels=torch.arange(9)).draw(13, torch.Generator().manual_seed(1))
        assert found.sizes == (4, 4, 4)
        assert found.aligned
        assert found.positive_total == 4 * 3
        first, second, third = found.rows[:, 0].view(3, 4)
        assert torch.equal(first + 9, second)
        assert torch.equal(first + 18, third)
        assert found.labels is not None
        assert torch.equal(found.labels, first.repeat(3).long())
        consistent(found)

    def test_single_rows_otherwise(self) -> None:
        found = pairs(rows(9, 9), positives=torch.arange(9)).draw(6)
        assert len(found.rows) == 6
        assert not found.aligned
        consistent(found)

    def test_more_rows_beside_a_queue_but_not_without_end(self) -> None:
        ids = torch.arange(8)
        found = pairs(rows(8, 8, 240), positives=(ids, ids, None))
        assert len(found.draw(32).rows) == 32 * 4  # 256 rows, 16 of them compared with all: sqrt(16) times as many
        many = pairs([torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(2000, 1)], positives=(ids[:1], ids[:1], None))
        assert len(many.draw(16).rows) == 16 * 8

    @pytest.mark.parametrize("positives", [None, torch.arange(6)])
    def test_every_pair_of_a_kind_is_as_likely(self, positives: Tensor | None) -> None:
        found = pairs(rows(6, 6), positives=positives)
        generator = torch.Generator().manual_seed(0)
        drawn: dict[tuple[int, int], int] = {}
        times = 4000
        for _ in range(times):
            part = found.draw(6, generator)
            kept = part.rows[:, 0].long().tolist()
            for pair in every_pair(6):
                at = kept[pair[0]], kept[pair[1]]
                drawn[at] = drawn.get(at, 0) + 1
        positive, negative = listed(found)
        for kind in (positive, negative):
            shares = [drawn.get(pair, 0) / times for pair in kind]
            mean = sum(shares) / len(shares)
            assert all(abs(share - mean) < 5 * (mean * (1 - mean) / times) ** 0.5 for share in shares)

    def test_without_a_generator_the_global_state_stays(self) -> None:
        found = pairs(rows(50, 50))
        before = torch.get_rng_state()
        first, second = found.draw(20).rows, found.draw(20).rows
        assert torch.equal(first, second)
        assert torch.equal(before, torch.get_rng_state())

    def test_a_generator_moves_on(self) -> None:
        generator = torch.Generator().manual_seed(0)
        found = pairs(rows(50, 50))
        assert not torch.equal(found.draw(20, generator).rows, found.draw(20, generator).rows)


def test_every_name_is_exported() -> None:
    assert sorted(geometry.__all__, key=str.lower) == sorted(geometry.__all__, key=str.lower)
    assert all(hasattr(geometry, name) for name in geometry.__all__)
