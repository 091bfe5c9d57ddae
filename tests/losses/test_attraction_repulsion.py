from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import attraction_repulsion as slow
from tests.reference.golden import rotation
from tests.reference.multi_view import several
from vergence.errors import ArgumentError, ShapeError
from vergence.geometry import unit
from vergence.losses import CACR, attraction_repulsion, attraction_repulsion_weights, several_views
from vergence.losses.weighting import by_autograd

CASES = [
    Case(CACR),
    Case(lambda: CACR(1.5, 0.9, 3), views=3, label="CACR, 3 views"),
    Case(lambda: CACR(0, 0), label="CACR even"),
]


@pytest.mark.parametrize(("t_pos", "t_neg"), [(0, 0), (1, 2), (3, 0.5), (0, 10)])
@pytest.mark.parametrize(("views", "batch", "dim"), [(2, 2, 1), (2, 6, 4), (3, 5, 2), (5, 3, 7)])
def test_agrees_with_the_loops_in_both_orders(t_pos: float, t_neg: float, views: int, batch: int, dim: int) -> None:
    z = several(views, batch, dim, seed=batch)
    for own in (z, z[::-1]):
        pull, push = slow.attraction_repulsion(own, t_pos, t_neg)
        terms = CACR(t_pos, t_neg, views).terms(*own)
        assert float(terms["attraction"]) == pytest.approx(pull, abs=1e-9)
        assert float(terms["repulsion"]) == pytest.approx(push, abs=1e-9)
        assert float(attraction_repulsion(*own, t_pos=t_pos, t_neg=t_neg)) == pytest.approx(pull + push, abs=1e-9)


def test_single_precision_agrees_with_the_loops() -> None:
    z = several(3, 8, 6, seed=3, dtype=torch.float32)
    found = attraction_repulsion(*z, t_pos=1, t_neg=5)
    assert float(found) == pytest.approx(sum(slow.attraction_repulsion(z, 1, 5)), rel=1e-5, abs=1e-5)


def test_without_weights_it_is_a_difference_of_mean_distances() -> None:
    a, b, c = (normalize(view) for view in several(3, 5, 4))
    near = [(x - y).square().sum(1).mean() for x, y in ((a, b), (a, c), (b, c))]
    off = ~torch.eye(5, dtype=torch.bool)
    far = [torch.cdist(x, y).square()[off].mean() for x, y in ((a, b), (a, c), (b, c))]
    expected = (sum(near) - sum(far)) / 3
    torch.testing.assert_close(attraction_repulsion(a, b, c, t_pos=0, t_neg=0), expected)


@given(seed=st.integers(0, 10_000), t_pos=st.floats(0, 8), t_neg=st.floats(0, 8))
@settings(max_examples=20)
def test_weights_sum_to_one_and_are_monotone_in_the_distance(seed: int, t_pos: float, t_neg: float) -> None:
    z = several(4, 5, 3, seed)
    rows = normalize(torch.cat(z))
    distance = torch.cdist(rows, rows).square()
    view, sample = torch.arange(4).repeat_interleave(5), torch.arange(5).repeat(4)
    positive = (view[:, None] != view) & (sample[:, None] == sample)
    pull, push = attraction_repulsion_weights(*z, t_pos=t_pos, t_neg=t_neg)
    for weights in (pull, push):
        torch.testing.assert_close(weights.sum(1), torch.ones(20, dtype=torch.float64))
    assert float(pull[~positive].sum()) == 0
    assert float(push[(view[:, None] == view) | positive].sum()) == 0
    for anchor in range(20):
        rising = pull[anchor, positive[anchor]][distance[anchor, positive[anchor]].argsort()]
        assert (rising.diff() >= -1e-12).all()
        for other in range(4):
            chosen = (view == other) & (sample != sample[anchor])
            if other != view[anchor]:
                falling = push[anchor, chosen][distance[anchor, chosen].argsort()]
                assert (falling.diff() <= 1e-12).all()


def test_both_zero_gives_even_weights() -> None:
    pull, push = attraction_repulsion_weights(*several(4, 5, 3), t_pos=0, t_neg=0)
    assert pull[pull > 0].unique().tolist() == pytest.approx([1 / 3])
    assert push[push > 0].unique().tolist() == pytest.approx([1 / 12])


def test_with_two_views_the_weight_of_positives_does_nothing() -> None:
    a, b = several(2, 5, 3)
    first, second = (attraction_repulsion(a, b, t_pos=t, t_neg=2) for t in (0, 7))
    torch.testing.assert_close(first, second)


def test_in_the_end_only_the_farthest_positive_and_the_nearest_negative_count() -> None:
    z = [normalize(view) for view in several(3, 5, 4)]
    pull, push = 0.0, 0.0
    for v, own in enumerate(z):
        others = [other for w, other in enumerate(z) if w != v]
        pull += float(torch.stack([(own - other).square().sum(1) for other in others]).amax(0).mean()) / 3
        for other in others:
            distance = torch.cdist(own, other).square().masked_fill(torch.eye(5, dtype=torch.bool), 9)
            push -= float(distance.amin(1).mean()) / 6
    terms = CACR(2000, 2000, 3).terms(*z)
    assert float(terms["attraction"]) == pytest.approx(pull, abs=1e-4)
    assert float(terms["repulsion"]) == pytest.approx(push, abs=1e-4)


@pytest.mark.parametrize(("views", "t_pos", "t_neg"), [(2, 1, 2), (3, 2, 0.7), (4, 0, 0)])
def test_pair_weights_are_the_gradient_of_the_cosines(views: int, t_pos: float, t_neg: float) -> None:
    z = several(views, 5, 4, seed=2)
    view, sample = torch.arange(views).repeat_interleave(5), torch.arange(5).repeat(views)

    def of_cosines(s: Tensor) -> Tensor:
        total = s.new_zeros(())
        for i in range(len(s)):
            d = 2 - 2 * s[i][(sample == sample[i]) & (view != view[i])]
            total = total + (torch.softmax(t_pos * d, 0) * d).sum() / len(s)
            for other in range(views):
                if other != view[i]:
                    d = 2 - 2 * s[i][(view == other) & (sample != sample[i])]
                    total = total - (torch.softmax(-t_neg * d, 0) * d).sum() / len(s) / (views - 1)
        return total

    found = CACR(t_pos, t_neg, views).pair_weights(*z)
    torch.testing.assert_close(found, by_autograd(of_cosines, *z))


@pytest.mark.parametrize("dim", [2, 16, 128])
@pytest.mark.parametrize("t_neg", [0.0, 0.9, 2.0])
def test_floor_is_what_random_directions_with_aligned_views_read(dim: int, t_neg: float) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [unit(torch.randn(512, dim, generator=generator, dtype=torch.float64)) for _ in range(4)]
    read = [float(attraction_repulsion(z, z, t_pos=1, t_neg=t_neg)) for z in rows]
    assert sum(read) / 4 == pytest.approx(CACR(1, t_neg).floor(512, dim), abs=0.02)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_blind_to_order_rotation_and_length_and_bounded(seed: int) -> None:
    z = several(3, 6, 5, seed)
    value = float(attraction_repulsion(*z, t_pos=2, t_neg=1))
    order, turn = torch.randperm(6, generator=torch.Generator().manual_seed(seed)), rotation(5, seed)
    for other in ([view[order] for view in z], [3 * view @ turn for view in z], z[1:] + z[:1]):
        assert float(attraction_repulsion(*other, t_pos=2, t_neg=1)) == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert -4 <= value <= 4


def test_blocks_give_the_same_value_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    z = [view.requires_grad_() for view in several(2, 9, 4)]
    at_once = torch.autograd.grad(CACR()(*z), z)
    monkeypatch.setattr(several_views, "AT_ONCE", 20)  # blocks of two rows
    for whole, pieces in zip(at_once, torch.autograd.grad(CACR()(*z), z), strict=True):
        torch.testing.assert_close(pieces, whole)


def test_chance_and_words() -> None:
    loss = CACR(t_neg=0.9)
    assert loss.chance(9, 4) == 0
    assert CACR(t_neg=0).floor(9, 4) == -2
    assert loss.floor(1, 4) is None
    assert loss.reference_words(9, 4) == {"chance": "all alike", "floor": "t− 0.9"}
    assert math.isfinite(CACR(t_neg=1000).floor(9, 2048))


def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = several(3, 4, 3)
    with pytest.raises(ShapeError, match=r"CACR: 2 views came, 3 are needed"):
        CACR(views=3)(a, b)
    with pytest.raises(ArgumentError, match=r"CACR: t_neg is -1"):
        CACR(t_neg=-1)
    with pytest.raises(ArgumentError, match=r"attraction_repulsion_weights: t_pos is nan"):
        attraction_repulsion_weights(a, b, t_pos=math.nan, t_neg=1)
