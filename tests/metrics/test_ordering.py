"""Positives above negatives: pair by pair, over all pairs and for each anchor, and where the two part."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import ordering as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import Ordering, anchor_auc, ordering, pooled_auc, similarity


def _scores(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Tensor, Tensor]:
    scores = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return scores.to(dtype), torch.eye(n, dim, dtype=torch.bool)


CASES = [
    Case(ordering, views(2), lengths="ignored", bad="left out", left_out="rows_left_out"),
    Case(pooled_auc, _scores, of=()),
    Case(anchor_auc, _scores, of=()),
]


def check(found: Ordering, anchors: list[slow.Anchor]) -> None:
    """Everything that was measured, against lists of cosines."""
    mean = lambda values: math.fsum(values) / len(anchors)  # noqa: E731
    shares = [slow.counts(one.positive, one.negative) for one in anchors]
    of = [len(one.positive) * len(one.negative) for one in anchors]
    assert found.auc_anchor == pytest.approx(mean(slow.auc(one.positive, one.negative) for one in anchors), abs=1e-12)
    assert found.misordered == pytest.approx(mean(a / n for (a, _), n in zip(shares, of, strict=True)), abs=1e-12)
    assert found.tied == pytest.approx(mean(t / n for (_, t), n in zip(shares, of, strict=True)), abs=1e-12)
    hardest = [slow.auc(one.positive, sorted(one.negative)[-10:]) for one in anchors]
    assert found.misordered_hardest == pytest.approx(1 - mean(hardest), abs=1e-12)
    margins = [min(one.positive) - max(one.negative) for one in anchors]
    assert found.anchors.tolist() == [one.row for one in anchors]
    assert found.margins.tolist() == pytest.approx(margins, abs=1e-9)
    assert found.margin_anchor == pytest.approx(mean(margins), abs=1e-9)
    assert found.anchors_wrong == pytest.approx(mean(margin <= 1e-12 for margin in margins))
    assert found.anchors_total == len(anchors)


class TestAgainstTheLoop:
    @settings(max_examples=40)
    @given(st.integers(0, 10_000), st.integers(2, 14), st.integers(1, 3), st.integers(2, 3))
    def test_views_of_one_size(self, seed: int, batch: int, dim: int, count: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count * batch, dim, generator=generator, dtype=torch.float64)
        found = ordering(*z.split(batch))
        check(found, slow.anchors(z, lambda i, j: i % batch == j % batch))
        assert found.pairs_positive == batch * count * (count - 1) // 2
        assert found.auc == similarity(*z.split(batch)).auc

    def test_ids_a_matrix_and_a_queue(self) -> None:
        z, _ = random_batch(20, 4, seed=0)
        ids = torch.tensor([0, 1, 0, 2, 3, -1, -1, 2])
        both = ids.repeat(2).tolist()
        rows = torch.cat([z[:8], z[:8].flip(0)])
        found = ordering(z[:8], z[:8].flip(0), positives=ids)
        check(
            found,
            slow.anchors(rows, lambda i, j: both[i] == both[j] >= 0, lambda i, j: both[i] >= 0 or both[j] >= 0),
        )
        matrix = torch.rand(5, 8, generator=torch.Generator().manual_seed(1)) > 0.7
        found = ordering(z[:5], z[5:13], positives=matrix)
        check(
            found,
            slow.anchors(
                z[:13], lambda i, j: bool(matrix[min(i, j), max(i, j) - 5]) if min(i, j) < 5 <= max(i, j) else False
            ),
        )
        four = torch.arange(4)
        found = ordering(z[:4], z[4:8], z[8:], positives=(four, four, None))
        check(found, slow.anchors(z, lambda i, j: max(i, j) < 8 and i % 4 == j % 4, lambda i, j: min(i, j) < 8))

    @settings(max_examples=25)
    @given(st.integers(0, 10_000))
    def test_negatives_of_other_labels_alone(self, seed: int) -> None:
        z = torch.randn(16, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        labels = torch.tensor([0, 0, 0, 1, 1, 2, -1, -1])
        every = labels.repeat(2).tolist()
        anchors = slow.anchors(
            z,
            lambda i, j: i % 8 == j % 8,
            lambda i, j: i % 8 == j % 8 or (every[i] != every[j] and min(every[i], every[j]) >= 0),
        )
        found = ordering(z[:8], z[8:], labels=labels)
        expected = sum(slow.auc(one.positive, one.negative) for one in anchors) / len(anchors)
        assert found.auc_apart == pytest.approx(expected)
        assert found.auc_anchor == ordering(z[:8], z[8:]).auc_anchor
        assert ordering(z[:8], z[8:]).auc_apart is None
        assert ordering(z[:8], z[8:], labels=torch.zeros(8, dtype=torch.long)).auc_apart is None

    def test_golden_batch(self) -> None:
        a, b, _ = golden_batch()
        found = ordering(a, b)
        check(found, slow.anchors(torch.cat([a, b]), lambda i, j: i % 8 == j % 8))
        assert found.auc == found.auc_anchor == 1.0
        positive, negative = [], []
        for one in slow.anchors(torch.cat([a, b]), lambda i, j: i % 8 == j % 8):
            positive += one.positive
            negative += one.negative
        assert found.margin == pytest.approx(min(positive) - max(negative), abs=1e-6)

    def test_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = random_batch(40, 6, seed=0)
        whole = ordering(a, b)
        monkeypatch.setattr("vergence.metrics.anchors.CELLS", 300)
        parts = ordering(a, b)
        assert torch.equal(parts.margins, whole.margins)
        assert parts.auc_anchor == pytest.approx(whole.auc_anchor)


class TestEnds:
    def test_apart(self) -> None:
        found = ordering(torch.eye(6), torch.eye(6))
        assert (found.auc, found.auc_anchor, found.misordered, found.anchors_wrong) == (1.0, 1.0, 0.0, 0.0)
        assert found.margin == found.margin_anchor == 1.0

    def test_the_wrong_way_round(self) -> None:
        found = ordering(torch.eye(6), -torch.eye(6))
        assert found.auc_anchor == found.auc == 0.0
        assert (found.misordered, found.anchors_wrong, found.misordered_hardest) == (1.0, 1.0, 1.0)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    def test_collapse_ties(self, dtype: torch.dtype) -> None:
        z = torch.linspace(-3, 5, 64).to(dtype).expand(100, 64)
        found = ordering(z, z)
        assert (found.auc, found.auc_anchor, found.misordered, found.tied) == (0.5, 0.5, 0.0, 1.0)
        assert found.anchors_wrong == 1.0
        assert found.margin == pytest.approx(0, abs=1e-6)

    def test_one_false_negative_is_enough_for_the_margin(self) -> None:
        z = torch.eye(8)
        copied = z.clone()
        copied[1] = copied[0]
        found = ordering(copied, copied)
        assert found.margin == 0.0
        assert found.auc_anchor > 0.97

    def test_chance_holds_views_that_know_nothing_of_one_another(self) -> None:
        values, inside, half = [], 0, 0.0
        for seed in range(80):
            generator = torch.Generator().manual_seed(seed)
            found = ordering(torch.randn(48, 32, generator=generator), torch.randn(48, 32, generator=generator))
            values.append(found.auc_anchor)
            inside += found.chance.holds(found.auc_anchor)
            half = found.chance.high - 0.5
        assert inside >= 70
        assert half == pytest.approx(1.96 * float(torch.tensor(values).std()), rel=0.25)
        a, b = random_batch(64, 32, seed=0)
        assert not ordering(a, b).chance.holds(ordering(a, b).auc_anchor)


class TestPooledAgainstPerAnchor:
    def test_an_offset_of_each_anchor_lowers_the_pooled_one_alone(self) -> None:
        a, b = random_batch(64, 16, seed=0)
        scores, positive = unit(a) @ unit(b).T, torch.eye(64, dtype=torch.bool)
        offset = 2 * torch.randn(64, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        assert torch.equal(anchor_auc(scores + offset, positive), anchor_auc(scores, positive))
        assert pooled_auc(scores + offset, positive) < pooled_auc(scores, positive) - 0.2

    @given(st.integers(0, 10_000))
    def test_they_are_what_the_loop_says(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        scores = torch.randint(0, 4, (5, 7), generator=generator).double()
        positive = torch.rand(5, 7, generator=generator) > 0.6
        negative = torch.rand(5, 7, generator=generator) > 0.4
        far = negative & ~positive
        if not positive.any() or not far.any() or not (positive.any(1) & far.any(1)).any():
            return
        pooled = slow.auc(scores[positive].tolist(), scores[far].tolist())
        assert pooled_auc(scores, positive, negative) == pytest.approx(pooled)
        for i, found in enumerate(anchor_auc(scores, positive, negative).tolist()):
            if positive[i].any() and far[i].any():
                assert found == pytest.approx(slow.auc(scores[i][positive[i]].tolist(), scores[i][far[i]].tolist()))
            else:
                assert math.isnan(found)

    def test_what_is_no_pair_is_not_looked_at(self) -> None:
        scores = torch.tensor([[1.0, 0.0, math.nan]])
        positive = torch.tensor([[True, False, False]])
        assert pooled_auc(scores, positive, torch.tensor([[False, True, False]])) == 1.0

    @pytest.mark.parametrize("call", [pooled_auc, anchor_auc])
    def test_refuses(self, call: Any) -> None:
        scores, positive = torch.zeros(2, 3), torch.eye(2, 3, dtype=torch.bool)
        for given_, words, kind in (
            ((scores[0], positive), r"scores is \(3\)", ShapeError),
            ((scores.long(), positive), "floating point", ShapeError),
            ((scores, positive.float()), "positive is .*boolean", ShapeError),
            ((scores, positive, positive[:1]), "negative is", ShapeError),
            ((scores * math.nan, positive), "scores are not finite", NotFinite),
            ((scores, positive & False), "0 positives and 6 negatives", TooFewRows),
            ((scores, positive, positive), "2 positives and 0 negatives", TooFewRows),
            ((scores, positive.to("meta")), "meta", DeviceMismatch),
        ):
            with pytest.raises(kind, match=words):
                call(*given_)


class TestDrawnAndLeftOut:
    def test_drawn_anchors_estimate_the_whole(self) -> None:
        a, b = random_batch(300, 4, seed=0)
        whole = ordering(a, b)
        generator = torch.Generator().manual_seed(0)
        values = torch.tensor([ordering(a, b, max_rows=40, generator=generator).auc_anchor for _ in range(60)])
        assert abs(float(values.mean()) - whole.auc_anchor) < 4 * float(values.std()) / 60**0.5
        drawn = ordering(a, b, max_rows=40)
        assert len(drawn.margins) == 40
        assert drawn.anchors_total == 600
        assert torch.equal(drawn.anchors, ordering(a, b, max_rows=40).anchors)

    def test_rows_without_a_direction_are_left_out_and_row_numbers_stay(self) -> None:
        a, b = random_batch(9, 4, seed=0)
        a[1] = 0
        a[4, 2] = math.nan
        found = ordering(a, b)
        assert (found.rows, found.rows_left_out) == (16, 2)
        assert found.anchors.tolist() == [0, 2, 3, 5, 6, 7, 8, 9, 11, 12, 14, 15, 16, 17]

    def test_blind_to_order_rotation_length(self) -> None:
        a, b = random_batch(12, 5, seed=4)
        plain = ordering(a, b)
        order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
        turn = rotation(5, 0)
        for other in (ordering(b, a), ordering(a[order], b[order]), ordering(a @ turn, b @ turn), ordering(9 * a, b)):
            assert other.auc_anchor == pytest.approx(plain.auc_anchor)
            assert other.margin_anchor == pytest.approx(plain.margin_anchor)

    def test_refuses(self) -> None:
        a, b = random_batch(6, 4, seed=0)
        with pytest.raises(TooFewRows, match=r"ordering: none of 6 rows .* has both a positive and a negative"):
            ordering(a)
        with pytest.raises(TooFewRows, match="none of 2 rows"):
            ordering(a[:1], b[:1])
        with pytest.raises(ShapeError, match="ordering: the views have 6, 5 rows"):
            ordering(a, b[:5])
        with pytest.raises(ZeroRows, match="ordering: all 12 rows are zero"):
            ordering(0 * a, 0 * b)
        with pytest.raises(ArgumentError, match="max_rows is 1"):
            ordering(a, b, max_rows=1)
