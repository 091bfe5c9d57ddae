"""One threshold for all classes: pair by pair, at both ends, and where classes differ in width."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import thresholds as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows, ZeroRows
from vergence.geometry import unit
from vergence.metrics import thresholds
from vergence.metrics.thresholds import FINE

CASES = [
    Case(thresholds, views(classes=3), labelled, lengths="ignored", bad="left out", needs=("labels",), least=5),
]  # fmt: skip


def down(distance: float) -> float:
    """To the step below: distances are counted in such steps."""
    return math.floor(distance * FINE / 2 + 1e-9) * 2 / FINE


def up(pairs: slow.Pairs) -> slow.Pairs:
    """To the step above."""
    each = lambda values: [math.ceil(x * FINE / 2 - 1e-3) * 2 / FINE for x in values]  # noqa: E731
    return slow.Pairs(each(pairs.positive), each(pairs.negative))


def clusters(spreads: list[float], each: int = 40, dim: int = 32, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Classes as wide as one says, about random directions."""
    generator = torch.Generator().manual_seed(seed)
    centres = unit(torch.randn(len(spreads), dim, generator=generator, dtype=torch.float64))
    labels = torch.arange(len(spreads)).repeat_interleave(each)
    noise = torch.randn(len(labels), dim, generator=generator, dtype=torch.float64) / dim**0.5
    return centres[labels] + torch.tensor(spreads, dtype=torch.float64)[labels, None] * noise, labels


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 6))
def test_it_is_what_the_paper_says_pair_by_pair(seed: int, classes: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(24, dim, generator=generator, dtype=torch.float64)
    labels = torch.arange(24) % classes
    found = thresholds(z, labels, accept=(0.05, 0.4))
    pairs = [up(one) for one in slow.by_class(z, labels.tolist()).values()]
    points = [down(d) for d in found.distances.tolist()]
    for c in range(classes):
        for k in (0, 37, 100):
            assert float(found.utility[c, k]) == pytest.approx(slow.utility(pairs[c], points[k]), abs=1e-12)
    assert found.opis == pytest.approx(slow.opis(pairs, points), abs=1e-12)
    rates = [slow.rates(one, down(found.threshold)) for one in pairs]
    assert found.false_accept.tolist() == pytest.approx([accept for accept, _ in rates])
    assert found.false_reject.tolist() == pytest.approx([reject for _, reject in rates])
    every = sorted(x for one in pairs for x in one.negative)
    assert found.near == pytest.approx(every[math.ceil(0.05 * len(every)) - 1], abs=1e-9)
    assert found.far == pytest.approx(every[math.ceil(0.4 * len(every)) - 1], abs=1e-9)


def test_golden_batch() -> None:
    a, _, labels = golden_batch()
    found = thresholds(a, labels)
    pairs = [up(one) for one in slow.by_class(a, labels.tolist()).values()]
    assert found.opis == pytest.approx(slow.opis(pairs, [down(d) for d in found.distances.tolist()]), abs=1e-12)
    assert (found.classes, found.rows, found.rows_total) == (4, 8, 8)


def test_classes_of_equal_width_agree_and_others_do_not() -> None:
    """The accuracy is alike; the threshold is not."""
    even = thresholds(*clusters([0.6] * 10))
    uneven = thresholds(*clusters([0.2 + 0.2 * k for k in range(10)]))
    assert even.opis < 0.002
    assert uneven.opis > 10 * even.opis
    assert uneven.reject_spread > 0.5 > even.reject_spread
    # The widest class rejects most.
    assert int(uneven.false_reject.argmax()) == 9
    assert float(uneven.utility[9].mean()) < float(uneven.utility[0].mean())


def test_the_worst_classes_are_looked_at_alone() -> None:
    z, labels = clusters([0.5] * 9 + [3.0])
    found = thresholds(z, labels, worst=0.1)
    apart = (found.utility - found.utility.mean(0)).square().mean(1)
    assert found.opis_worst == pytest.approx(float(apart[9]))
    assert thresholds(z, labels, worst=1.0).opis_worst == pytest.approx(found.opis)


def test_both_ends() -> None:
    corners = torch.eye(6, dtype=torch.float64).repeat_interleave(4, 0)
    labels = torch.arange(6).repeat_interleave(4)
    apart = thresholds(corners, labels)
    assert (apart.opis, apart.equal_error) == (0.0, 0.0)
    assert 0 < apart.threshold < math.sqrt(2)
    flat = thresholds(torch.ones(24, 6), labels)
    assert (flat.opis, flat.equal_error) == (0.0, 0.5)
    # Half of the classes are points, half are as wide as the sphere: no threshold in the range serves these.
    z, labels = clusters([0.0] * 5 + [100.0] * 5, dim=256)
    assert 0.1 < thresholds(z, labels, accept=(1e-4, 1e-3)).opis <= 0.25


def test_a_failure_it_misses_all_classes_equally_wide() -> None:
    found = thresholds(torch.randn(300, 16, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 3)
    assert found.opis < 1e-4
    assert found.equal_error == pytest.approx(0.5, abs=0.03)


def test_drawn_rows_estimate_the_whole() -> None:
    z, labels = clusters([0.2 + 0.2 * k for k in range(10)], each=100)
    whole, drawn = thresholds(z, labels), thresholds(z, labels, max_rows=400)
    assert (drawn.rows, drawn.rows_total, whole.rows) == (400, 1000, 1000)
    assert drawn.opis == pytest.approx(whole.opis, rel=0.4)
    assert drawn.opis == thresholds(z, labels, max_rows=400).opis


def test_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    z, labels = clusters([0.5, 1.0, 1.5])
    whole = thresholds(z, labels)
    monkeypatch.setattr(sys.modules[thresholds.__module__], "CELLS", 500)
    assert torch.equal(thresholds(z, labels).utility, whole.utility)


def test_rows_that_cannot_take_part_are_counted() -> None:
    a, _ = random_batch(12, 4, seed=0)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, -1, 7, 2, 2, 2])
    bad = a.clone()
    bad[3, 0] = math.inf
    bad[0] = 0
    found = thresholds(bad, labels)
    assert (found.rows, found.rows_left_out, found.unlabelled, found.classes) == (8, 2, 2, 3)
    assert found.names.tolist() == [0, 1, 2]


def test_blind_to_order_rotation_and_length() -> None:
    a, _ = random_batch(30, 6, seed=3)
    labels = torch.arange(30) % 4
    plain = thresholds(a, labels)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    for z, own in ((a[order], labels[order]), (a @ rotation(6, 2), labels), (7 * a, labels)):
        assert thresholds(z, own).opis == pytest.approx(plain.opis)


Z, L = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) // 2
REFUSED: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (Z[0], L, {}, ShapeError, r"z is \(4\)"),
    (Z, L[:7], {}, ShapeError, r"labels is \(7\)"),
    (Z, torch.arange(8), {}, TooFewRows, "0 of 8 classes have 2 rows"),
    (Z * math.nan, L, {}, NotFinite, "8 of 8 rows of z are not finite"),
    (0 * Z, L, {}, ZeroRows, "rows of z are zero"),
    (Z, L, {"accept": (0.1, 0.01)}, ArgumentError, r"accept is \(0.1, 0.01\).*ascending"),
    (Z, L, {"worst": 0.0}, ArgumentError, "worst is 0.0"),
    (Z, L, {"max_rows": 3}, ArgumentError, "max_rows is 3"),
    (Z, L, {"accept": (0, 1)}, ArgumentError, "accept"),
]


@pytest.mark.parametrize(("z", "labels", "more", "kind", "words"), REFUSED)
def test_what_it_cannot_measure_it_refuses(z: Any, labels: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        thresholds(z, labels, **more)
