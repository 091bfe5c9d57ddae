"""Probes: against slow twins and scikit-learn, on planted factors, and on what cannot be probed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import probes as slow
from vergence import errors
from vergence.geometry import unit
from vergence.metrics import compare, probes
from vergence.metrics.halves import halves, task
from vergence.metrics.probes import Reading, interval
from vergence.metrics.raw import raw_rows
from vergence.metrics.space import Space


def planted(
    items: int = 240, classes: int = 4, dim: int = 12, noise: float = 1.0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(items) % classes
    centres = 2 * torch.randn(classes, dim, generator=generator, dtype=torch.float64)
    return centres[labels] + noise * torch.randn(items, dim, generator=generator, dtype=torch.float64), labels


class TestAgainstOthers:
    @pytest.mark.parametrize("dim", [5, 150])
    def test_the_slow_twins(self, dim: int) -> None:
        rows, labels = planted(90, 3, dim, noise=3.0)
        found = probes(rows, labels, k=7, temperature=0.2, ridge=0.5, draws=3)
        parted = halves([labels])
        asked = task("test", labels, parted, draws=3)
        fit, test = rows[parted.fit], rows[parted.test]
        voted = slow.knn(fit.tolist(), labels[parted.fit].tolist(), test.tolist(), 7, 0.2)
        assert found.knn.right.tolist() == [
            float(a == b) for a, b in zip(voted, labels[parted.test].tolist(), strict=True)
        ]
        a, b = slow.standardised(fit.numpy(), test.numpy())
        line = slow.ridge(a, labels[parted.fit].tolist(), b, 0.5 * len(a))
        assert np.array_equal(found.linear.right.numpy(), (line == labels[parted.test].numpy()).astype(np.float32))
        of_draws = []
        for draw in asked.draws:
            said = slow.ridge(a[draw.numpy()], asked.fit_class[draw].tolist(), b, 0.5 * 6)
            of_draws.append((said == asked.test_class.numpy()).astype(np.float64))
        assert np.allclose(found.few.right.numpy(), np.mean(of_draws, axis=0), atol=1e-6)
        assert found.few.accuracy == pytest.approx(np.mean(of_draws))
        assert found.few.spread == pytest.approx(np.std(np.mean(of_draws, axis=1)))

    def test_scikit_learn(self) -> None:
        rows, labels = planted(300, 5, 20, noise=4.0)
        found = probes(rows, labels, k=15, temperature=0.1)
        parted = halves([labels])
        x, y = rows.numpy(), labels.numpy()
        fit, test = parted.fit.numpy(), parted.test.numpy()
        near = KNeighborsClassifier(15, metric="cosine", algorithm="brute", weights=lambda d: np.exp(-d / 0.1))
        assert found.knn.accuracy == near.fit(x[fit], y[fit]).score(x[test], y[test])
        a, b = slow.standardised(x[fit], x[test])
        line = RidgeClassifier(alpha=0.3 * len(fit)).fit(a, y[fit])
        assert found.linear.accuracy == line.score(b, y[test])

    def test_rows_or_features_solve_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows, labels = planted(120, 3, 30, noise=5.0)
        by_rows = probes(rows, labels)
        monkeypatch.setattr("vergence.metrics.space.MOST_PRODUCTS", 4)
        by_features = probes(rows, labels)
        assert by_rows.linear.right.tolist() == by_features.linear.right.tolist()
        assert by_rows.few.right.tolist() == by_features.few.right.tolist()


class TestWhatIsKnown:
    def test_a_planted_factor_is_read_and_an_absent_one_is_not(self) -> None:
        rows, labels = planted(400, 4, 16, noise=0.5)
        other = torch.randint(0, 4, (400,), generator=torch.Generator().manual_seed(5))
        found, absent = probes(rows, labels), probes(rows, other)
        for reading in (found.knn, found.linear, found.few):
            assert reading.accuracy > 0.97
        for reading in (absent.knn, absent.linear, absent.few):
            assert abs(reading.accuracy - absent.chance) < 3 * reading.half
        assert found.chance == pytest.approx(0.25, abs=0.01)

    def test_digits_are_nearly_solved_before_any_training(self) -> None:
        digits = load_digits()
        x, y = torch.from_numpy(digits.data[:1200]).float(), torch.from_numpy(digits.target[:1200]).long()
        found = probes(x, y)
        assert found.knn.accuracy > 0.95
        assert found.linear.accuracy > 0.9
        assert 0.5 < found.few.accuracy < 0.85

    @pytest.mark.parametrize("spread", [1e-2, 1e-4])
    def test_a_collapsed_encoder_still_probes(self, spread: float) -> None:
        rows, labels = planted(240, 4, 16, noise=0.5)
        # All cosines are 0.9999: only the scale says that something is wrong, and a probe does not look at it.
        collapsed = (torch.ones(16, dtype=torch.float64) + spread * rows).float()
        found = probes(collapsed, labels)
        assert found.linear.accuracy > 0.95
        assert found.few.accuracy > 0.95
        assert found.knn.accuracy > 0.9

    def test_one_point_says_nothing(self) -> None:
        _, labels = planted(200)
        found = probes(torch.full((200, 8), 0.7), labels)
        for reading in (found.knn, found.linear, found.few):
            assert reading.accuracy <= found.chance + 0.05

    def test_duplicates_across_groups_do_not_raise_accuracy(self) -> None:
        generator = torch.Generator().manual_seed(1)
        once = torch.randn(120, 10, generator=generator)
        labels = torch.randint(0, 4, (120,), generator=generator)
        rows = torch.cat([once, once + 1e-4 * torch.randn(120, 10, generator=generator)])
        both, groups = labels.repeat(2), torch.arange(120).repeat(2)
        apart = probes(rows, both, groups=groups, k=1)
        assert apart.knn.accuracy < 0.45
        assert probes(rows, both, k=1).knn.accuracy > apart.knn.accuracy + 0.1, "without groups the copies leak"
        assert apart.knn.half > 1.2 * interval(apart.knn.right, torch.arange(len(apart.knn.right)))


class TestHalves:
    @given(
        st.lists(st.integers(-1, 4), min_size=2, max_size=60),
        st.integers(0, 3),
        st.lists(st.integers(-1, 9), min_size=60),
    )
    def test_groups_stay_together_and_every_row_is_in_one_half(
        self, values: list[int], seed: int, ids: list[int]
    ) -> None:
        labels = torch.tensor(values)
        groups = torch.tensor(ids[: len(values)])
        found = halves([labels], groups, seed=seed)
        assert sorted(found.fit.tolist() + found.test.tolist()) == list(range(len(values)))
        known = {int(g) for g in groups[found.fit] if g >= 0} & {int(g) for g in groups[found.test] if g >= 0}
        assert known == set()
        again = halves([labels], groups, seed=seed)
        assert again.fit.tolist() == found.fit.tolist()

    @given(st.lists(st.integers(0, 4), min_size=2, max_size=80), st.integers(0, 5))
    def test_without_groups_the_halves_of_a_class_differ_by_at_most_one(self, values: list[int], seed: int) -> None:
        labels = torch.tensor(values)
        found = halves([labels], seed=seed)
        difference = torch.bincount(labels[found.fit], minlength=5) - torch.bincount(labels[found.test], minlength=5)
        assert int(difference.abs().max()) <= 1

    def test_two_factors_are_both_spread(self) -> None:
        generator = torch.Generator().manual_seed(0)
        one, two = (torch.randint(0, 3, (300,), generator=generator) for _ in range(2))
        found = halves([one, two])
        for values in (one, two):
            difference = torch.bincount(values[found.fit], minlength=3) - torch.bincount(
                values[found.test], minlength=3
            )
            assert int(difference.abs().max()) <= 6

    @given(st.integers(2, 6), st.integers(4, 12))
    def test_a_draw_is_two_rows_of_every_class(self, classes: int, each: int) -> None:
        labels = torch.arange(classes * each) % classes
        asked = task("test", labels, halves([labels]), draws=5)
        for draw in asked.draws:
            assert len(set(draw.tolist())) == 2 * classes
            assert asked.fit_class[draw].tolist() == [c for c in range(classes) for _ in range(2)]


class TestLeftOut:
    def test_small_classes_and_unlabelled_rows_are_counted(self) -> None:
        rows, labels = planted(100, 4)
        labels = labels.clone()
        labels[0] = 77  # a class of one
        labels[1:4] = -1
        found = probes(rows, labels)
        assert (found.classes, found.left_out) == (4, 1)
        assert found.fit + found.asked == 96
        assert 0 not in found.linear.rows.tolist()

    def test_rows_that_are_not_finite_or_zero_are_left_out(self) -> None:
        rows, labels = planted(200)
        clean = probes(rows, labels)
        rows[3], rows[8], rows[9, 2] = math.nan, 0.0, math.inf
        found = probes(rows, labels)
        assert found.rows_left_out == 3
        assert found.fit + found.asked == clean.fit + clean.asked - 3
        assert found.linear.accuracy > 0.9
        with pytest.raises(errors.NotFinite, match="none of 100 rows to learn from"):
            probes(rows * math.nan, labels)

    def test_a_thousand_classes(self) -> None:
        labels = torch.arange(4000) % 1000
        rows = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
        found = probes(rows + labels[:, None] % 7, labels)
        assert found.classes == 1000
        assert found.draws == 2, "draws are fewer where one is dear"

    def test_k_is_capped(self) -> None:
        rows, labels = planted(20, 2)
        assert probes(rows, labels, k=200).k == 5

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_half_precision(self, dtype: torch.dtype) -> None:
        rows, labels = planted(200, noise=0.5)
        assert probes(rows.to(dtype), labels).linear.accuracy > 0.95

    def test_watching_leaves_no_trace(self) -> None:
        rows, labels = planted(100)
        rows.requires_grad_()
        state, before = torch.get_rng_state(), rows.detach().clone()
        probes(rows, labels)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(rows, before)

    def test_refuses(self) -> None:
        rows, labels = planted(40)
        with pytest.raises(
            errors.ShapeError, match=r"labels has dtype torch.float32. A probe reads classes.*bucketize"
        ):
            probes(rows, labels.float())
        with pytest.raises(errors.TooFewRows, match=r"probes: 1 of 1 classes has two rows to learn from"):
            probes(rows, torch.zeros(40, dtype=torch.long))
        with pytest.raises(errors.TooFewRows, match=r"0 of 40 classes have"):
            probes(rows, torch.arange(40))
        with pytest.raises(errors.TooFewRows, match=r"0 of 0 classes"):
            probes(rows, torch.full((40,), -1))
        with pytest.raises(errors.ShapeError, match=r"rows is \(40, 12\) but 39 items"):
            probes(rows, labels[:39])
        with pytest.raises(errors.ArgumentError, match="k is 0"):
            probes(rows, labels, k=0)
        with pytest.raises(errors.ArgumentError, match="temperature is -1"):
            probes(rows, labels, temperature=-1)
        with pytest.raises(errors.ShapeError, match=r"groups is \(3\)"):
            probes(rows, labels, groups=torch.arange(3))


class TestIntervals:
    def test_without_groups_it_is_wilsons(self) -> None:
        right = torch.tensor([1.0] * 30 + [0.0] * 10)
        p, n, z = 0.75, 40, 1.959963984540054
        wilson = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        assert interval(right, torch.arange(40)) == pytest.approx(wilson)

    def test_rows_that_always_agree_count_once(self) -> None:
        right = torch.tensor([1.0, 0.0] * 20)
        doubled = right.repeat_interleave(2)
        assert interval(doubled, torch.arange(40).repeat_interleave(2)) == pytest.approx(
            interval(right, torch.arange(40))
        )

    def test_it_covers_as_often_as_it_says(self) -> None:
        generator = torch.Generator().manual_seed(0)
        inside = 0
        for _ in range(400):
            # Groups of three that agree: what a set by three artists has.
            right = (torch.rand(150, generator=generator) < 0.7).float().repeat_interleave(3)
            half = interval(right, torch.arange(150).repeat_interleave(3))
            inside += abs(float(right.mean()) - 0.7) < half
        assert 0.92 < inside / 400 < 0.98  # Wilson's interval, laid around the mean itself

    def test_all_right_is_not_certain(self) -> None:
        assert interval(torch.ones(50), torch.arange(50)) > 0.03

    def test_a_comparison_is_paired(self) -> None:
        def reading(right: list[float]) -> Reading:
            every = torch.arange(len(right))
            return Reading(sum(right) / len(right), 0.1, torch.tensor(right), every, every)

        one = reading([1.0] * 60 + [0.0] * 40)
        same = compare(one, reading([1.0] * 60 + [0.0] * 40))
        assert (same.difference, same.verdict) == (0.0, "no better")
        assert same.half > 0
        better = compare(one, reading([1.0] * 45 + [0.0] * 55))
        assert better.difference == pytest.approx(0.15)
        assert better.verdict == "better"
        assert compare(reading([1.0] * 45 + [0.0] * 55), one).verdict == "worse"
        # As large a difference of unpaired rows is within noise.
        mixed = reading([1.0, 0.0] * 22 + [1.0] + [0.0] * 55)
        assert compare(one, mixed).half > better.half

    def test_only_shared_rows_are_compared(self) -> None:
        right = torch.ones(4)
        a = Reading(1.0, 0.1, right, torch.tensor([0, 1, 2, 3]), torch.arange(4))
        b = Reading(0.5, 0.1, torch.tensor([1.0, 0.0]), torch.tensor([2, 9]), torch.tensor([2, 9]))
        assert compare(a, b).rows == 1
        with pytest.raises(errors.TooFewRows, match="share no row"):
            compare(a, Reading(0.5, 0.1, right, torch.arange(4) + 10, torch.arange(4)))


class TestRaw:
    def test_pixels_as_they_are_or_averaged(self) -> None:
        small = torch.rand(3, 3, 8, 8)
        rows, words = raw_rows(small)
        assert torch.equal(rows, small.flatten(1))
        assert words == "3 × 8 × 8 pixels"
        large = torch.rand(2, 3, 224, 224)
        rows, words = raw_rows(large)
        assert rows.shape[1] <= 4096
        assert "averaged to 3 × 36 × 36" in words
        assert torch.allclose(rows.mean(1), large.flatten(1).mean(1), atol=0.01)

    def test_tokens_are_counted(self) -> None:
        rows, words = raw_rows(torch.tensor([[1, 1, 2, -1], [0, 2, 2, 2]]))
        assert rows.tolist() == [[0, 2, 1], [1, 0, 3]]
        assert words == "counts of tokens"

    @pytest.mark.parametrize("shape", [(5, 9000), (5, 4, 3000), (5, 5000, 2), (4, 2, 3, 4, 200)])
    def test_whatever_comes_is_bounded(self, shape: tuple[int, ...]) -> None:
        rows, _ = raw_rows(torch.rand(shape))
        assert rows.shape[0] == shape[0]
        assert rows.shape[1] <= 4096

    def test_refuses_what_has_no_entries(self) -> None:
        with pytest.raises(errors.ShapeError, match=r"items is \(4\)"):
            raw_rows(torch.rand(4))


def test_a_space_refuses_other_items() -> None:
    _, labels = planted(40)
    with pytest.raises(errors.ShapeError, match="One row per item"):
        Space("test", torch.rand(30, 4), halves([labels]))


def test_cosines_do_not_change_with_length() -> None:
    rows, labels = planted(120, noise=3.0)
    lengths = torch.rand(120, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    assert probes(rows * lengths, labels).knn.right.tolist() == probes(unit(rows), labels).knn.right.tolist()


def _readings(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Reading, Reading]:
    (rows,) = views(classes=3)(n, dim, dtype, seed)
    found = probes(rows, **labelled(rows))
    return found.linear, found.knn


CASES = [
    Case(probes, views(classes=3), labelled, bad="left out", needs=("labels",), size=(60, 6), least=10),
    Case(compare, _readings, of=(), size=(60, 6)),
]
