from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import multi_similarity as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, UnknownName
from vergence.losses import MultiSimilarity, multi_similarity
from vergence.losses.weighting import by_autograd


def in_twos(*views: Tensor) -> dict[str, Tensor]:
    """Labels 0 0 1 1 2 2 ..., those of the golden batch."""
    return {"labels": torch.arange(len(views[0])) // 2}


CASES = [
    Case(lambda: MultiSimilarity(labelled=False)),
    Case(MultiSimilarity, more=in_twos, golden=0.6709223900, collapse=False, label="MultiSimilarity, labels"),
    Case(lambda: MultiSimilarity(margin=0.1), collapse=False, label="MultiSimilarity, mined"),
]


def ids_of(labels: Tensor, views: int) -> list[int]:
    return labels.repeat(views).tolist()


def test_golden_value_is_that_of_both_views_with_their_labels() -> None:
    a, b, labels = golden_batch()
    assert float(multi_similarity(a, b, labels=labels)) == pytest.approx(0.6709223900, abs=1e-9)
    assert float(multi_similarity(torch.cat([a, b]), labels=labels.repeat(2))) == pytest.approx(0.6709223900, abs=1e-9)
    without = slow.multi_similarity(torch.cat([a, b]), ids_of(torch.arange(8), 2), 2, 0.5, 50)
    assert float(multi_similarity(a, b)) == pytest.approx(without, abs=1e-12)


@pytest.mark.parametrize("margin", [None, 0.0, 0.1, 2.5])
@pytest.mark.parametrize(("alpha", "beta", "base"), [(2, 50, 0.5), (1, 40, 1.0), (10, 3, -0.5)])
@pytest.mark.parametrize(("batch", "dim"), [(3, 1), (4, 6), (9, 3)])
def test_agrees_with_the_loops_in_both_orders(
    batch: int, dim: int, alpha: float, beta: float, base: float, margin: float | None
) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    settings = {"alpha": alpha, "beta": beta, "base": base, "margin": margin}
    for labels in (None, torch.arange(batch) % 2):
        ids = ids_of(torch.arange(batch) if labels is None else labels, 2)
        for first, second in ((a, b), (b, a)):
            expected = slow.multi_similarity(torch.cat([first, second]), ids, alpha, base, beta, margin)
            found = multi_similarity(first, second, labels=labels, **settings)
            assert float(found) == pytest.approx(expected, abs=1e-9)
            single = multi_similarity(first.float(), second.float(), labels=labels, **settings)
            if margin is None or margin > 2:  # in single precision another pair may just pass the margin
                assert float(single) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("beta", [50.0, 500.0])
def test_steep_settings_do_not_overflow(beta: float) -> None:
    z = torch.ones(6, 3)
    value = MultiSimilarity(alpha=200, beta=beta)(z, z)
    assert float(value) == pytest.approx(0.5 + math.log(10) / beta, rel=1e-5)
    assert float(MultiSimilarity(alpha=200)(z, -z)) == pytest.approx(1.5 + 0.5 + math.log(5) / 50, rel=1e-4)


@pytest.mark.parametrize("margin", [None, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_of_autograd_equal_the_closed_form(dtype: torch.dtype, margin: float | None) -> None:
    a, b = random_batch(8, 5, seed=2, dtype=dtype)
    labels = torch.arange(8) % 3

    def of_cosines(s: Tensor) -> Tensor:
        ids = labels.repeat(2)
        same = ids[:, None] == ids
        positive, negative = same & ~torch.eye(16, dtype=torch.bool), ~same
        if margin is not None:
            least = s.detach().masked_fill(~positive, math.inf).amin(1, keepdim=True)
            greatest = s.detach().masked_fill(~negative, -math.inf).amax(1, keepdim=True)
            positive, negative = positive & (s < greatest + margin), negative & (s > least - margin)
        pull = ((-2 * (s - 0.5)).exp() * positive).sum(1).log1p() / 2
        push = ((50 * (s - 0.5)).exp() * negative).sum(1).log1p() / 50
        return (pull + push).mean()

    closed = MultiSimilarity(margin=margin).pair_weights(a, b, labels=labels)
    torch.testing.assert_close(by_autograd(of_cosines, a, b), closed, rtol=0, atol=1e-7)
    assert torch.equal(closed.diagonal(), torch.zeros(16, dtype=dtype))
    assert float(closed.clamp_min(0).sum(1).max()) <= 1 / 16
    assert float(closed.clamp_max(0).sum(1).min()) >= -1 / 16


def test_mining_with_a_margin_of_two_keeps_every_pair_and_with_none_of_the_easy_ones() -> None:
    a, b = random_batch(8, 5, seed=3)
    torch.testing.assert_close(multi_similarity(a, b, margin=2.5), multi_similarity(a, b))
    apart = torch.eye(6, dtype=torch.float64)
    assert float(multi_similarity(apart, apart, margin=0.1)) == 0  # nothing left to learn
    loss = MultiSimilarity()
    assert "margin" not in loss.settings()
    loss.set("margin", 0.1)
    torch.testing.assert_close(loss(a, b), multi_similarity(a, b, margin=0.1))


def test_rows_without_a_label_have_their_views_only() -> None:
    a, b = random_batch(4, 5, seed=4)
    found = multi_similarity(a, b, labels=torch.tensor([0, -1, -1, 0]))
    torch.testing.assert_close(found, multi_similarity(a, b, labels=torch.tensor([0, 1, 2, 0])))
    assert not torch.isclose(found, multi_similarity(a, b, labels=torch.tensor([0, 1, 1, 0])))


@given(seed=st.integers(0, 10_000), scale=st.integers(-5, 5))
def test_blind_to_the_names_of_classes_and_to_order(seed: int, scale: int) -> None:
    a, b = random_batch(6, 4, seed)
    labels = torch.tensor([0, 1, 2, 0, 1, 1])
    value = float(multi_similarity(a, b, labels=labels))
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    renamed = torch.tensor([7, 3, 5])[labels] + max(0, scale)
    assert float(multi_similarity(a[order], b[order], labels=renamed[order])) == pytest.approx(value, rel=1e-10)
    assert value >= 0


@pytest.mark.parametrize("settings", [{}, {"alpha": 5.0, "beta": 10.0, "base": 0.8}])
def test_chance_and_floor_are_what_their_arrangements_read(settings: dict[str, float]) -> None:
    loss = MultiSimilarity(**settings, labelled=False)
    same = torch.ones(8, 8, dtype=torch.float64)
    assert float(loss(same, same)) == pytest.approx(loss.chance(8, 8), rel=1e-12)
    apart = torch.eye(8, dtype=torch.float64)
    assert float(loss(apart, apart)) == pytest.approx(loss.floor(8, 8), rel=1e-12)
    assert MultiSimilarity(labelled=False).chance(256, 128) == pytest.approx(0.781, abs=1e-3)
    assert MultiSimilarity(labelled=False).floor(256, 128) == pytest.approx(0.157, abs=1e-3)
    assert loss.floor(1, 8) == pytest.approx(loss.chance(1, 8))


def test_knows_no_scale_where_labels_decide_how_many_positives_there_are() -> None:
    loss = MultiSimilarity()
    assert loss.chance(8, 8) is None
    assert loss.floor(8, 8) is None
    a, b = random_batch(4, 3, seed=0)
    labels = torch.tensor([0, 0, 1, 1])
    assert not torch.isclose(loss(a, b), loss(a, b, labels=labels))
    with pytest.raises(UnknownName, match="labels"):
        MultiSimilarity(labelled=False)(a, b, labels=labels)


def test_terms_fall_as_they_should() -> None:
    a, b = (normalize(z) for z in random_batch(8, 16, seed=5))
    loss = MultiSimilarity()
    apart, near = loss.terms(a, b), loss.terms(a, normalize(a + 0.1 * b))
    assert float(near["pull"]) < float(apart["pull"])
    assert list(apart) == ["pull", "push"]


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match="no pair is positive"):
        multi_similarity(a)
    with pytest.raises(ArgumentError, match="no pair is negative"):
        multi_similarity(a, b, labels=torch.zeros(4, dtype=torch.long))
    with pytest.raises(ArgumentError, match="all 4 labels differ"):
        multi_similarity(a, labels=torch.arange(4))
    with pytest.raises(ShapeError, match="labels is"):
        multi_similarity(a, b, labels=torch.arange(3))
    with pytest.raises(ShapeError, match="labels has dtype"):
        multi_similarity(a, b, labels=torch.rand(4))
    with pytest.raises(DeviceMismatch, match="labels is on meta"):
        multi_similarity(a, b, labels=torch.arange(4, device="meta"))
    with pytest.raises(ArgumentError, match=r"base is 1.5. It must be a cosine"):
        MultiSimilarity(base=1.5)
    with pytest.raises(ArgumentError, match="alpha is 0"):
        multi_similarity(a, b, alpha=0)
    with pytest.raises(ShapeError, match="0 views came"):
        MultiSimilarity()()
