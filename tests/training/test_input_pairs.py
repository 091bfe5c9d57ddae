"""Pairs of inputs: distance, places and copies, at both ends, and in every driver that knows inputs."""

from __future__ import annotations

import pytest
import torch

from vergence import Monitor
from vergence.training.measures.input_pairs import input_pairs

ROWS, DIM = 128, 24


def views(noise: float, *, seed: int = 0, share_copied: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(ROWS, DIM, generator=source)
    copied = int(share_copied * ROWS)
    x[:copied] = x[copied : 2 * copied]
    a, b = (x + noise * torch.randn(ROWS, DIM, generator=source) for _ in range(2))
    return a, b


def test_distance_by_the_slow_sum():
    a, b = views(0.7)
    squares = torch.cdist(a.double(), b.double()).square()
    strangers = squares[~torch.eye(ROWS, dtype=torch.bool)].mean()
    assert input_pairs((a, b))["distance"] == pytest.approx(float(squares.diagonal().mean() / strangers), rel=1e-5)


def test_elsewhere_and_copies_by_the_slow_count():
    a, b = views(0.7, share_copied=0.1)
    across = torch.cdist(a.double(), b.double())
    partners = across.diagonal().clone()
    across.fill_diagonal_(torch.inf)
    nearer = 0
    for rows, others in ((a, across), (b, across.T)):
        within = torch.cdist(rows.double(), rows.double()).fill_diagonal_(torch.inf).amin(1)
        nearer += int((others.amin(1) < within).sum())
    found = input_pairs((a, b))
    assert found["elsewhere"] == pytest.approx(nearer / (2 * ROWS), abs=1 / ROWS)
    assert found["copies"] == pytest.approx(int((across <= partners.quantile(0.5)).sum()) / ROWS, abs=1 / ROWS)
    assert found["near"] == pytest.approx(int((across <= partners.quantile(0.975)).sum()) / ROWS, abs=1 / ROWS)


def test_both_ends():
    a, b = views(0.3)
    assert input_pairs((a, a)) == {"elsewhere": 0.5, "copies": 0.0, "near": 0.0, "distance": 0.0}
    strangers = input_pairs((a, views(0.3, seed=1)[1]))
    assert strangers["distance"] == pytest.approx(1.0, abs=0.1)
    assert strangers["elsewhere"] == pytest.approx(0.5, abs=0.1)
    assert input_pairs((a, b.roll(1, 0)))["elsewhere"] > 0.9


def test_half_of_the_copies_are_nearer_than_half_of_the_partners():
    found = input_pairs(views(0.2, share_copied=0.2))
    assert found["copies"] / found["near"] == pytest.approx(0.5, abs=0.15)
    assert found["copies"] > 0.05
    assert input_pairs(views(0.2))["near"] == 0


def test_what_cannot_be_compared_is_nothing_and_nothing_is_raised():
    a, b = views(0.3)
    assert input_pairs((a, b[:, :5])) == {}
    assert input_pairs((a[:4], b[:4])) == {}
    assert input_pairs((torch.ones(ROWS, 3),) * 2) == {}
    assert input_pairs((torch.zeros(ROWS, 3, dtype=torch.long),) * 2) == {}
    broken = a.clone()
    broken[3] = torch.nan
    assert 0 < input_pairs((broken, b))["distance"] < 1


def test_large_pictures_are_thinned():
    source = torch.Generator().manual_seed(0)
    a = torch.rand(16, 3, 64, 64, generator=source)
    b = a + 0.3 * torch.rand(16, 3, 64, 64, generator=source)
    assert 0 < input_pairs((a, b))["distance"] < 1


def test_a_loop_that_hands_over_inputs_records_them_and_the_classes_of_its_batches():
    monitor = Monitor(save=False, every=1)
    a, b = views(0.3)
    for x1, x2 in ((a, b), (a, a)):
        monitor.step(x1, x2, labels=torch.arange(ROWS) % 4, inputs=(x1, x2))
    monitor.close()
    assert monitor.history.scalar("inputs/step/distance").values.tolist() == [pytest.approx(0.09, abs=0.03), 0.0]
    assert monitor.history.frame("similarity/z", 1).arrays["label_counts"].tolist() == [ROWS // 4] * 4
