from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import soft_contrast as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, TooFewRows
from vergence.losses import InfoNCE, SoftContrast, info_nce, several_views, soft_contrast, soft_targets
from vergence.losses.weighting import by_autograd


def taught(*views: Tensor) -> dict[str, tuple[Tensor, ...]]:
    return {"targets": tuple(view.detach().roll(1, 1) for view in views)}


def with_queue(*views: Tensor) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(9)
    queue = torch.randn(9, views[0].shape[1], generator=generator, dtype=torch.float64)
    return {"negatives": queue.to(views[0].dtype)}


# The targets follow the keys but get no gradient, so the loss is no function whose gradient can be checked by steps;
# the cases with a teacher are.
CASES = [
    Case(SoftContrast, smooth=False, rows=3),
    Case(lambda: SoftContrast(0.2, 0.1, 5), taught, rotates=False, rows=3, collapse=False, label="ASCL taught"),
    Case(
        lambda: SoftContrast(0.2, 0.1, 5),
        with_queue,
        rotates=False,
        smooth=False,
        collapse=False,
        label="ASCL queue",
    ),
]


@pytest.mark.parametrize(("temperature", "sharp"), [(1.0, 0.5), (0.1, 0.05), (0.05, 0.02)])
@pytest.mark.parametrize("neighbours", [0, 1, 7.5])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_agrees_with_the_loops_in_both_orders(
    temperature: float, sharp: float, neighbours: float, dtype: torch.dtype
) -> None:
    a, b = random_batch(6, 4, seed=1, dtype=dtype)
    queue = random_batch(5, 4, seed=2, dtype=dtype)[0]
    given = {"temperature": temperature, "target_temperature": sharp, "neighbours": neighbours}
    close = 1e-9 if dtype == torch.float64 else 1e-4
    for x, y in ((a, b), (b, a)):
        expected = slow.soft_contrast(x, y, temperature, sharp, neighbours)
        assert float(soft_contrast(x, y, **given)) == pytest.approx(expected, abs=close)
        expected = slow.soft_contrast(x, y, temperature, sharp, neighbours, queue)
        assert float(soft_contrast(x, y, **given, negatives=queue)) == pytest.approx(expected, abs=close)
        back = slow.soft_contrast(y, x, temperature, sharp, neighbours, queue)
        found = SoftContrast(temperature, sharp, neighbours)(x, y, negatives=queue)
        assert float(found) == pytest.approx((expected + back) / 2, abs=close)
        expected = [slow.soft_contrast(z, z, temperature, sharp, neighbours) for z in (x, y)]
        found = SoftContrast(temperature, sharp, neighbours)(x, y, targets=(y, x))
        assert float(found) == pytest.approx(sum(expected) / 2, abs=close)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_without_neighbours_it_is_info_nce(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 4, seed)
    found = soft_contrast(a, b, temperature=temperature, target_temperature=0.1, neighbours=0)
    assert float(found) == pytest.approx(float(info_nce(a, b, temperature=temperature)), rel=1e-10, abs=1e-10)
    weights = SoftContrast(temperature, 0.1, 0).pair_weights(a, b)
    back = InfoNCE(temperature).pair_weights(b, a).roll((6, 6), (0, 1))
    torch.testing.assert_close(weights, (InfoNCE(temperature).pair_weights(a, b) + back) / 2)


def test_where_all_others_look_alike_it_is_info_nce() -> None:
    # Keys on the corners of a simplex: nobody is nearer than anybody else, so nothing is known.
    keys = torch.eye(5, dtype=torch.float64) - 0.2
    a = random_batch(5, 5, seed=0)[0]
    targets, confidence = soft_targets(keys, temperature=0.05, neighbours=5)
    torch.testing.assert_close(targets, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(confidence, torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-12)
    found = soft_contrast(a, keys, temperature=0.1, target_temperature=0.05, neighbours=5)
    torch.testing.assert_close(found, info_nce(a, keys, temperature=0.1))


def test_a_true_twin_shares_the_target_evenly() -> None:
    keys = torch.eye(6, dtype=torch.float64)
    keys[5] = keys[2]
    targets, confidence = soft_targets(keys, temperature=0.01, neighbours=1)
    expected = torch.eye(6, dtype=torch.float64)
    for one, other in ((2, 2), (2, 5), (5, 2), (5, 5)):
        expected[one, other] = 0.5
    torch.testing.assert_close(targets, expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(confidence, torch.tensor([0, 0, 1, 0, 0, 1], dtype=torch.float64), rtol=0, atol=1e-9)


def test_planted_copies_hold_the_mass() -> None:
    # Four copies of each of 24 items: by chance 3 of 95 others are copies.
    generator = torch.Generator().manual_seed(0)
    items = torch.randn(24, 16, generator=generator, dtype=torch.float64).repeat(4, 1)
    keys = items + 0.1 * torch.randn(96, 16, generator=generator, dtype=torch.float64)
    targets, _ = soft_targets(keys, temperature=0.05, neighbours=3)
    same = torch.arange(24).repeat(4)
    copy = (same[:, None] == same) & ~torch.eye(96, dtype=torch.bool)
    moved = targets.masked_fill(torch.eye(96, dtype=torch.bool), 0)
    assert float((moved * copy).sum() / moved.sum()) > 20 * 3 / 95
    assert (targets.diagonal() >= moved.amax(1)).all()


@given(seed=st.integers(0, 10_000), neighbours=st.floats(0.0, 20.0))
@settings(max_examples=15)
def test_targets_sum_to_one_and_confidence_lies_between_zero_and_one(seed: int, neighbours: float) -> None:
    keys, queue = random_batch(6, 4, seed)[0], random_batch(9, 4, seed + 1)[0]
    for others, shape in ((None, (6, 6)), (queue, (6, 10))):
        targets, confidence = soft_targets(keys, others, temperature=0.1, neighbours=neighbours)
        assert targets.shape == shape
        torch.testing.assert_close(targets.sum(1), torch.ones(6, dtype=torch.float64))
        assert ((confidence >= 0) & (confidence <= 1)).all()
    turn = rotation(4, seed)
    turned, _ = soft_targets(3 * keys @ turn, queue @ turn, temperature=0.1, neighbours=neighbours)
    torch.testing.assert_close(turned, targets)


@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("teacher", [False, True])
def test_pair_weights_are_the_gradient_of_the_cosines(queue: bool, teacher: bool) -> None:
    a, b = random_batch(5, 4, seed=1)
    t = random_batch(5, 4, seed=2)
    negatives = random_batch(7, 4, seed=3)[0] if queue else None
    loss = SoftContrast(0.2, 0.1, 3)
    start = 10 if teacher else 0

    def of_cosines(s: Tensor) -> Tensor:
        ways = []
        for rows, keys, columns in ((0, t[1] if teacher else b, start + 5), (5, t[0] if teacher else a, start)):
            wanted, _ = soft_targets(keys, negatives, temperature=0.1, neighbours=3)
            own, beyond = s[rows : rows + 5, columns : columns + 5], s[rows : rows + 5, start + 10 :]
            logits = torch.cat([own.diagonal()[:, None], beyond], dim=1) if queue else own
            ways.append(-(wanted * torch.log_softmax(logits / 0.2, dim=1)).sum(1).mean())
        return (ways[0] + ways[1]) / 2

    further = [*(t if teacher else ()), *([negatives] if negatives is not None else ())]
    found = loss.pair_weights(a, b, targets=t if teacher else None, negatives=negatives)
    expected = by_autograd(of_cosines, a, b, further=torch.cat(further) if further else None)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found.sum(1), torch.zeros(10, dtype=torch.float64))


def test_neither_teacher_nor_queue_gets_a_gradient_and_the_keys_get_that_of_the_logits() -> None:
    a, b = (view.requires_grad_() for view in random_batch(5, 4, seed=1))
    others = [view.requires_grad_() for view in random_batch(5, 4, seed=2)]
    loss = SoftContrast()
    taught_and_queued = loss(a, b, targets=tuple(others), negatives=others[0])
    found = torch.autograd.grad(taught_and_queued, (a, b, *others), allow_unused=True)
    assert all(gradient is not None for gradient in found[:2])
    assert found[2:] == (None, None)
    wanted, _ = soft_targets(b, temperature=0.05, neighbours=1)
    plain = -(wanted * torch.log_softmax(normalize(a) @ normalize(b).T / 0.1, dim=1)).sum(1).mean()
    value = soft_contrast(a, b, temperature=0.1, target_temperature=0.05, neighbours=1)
    for one, other in zip(torch.autograd.grad(value, (a, b)), torch.autograd.grad(plain, (a, b)), strict=True):
        torch.testing.assert_close(one, other)


def test_blocks_give_the_same_value_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (view.requires_grad_() for view in random_batch(9, 4, seed=1))
    loss = SoftContrast(0.2, 0.1, 3)
    at_once = torch.autograd.grad(loss(a, b), (a, b))
    monkeypatch.setattr(several_views, "AT_ONCE", 20)  # blocks of two rows
    for whole, pieces in zip(at_once, torch.autograd.grad(loss(a, b), (a, b)), strict=True):
        torch.testing.assert_close(pieces, whole)


def test_a_zero_row_does_not_poison_the_batch() -> None:
    a, b = random_batch(6, 4, seed=0, dtype=torch.float32)
    a[2], b[3] = 0, 0
    a.requires_grad_()
    value = SoftContrast()(a, b)
    value.backward()
    assert math.isfinite(float(value.detach()))
    assert torch.isfinite(a.grad).all()


def test_chance_and_words() -> None:
    assert SoftContrast().chance(256, 128) == pytest.approx(math.log(256))
    assert SoftContrast().reference_words(256, 128) == {"chance": "ln 256"}
    z = torch.ones(5, 3, dtype=torch.float64)
    assert float(SoftContrast()(z, z, negatives=z)) == pytest.approx(math.log(6))


def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = golden_batch()
    loss = SoftContrast()
    with pytest.raises(TooFewRows, match=r"ASCL: the batch has 2 rows, 3 are needed: .*negatives=queue"):
        loss(a[:2], b[:2])
    assert math.isfinite(float(loss(a[:2], b[:2], negatives=a)))
    with pytest.raises(TooFewRows, match=r"negatives has 1 row, 2 are needed"):
        loss(a, b, negatives=a[:1])
    with pytest.raises(ShapeError, match=r"negatives is \(8, 4\) but the keys are \(8, 6\)"):
        loss(a, b, negatives=a[:, :4])
    with pytest.raises(ShapeError, match=r"targets has 1 entry. The keys of a view are the target of the other"):
        loss(a, b, targets=(a,))
    with pytest.raises(DeviceMismatch, match=r"z1 is on cpu but negatives is on meta"):
        loss(a, b, negatives=a.to("meta"))
    with pytest.raises(ArgumentError, match=r"soft_targets: neighbours is -1"):
        soft_targets(a, temperature=0.1, neighbours=-1)
    with pytest.raises(ShapeError, match=r"ASCL: targets is"):
        loss(a, b, targets=(a, b, a))
    with pytest.raises(ArgumentError, match=r"soft_contrast: target_temperature is 0"):
        soft_contrast(a, b, temperature=0.1, target_temperature=0, neighbours=1)
    with pytest.raises(TooFewRows, match=r"soft_contrast: the batch has 2 rows"):
        soft_contrast(a[:2], b[:2], temperature=0.1, target_temperature=0.1, neighbours=1)
