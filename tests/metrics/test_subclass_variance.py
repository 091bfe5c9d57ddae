"""The share of the spread within classes that lies between sub-classes: by sums, at both ends, and by chance."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import subclass_variance as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows
from vergence.geometry import unit
from vergence.metrics import subclass_variance


def _both(*given: Tensor) -> dict[str, Tensor]:
    row = torch.arange(len(given[0]))
    return {"labels": row % 6 // 3, "sublabels": row % 6}


CASES = [
    Case(subclass_variance, views(classes=6), _both, bad="left out", needs=("labels", "sublabels"), least=7),
]  # fmt: skip


def clouds(
    seed: int, classes: float, subclasses: float, rows: int = 600, dim: int = 16
) -> tuple[Tensor, Tensor, Tensor]:
    """Three classes of four sub-classes, with centres so far from one another."""
    generator = torch.Generator().manual_seed(seed)
    sub = torch.arange(rows) % 12
    centres = classes * torch.randn(3, dim, generator=generator, dtype=torch.float64)
    inside = subclasses * torch.randn(12, dim, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    return centres[sub // 4] + inside[sub] + noise, sub // 4, sub


@given(st.integers(0, 10_000), st.integers(8, 40))
def test_it_is_the_ratio_of_the_sums(seed: int, rows: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    sub = torch.arange(rows) % 4
    labels = sub // 2
    found = subclass_variance(z, labels, sub, shuffles=0)
    between, within, whole = slow.parts(z, labels.tolist(), sub.tolist())
    assert found.between_share == pytest.approx(between / within, rel=1e-9)
    assert found.within_share == pytest.approx(within / whole, rel=1e-9)
    assert found.between_of_whole == pytest.approx(between / whole, rel=1e-9)
    for c in (0, 1):
        own = labels == c
        between, within, _ = slow.parts(z[own], labels[own].tolist(), sub[own].tolist())
        assert float(found.by_class[c]) == pytest.approx(between / within, rel=1e-9)
    assert (found.classes, found.subclasses, found.rows) == (2, 4, rows)
    assert found.chance is None


def test_golden_batch() -> None:
    a, _, sub = golden_batch()
    found = subclass_variance(a, sub // 2, sub)
    between, within, whole = slow.parts(a, (sub // 2).tolist(), sub.tolist())
    assert found.between_share == pytest.approx(between / within, abs=1e-12)
    assert found.within_share == pytest.approx(within / whole, abs=1e-12)
    # Two sub-classes among four rows.
    assert found.expected == pytest.approx(1 / 3)


def test_both_ends() -> None:
    _, labels, sub = clouds(0, 1, 1)
    points = torch.randn(12, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    each = subclass_variance(points[sub], labels, sub)
    assert each.between_share == pytest.approx(1)
    met = subclass_variance(points[labels], labels, sub)
    assert met.between_share is met.expected is met.chance is None
    assert met.within_share == met.between_of_whole == 0.0
    assert bool(met.by_class.isnan().all())
    one = subclass_variance(torch.ones(600, 5), labels, sub)
    assert one.between_share is one.within_share is one.between_of_whole is None


def test_class_collapse_is_seen_and_shrinking_is_not() -> None:
    """Sub-classes that meet: 0.03 where there was half. All rows that shrink together: nothing changes."""
    healthy = subclass_variance(*clouds(0, 4, 1))
    assert healthy.between_share is not None
    assert 0.4 < healthy.between_share < 0.6
    collapsed = subclass_variance(*clouds(0, 4, 0.02))
    assert collapsed.between_share is not None
    assert collapsed.chance is not None
    assert collapsed.between_share < 0.04
    assert collapsed.chance.holds(collapsed.between_share)
    assert not healthy.chance.holds(healthy.between_share) if healthy.chance else False
    z, labels, sub = clouds(0, 4, 1)
    assert subclass_variance(1e-6 * z, labels, sub).between_share == pytest.approx(healthy.between_share)


def test_chance_has_the_mean_it_should_have_and_holds_what_means_nothing() -> None:
    inside = 0
    for seed in range(40):
        found = subclass_variance(*clouds(seed, 3, 0, rows=120), shuffles=128)
        assert found.expected == pytest.approx(3 / 39)
        assert found.chance is not None
        assert found.between_share is not None
        assert found.chance.mean == pytest.approx(3 / 39, rel=0.15)
        inside += found.chance.holds(found.between_share)
    assert inside >= 34


def test_sub_labels_are_shuffled_inside_their_class_only() -> None:
    """Else a class centre would leak into the band."""
    near = subclass_variance(*clouds(1, 0, 0)).chance
    far = subclass_variance(*clouds(1, 1000, 0)).chance
    assert near is not None
    assert far is not None
    assert far.mean == pytest.approx(near.mean, rel=0.1)


def test_a_sub_label_may_come_again_in_another_class() -> None:
    z, labels, sub = clouds(2, 2, 1)
    plain, again = subclass_variance(z, labels, sub), subclass_variance(z, labels, sub % 4)
    assert again.between_share == plain.between_share
    assert again.subclasses == 12


def test_blind_to_order_rotation_shift_and_scale() -> None:
    z, labels, sub = clouds(3, 2, 1, rows=60, dim=6)
    plain = subclass_variance(z, labels, sub)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    for other in (
        subclass_variance(z[order], labels[order], sub[order]),
        subclass_variance(z @ rotation(6, 0), labels, sub),
        subclass_variance(5 * z - 9, labels, sub),
    ):
        assert other.between_share == pytest.approx(plain.between_share)
        assert other.within_share == pytest.approx(plain.within_share)
    assert subclass_variance(unit(z), labels, sub).between_share != plain.between_share


def test_rows_that_cannot_take_part_are_counted() -> None:
    a, _ = random_batch(12, 3, seed=0)
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, -1, 0])
    sub = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 0, -1])
    bad = a.clone()
    bad[4, 0] = math.nan
    found = subclass_variance(bad, labels, sub)
    # Class 1 has one sub-class, class 2 no more rows than sub-classes.
    assert (found.rows, found.classes, found.subclasses, found.rows_left_out) == (4, 1, 2, 1)
    assert found.unlabelled == 7
    assert found.names.tolist() == [0]
    between, within, _ = slow.parts(a[:4], [0] * 4, sub[:4].tolist())
    assert found.between_share == pytest.approx(between / within)


def test_a_sub_class_without_a_finite_row_divides_no_class() -> None:
    z, labels, sub = clouds(0, 2, 1, rows=120)
    broken = z.clone()
    broken[(labels == 1) & (sub != 4)] = math.nan  # class 1 keeps one sub-class alone
    found = subclass_variance(broken, labels, sub)
    rest = labels != 1
    plain = subclass_variance(z[rest], labels[rest], sub[rest])
    assert found.between_share == pytest.approx(plain.between_share)
    assert (found.classes, found.subclasses, found.rows) == (2, 8, 80)
    assert (found.rows_left_out, found.unlabelled) == (30, 10)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_the_unit_of_the_rows_does_not_matter(scale: float) -> None:
    z, labels, sub = clouds(3, 2, 1, rows=60, dim=6)
    plain, other = subclass_variance(z, labels, sub), subclass_variance(scale * z, labels, sub)
    assert other.between_share == pytest.approx(plain.between_share)
    assert other.within_share == pytest.approx(plain.within_share)


Z, L = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) // 4
S = torch.arange(8) // 2
REFUSED: list[tuple[Any, Any, Any, dict[str, Any], type[Exception], str]] = [
    (Z, L, S[:3], {}, ShapeError, r"sublabels is \(3\)"),
    (Z, L[:3], S, {}, ShapeError, r"labels is \(3\)"),
    (Z, S, L, {}, TooFewRows, "no class has two sub-classes.*the coarse ones first"),
    (Z, L, torch.arange(8), {}, TooFewRows, "more rows than sub-classes"),
    (Z[:, 0], L, S, {}, ShapeError, "z is"),
    (Z * math.nan, L, S, {}, NotFinite, "not finite"),
    (Z, L, S, {"shuffles": 1.5}, ArgumentError, "shuffles is 1.5"),
]


@pytest.mark.parametrize(("z", "labels", "sub", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(z: Any, labels: Any, sub: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        subclass_variance(z, labels, sub, **more)
