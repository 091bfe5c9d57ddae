from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from tests.losses.case import Case
from tests.reference import info_nce as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, TooFewRows
from vergence.losses import InfoNCE, info_nce


def queue(*views: Tensor) -> dict[str, Tensor]:
    """Five rows of view 2."""
    return {"negatives": views[1].detach()[:5].flip(0)}


CASES = [
    Case(lambda: InfoNCE(0.2), golden=0.2709060137, symmetric=False),
    Case(lambda: InfoNCE(0.2, queue=5), more=queue, symmetric=False, label="InfoNCE with a queue"),
]


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    assert float(info_nce(a, b, temperature=0.2)) == pytest.approx(0.2709060137, abs=1e-9)
    assert float(InfoNCE()(a, b)) == pytest.approx(0.2709060137, abs=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.05, 0.01])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 5), (9, 4), (5, 40)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    forth, back = info_nce(a, b, temperature=temperature), info_nce(b, a, temperature=temperature)
    assert float(forth) == pytest.approx(slow.info_nce(a, b, temperature), abs=1e-9)
    assert float(back) == pytest.approx(slow.info_nce(b, a, temperature), abs=1e-9)


def test_the_directions_differ() -> None:
    a, b, _ = golden_batch()
    assert abs(float(info_nce(a, b, temperature=0.2) - info_nce(b, a, temperature=0.2))) > 1e-3


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.01])
def test_candidates_that_look_alike_read_chance(temperature: float) -> None:
    a, _ = random_batch(7, 4, seed=0)
    b = torch.ones(7, 4, dtype=torch.float64)
    assert float(info_nce(a, b, temperature=temperature)) == pytest.approx(math.log(7), abs=1e-12)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
def test_blind_to_order_rotation_and_length(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 5, seed)
    value = float(info_nce(a, b, temperature=temperature))
    order, turn = torch.randperm(6, generator=torch.Generator().manual_seed(seed)), rotation(5, seed)
    for other in ((a[order], b[order]), (a @ turn, b @ turn), (2 * a, 0.1 * b)):
        assert float(info_nce(*other, temperature=temperature)) == pytest.approx(value, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 0.02, 0.002])
def test_gradients_first_and_second(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 3, seed=1))
    weights = torch.tensor([1.0, 0.5, 2.0, 0.1], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x, y: info_nce(x, y, temperature=temperature, weights=weights), (a, b))
    if temperature > 0.1:
        assert torch.autograd.gradgradcheck(lambda x, y: info_nce(x, y, temperature=temperature), (a, b))


def test_weights_are_a_weighted_mean_over_pairs() -> None:
    a, b = random_batch(6, 4, seed=5)
    ones, mixed = torch.ones(6), torch.tensor([0.0, 1.0, 2.0, 0.5, 0.0, 3.0])
    plain_value = info_nce(a, b, temperature=0.4)
    torch.testing.assert_close(info_nce(a, b, temperature=0.4, weights=ones), plain_value)
    expected = slow.info_nce(a, b, 0.4, mixed.tolist())
    assert float(info_nce(a, b, temperature=0.4, weights=mixed)) == pytest.approx(expected, abs=1e-9)


def test_pair_weights_are_the_gradient_of_the_cosines() -> None:
    a, b = random_batch(5, 3, seed=9)
    cosines = (normalize(a) @ normalize(b).T).requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(cosines / 0.2, torch.arange(5)), (cosines,))
    found = InfoNCE(0.2).pair_weights(a, b)
    torch.testing.assert_close(found[:5, 5:], expected)
    assert float(found.abs().sum() - expected.abs().sum()) == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(expected.clamp_min(0).sum(1), -expected.diagonal())


def test_terms_add_up_and_pull_knows_its_end() -> None:
    a, b = random_batch(6, 4, seed=8)
    loss = InfoNCE(0.25)
    terms = loss.terms(a, b)
    assert list(terms) == ["pull", "push"]
    torch.testing.assert_close(terms["pull"] + terms["push"], loss(a, b))
    assert float(loss.terms(a, 2 * a)["pull"]) == pytest.approx(-4.0)


def test_chance_and_words() -> None:
    loss = InfoNCE(0.2)
    assert loss.chance(256, 128) == pytest.approx(math.log(256))
    assert loss.floor(256, 128) == pytest.approx(1.0627, abs=1e-4)
    assert loss.floor(1, 8) == 0.0
    assert loss.reference_words(256, 128) == {"chance": "ln 256", "floor": "τ 0.2"}


def entries(count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.07, 0.01])
@pytest.mark.parametrize(("batch", "dim", "count"), [(2, 1, 1), (2, 5, 9), (9, 4, 3), (5, 40, 70)])
def test_a_queue_agrees_with_the_loops_in_both_orders(batch: int, dim: int, count: int, temperature: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    keys = entries(count, dim)
    for one, other in ((a, b), (b, a)):
        found = info_nce(one, other, temperature=temperature, negatives=keys)
        assert float(found) == pytest.approx(slow.moco(one, other, keys, temperature), abs=1e-9)
        single = info_nce(one.float(), other.float(), temperature=temperature, negatives=keys.float())
        assert single.dtype == torch.float32
        assert float(single) == pytest.approx(float(found), rel=1e-5, abs=2e-5 / temperature)


def test_a_queue_on_the_golden_batch_is_the_cross_entropy_of_moco() -> None:
    a, b, _ = golden_batch()
    keys = torch.cos(torch.arange(30, dtype=torch.float64).view(5, 6))
    q, k, n = (normalize(z) for z in (a, b, keys))
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ n.T], dim=1) / 0.07
    expected = cross_entropy(logits, torch.zeros(8, dtype=torch.long))
    torch.testing.assert_close(InfoNCE(0.07)(a, b, negatives=keys), expected)


def test_the_other_rows_of_the_batch_are_no_negatives_beside_a_queue() -> None:
    a, b = random_batch(6, 4, seed=0)
    keys = entries(9, 4)
    parts = [info_nce(a[i : i + 2], b[i : i + 2], temperature=0.2, negatives=keys) for i in (0, 2, 4)]
    torch.testing.assert_close(torch.stack(parts).mean(), info_nce(a, b, temperature=0.2, negatives=keys))
    # And with the other rows of view 2 as the queue of each anchor it is the form without one.
    alone = [
        info_nce(a[[i, i]], b[[i, i]], temperature=0.2, negatives=torch.cat([b[:i], b[i + 1 :]])) for i in range(6)
    ]
    torch.testing.assert_close(torch.stack(alone).mean(), info_nce(a, b, temperature=0.2))


def test_chance_floor_and_words_follow_the_queue() -> None:
    a, b = random_batch(6, 4, seed=0)
    loss = InfoNCE(0.2)
    assert (loss.queue, loss.chance(6, 4)) == (0, math.log(6))
    assert "view 2" in loss.variant
    loss(a, b, negatives=entries(9, 4))
    assert (loss.queue, loss.chance(6, 4)) == (9, math.log(10))
    assert loss.reference_words(6, 4) == {"chance": "ln 10", "floor": "τ 0.2"}
    assert loss.floor(6, 4) == pytest.approx(InfoNCE(0.2).floor(10, 4))
    assert "queue" in loss.variant
    with torch.no_grad():
        loss(a, b)
    loss.terms(a, b)
    assert loss.queue == 9
    loss(a, b)
    assert loss.queue == 0
    assert InfoNCE(0.07, queue=65536).chance(256, 128) == pytest.approx(11.0904, abs=1e-4)


def test_alike_reads_chance_with_a_queue() -> None:
    z = torch.linspace(-1, 2, 5, dtype=torch.float64).expand(3, 5)
    found = info_nce(z, z, temperature=0.002, negatives=z[:1].expand(31, 5))
    assert float(found) == pytest.approx(math.log(32), abs=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 0.02, 0.002])
def test_gradients_with_a_queue(temperature: float) -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 3, seed=1))
    keys = entries(5, 3).requires_grad_()
    given = (a, b, keys)
    assert torch.autograd.gradcheck(lambda x, y, n: info_nce(x, y, temperature=temperature, negatives=n), given)
    if temperature > 0.1:
        assert torch.autograd.gradgradcheck(lambda x, y, n: info_nce(x, y, temperature=0.5, negatives=n), given)


def test_pair_weights_with_a_queue_are_the_gradient_of_the_cosines() -> None:
    a, b = random_batch(5, 3, seed=9)
    keys = entries(7, 3)
    q, k, n = (normalize(z) for z in (a, b, keys))
    cosines = torch.cat([(q * k).sum(1, keepdim=True), q @ n.T], dim=1).requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(cosines / 0.2, torch.zeros(5, dtype=torch.long)), cosines)
    found = InfoNCE(0.2).pair_weights(a.requires_grad_(), b, negatives=keys)
    assert found.shape == (10, 17)
    assert not found.requires_grad
    torch.testing.assert_close(found[:5, 10:], expected[:, 1:])
    torch.testing.assert_close(found[:5, 5:10], torch.diag(expected[:, 0]))
    assert float(found.abs().sum() - expected.abs().sum()) == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(found.sum(1), torch.zeros(10, dtype=torch.float64))


def test_a_queue_that_does_not_fit_is_refused() -> None:
    a, b = random_batch(6, 4, seed=0)
    loss = InfoNCE(0.2)
    with pytest.raises(ShapeError, match=r"InfoNCE: a is \(6, 4\) but negatives is \(9, 5\).*hand over \(K, 4\)"):
        loss(a, b, negatives=entries(9, 5))
    with pytest.raises(TooFewRows, match=r"negatives has 0 rows, 1 is needed. While the queue is empty, leave"):
        loss(a, b, negatives=entries(0, 4))
    with pytest.raises(ShapeError, match=r"negatives has dtype torch.int64"):
        loss.pair_weights(a, b, negatives=torch.ones(9, 4, dtype=torch.long))
    with pytest.raises(DeviceMismatch, match=r"negatives is on meta. Use negatives.to\(a.device\)"):
        info_nce(a, b, temperature=0.2, negatives=entries(9, 4).to("meta"))
    with pytest.raises(
        ArgumentError, match=r"negatives is missing, and it was made with queue=9. Call it as loss\(q, k"
    ):
        InfoNCE(queue=9)(a, b)
    with pytest.raises(ArgumentError, match=r"InfoNCE: queue is 0. It must be a whole number, 1 or above"):
        InfoNCE(queue=0)
