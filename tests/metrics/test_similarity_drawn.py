"""Rows that are drawn when there are many: unbiased, and no positive pair is lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from tests.reference.golden import random_batch
from vergence.errors import ArgumentError
from vergence.metrics import Similarity, similarity

MODULE = sys.modules[similarity.__module__]


class TestDrawnRows:
    CASES = (
        ("aligned", lambda z: {"views": z.split(40), "positives": None}),
        ("ids", lambda z: {"views": z.split(40), "positives": torch.arange(40)}),
        ("many per id", lambda z: {"views": z.split(40), "positives": torch.arange(40) % 2}),
        ("queue", lambda z: {"views": z.split([10, 10, 60]), "positives": (torch.arange(10), torch.arange(10), None)}),
        ("matrix", lambda z: {"views": z.split(40), "positives": torch.eye(40, dtype=torch.bool)}),
        ("one view", lambda z: {"views": (z,), "positives": None}),
    )

    @pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
    def test_estimates_are_without_bias(
        self, name: str, case: Callable[[Tensor], dict[str, Sequence[Tensor]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if name == "many per id":
            monkeypatch.setattr(MODULE, "ENOUGH_POSITIVES", 1)
        z, other = random_batch(80, 4, seed=0)
        z[40:] = (z[:40] + other[40:]) / 2
        given_case = case(z)
        views, positives = given_case["views"], given_case["positives"]
        labels = tuple(torch.arange(len(view)) % 3 for view in views)
        whole = similarity(*views, positives=positives, labels=labels)
        generator = torch.Generator().manual_seed(0)
        times = 300
        drawn = [
            similarity(*views, positives=positives, labels=labels, max_rows=20, generator=generator)
            for _ in range(times)
        ]
        assert all(found.sampled for found in drawn)
        assert {found.pairs_negative_total for found in drawn} == {whole.pairs_negative}
        for found in drawn:
            assert found.negative is not None
            assert int(found.negative.sum()) == found.pairs_negative
            assert found.positive is None or int(found.positive.sum()) == found.pairs_positive

        def low(found: Similarity, kind: str) -> float:
            counts = getattr(found, kind)
            return float(counts[:300].sum()) / (found.pairs_positive if kind == "positive" else found.pairs_negative)

        reads: list[Callable[[Similarity], float | None]] = [
            lambda found: found.negative_mean,
            lambda found: low(found, "negative"),
            lambda found: low(found, "false_negative"),
        ]
        if name != "one view":
            reads += [lambda found: found.positive_mean, lambda found: low(found, "positive"), lambda found: found.auc]
        for read in reads:
            values = torch.tensor([read(found) for found in drawn], dtype=torch.float64)
            error = float(values.std()) / times**0.5
            assert abs(float(values.mean()) - (read(whole) or 0.0)) <= 4 * error + 1e-12

    def test_positive_pairs_are_never_broken(self) -> None:
        z = torch.randn(3, 40, 4, generator=torch.Generator().manual_seed(0))
        found = similarity(*z, max_rows=30)
        assert found.pairs_positive == 10 * 3
        assert found.pairs_negative == 30 * 29 // 2 - 30
        assert found.rows == 120
        ids = torch.arange(40)
        assert similarity(*z, positives=ids, max_rows=30).pairs_positive == 40 * 3

    def test_without_a_generator_the_same_rows_are_drawn(self) -> None:
        a, b = random_batch(100, 4, seed=0)
        one, other = similarity(a, b, max_rows=20), similarity(a, b, max_rows=20)
        assert one.negative_mean == other.negative_mean
        assert one.negative_mean != similarity(a, b).negative_mean

    def test_refuses_a_limit_below_two(self) -> None:
        with pytest.raises(ArgumentError, match=r"similarity: max_rows is 1. It must be a whole number, 2 or above"):
            similarity(torch.eye(4), max_rows=1)
