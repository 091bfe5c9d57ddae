from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import group_ordering as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import GroupOrdering, group_ordering, misordering, soft_permutation

CASES = [
    Case(lambda: GroupOrdering(stop_gradient=False), label="GroCo"),
    Case(lambda: GroupOrdering(20.0, negatives=4, stop_gradient=False), label="GroCo, steep"),
]


@given(seed=st.integers(0, 10_000), size=st.integers(1, 12), steepness=st.floats(0.1, 100))
def test_rows_and_columns_of_the_permutation_sum_to_one(seed: int, size: int, steepness: float) -> None:
    scores = torch.randn(3, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p = soft_permutation(scores, steepness=steepness)
    ones = torch.ones(3, size, dtype=torch.float64)
    torch.testing.assert_close(p.sum(1), ones, rtol=0, atol=1e-7)
    torch.testing.assert_close(p.sum(2), ones, rtol=0, atol=1e-7)
    assert float(p.min()) >= 0


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 12))
def test_a_steep_network_is_argsort(seed: int, size: int) -> None:
    scores = torch.randn(2, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p = soft_permutation(scores, steepness=1e9)
    assert torch.equal(p.argmax(1), scores.argsort(1))
    torch.testing.assert_close((p.mT @ scores[:, :, None]).squeeze(2), scores.sort(1).values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("steepness", [0.5, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("size", [1, 2, 5, 11])
def test_permutation_agrees_with_the_loops(size: int, steepness: float) -> None:
    scores = torch.randn(2, size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    expected = torch.tensor([slow.soft_permutation(line, steepness) for line in scores.tolist()], dtype=torch.float64)
    torch.testing.assert_close(soft_permutation(scores, steepness=steepness), expected)
    torch.testing.assert_close(soft_permutation(scores.float(), steepness=steepness), expected.float())


@pytest.mark.parametrize("steepness", [1.0, 10.0])
@pytest.mark.parametrize("negatives", [1, 3, 10])
@pytest.mark.parametrize(("views", "batch", "dim"), [(2, 2, 3), (2, 7, 4), (3, 5, 1), (4, 4, 6)])
def test_agrees_with_the_loops_in_both_orders(
    views: int, batch: int, dim: int, negatives: int, steepness: float
) -> None:
    rows = [random_batch(batch, dim, seed=view)[0] for view in range(views)]
    for given_views in (rows, rows[::-1]):
        expected = slow.group_ordering(given_views, steepness, negatives)
        found = group_ordering(*given_views, steepness=steepness, negatives=negatives)
        assert float(found) == pytest.approx(expected, abs=1e-9)
        single = group_ordering(*[z.float() for z in given_views], steepness=steepness, negatives=negatives)
        assert float(single) == pytest.approx(expected, rel=1e-5)


def test_falls_all_the_way_as_the_gap_between_the_groups_grows() -> None:
    generator = torch.Generator().manual_seed(0)
    negative = 0.1 * torch.randn(1, 10, generator=generator, dtype=torch.float64)
    positive = 0.1 * torch.randn(1, 3, generator=generator, dtype=torch.float64)
    gaps = torch.linspace(-3, 10, 40)
    values = [float(misordering(negative, positive + gap, steepness=10)) for gap in gaps]
    assert all(later < earlier for earlier, later in itertools.pairwise(values))
    assert values[0] > 1
    far = [float(misordering(negative, positive + 10.0**k, steepness=10)) for k in range(2, 8)]
    assert far[0] < 1e-2
    assert far[-1] < 1e-7
    equal = torch.zeros(1, 5, dtype=torch.float64)
    assert float(misordering(equal, equal, steepness=3)) == pytest.approx(0.303, abs=1e-3)


def test_the_gradient_says_which_way() -> None:
    negative = torch.tensor([[0.1, 0.2]], dtype=torch.float64, requires_grad=True)
    positive = torch.tensor([[0.15]], dtype=torch.float64, requires_grad=True)
    to_negative, to_positive = torch.autograd.grad(
        misordering(negative, positive, steepness=5).sum(), (negative, positive)
    )
    assert float(to_positive) < 0
    assert float(to_negative[0, 1]) > 0


@pytest.mark.parametrize("steepness", [1.0, 10.0])
def test_chance_and_floor_are_what_their_arrangements_read(steepness: float) -> None:
    loss = GroupOrdering(steepness)
    same = torch.ones(16, 16, dtype=torch.float64)
    assert float(loss(same, same)) == pytest.approx(loss.chance(16, 16), abs=1e-9)
    apart = torch.eye(16, dtype=torch.float64)
    assert float(loss(apart, apart)) == pytest.approx(loss.floor(16, 16), abs=1e-9)
    assert loss.floor(16, 16) < loss.chance(16, 16)
    assert loss.chance(1, 8) == loss.floor(1, 8) == 0
    if steepness == 1:
        assert loss.chance(256, 128) == pytest.approx(0.202, abs=1e-3)
        assert loss.floor(256, 128) == pytest.approx(0.179, abs=1e-3)


def test_stop_gradient_keeps_the_value_and_moves_anchors_alone() -> None:
    a, b = random_batch(6, 4, seed=1)
    z = normalize(torch.cat([a, b])).requires_grad_()
    moving, held = GroupOrdering(5.0, 3, stop_gradient=False), GroupOrdering(5.0, 3)
    assert held.stop_gradient
    torch.testing.assert_close(moving(*z.chunk(2)), held(*z.chunk(2)))
    (gradient,) = torch.autograd.grad(held(*z.chunk(2)), (z,))
    weights = held.pair_weights(*z.detach().chunk(2))
    along = weights @ z.detach()
    across = along - (along * z.detach()).sum(1, keepdim=True) * z.detach()
    torch.testing.assert_close(gradient, across)


def test_pair_weights_look_at_positives_and_hardest_negatives_only() -> None:
    a, b = random_batch(8, 4, seed=2)
    weights = GroupOrdering(5.0, 3).pair_weights(a, b)
    assert torch.equal((weights != 0).sum(1), torch.full((16,), 4))
    assert (weights.diagonal(8) < 0).all()
    within = normalize(a) @ normalize(a).T
    hardest = within.fill_diagonal_(-2).topk(3, dim=1).indices
    assert (weights[:8, :8].gather(1, hardest) != 0).all()


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ShapeError, match="1 view came, 2 or more are needed"):
        group_ordering(a)
    with pytest.raises(ArgumentError, match="negatives is 0"):
        GroupOrdering(negatives=0)
    with pytest.raises(ArgumentError, match="steepness is 0"):
        group_ordering(a, b, steepness=0)
    with pytest.raises(ShapeError, match="scores is"):
        soft_permutation(torch.rand(3), steepness=1)
    with pytest.raises(ShapeError, match="One row per anchor"):
        misordering(torch.rand(3, 2), torch.rand(2, 2), steepness=1)
    with pytest.raises(ShapeError, match="positive is"):
        misordering(torch.rand(3, 2), torch.rand(3, 0), steepness=1)
