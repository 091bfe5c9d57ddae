"""Prototypes: both ends, what each number tells that the others do not, chance, and what is no assignment."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, views
from tests.reference import prototype_usage as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError
from vergence.metrics import prototype_usage, random_usage


def sure(choices: Tensor, kinds: int, certainty: float = 1.0) -> Tensor:
    """Rows that put so much on their choice and spread the rest evenly."""
    rows = torch.full((len(choices), kinds), (1 - certainty) / (kinds - 1), dtype=torch.float64)
    return rows.scatter(1, choices[:, None], certainty)


class TestValue:
    @given(st.integers(1, 9), st.integers(2, 6), st.integers(1, 3), st.integers(0, 99), st.floats(0.05, 3))
    def test_the_slow_twin(self, items: int, kinds: int, count: int, seed: int, temperature: float) -> None:
        scores = [random_batch(items, kinds, seed + 100 * view)[0] for view in range(count)]
        shares = [slow.probabilities(z.tolist(), temperature) for z in scores]
        found = prototype_usage(*scores, temperature=temperature)
        hard, soft, live, largest = slow.usage(list(itertools.chain(*shares)))
        assert found.entropy == pytest.approx(hard, abs=1e-9)
        assert found.entropy_soft == pytest.approx(soft, abs=1e-9)
        assert found.live == live
        assert found.largest == pytest.approx(largest)
        tops = [max(row) for row in itertools.chain(*shares)]
        assert found.confidence == pytest.approx(sum(tops) / len(tops))
        if count > 1:
            assert (found.consistency, found.consistency_chance) == pytest.approx(slow.agreement(shares))
        again = prototype_usage(*(torch.tensor(p, dtype=torch.float64) for p in shares))
        assert again.entropy_soft == pytest.approx(found.entropy_soft, abs=1e-9)
        assert again.sharpness == pytest.approx(found.sharpness, abs=1e-9)
        assert int(found.counts.sum()) == items * count
        assert float(found.shares.sum()) == pytest.approx(1)

    def test_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = random_batch(40, 6, seed=0)
        whole = prototype_usage(a, b, temperature=0.1)
        monkeypatch.setattr(sys.modules["vergence.metrics.prototype_usage"], "CELLS", 30)
        part = prototype_usage(a, b, temperature=0.1)
        assert (part.entropy, part.consistency, part.live) == (whole.entropy, whole.consistency, whole.live)
        assert part.sharpness == pytest.approx(whole.sharpness, abs=1e-12)


class TestEnds:
    def test_even_use(self) -> None:
        found = prototype_usage(sure(torch.arange(60) % 20, 20))
        assert (found.live, found.confidence) == (20, 1.0)
        assert found.largest == pytest.approx(1 / 20)
        for read in (found.entropy, found.entropy_soft, found.sharpness):
            assert read == pytest.approx(1)
        assert found.consistency is None

    def test_one_prototype_takes_everything(self) -> None:
        rows = sure(torch.zeros(60, dtype=torch.long), 20)
        found = prototype_usage(rows, rows)
        assert (found.entropy, found.live, found.largest) == (0.0, 1, 1.0)
        assert found.entropy_soft == 0.0
        assert (found.consistency, found.consistency_chance) == (1.0, 1.0)
        assert found.null.entropy.low > 0.5
        assert found.null.largest.high < 0.5

    def test_all_rows_share_one_soft_code(self) -> None:
        found = prototype_usage(torch.full((60, 20), 1 / 20))
        assert (found.entropy, found.largest, found.live, found.undecided) == (None, None, 0, 60)
        assert found.entropy_soft == pytest.approx(1)
        assert found.confidence == pytest.approx(1 / 20)
        assert found.sharpness == pytest.approx(0, abs=1e-9)

    def test_a_choice_that_follows_the_view_and_not_the_item(self) -> None:
        generator = torch.Generator().manual_seed(0)
        a, b = (torch.randint(0, 20, (2000,), generator=generator) for _ in range(2))
        found = prototype_usage(sure(a, 20, 0.9), sure(b, 20, 0.9))
        assert found.entropy is not None
        assert found.entropy > 0.99
        assert found.confidence == pytest.approx(0.9)
        assert found.consistency == pytest.approx(found.consistency_chance, abs=0.02)

    def test_misses_what_the_choice_is_about(self) -> None:
        # Prototypes that stand for the background are used as evenly as those that stand for the thing.
        choice = torch.arange(60) % 4
        right, wrong = prototype_usage(sure(choice, 4)), prototype_usage(sure(choice.roll(7), 4))
        assert right.entropy == wrong.entropy
        assert right.confidence == wrong.confidence

    def test_a_lower_temperature_is_surer_and_chooses_the_same(self) -> None:
        scores, _ = random_batch(60, 8, seed=0)
        warm, cold = (prototype_usage(scores, temperature=t) for t in (1.0, 0.1))
        assert warm.confidence < cold.confidence
        assert warm.sharpness < cold.sharpness
        assert warm.entropy == cold.entropy


class TestChance:
    @pytest.mark.parametrize(("items", "kinds"), [(60, 20), (256, 256), (10, 1000), (1, 2)])
    def test_what_random_choices_read(self, items: int, kinds: int) -> None:
        null = random_usage(items, kinds)
        live = kinds * (1 - (1 - 1 / kinds) ** items)
        assert null.live.mean == pytest.approx(live, rel=0.02)
        # Exact: a prototype's count is binomial.
        total = 0.0
        for c in range(1, items + 1):
            log_p = math.lgamma(items + 1) - math.lgamma(c + 1) - math.lgamma(items - c + 1)
            log_p += -c * math.log(kinds) + (items - c) * math.log1p(-1 / kinds)
            total -= math.exp(log_p) * c / items * math.log(c / items)
        assert null.entropy.mean == pytest.approx(kinds * total / math.log(kinds), abs=0.003)
        assert 0 <= null.entropy.low <= null.entropy.mean <= null.entropy.high <= 1

    def test_random_rows_lie_in_the_band(self) -> None:
        inside = 0
        for seed in range(60):
            found = prototype_usage(random_batch(128, 16, seed)[0], temperature=0.1)
            assert found.entropy is not None
            inside += found.null.entropy.holds(found.entropy)
        assert inside > 48

    def test_a_copied_view_is_no_item_more(self) -> None:
        rows = sure(torch.arange(60) % 20, 20)
        assert prototype_usage(rows, rows).null == prototype_usage(rows).null == random_usage(60, 20)


class TestTheDoor:
    def test_rows_that_are_not_finite_are_left_out(self) -> None:
        a, b = random_batch(12, 5, seed=0)
        bad = a.clone()
        bad[3, 1] = math.nan
        bad[4, 0] = -math.inf
        found = prototype_usage(bad, b, temperature=0.1)
        keep = [0, 1, 2, *range(5, 12)]
        both = prototype_usage(a[keep], b[keep], temperature=0.1)
        assert (found.rows, found.rows_left_out, found.items) == (22, 2, 12)
        assert found.consistency == both.consistency

    def test_half_precision_probabilities(self) -> None:
        rows = torch.softmax(random_batch(12, 5, seed=0)[0], 1)
        assert prototype_usage(rows.bfloat16()).entropy_soft == pytest.approx(
            prototype_usage(rows).entropy_soft, abs=0.01
        )

    def test_large_scores(self) -> None:
        scores, _ = random_batch(12, 5, seed=0)
        assert prototype_usage(1e30 * scores, temperature=0.1).confidence == pytest.approx(1)

    def test_refuses(self) -> None:
        scores, _ = random_batch(12, 5, seed=0)
        with pytest.raises(
            ArgumentError, match=r"of 12 rows 12 have an entry below 0, .* prototype_usage\(scores, temp"
        ):
            prototype_usage(scores)
        with pytest.raises(ArgumentError, match=r"of 12 rows 12 do not sum to 1"):
            prototype_usage(scores.abs() + 1)
        with pytest.raises(ShapeError, match=r"prototype_usage: view 1 is \(12, 1\): one prototype"):
            prototype_usage(torch.ones(12, 1))
        with pytest.raises(ShapeError, match=r"nothing came. Hand over one tensor \(items, K\) for each view"):
            prototype_usage()
        with pytest.raises(ShapeError, match=r"view 1 is \(12, 5\) but view 2 is \(11, 5\)"):
            prototype_usage(scores, scores[:11], temperature=1)
        with pytest.raises(DeviceMismatch, match=r"view 1 is on cpu but view 2 is on meta"):
            prototype_usage(scores, scores.to("meta"), temperature=1)
        with pytest.raises(NotFinite, match=r"none of 12 rows is finite"):
            prototype_usage(scores * math.nan, temperature=1)
        with pytest.raises(ArgumentError, match=r"temperature is 0. It must be"):
            prototype_usage(scores, temperature=0)
        with pytest.raises(
            ArgumentError, match=r"random_usage: prototypes is 1. It must be a whole number, 2 or above"
        ):
            random_usage(5, 1)


def _warm(*given: Any) -> dict[str, Any]:
    del given
    return {"temperature": 0.5}


def _shares(*how: Any) -> tuple[Tensor, ...]:
    return tuple(torch.softmax(z.double(), 1).to(z.dtype) for z in views(2)(*how))


CASES = [
    Case(prototype_usage, views(2), _warm, bad="left out", least=1),
    Case(prototype_usage, _shares, of=(), label="prototype_usage of probabilities"),
    Case(random_usage, lambda n, dim, dtype, seed: (n, dim), of=()),
]
