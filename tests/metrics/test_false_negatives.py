"""False negatives: counted pair by pair with labels, and guessed at without."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import false_negatives as slow
from tests.reference.golden import golden_batch, random_batch
from vergence import losses
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.metrics import false_negatives, ordering

CASES = [
    Case(false_negatives, views(2), labelled, lengths="ignored", bad="left out"),
    Case(
        false_negatives, views(classes=3), lambda *given: {"clusters": 3}, lengths="ignored", bad="left out",
        label="false_negatives of one view without labels",
    ),
]  # fmt: skip


def weighed(a: Tensor, b: Tensor, temperature: float = 0.2) -> Tensor:
    return losses.NTXent(temperature=temperature).pair_weights(a, b)


class TestAgainstTheLoop:
    @settings(max_examples=25)
    @given(st.integers(0, 10_000), st.integers(3, 9), st.integers(2, 3))
    def test_views_of_one_size(self, seed: int, batch: int, count: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count * batch, 2, generator=generator, dtype=torch.float64)
        labels = torch.randint(-1, 3, (batch,), generator=generator)
        labels[:2] = 0
        every = labels.repeat(count).tolist()
        weights = torch.randn(count * batch, count * batch, generator=generator, dtype=torch.float64)
        found = false_negatives(*z.split(batch), labels=labels, weights=weights, clusters=3)
        pairs = slow.negatives(batch, count)
        assert found.rate == pytest.approx(slow.rate(pairs, every))
        assert found.gradient_share == pytest.approx(slow.gradient_share(pairs, every, weights))
        above, precision = slow.above_positive(z, batch, every)
        assert found.above_positive == pytest.approx(above)
        assert found.above_precision == (None if precision is None else pytest.approx(precision))
        assert found.above_expected == pytest.approx(1 / count)
        assert found.negatives == len(pairs)
        assert found.labelled == sum(every[i] >= 0 and every[j] >= 0 for i, j in pairs)
        assert found.anchors == found.anchors_total == count * batch
        assert found.per_anchor is not None
        assert found.rate is not None
        assert found.per_anchor * found.anchors == pytest.approx(found.rate * found.labelled)

    def test_golden_batch(self) -> None:
        a, b, labels = golden_batch()
        found = false_negatives(a, b, labels=labels, weights=weighed(a, b, 0.1))
        # Each sample has one other of its label among seven.
        assert found.rate == found.gradient_even == pytest.approx(1 / 7)
        assert found.rate_expected == 0.25
        assert found.above_positive == 0.0
        pairs = slow.negatives(8, 2)
        expected = slow.gradient_share(pairs, labels.repeat(2).tolist(), weighed(a, b, 0.1))
        assert found.gradient_share == pytest.approx(expected)

    def test_with_two_views_it_is_what_ordering_reads(self) -> None:
        a, b = random_batch(40, 3, seed=0)
        assert false_negatives(a, b).above_positive == pytest.approx(ordering(a, b).misordered)


class TestWithLabels:
    def test_both_ends_of_the_rate(self) -> None:
        a, b = random_batch(12, 4, seed=0)
        assert false_negatives(a, b, labels=torch.arange(12)).rate == 0.0
        assert false_negatives(a, b, labels=torch.zeros(12, dtype=torch.long)).rate == 1.0
        assert false_negatives(a, b).rate is None

    def test_a_batch_at_random_reads_the_sum_of_squared_shares(self) -> None:
        generator = torch.Generator().manual_seed(0)
        labels = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 4000, replacement=True, generator=generator)
        a, b = random_batch(4000, 2, seed=0, dtype=torch.float32)
        found = false_negatives(a, b, labels=labels, max_rows=256)
        assert found.rate == pytest.approx(0.38, abs=0.02)
        assert found.rate_expected == pytest.approx(0.38, abs=0.02)

    def test_a_low_temperature_pushes_false_negatives_more(self) -> None:
        """Rows of one class are alike, so they are the hard ones; the rate does not know."""
        (a, b), labels = views(2, classes=4)(64, 16), torch.arange(64) % 4
        cold = false_negatives(a, b, labels=labels, weights=weighed(a, b, 0.1))
        hot = false_negatives(a, b, labels=labels, weights=weighed(a, b, 100.0))
        assert cold.rate == hot.rate == pytest.approx(15 / 63)
        assert hot.gradient_share == pytest.approx(15 / 63, abs=0.01)
        assert cold.gradient_share is not None
        assert cold.gradient_share > 0.8

    def test_a_loss_that_knows_labels_pushes_none_of_them(self) -> None:
        a, b = random_batch(12, 4, seed=0)
        labels = torch.arange(12) % 3
        weights = losses.SupCon(temperature=10.0).pair_weights(a, b, labels=labels)
        found = false_negatives(a, b, labels=labels, weights=weights)
        assert found.gradient_share == 0.0
        assert found.rate is not None
        assert found.rate > 0

    def test_columns_of_a_queue_behind_the_views_have_no_part(self) -> None:
        a, b = random_batch(8, 4, seed=0)
        labels, weights = torch.arange(8) % 2, weighed(a, b)
        wider = torch.cat([weights, torch.ones(16, 5).double()], 1)
        plain, other = (false_negatives(a, b, labels=labels, weights=w) for w in (weights, wider))
        assert other.gradient_share == plain.gradient_share


class TestWithoutLabels:
    def test_chance_and_collapse(self) -> None:
        for views_, expected in ((2, 1 / 2), (3, 1 / 3)):
            z = torch.randn(views_, 300, 16, generator=torch.Generator().manual_seed(0))
            found = false_negatives(*z)
            assert found.above_positive == pytest.approx(expected, abs=0.04)
            assert found.above_expected == pytest.approx(expected)
        flat = torch.ones(20, 4)
        found = false_negatives(flat, flat)
        assert (found.above_positive, found.cluster_rate, found.clusters) == (0.5, 1.0, 1)

    def test_planted_copies_are_found(self) -> None:
        """Every sample stands in the batch twice, each with its own noise: its copy is as near as its view."""
        generator = torch.Generator().manual_seed(0)
        content = torch.randn(32, 24, generator=generator, dtype=torch.float64).repeat(2, 1)
        a, b = (content + 0.5 * torch.randn(64, 24, generator=generator, dtype=torch.float64) for _ in range(2))
        labels = torch.arange(32).repeat(2)
        found = false_negatives(a, b, labels=labels, clusters=32)
        # Two copies of 126 negatives, above the positive half of the time.
        assert found.rate == pytest.approx(2 / 126)
        assert found.above_positive == pytest.approx(1 / 126, rel=0.5)
        assert found.above_precision == 1.0
        assert found.cluster_precision is not None
        assert found.cluster_recall is not None
        assert found.cluster_precision > 0.7
        assert found.cluster_recall > 0.7

    def test_clusters_that_say_nothing_of_labels(self) -> None:
        z = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
        found = false_negatives(z, z, labels=torch.arange(400) % 5, clusters=8)
        assert found.cluster_precision == pytest.approx(found.rate, abs=0.03)
        assert found.cluster_recall == pytest.approx(found.cluster_rate, abs=0.03)
        assert found.cluster_expected == 1 / 8
        assert found.cluster_rate == pytest.approx(1 / 8, abs=0.03)

    def test_the_same_clusters_each_time_and_others_with_another_seed(self) -> None:
        a, b = random_batch(60, 6, seed=0)
        one, again = false_negatives(a, b), false_negatives(a, b)
        assert one == again
        assert any(false_negatives(a, b, seed=seed).cluster_rate != one.cluster_rate for seed in (1, 2, 3))


class TestDrawnAndLeftOut:
    def test_drawn_anchors_estimate_the_whole(self) -> None:
        a, b = random_batch(200, 3, seed=0)
        labels = torch.arange(200) % 4
        whole = false_negatives(a, b, labels=labels)
        generator = torch.Generator().manual_seed(0)
        drawn = [false_negatives(a, b, labels=labels, max_rows=30, generator=generator) for _ in range(40)]
        values = torch.tensor([found.above_positive for found in drawn])
        assert whole.above_positive is not None
        assert abs(float(values.mean()) - whole.above_positive) < 4 * float(values.std()) / 40**0.5
        assert (drawn[0].anchors, drawn[0].anchors_total) == (30, 400)

    def test_rows_left_out_keep_their_weights_apart(self) -> None:
        a, b = random_batch(9, 4, seed=0)
        labels, weights = torch.arange(9) % 2, weighed(a, b)
        bad = a.clone()
        bad[2] = 0
        found = false_negatives(bad, b, labels=labels, weights=weights)
        assert (found.rows, found.rows_left_out) == (17, 1)
        every = labels.repeat(2).tolist()
        pairs = [(i, j) for i, j in slow.negatives(9, 2) if 2 not in (i, j) and i != 11]
        assert found.gradient_share is not None
        # Row 11 lost its only positive, so it is no anchor.
        assert found.gradient_share == pytest.approx(slow.gradient_share(pairs, every, weights))

    def test_a_queue(self) -> None:
        z, _ = random_batch(20, 4, seed=0)
        ids = torch.arange(4)
        found = false_negatives(z[:4], z[4:8], z[8:], positives=(ids, ids, None), labels=(ids, ids, None))
        assert found.negatives == 8 * 18
        assert found.labelled == 8 * 6
        assert found.rate == 0.0
        # Entries of a queue are compared by no loss: in a cluster of their own they are no pairs at all.
        far = torch.tensor([[0.0, 0, 0, 1]]).double().expand(12, 4)
        near = torch.tensor([[9.0, 0, 0, 0]]).double() + z[:8] / 9
        found = false_negatives(near[:4], near[4:], far, positives=(ids, ids, None), clusters=2)
        assert found.cluster_rate == pytest.approx(8 * 6 / (8 * 6 + 2 * 8 * 12))


A, B = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((A, B[:5]), {}, ShapeError, "the views have 6, 5 rows"),
    ((A, B.to("meta")), {}, DeviceMismatch, "meta"),
    ((A, B), {"labels": torch.arange(5)}, ShapeError, r"labels is \(5\)"),
    ((A, B), {"weights": torch.ones(6, 6)}, ShapeError, r"weights is \(6, 6\) but the views have 12 rows"),
    ((A, B), {"weights": torch.ones(12)}, ShapeError, r"weights is \(12\).*pair_weights"),
    ((A, B), {"clusters": 1}, ArgumentError, "clusters is 1"),
    ((A, B), {"seed": -1}, ArgumentError, "seed is -1"),
    ((A, B), {"max_rows": 1}, ArgumentError, "max_rows is 1"),
    ((A[:1],), {}, TooFewRows, "no two of 1 rows"),
    ((A[:1], B[:1]), {}, TooFewRows, "no two of 2 rows"),
    ((A * math.nan, B * math.nan), {}, NotFinite, "12 of 12 rows are not finite"),
    ((0 * A, 0 * B), {}, ZeroRows, "all 12 rows are zero"),
]


@pytest.mark.parametrize(("given", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(given: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        false_negatives(*given, **more)
