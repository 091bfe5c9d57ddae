from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import similarity as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import (
    DeviceMismatch,
    NotFinite,
    ShapeError,
    TooFewRows,
    ZeroRows,
)
from vergence.metrics import BINS, QUANTILES, Similarity, similarity

MODULE = sys.modules[similarity.__module__]


def check(found: Similarity, split: slow.Split, labels: bool) -> None:
    """Everything that was measured, against lists of cosines."""
    for kind, values in (("positive", split.positive), ("negative", split.negative)):
        counts, quantiles = getattr(found, kind), getattr(found, f"{kind}_quantiles")
        mean, pairs = getattr(found, f"{kind}_mean"), getattr(found, f"pairs_{kind}")
        assert pairs == len(values)
        if not values:
            assert counts is None
            assert quantiles is None
            assert mean is None
            continue
        assert counts.dtype == torch.int64
        assert counts.tolist() == slow.counts(values)
        assert quantiles.tolist() == pytest.approx([slow.quantile(values, q) for q in QUANTILES], abs=1e-6)
        assert mean == pytest.approx(math.fsum(values) / len(values), abs=1e-12)
    if labels and split.negative:
        assert found.false_negative is not None
        assert found.false_negative.tolist() == slow.counts(split.false_negative)
    else:
        assert found.false_negative is None
    if split.positive and split.negative:
        assert found.auc == pytest.approx(slow.auc(split.positive, split.negative), abs=1e-12)
        assert found.overlap == pytest.approx(slow.overlap(split.positive, split.negative), abs=1e-12)
    else:
        assert found.auc is None
        assert found.overlap is None
    assert found.pairs_negative_total == len(split.negative)
    assert not found.sampled


class TestAgainstTheLoop:
    @pytest.mark.parametrize("labelled", [False, True])
    @pytest.mark.parametrize("views", [1, 2, 3])
    @pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 3), (11, 4), (6, 30)])
    def test_views_of_one_size(self, views: int, batch: int, dim: int, labelled: bool) -> None:
        z = torch.randn(views * batch, dim, generator=torch.Generator().manual_seed(dim), dtype=torch.float64)
        labels = (torch.arange(batch) % 6 - 2) // 2 if labelled else None  # -1 -1 0 0 1 1 and again
        every = None if labels is None else labels.repeat(views).tolist()
        found = similarity(*z.split(batch), labels=labels)
        check(found, slow.split(z, lambda i, j: i % batch == j % batch, every), labelled)
        assert (found.rows, found.rows_left_out, found.batch, found.dim) == (views * batch, 0, batch, dim)

    def test_golden_batch(self) -> None:
        a, b, labels = golden_batch()
        found = similarity(a, b, labels=labels)
        check(found, slow.split(torch.cat([a, b]), lambda i, j: i + 8 == j, labels.repeat(2).tolist()), labels=True)
        # |a - b|^2 = 2 - 2 cos, so the mean positive cosine is known from the golden alignment.
        assert found.positive_mean == pytest.approx(1 - 0.0724277263 / 2, abs=1e-9)
        assert found.pairs_positive == 8
        assert found.pairs_negative == 16 * 15 // 2 - 8

    @pytest.mark.parametrize("block", [1024, 5])
    def test_ids(self, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MODULE, "BLOCK", block)
        a, b = random_batch(8, 4, seed=0)
        ids = torch.tensor([0, 1, 0, 2, 3, -1, -1, 2])
        labels = torch.arange(8) // 4
        both = ids.repeat(2).tolist()
        expected = slow.split(
            torch.cat([a, b]),
            lambda i, j: both[i] == both[j] >= 0,
            labels.repeat(2).tolist(),
            lambda i, j: both[i] >= 0 or both[j] >= 0,
        )
        check(similarity(a, b, positives=ids, labels=labels), expected, labels=True)

    @pytest.mark.parametrize("block", [1024, 5])
    def test_a_matrix(self, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MODULE, "BLOCK", block)
        z, _ = random_batch(13, 4, seed=0)
        matrix = torch.rand(5, 8, generator=torch.Generator().manual_seed(0)) > 0.7
        labels = (torch.arange(5), torch.arange(8))
        every = [*range(5), *range(8)]
        expected = slow.split(z, lambda i, j: i < 5 <= j and bool(matrix[i, j - 5]), every)
        check(similarity(z[:5], z[5:], positives=matrix, labels=labels), expected, labels=True)
        none = similarity(z[:5], z[5:], positives=matrix & False)
        check(none, slow.split(z, lambda i, j: False), labels=False)

    def test_a_queue(self) -> None:
        z, _ = random_batch(20, 4, seed=0)
        ids = torch.arange(4)
        found = similarity(z[:4], z[4:8], z[8:], positives=(ids, ids, None))
        expected = slow.split(z, lambda i, j: j < 8 and i + 4 == j, None, lambda i, j: i < 8)
        check(found, expected, labels=False)

    def test_different_ids_give_what_no_ids_give(self) -> None:
        a, b = random_batch(9, 4, seed=0)
        labels = torch.arange(9) % 2
        plain, by_ids = similarity(a, b, labels=labels), similarity(a, b, labels=labels, positives=torch.arange(9))
        for field in dataclasses.fields(Similarity):
            one, other = getattr(plain, field.name), getattr(by_ids, field.name)
            assert torch.equal(one, other) if isinstance(one, Tensor) else one == other

    def test_single_precision(self) -> None:
        a, b = random_batch(40, 16, seed=0, dtype=torch.float32)
        found = similarity(a, b)
        expected = slow.split(torch.cat([a, b]), lambda i, j: i + 40 == j)
        assert found.positive is not None
        assert found.negative is not None
        assert int(found.negative.sum()) == len(expected.negative)
        # A cosine on an edge may fall to either side of it.
        moved = (found.negative - torch.tensor(slow.counts(expected.negative))).abs().sum()
        assert int(moved) <= 2
        assert found.auc == pytest.approx(slow.auc(expected.positive, expected.negative), abs=1e-5)


class TestBins:
    def test_edges_belong_to_the_bin_above_and_one_to_the_last(self) -> None:
        # Rows of +-1/2: every cosine is exactly -1, -1/2, 0, 1/2 or 1, in any precision.
        rows = torch.tensor([[1, 1, 1, 1], [1, 1, 1, -1], [1, 1, -1, -1], [-1, -1, -1, -1], [1, 1, 1, 1]])
        found = similarity(rows.float())
        assert found.negative is not None
        filled = {k: int(found.negative[k]) for k in found.negative.nonzero().flatten().tolist()}
        assert filled == {0: 2, 128: 1, 256: 3, 384: 3, 511: 1}

    @given(value=st.floats(-1, 1))
    def test_every_cosine_is_in_its_bin(self, value: float) -> None:
        rows = torch.tensor([[1.0, 0.0], [value, math.sqrt(1 - value**2)]], dtype=torch.float64)
        found = similarity(rows)
        assert found.negative is not None
        (k,) = found.negative.nonzero().flatten().tolist()
        # The grid of ties is 2^-44 wide.
        assert k / 256 - 1 - 1e-13 <= value
        assert value < (k + 1) / 256 - 1 + 1e-13 or k == BINS - 1

    def test_nothing_leaves_the_axis(self) -> None:
        # In float32 the cosine of a row with a copy of itself may come out as 1.0000001.
        z = random_batch(64, 37, seed=0, dtype=torch.float32)[0]
        found = similarity(z, z.clone())
        assert found.positive is not None
        assert int(found.positive[-1]) == 64
        assert found.positive_quantiles is not None
        assert found.positive_quantiles.max() == 1.0

    def test_rounding_beyond_one_is_clipped(self) -> None:
        beyond = np.array([1.00001, 0.25, -1.00001], dtype=np.float32)
        assert MODULE._sorted(beyond).tolist() == [-1, 0.25, 1]
        assert beyond[0] > 1  # a copy was sorted


class TestEnds:
    def test_apart(self) -> None:
        z = torch.eye(6)
        found = similarity(z, z)
        assert found.auc == 1.0
        assert found.overlap == 0.0
        assert found.positive_mean == 1.0
        assert found.negative_mean == 0.0

    def test_the_wrong_way_round(self) -> None:
        z = torch.eye(6)
        assert similarity(z, -z).auc == 0.0

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    @pytest.mark.parametrize("positives", [False, True])
    @pytest.mark.parametrize(
        ("batch", "dim", "max_rows"), [(2, 3, 1024), (255, 7, 1024), (256, 128, 1024), (64, 2048, 20)]
    )
    def test_collapse_ties(self, batch: int, dim: int, max_rows: int, positives: bool, dtype: torch.dtype) -> None:
        z = torch.linspace(-3, 5, dim).to(dtype).expand(batch, dim)
        found = similarity(z, z, positives=torch.arange(batch) if positives else None, max_rows=max_rows)
        assert found.auc == 0.5
        assert found.overlap == 1.0
        assert found.positive_mean == found.negative_mean == 1.0

    def test_views_that_know_nothing_of_one_another(self) -> None:
        a, _ = random_batch(256, 64, seed=0)
        b, _ = random_batch(256, 64, seed=1)
        found = similarity(a, b)
        assert found.auc == pytest.approx(0.5, abs=0.08)
        assert found.negative_mean == pytest.approx(0.0, abs=0.01)

    def test_a_tie_counts_half(self) -> None:
        # One positive at 0; negatives at 1, 0, 0, -1.
        a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        b = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
        found = similarity(a, b)
        split = slow.split(torch.cat([a, b]), lambda i, j: i + 2 == j)
        assert sorted(split.negative) == [-1, 0, 0, 1]
        assert found.auc == 0.5

    def test_no_positives(self) -> None:
        found = similarity(torch.eye(4))
        assert found.positive is None
        assert found.positive_quantiles is None
        assert found.positive_mean is found.auc is found.overlap is None
        assert found.pairs_positive == 0
        assert found.pairs_negative == 6

    def test_no_negatives(self) -> None:
        found = similarity(torch.ones(1, 3), torch.ones(1, 3), labels=torch.zeros(1, dtype=torch.long))
        assert found.negative is found.negative_quantiles is found.negative_mean is found.false_negative is None
        assert found.positive_mean == pytest.approx(1.0)
        assert found.auc is None

    def test_labels_that_no_negative_shares(self) -> None:
        found = similarity(torch.eye(4), torch.eye(4), labels=torch.arange(4))
        assert found.false_negative is not None
        assert int(found.false_negative.sum()) == 0


class TestInvariance:
    @given(seed=st.integers(0, 10_000))
    def test_blind_to_order_rotation_length_and_to_which_view_is_first(self, seed: int) -> None:
        a, b = random_batch(7, 5, seed)
        labels = torch.arange(7) % 2
        plain = similarity(a, b, labels=labels)
        generator = torch.Generator().manual_seed(seed)
        order, turn = torch.randperm(7, generator=generator), rotation(5, seed)
        lengths = 10 ** (20 * torch.rand(7, 1, generator=generator, dtype=torch.float64) - 10)
        others = (
            similarity(b, a, labels=labels),
            similarity(a[order], b[order], labels=labels[order]),
            similarity(a @ turn, b @ turn, labels=labels),
            similarity(a * lengths, b, labels=labels),
        )
        for other in others:
            assert other.auc == pytest.approx(plain.auc, abs=1e-12)
            assert other.negative_mean == pytest.approx(plain.negative_mean, abs=1e-9)
            torch.testing.assert_close(other.negative_quantiles, plain.negative_quantiles)
            torch.testing.assert_close(other.positive_quantiles, plain.positive_quantiles)

    def test_layout_and_type(self) -> None:
        a, b = random_batch(9, 5, seed=0)
        strided = torch.stack([a, b], 2)
        plain = similarity(a, b)
        assert plain.negative is not None
        other = similarity(strided[..., 0], strided[..., 1])
        assert other.negative is not None
        assert torch.equal(plain.negative, other.negative)
        half = similarity(a.bfloat16(), b.bfloat16())
        single = similarity(a.bfloat16().float(), b.bfloat16().float())
        assert half.negative is not None
        assert single.negative is not None
        assert torch.equal(half.negative, single.negative)

    def test_autocast_does_not_reach_in(self) -> None:
        a, b = random_batch(32, 16, seed=0, dtype=torch.float32)
        plain = similarity(a, b)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert similarity(a, b).negative_mean == plain.negative_mean

    def test_watching_leaves_no_trace(self) -> None:
        a, b = (z.requires_grad_() for z in random_batch(2000, 4, seed=0))
        state, before = torch.get_rng_state(), a.detach().clone()
        similarity(a, b)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(a, before)
        assert torch.is_grad_enabled()


class TestRowsLeftOut:
    def test_they_are_counted_and_the_rest_is_measured(self) -> None:
        a, b = random_batch(9, 4, seed=0)
        a[1] = 0
        a[4, 2] = math.nan
        b[5, 0] = -math.inf
        keep = [0, 2, 3, 5, 6, 7, 8, *range(9, 14), *range(15, 18)]
        found = similarity(a, b, labels=torch.arange(9) % 2)
        expected = slow.split(
            torch.cat([a, b])[keep],
            lambda i, j: keep[i] + 9 == keep[j],
            (torch.arange(9) % 2).repeat(2)[keep].tolist(),
        )
        check(found, expected, labels=True)
        assert (found.rows, found.rows_left_out, found.batch) == (15, 3, 9)

    def test_too_few_are_left(self) -> None:
        z = torch.eye(3)
        z[1:] = math.nan
        with pytest.raises(TooFewRows, match=r"similarity: 1 row with a direction \(2 left out\), 2 are needed"):
            similarity(z)
        with pytest.raises(TooFewRows, match=r"1 row with a direction \(0 left out\).*drop_last=True"):
            similarity(torch.ones(1, 3))
        with pytest.raises(NotFinite, match=r"similarity: 3 of 3 rows are not finite"):
            similarity(z * math.inf)
        with pytest.raises(ZeroRows, match=r"similarity: all 6 rows are zero"):
            similarity(torch.zeros(3, 2), torch.zeros(3, 2))


class TestTheDoor:
    def test_refuses(self) -> None:
        a, b = random_batch(6, 4, seed=0)
        with pytest.raises(ShapeError, match=r"similarity: the views have 6, 5 rows, so positives must say"):
            similarity(a, b[:5])
        with pytest.raises(ShapeError, match=r"similarity: view 2 is \(4\)"):
            similarity(a, b[0])
        with pytest.raises(ShapeError, match=r"similarity: labels is \(5\) but there are 6 rows"):
            similarity(a, b, labels=torch.arange(5))
        with pytest.raises(ShapeError, match=r"similarity: positives is \(5\) but there are 6 rows"):
            similarity(a, b, positives=torch.arange(5))
        with pytest.raises(ShapeError, match=r"similarity: views is nothing"):
            similarity()
        with pytest.raises(DeviceMismatch, match=r"view 1 is on cpu but view 2 is on meta"):
            similarity(a, b.to("meta"))

    def test_a_short_name_in_a_notebook(self) -> None:
        shown = repr(similarity(torch.eye(4), torch.eye(4)))
        assert "auc=1.0" in shown
        assert "tensor" not in shown


def test_every_name_is_exported() -> None:
    from vergence import metrics

    assert sorted(metrics.__all__, key=lambda name: (name.islower(), not name.isupper(), name)) == metrics.__all__
    assert all(hasattr(metrics, name) for name in metrics.__all__)


CASES = [
    Case(similarity, views(2), labelled, lengths="ignored", bad="left out", least=1),
    Case(similarity, lengths="ignored", bad="left out", label="similarity of one view"),
]
