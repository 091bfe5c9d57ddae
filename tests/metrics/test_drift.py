"""Drift: rotation, shrinking, forgetting and losing everything are told apart; a refitted probe hides forgetting."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tests.metrics.case import Case, labelled, views
from tests.reference import drift as slow
from tests.reference.golden import random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.metrics import Drift, drift, linear_cka, neighbour_overlap, probes
from vergence.metrics.halves import halves
from vergence.metrics.maps import residuals


def clouds(items: int = 240, dim: int = 16, classes: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(items) % classes
    centres = 2 * torch.randn(classes, dim, generator=generator, dtype=torch.float64)
    return centres[labels] + torch.randn(items, dim, generator=generator, dtype=torch.float64), labels


def accuracies(found: Drift) -> tuple[float, float, float]:
    assert found.before is not None
    assert found.old is not None
    assert found.refitted is not None
    return found.before.linear.accuracy, found.old.linear.accuracy, found.refitted.linear.accuracy


class TestCases:
    def test_nothing_has_changed(self) -> None:
        rows, labels = clouds()
        found = drift(rows, rows, labels)
        before, old, refitted = accuracies(found)
        assert before == old == refitted > 0.95
        assert found.cka.unbiased == pytest.approx(1)
        assert found.residual_linear == pytest.approx(0, abs=1e-9)
        assert found.residual_orthogonal == pytest.approx(0, abs=1e-9)
        assert found.size == pytest.approx(1)
        assert found.overlap == 1.0
        assert found.residual_floor == pytest.approx(0, abs=1e-9)
        assert found.lost is not None
        assert found.lost.verdict == "no better"
        assert (found.rows, found.rows_left_out, found.rows_total, found.dims) == (240, 0, 240, (16, 16))

    def test_a_rotation_breaks_the_old_probe_and_nothing_else(self) -> None:
        rows, labels = clouds()
        found = drift(rows, rows @ rotation(16, seed=1), labels)
        before, old, refitted = accuracies(found)
        assert old < 0.5
        assert refitted == pytest.approx(before, abs=0.02)
        assert found.cka.unbiased == pytest.approx(1)
        assert found.residual_linear == pytest.approx(0, abs=1e-9)
        assert found.residual_orthogonal == pytest.approx(0, abs=1e-9)
        assert found.overlap == 1.0
        assert found.lost is not None
        assert found.hidden is not None
        assert (found.lost.verdict, found.hidden.verdict) == ("worse", "better")
        assert found.lost.difference == pytest.approx(old - before)
        assert found.hidden.difference == pytest.approx(refitted - old)

    def test_shrinking_is_seen_by_size_alone(self) -> None:
        rows, labels = clouds()
        found = drift(rows, rows.mean(0) + 1e-3 * (rows - rows.mean(0)), labels)
        _, _, refitted = accuracies(found)
        assert found.size == pytest.approx(1e-3)
        assert refitted > 0.95
        assert found.cka.unbiased == pytest.approx(1)
        assert found.residual_orthogonal == pytest.approx(0, abs=1e-9)

    def test_a_linear_map_that_is_no_rotation(self) -> None:
        rows, labels = clouds()
        found = drift(rows, rows * torch.linspace(0.05, 3, 16), labels)
        assert found.residual_linear == pytest.approx(0, abs=1e-9)
        assert found.residual_orthogonal is not None
        assert found.residual_orthogonal > 0.05

    def test_everything_is_gone(self) -> None:
        rows, labels = clouds()
        other = torch.randn(240, 16, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        found = drift(rows, other, labels)
        _, old, refitted = accuracies(found)
        assert max(old, refitted) < 0.4
        assert found.cka.unbiased is not None
        assert found.cka.null is not None
        assert found.cka.null.holds(found.cka.unbiased)
        assert found.residual_linear == pytest.approx(1, abs=0.05)
        assert found.residual_orthogonal is not None
        assert found.residual_orthogonal > 0.95
        assert found.overlap == pytest.approx(found.overlap_chance, abs=0.03)
        assert found.overlap_chance == pytest.approx(10 / 239)

    def test_misses_what_happens_to_other_items(self) -> None:
        # A snapshot speaks of its own items: a class that is not among them may be lost unseen.
        rows, labels = clouds()
        after = torch.where((labels == 3)[:, None], rows[labels == 3].mean(0), rows)
        seen, missed = drift(rows, after, labels), drift(rows[labels < 3], after[labels < 3], labels[labels < 3])
        assert seen.overlap is not None
        assert seen.overlap < 0.85
        assert missed.overlap == 1.0

    def test_one_point(self) -> None:
        rows, labels = clouds(80)
        found = drift(rows, torch.full_like(rows, 0.3), labels)
        assert found.size == 0
        assert (found.cka.unbiased, found.residual_linear, found.residual_orthogonal, found.overlap) == (None,) * 4
        assert accuracies(found)[2] <= 0.3
        assert drift(torch.full_like(rows, 0.3), rows).size is None


def trained(net: nn.Module, x: Tensor, y: Tensor, epochs: int, generator: torch.Generator) -> None:
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for part in torch.split(torch.randperm(len(x), generator=generator), 64):
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(net(x[part]), y[part]))
            optimizer.step()


def test_a_refitted_probe_hides_forgetting_on_digits() -> None:
    digits = load_digits()
    x, y = torch.from_numpy(digits.data).float() / 16, torch.from_numpy(digits.target).long()
    first = y < 5
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
        net = nn.Sequential(features, nn.Linear(32, 10))
        generator = torch.Generator().manual_seed(0)
        trained(net, x[first], y[first], 10, generator)
        before = features(x[first]).detach()
        trained(net, x[~first], y[~first], 15, generator)
    found = drift(before, features(x[first]), y[first])
    read, old, refitted = accuracies(found)
    assert read > 0.98
    assert old < 0.65
    assert refitted > 0.92
    assert found.hidden is not None
    assert found.hidden.verdict == "better"
    assert found.cka.unbiased is not None
    assert 0.4 < found.cka.unbiased < 0.9
    assert found.residual_linear is not None
    assert found.residual_orthogonal is not None
    assert found.residual_linear < 0.15 < found.residual_orthogonal


class TestParts:
    def test_the_old_probe_by_hand(self) -> None:
        rows, labels = clouds()
        after = rows + 0.8 * torch.randn(240, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        found = drift(rows, after, labels, seed=3)
        assert accuracies(found)[0] == probes(rows, labels, seed=3).linear.accuracy
        assert accuracies(found)[2] == probes(after, labels, seed=3).linear.accuracy
        parted = halves([labels], seed=3)
        x, wanted = rows[parted.fit], torch.eye(4, dtype=torch.float64)[labels[parted.fit]]
        mean, scale = x.mean(0), x.std(0, correction=0)
        x = (x - mean) / scale
        weights = torch.linalg.solve(
            x.T @ x + 0.3 * len(x) * torch.eye(16, dtype=torch.float64), x.T @ (wanted - wanted.mean(0))
        )
        said = ((after[parted.test] - mean) / scale) @ weights + wanted.mean(0)
        assert accuracies(found)[1] == float((said.argmax(1) == labels[parted.test]).double().mean())

    @given(st.integers(0, 20), st.integers(1, 6), st.integers(1, 6))
    def test_residuals_of_the_slow_twin(self, seed: int, one: int, other: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        a = torch.randn(60, one, generator=generator, dtype=torch.float64)
        b = torch.randn(60, other, generator=generator, dtype=torch.float64)
        b[:, 0] += 2 * a[:, 0]
        fit, test = torch.arange(0, 60, 2), torch.arange(1, 60, 2)
        found = residuals(a, b, fit, test)
        assert found is not None
        of = a.numpy(), b.numpy(), fit.tolist(), test.tolist()
        strength = torch.linalg.svdvals(a[fit] - a[fit].mean(0))[0] ** 2
        tried = [slow.linear_residual(*of, float(strength) * 10.0**power) for power in range(-10, 2)]
        assert min(abs(found.linear - each) for each in tried) < 1e-9
        assert found.linear < min(tried) + 0.1
        if one == other:
            assert found.orthogonal == pytest.approx(slow.orthogonal_residual(*of), abs=1e-9)

    def test_with_fewer_rows_than_dimensions_the_floor_says_what_a_rotation_reads(self) -> None:
        a, _ = random_batch(60, 100, seed=0)
        found = drift(a, 2 * a @ rotation(100, seed=1) + 1)
        assert found.residual_floor is not None
        assert 0.5 < found.residual_floor < 0.9
        assert found.residual_orthogonal == pytest.approx(found.residual_floor, abs=1e-9)
        assert found.residual_linear == pytest.approx(found.residual_floor, abs=1e-6)
        assert found.cka.unbiased == pytest.approx(1)

    @pytest.mark.parametrize("k", [1, 3, 11])
    def test_neighbours_of_the_slow_twin(self, k: int) -> None:
        a, b = random_batch(12, 5, seed=0)
        assert neighbour_overlap(a, b[:, :3], neighbours=k) == pytest.approx(
            slow.overlap(a.numpy(), b[:, :3].numpy(), k)
        )
        assert neighbour_overlap(a, b, neighbours=11) == 1.0

    def test_neighbours_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = random_batch(50, 5, seed=0)
        whole = neighbour_overlap(a, b)
        monkeypatch.setattr(sys.modules["vergence.metrics.drift"], "BLOCK", 7)
        assert neighbour_overlap(a, b) == whole

    def test_neighbours_in_a_narrow_cone(self) -> None:
        a, _ = random_batch(60, 5, seed=0)
        near = (1 + 1e-4 * a).float()
        turned = (near.double() @ rotation(5, seed=2)).float()
        assert neighbour_overlap(near, turned) > 0.85


class TestRest:
    def test_without_labels_and_with_other_dims(self) -> None:
        rows, labels = clouds(60)
        plain = drift(rows, rows[:, :9])
        assert (plain.before, plain.old, plain.refitted, plain.lost, plain.hidden) == (None,) * 5
        assert plain.dims == (16, 9)
        found = drift(rows, rows[:, :9], labels)
        assert found.before is not None
        assert found.refitted is not None
        assert (found.old, found.lost, found.hidden) == (None, None, None)

    def test_rows_that_cannot_be_read_are_left_out_of_both(self) -> None:
        rows, labels = clouds(120)
        bad, worse = rows.clone(), rows.clone()
        bad[3] = 0
        worse[7, 2] = math.nan
        keep = [i for i in range(120) if i not in (3, 7)]
        found, expected = drift(bad, worse, labels), drift(rows[keep], rows[keep], labels[keep])
        assert (found.rows, found.rows_left_out, found.rows_total) == (118, 2, 120)
        assert accuracies(found) == accuracies(expected)
        assert found.cka.unbiased == expected.cka.unbiased

    def test_drawn_rows(self) -> None:
        rows, labels = clouds(400)
        found = drift(rows, rows, labels, max_rows=100)
        assert (found.rows, found.rows_total) == (100, 400)
        assert found.before is not None
        assert found.before.fit + found.before.asked == 100

    def test_groups_stay_together(self) -> None:
        rows, labels = clouds(120)
        found = drift(rows, rows, labels.repeat_interleave(2)[:120], groups=torch.arange(120) // 2)
        assert found.before is not None
        assert not (found.before.linear.rows[:, None] // 2 == found.before.linear.rows[None] // 2).sum(1).ne(2).any()

    def test_of_different_precision(self) -> None:
        rows, labels = clouds(120)
        found = drift(rows.half(), rows, labels)
        assert found.cka.unbiased == pytest.approx(linear_cka(rows.half(), rows))
        assert accuracies(found)[1] > 0.9

    @pytest.mark.parametrize("kind", ["unlabelled", "one class", "one row of each"])
    def test_labels_that_cannot_be_probed_leave_the_rest(self, kind: str) -> None:
        rows, _ = clouds(40)
        labels = {"unlabelled": torch.full((40,), -1), "one class": torch.zeros(40).long()}.get(kind, torch.arange(40))
        found, plain = drift(rows, rows + 0.1, labels), drift(rows, rows + 0.1)
        assert (found.before, found.old, found.refitted, found.lost, found.hidden) == (None,) * 5
        assert "classes have two rows to learn from" in str(found.without) or "classes has two" in str(found.without)
        assert plain.without is None
        assert found.overlap == plain.overlap
        assert found.cka.unbiased == plain.cka.unbiased
        assert found.residual_linear is not None

    def test_one_group_has_no_held_out_rows(self) -> None:
        rows, labels = clouds(40)
        for values in (labels, None):
            found = drift(rows, rows, values, groups=torch.zeros(40).long())
            assert (found.before, found.residual_linear, found.residual_floor) == (None, None, None)
            assert found.size == pytest.approx(1)
            assert found.overlap == 1.0

    def test_refuses(self) -> None:
        rows, labels = clouds(40)
        with pytest.raises(TooFewRows, match=r"drift: before has 7 rows, 8 are needed"):
            drift(rows[:7], rows[:7])
        with pytest.raises(ShapeError, match=r"before is \(40, 16\) but after is \(39, 16\). Row i of both must be"):
            drift(rows, rows[:39])
        with pytest.raises(DeviceMismatch, match=r"before is on cpu but after is on meta"):
            drift(rows, rows.to("meta"))
        with pytest.raises(ShapeError, match=r"drift: labels is \(39\) but there are 40 rows"):
            drift(rows, rows, labels[:39])
        with pytest.raises(ShapeError, match=r"drift: groups has dtype"):
            drift(rows, rows, labels, groups=labels.double())
        with pytest.raises(
            TooFewRows, match=r"drift: 0 of 40 rows are neither zero nor NaN or infinity .* 8 are needed"
        ):
            drift(rows, rows * math.nan)
        with pytest.raises(ArgumentError, match=r"max_rows is 4"):
            drift(rows, rows, max_rows=4)
        with pytest.raises(ArgumentError, match=r"neighbours is 40 of 40 rows. .* use at most 39"):
            neighbour_overlap(rows, rows, neighbours=40)
        with pytest.raises(ZeroRows, match=r"neighbour_overlap: 40 of 40 rows of b are zero"):
            neighbour_overlap(rows, 0 * rows)
        with pytest.raises(NotFinite, match=r"neighbour_overlap: 40 of 40 rows of b are not finite"):
            neighbour_overlap(rows, math.nan * rows)


def _two(*given: Any) -> dict[str, Any]:
    return labelled(*given, classes=2)


def _few(*given: Any) -> dict[str, Any]:
    del given
    return {"neighbours": 2}


CASES = [
    Case(drift, views(2, classes=2), _two, bad="left out", least=8, size=(48, 8), label="drift with labels"),
    Case(drift, views(2), bad="left out", least=8, size=(48, 8)),
    Case(neighbour_overlap, views(2), _few, lengths="ignored", least=3),
]
