from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.losses.case import Case
from tests.reference import threshold_consistent as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, ShapeError, UnknownName
from vergence.losses import ThresholdConsistent, threshold_consistent
from vergence.losses.weighting import by_autograd


def in_threes(*views: Tensor) -> dict[str, Tensor]:
    return {"labels": torch.arange(len(views[0])) % 3}


CASES = [
    Case(ThresholdConsistent),
    Case(ThresholdConsistent, more=in_threes, label="TCM, labels"),
]


def test_the_example_worked_by_hand_in_another_library() -> None:
    # The test of pytorch-metric-learning: 0.1929 from the one short positive, 0.325 from two negatives.
    z = torch.tensor([[0.0, 1.0], [0.43, 0.90], [1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    terms = ThresholdConsistent().terms(z, labels=torch.tensor([0, 0, 1, 1]))
    assert float(terms["pull"]) == pytest.approx(0.1929, abs=5e-5)
    assert float(terms["pull"]) == pytest.approx(0.9 - math.sqrt(0.5), abs=1e-12)
    assert float(terms["push"]) == pytest.approx(0.325, abs=5e-4)


@pytest.mark.parametrize("settings", [(0.9, 0.5, 1.0, 1.0), (0.5, 0.5, 2.0, 0.5), (0.2, -0.3, 0.0, 3.0)])
@pytest.mark.parametrize(("batch", "dim"), [(3, 1), (4, 6), (9, 3)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, settings: tuple[float, ...]) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    words = ("positive_margin", "negative_margin", "positive_weight", "negative_weight")
    named = dict(zip(words, settings, strict=True))
    for labels in (None, torch.arange(batch) % 2):
        ids = (torch.arange(batch) if labels is None else labels).repeat(2).tolist()
        for first, second in ((a, b), (b, a)):
            expected = slow.threshold_consistent(torch.cat([first, second]), ids, *settings)
            assert float(threshold_consistent(first, second, labels=labels, **named)) == pytest.approx(expected)
            single = threshold_consistent(first.float(), second.float(), labels=labels, **named)
            assert float(single) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_golden_batch_agrees_with_the_loops() -> None:
    a, b, labels = golden_batch()
    expected = slow.threshold_consistent(torch.cat([a, b]), labels.repeat(2).tolist(), 0.9, 0.5, 1, 1)
    assert float(threshold_consistent(a, b, labels=labels)) == pytest.approx(expected, abs=1e-12)


def test_weights_are_two_flat_steps_and_those_of_autograd() -> None:
    a, b = random_batch(6, 4, seed=1)
    weights = ThresholdConsistent(positive_weight=2.0).pair_weights(a, b)

    def of_cosines(s: Tensor) -> Tensor:
        same = torch.arange(6).repeat(2)[:, None] == torch.arange(6).repeat(2)
        short, beyond = same & ~torch.eye(12, dtype=torch.bool) & (s <= 0.9), ~same & (s >= 0.5)
        return 2 * (0.9 - s)[short].mean() + (s - 0.5)[beyond].mean()

    torch.testing.assert_close(weights, by_autograd(of_cosines, a, b), rtol=0, atol=1e-12)
    assert len(weights.unique()) == 3
    assert float(weights.clamp_max(0).sum()) == pytest.approx(-2)
    assert float(weights.clamp_min(0).sum()) == pytest.approx(1)


def test_reads_nothing_when_every_pair_is_on_its_side() -> None:
    z = torch.eye(4, dtype=torch.float64).requires_grad_()
    loss = ThresholdConsistent()
    value = loss(z, z)
    assert float(value.detach()) == loss.floor(4, 4) == 0
    value.backward()
    assert torch.equal(z.grad, torch.zeros(4, 4, dtype=torch.float64))


@given(seed=st.integers(0, 10_000), noise=st.floats(0.0, 3.0))
def test_keeps_to_its_bounds(seed: int, noise: float) -> None:
    a, b = random_batch(6, 4, seed)
    value = float(threshold_consistent(a, a + noise * b, labels=torch.arange(6) % 3))
    assert 0 <= value <= 1.9 + 0.5


def test_a_nan_pair_does_not_pass_for_one_in_order() -> None:
    a, b = random_batch(4, 4, seed=2)
    a[0, 0] = math.nan
    terms = ThresholdConsistent().terms(a, b)
    assert all(term.isnan() for term in terms.values())


def test_leaves_labels_alone_where_it_is_told_to() -> None:
    a, b = random_batch(4, 3, seed=0)
    assert ThresholdConsistent().takes == ("labels",)
    with pytest.raises(UnknownName, match="labels"):
        ThresholdConsistent(labelled=False)(a, b, labels=torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(ThresholdConsistent(labelled=False)(a, b), ThresholdConsistent()(a, b))


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match=r"positive_margin is 1.2. It must be a cosine"):
        ThresholdConsistent(positive_margin=1.2)
    with pytest.raises(ArgumentError, match="negative_weight is -1"):
        threshold_consistent(a, b, negative_weight=-1)
    with pytest.raises(ArgumentError, match="no pair is positive"):
        threshold_consistent(a)
    with pytest.raises(ShapeError, match="labels is"):
        threshold_consistent(a, b, labels=torch.arange(5))
