"""Neural collapse: against plain matrices, on a simplex, and where NC1 alone says too little."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import neural_collapse as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.metrics import neural_collapse, rank_me

CASES = [
    Case(
        neural_collapse, views(classes=3), labelled, bad="left out", needs=("labels",), least=5,
        golden=(lambda a, b, labels: neural_collapse(a, labels).nc1, 0.7860564424),
    ),
]  # fmt: skip


def simplex(classes: int, each: int, dim: int) -> tuple[Tensor, Tensor]:
    """Rows at the corners of a simplex."""
    corners = torch.eye(classes, dim, dtype=torch.float64) @ rotation(dim, seed=1)
    labels = torch.arange(classes).repeat_interleave(each)
    return corners[labels], labels


def test_golden_batch() -> None:
    a, _, labels = golden_batch()
    found = neural_collapse(a, labels)
    assert found.nc1 == pytest.approx(0.7860564424, abs=1e-9)
    assert found.nc1_per_class == pytest.approx(0.1965141106, abs=1e-9)
    assert found.nc2_norm == pytest.approx(0.1145225752, abs=1e-9)
    assert found.nc2_angle == pytest.approx(0.3151297198, abs=1e-9)
    assert found.nc3 is found.nc4 is None


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 9))
def test_it_is_what_the_paper_says_with_plain_matrices(seed: int, classes: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (40,), generator=generator) * 3
    z = (
        torch.randn(40, dim, generator=generator, dtype=torch.float64)
        + torch.randn(99, dim, generator=generator)[labels]
    )
    names, counts = torch.unique(labels, return_counts=True)
    kept = torch.isin(labels, names[counts > 1])
    z, labels = z[kept], labels[kept]
    weights = torch.randn(3 * classes, dim, generator=generator, dtype=torch.float64)
    said = labels[torch.randperm(len(labels), generator=generator)]
    found = neural_collapse(z, labels, classifier=weights, predictions=said, shuffles=0)
    assert found.nc1 == pytest.approx(slow.nc1(z, labels.tolist()), rel=1e-6)
    norm, angle = slow.nc2(z, labels.tolist())
    assert found.nc2_norm == pytest.approx(norm, abs=1e-9)
    assert found.nc2_angle == pytest.approx(angle, abs=1e-9)
    assert found.nc3 == pytest.approx(slow.nc3(z, labels.tolist(), weights), abs=1e-9)
    assert found.nc4 == pytest.approx(slow.nc4(z, labels.tolist(), said.tolist()), abs=1e-12)
    assert found.chance_nc1 is None


@pytest.mark.parametrize(("classes", "dim"), [(2, 2), (3, 3), (5, 8), (10, 64)])
def test_a_simplex_is_all_zero(classes: int, dim: int) -> None:
    z, labels = simplex(classes, 4, dim)
    corners = z[::4]
    found = neural_collapse(z + 5, labels, classifier=3 * (corners - corners.mean(0)))
    assert found.nc1 == pytest.approx(0, abs=1e-12)
    assert found.nc2_norm == pytest.approx(0, abs=1e-9)
    assert found.nc2_angle == pytest.approx(0, abs=1e-9)
    assert found.nc3 == pytest.approx(0, abs=1e-9)
    assert found.mean_directions == pytest.approx(classes - 1)
    assert found.nearest_mean == 1.0
    assert (found.classes, found.rows, found.dim) == (classes, 4 * classes, dim)


def test_the_ends_of_nc3_and_nc4() -> None:
    z, labels = simplex(4, 3, 6)
    corners = z[::3]
    assert neural_collapse(z, labels, classifier=corners.mean(0) - corners).nc3 == pytest.approx(2)
    across = torch.zeros(4, 6, dtype=torch.float64)
    across[0] = corners.mean(0)  # at right angles to every mean
    assert neural_collapse(z, labels, classifier=across).nc3 == pytest.approx(math.sqrt(2))
    assert neural_collapse(z, labels, predictions=labels).nc4 == 0.0
    assert neural_collapse(z, labels, predictions=(labels + 1) % 4).nc4 == 1.0
    right = neural_collapse(z, labels, classifier=corners)
    assert right.nc4 == 0.0
    wrong = neural_collapse(z, labels, classifier=corners, bias=torch.tensor([9.0, 0, 0, 0]).double())
    assert wrong.nc4 == 0.75


def test_nc1_alone_does_not_tell_class_collapse_from_dimensional_collapse() -> None:
    """Both read almost 0; the directions of the means, and the rank, tell them apart."""
    generator = torch.Generator().manual_seed(0)
    corners, labels = simplex(8, 50, 32)
    noise = torch.randn(400, 32, generator=generator, dtype=torch.float64)
    classes = corners + 1e-3 * noise
    line = torch.zeros(400, 32, dtype=torch.float64)
    line[:, 0] = labels.double() + 1e-2 * noise[:, 0]
    one, other = neural_collapse(classes, labels), neural_collapse(line, labels)
    assert one.nc1 is not None
    assert other.nc1 is not None
    assert one.nc1 < 1e-3
    assert other.nc1 < 1e-3
    assert one.mean_directions == pytest.approx(7, abs=0.01)
    assert other.mean_directions == pytest.approx(1)
    assert float(rank_me(classes)) > 7
    assert float(rank_me(line)) < 2
    assert other.nc2_angle is not None
    assert one.nc2_angle is not None
    assert other.nc2_angle > 0.5 > one.nc2_angle


def test_a_failure_it_misses_rows_that_shrink_together() -> None:
    a, _ = random_batch(60, 8, seed=0)
    labels = torch.arange(60) % 4
    plain, shrunk = neural_collapse(a, labels), neural_collapse(1e-6 * a, labels)
    assert shrunk.nc1 == pytest.approx(plain.nc1)
    assert shrunk.nc2_angle == pytest.approx(plain.nc2_angle)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_at_complete_collapse_there_is_no_ratio(dtype: torch.dtype) -> None:
    z = torch.linspace(-3, 5, 16).to(dtype).expand(24, 16)
    found = neural_collapse(z, torch.arange(24) % 3)
    assert found.nc1 is found.nc2_norm is found.nc2_angle is found.within_over_between is None
    assert found.mean_directions == 0.0


def test_what_chance_reads_is_what_rows_read_that_know_nothing_of_their_labels() -> None:
    inside = []
    for seed in range(30):
        z = torch.randn(200, 16, generator=torch.Generator().manual_seed(seed))
        found = neural_collapse(z, torch.arange(200) % 5, shuffles=64)
        assert found.chance_nc1 is not None
        assert found.nc1 is not None
        inside.append(found.chance_nc1.holds(found.nc1))
        assert found.chance_angle is not None
        # Random means are nearly a simplex in many dimensions.
        assert 0.5 < found.chance_angle.mean / math.sqrt(2 / (math.pi * 16)) < 1.3
    assert sum(inside) >= 25
    z, labels = simplex(5, 40, 16)
    found = neural_collapse(z + 0.1 * torch.randn(200, 16, generator=torch.Generator().manual_seed(0)), labels)
    assert found.nc1 is not None
    assert found.chance_nc1 is not None
    assert found.nc1 < 0.01 * found.chance_nc1.low


def test_the_closed_form_of_chance() -> None:
    """For isotropic normals and C even classes of n rows: (n - 1) C (C - 1) / (dim - C)."""
    classes, each, dim = 4, 25, 40
    values = [
        neural_collapse(
            torch.randn(100, dim, generator=torch.Generator().manual_seed(seed)),
            torch.arange(100) % classes,
            shuffles=0,
        ).nc1
        for seed in range(200)
    ]
    mean = sum(value for value in values if value is not None) / len(values)
    assert mean == pytest.approx((each - 1) * classes * (classes - 1) / (dim - classes), rel=0.03)


def test_rows_that_cannot_take_part_are_counted() -> None:
    a, _ = random_batch(12, 4, seed=0)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, -1, 7, 2, 2, 2])
    bad = a.clone()
    bad[3, 0] = math.inf
    found = neural_collapse(bad, labels)
    assert (found.rows, found.rows_left_out, found.unlabelled, found.classes) == (9, 1, 2, 3)
    kept = torch.tensor([0, 1, 2, 4, 5, 6, 9, 10, 11])
    assert found.nc1 == pytest.approx(slow.nc1(a[kept], labels[kept].tolist()))


def test_blind_to_order_rotation_shift_and_scale() -> None:
    a, _ = random_batch(30, 6, seed=3)
    labels = torch.arange(30) % 4
    plain = neural_collapse(a, labels)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    for z, own in ((a[order], labels[order]), (a @ rotation(6, 2), labels), (7 * a + 3, labels), (a, 9 - labels)):
        other = neural_collapse(z, own)
        assert other.nc1 == pytest.approx(plain.nc1)
        assert other.nc2_norm == pytest.approx(plain.nc2_norm)
        assert other.nc2_angle == pytest.approx(plain.nc2_angle)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_the_unit_of_the_rows_does_not_matter(scale: float) -> None:
    a, _ = random_batch(30, 6, seed=3)
    labels, weights = torch.arange(30) % 4, torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).double()
    plain = neural_collapse(a, labels, classifier=weights)
    other = neural_collapse(scale * a, labels, classifier=scale * weights, predictions=labels)
    for name in ("nc1", "within_over_between", "nc2_norm", "nc2_angle", "nc3", "nearest_mean", "mean_directions"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name))
    assert plain.chance_nc1 is not None
    assert other.chance_nc1 is not None
    assert other.chance_nc1.high == pytest.approx(plain.chance_nc1.high)


def test_a_prediction_that_is_not_finite_is_none() -> None:
    a, _ = random_batch(30, 6, seed=3)
    with pytest.raises(NotFinite, match="classifier"):
        neural_collapse(1e200 * a, torch.arange(30) % 4, classifier=1e200 * torch.eye(4, 6).double())


Z, L = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) // 2
REFUSED: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (Z[0], L, {}, ShapeError, r"z is \(4\)"),
    (Z, L[:7], {}, ShapeError, r"labels is \(7\) but there are 8 rows"),
    (Z, torch.zeros(8, dtype=torch.long), {}, TooFewRows, "1 of 1 classes has 2 rows or more, 2 such"),
    (Z, torch.arange(8), {}, TooFewRows, "0 of 8 classes have 2 rows or more"),
    (Z * math.nan, L, {}, NotFinite, "8 of 8 rows of z are not finite"),
    (Z, L, {"classifier": torch.ones(4, 3)}, ShapeError, r"classifier is \(4, 3\) but z has 4 columns"),
    (Z, L, {"classifier": torch.ones(3, 4)}, ShapeError, r"a label is 3 but classifier is \(3, 4\)"),
    (Z, L, {"classifier": torch.zeros(4, 4)}, ZeroRows, "classifier is zero"),
    (Z, L, {"classifier": torch.full((4, 4), math.nan)}, NotFinite, "rows of classifier are not finite"),
    (Z, L, {"classifier": torch.ones(4, 4), "bias": torch.ones(3)}, ShapeError, r"bias is \(3\)"),
    (Z, L, {"classifier": torch.ones(4, 4), "bias": torch.full((4,), math.nan)}, NotFinite, "rows of bias are not"),
    (Z, L, {"predictions": L[:3]}, ShapeError, r"predictions is \(3\)"),
    (Z, L, {"shuffles": -1}, ArgumentError, "shuffles is -1"),
]


@pytest.mark.parametrize(("z", "labels", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(z: Any, labels: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        neural_collapse(z, labels, **more)
