"""Pairs: against slow twins, with every way of saying who belongs together, and on what cannot be compared."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import pairs as slow
from tests.reference.golden import golden_batch, random_batch
from vergence import errors
from vergence.metrics import Chosen, near_duplicates, pairs


def listed(chosen: Chosen) -> list[tuple[int, int]]:
    return list(zip(chosen.i.tolist(), chosen.j.tolist(), strict=True))


class TestPairs:
    @given(st.integers(3, 12), st.integers(0, 20), st.booleans())
    def test_the_slow_twin(self, batch: int, seed: int, labelled: bool) -> None:
        a, b = random_batch(batch, 4, seed)
        labels = torch.arange(batch) % 3 if labelled else None
        found = pairs(a, b, labels=labels, most=4)
        rows = torch.cat([a, b]).tolist()
        samples = list(range(batch)) * 2
        kinds = [s % 3 for s in samples]
        same = [slow.chosen(rows, lambda i, j: samples[i] == samples[j], samples, 4, -1)]
        other = slow.chosen(
            rows, lambda i, j: samples[i] != samples[j] and not (labelled and kinds[i] == kinds[j]), samples, 4, 1
        )
        assert listed(found.worst_positives) == [(i, j) for _, i, j in same[0]]
        assert listed(found.hardest_negatives) == [(i, j) for _, i, j in other]
        assert found.hardest_negatives.score.tolist() == pytest.approx([s for s, _, _ in other], abs=2e-6)
        if labelled:
            alike = slow.chosen(rows, lambda i, j: samples[i] != samples[j] and kinds[i] == kinds[j], samples, 4, 1)
            assert listed(found.false_negatives) == [(i, j) for _, i, j in alike]
        assert found.pairs_positive == batch
        assert found.pairs_negative == batch * (2 * batch - 1) - batch

    def test_golden_batch(self) -> None:
        a, b, labels = golden_batch()
        found = pairs(a, b, labels=labels)
        assert found.positive_mean == pytest.approx(1 - 0.0724277263 / 2, abs=1e-6)
        assert found.false_negatives.criterion == "same label, highest cosine"
        assert found.false_negatives.found == 4 * 4

    def test_blocks_find_what_one_pass_finds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = random_batch(40, 6, seed=3)
        whole = pairs(a, b), pairs(a, b, labels=torch.arange(40) % 4), near_duplicates(a, b, near=0.6)
        monkeypatch.setattr(sys.modules["vergence.metrics.pairs"], "CELLS", 500)
        parts = pairs(a, b), pairs(a, b, labels=torch.arange(40) % 4), near_duplicates(a, b, near=0.6)
        for one, other in zip(whole[:2], parts[:2], strict=True):
            for name in ("worst_positives", "hardest_negatives", "false_negatives"):
                assert listed(getattr(one, name)) == listed(getattr(other, name))
            assert one.negative_mean == pytest.approx(other.negative_mean)
        assert listed(whole[2]) == listed(parts[2])
        assert whole[2].found == parts[2].found > 0

    def test_ties_go_by_row_number(self) -> None:
        z = torch.ones(6, 3)
        found = pairs(z, z, most=3)
        assert listed(found.worst_positives) == [(0, 6), (1, 7), (2, 8)]
        assert listed(found.hardest_negatives) == [(0, 1), (0, 2), (0, 3)]

    @pytest.mark.parametrize("views", [1, 2, 3])
    def test_any_number_of_views(self, views: int) -> None:
        parts = [random_batch(8, 4, seed)[0] for seed in range(views)]
        found = pairs(*parts)
        assert found.sizes == (8,) * views
        assert found.pairs_positive == 8 * math.comb(views, 2)
        if views == 1:
            assert found.positive_mean is None
            assert len(found.worst_positives.score) == 0
        assert all(i % 8 == j % 8 for i, j in listed(found.worst_positives))
        assert all(i % 8 != j % 8 for i, j in listed(found.hardest_negatives))
        keys = [frozenset((i % 8, j % 8)) for i, j in listed(found.hardest_negatives)]
        assert len(set(keys)) == len(keys) == 5, "two samples stand on a list once"

    def test_rows_of_one_group_are_never_negatives(self) -> None:
        a, b = random_batch(10, 4, seed=0)
        a[3] = a[2]  # the same content, which the ids know
        ids = torch.arange(10)
        ids[3] = 2
        found = pairs(a, b, positives=ids)
        assert (2, 3) not in listed(found.hardest_negatives)
        assert (2, 3) in listed(pairs(a, b).hardest_negatives)
        matrix = torch.eye(10, dtype=torch.bool)
        matrix[2, 3] = True
        assert (2, 13) not in listed(pairs(a, b, positives=matrix, most=50).hardest_negatives)

    def test_unequal_batches_and_a_queue(self) -> None:
        a, _ = random_batch(6, 4, seed=0)
        queue, _ = random_batch(9, 4, seed=1)
        found = pairs(a, queue, positives=(torch.arange(6), None))
        assert found.pairs_positive == 0
        assert found.sizes == (6, 9)
        assert all(i < 6 for i, _ in listed(found.hardest_negatives)), "two entries of a queue are compared by nobody"

    def test_without_labels_mutual_neighbours_are_a_guess(self) -> None:
        generator = torch.Generator().manual_seed(0)
        a = torch.nn.functional.normalize(torch.randn(20, 8, generator=generator), dim=1)
        b = a + 0.3 * torch.randn(20, 8, generator=generator)
        a[7] = a[4] + 0.001
        found = pairs(a, b)
        assert listed(found.false_negatives)[0] == (4, 7)
        assert found.false_negatives.criterion.startswith("a guess")
        rows = torch.cat([torch.nn.functional.normalize(a, dim=1), torch.nn.functional.normalize(b, dim=1)])
        cosines = rows @ rows.T
        for i, j in listed(found.false_negatives):
            others = torch.tensor([k for k in range(40) if k % 20 != i % 20])
            assert int(others[cosines[i, others].argmax()]) == j
            assert cosines[i, j] > cosines[i, (i + 20) % 40]
        assert pairs(a).false_negatives.found == 0, "one view has nothing to compare with"

    def test_rows_without_a_direction_are_left_out_and_numbers_stay(self) -> None:
        a, b = random_batch(10, 4, seed=0)
        whole = pairs(a, b)
        a[0], b[1], b[2, 1] = 0, math.nan, math.inf
        found = pairs(a, b, most=30)
        assert (found.rows, found.rows_left_out) == (17, 3)
        used = {row for pair in listed(found.hardest_negatives) + listed(found.worst_positives) for row in pair}
        assert used.isdisjoint({0, 11, 12})
        assert found.worst_positives.of == 7
        assert set(listed(found.worst_positives)) <= {(i, i + 10) for i in range(10)}
        assert whole.rows_left_out == 0

    def test_collapse(self) -> None:
        z = torch.ones(64, 8).bfloat16()
        found = pairs(z, z)
        assert found.positive_mean == found.negative_mean == pytest.approx(1.0)
        assert found.false_negatives.found == 0, "nothing is nearer than the own positive"

    def test_refuses(self) -> None:
        with pytest.raises(errors.ShapeError, match="views is nothing"):
            pairs()
        with pytest.raises(errors.TooFewRows, match="1 row with a direction"):
            pairs(torch.tensor([[1.0], [0.0]]))
        with pytest.raises(errors.NotFinite):
            pairs(torch.full((3, 2), math.nan))
        with pytest.raises(errors.ArgumentError, match="most is 0"):
            pairs(torch.eye(3), most=0)
        with pytest.raises(errors.ShapeError, match="near_duplicates: there are no inputs"):
            near_duplicates()
        with pytest.raises(errors.ArgumentError, match="near is 0"):
            near_duplicates(torch.eye(3), near=0)

    def test_watching_leaves_no_trace(self) -> None:
        a, b = (z.requires_grad_() for z in random_batch(30, 4, seed=0))
        before = a.detach().clone()
        pairs(a, b)
        near_duplicates(a, b)
        assert torch.equal(a, before)
        assert torch.is_grad_enabled()


class TestNearDuplicates:
    @settings(max_examples=30)
    @given(st.integers(3, 9), st.integers(0, 20), st.floats(0.2, 0.9))
    def test_the_slow_twin(self, batch: int, seed: int, near: float) -> None:
        a, b = random_batch(batch, 3, seed, torch.float32)
        found = near_duplicates(a, b, near=near, most=500)
        wanted = slow.near(torch.cat([a, b]).tolist(), list(range(batch)) * 2, near)
        best: dict[frozenset[int], tuple[float, int, int]] = {}
        for score, i, j in wanted:
            best.setdefault(frozenset((i % batch, j % batch)), (score, i, j))
        assert found.score.tolist() == pytest.approx([score for score, _, _ in best.values()], rel=1e-4)
        assert found.found == len(best)

    def test_a_copy_on_white_paper_is_found_and_another_drawing_is_not(self) -> None:
        def drawing(seed: int) -> Tensor:
            paper = torch.ones(3, 16, 16)
            paper[:, 4:9, 4:9] = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(seed))
            return paper

        x = torch.stack([drawing(seed) for seed in range(12)])
        plain = x.flatten(1)
        assert float((plain[0] @ plain[1]) / plain[0].norm() / plain[1].norm()) > 0.95, "a plain cosine is fooled"
        assert near_duplicates(x).found == 0
        x[5] = x[2]
        x[9] = x[1] + 0.001
        found = near_duplicates(x)
        assert listed(found) == [(2, 5), (1, 9)]
        assert found.score[0] == 0
        assert found.of == 66

    def test_views_of_different_shapes_are_compared_within_themselves(self) -> None:
        generator = torch.Generator().manual_seed(0)
        images, texts = torch.rand(6, 3, 8, 8, generator=generator), torch.randint(0, 50, (6, 12), generator=generator)
        texts[4] = texts[1]
        found = near_duplicates(images, texts)
        assert listed(found) == [(7, 10)]

    def test_positives_are_no_duplicates(self) -> None:
        x = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
        x[1] = x[0]
        ids = torch.tensor([0, 0, 1, 2, 3, 4])
        assert near_duplicates(x, positives=ids).found == 0
        assert near_duplicates(x).found == 1
        matrix = torch.eye(6, dtype=torch.bool)
        matrix[0, 1] = True
        pairs_found = listed(near_duplicates(x, x.clone(), positives=matrix, most=20))
        assert (0, 7) not in pairs_found
        assert (1, 6) in pairs_found

    def test_inputs_that_are_all_one_and_inputs_that_are_not_finite(self) -> None:
        assert near_duplicates(torch.ones(4, 3)).found == 6
        x = torch.rand(5, 3)
        x[0, 0] = math.nan
        x[2] = x[1]
        assert listed(near_duplicates(x)) == [(1, 2)]


CASES = [
    Case(pairs, views(2), labelled, lengths="ignored", bad="left out", least=1),
    Case(pairs, views(2), lengths="ignored", bad="left out", least=1, label="pairs without labels"),
    Case(near_duplicates, views(2), of=()),
]
