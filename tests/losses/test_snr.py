from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.losses.case import Case
from tests.reference import snr as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, UnknownName
from vergence.losses import SNRContrastive, snr_contrastive, snr_distance


def in_threes(*views: Tensor) -> dict[str, Tensor]:
    return {"labels": torch.arange(len(views[0])) % 3}


CASES = [
    Case(SNRContrastive, rotates=False, lengths=False),
    Case(lambda: SNRContrastive(3.0), more=in_threes, rotates=False, lengths=False, label="SNR, labels"),
]


def test_golden_value_and_that_it_is_not_symmetric() -> None:
    a, b, _ = golden_batch()
    assert float(snr_distance(a, b)[0, 0]) == pytest.approx(0.1098327185, abs=1e-10)
    assert float(snr_distance(b, a)[0, 0]) == pytest.approx(0.0705, abs=1e-4)


@pytest.mark.parametrize("dim", [2, 5, 40])
def test_distance_agrees_with_the_loops(dim: int) -> None:
    a, _ = random_batch(4, dim, seed=dim)
    b, _ = random_batch(3, dim, seed=dim + 1)
    found = snr_distance(a, b)
    expected = torch.tensor([[slow.snr_distance(x, y) for y in b.tolist()] for x in a.tolist()], dtype=torch.float64)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(snr_distance(a.float(), b.float()), expected.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("margin", [0.2, 1.0, 5.0])
@pytest.mark.parametrize(("batch", "dim"), [(3, 2), (4, 6), (9, 3)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, margin: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    for labels in (None, torch.arange(batch) % 2):
        ids = (torch.arange(batch) if labels is None else labels).repeat(2).tolist()
        for first, second in ((a, b), (b, a)):
            expected = slow.snr_contrastive(torch.cat([first, second]), ids, margin)
            assert float(snr_contrastive(first, second, labels=labels, margin=margin)) == pytest.approx(expected)
            single = snr_contrastive(first.float(), second.float(), labels=labels, margin=margin)
            assert float(single) == pytest.approx(expected, rel=1e-4)


@given(seed=st.integers(0, 10_000), shift=st.floats(-5, 5), factor=st.floats(0.1, 10))
def test_blind_to_a_constant_on_rows_and_to_one_factor_on_all(seed: int, shift: float, factor: float) -> None:
    a, b = random_batch(5, 6, seed)
    value = float(snr_contrastive(a, b))
    assert float(snr_contrastive(factor * a, factor * b)) == pytest.approx(value, rel=1e-8)
    assert float(snr_contrastive(a + shift, b - 2 * shift)) == pytest.approx(value, rel=1e-8)


def test_ends_of_the_distance() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 300, 256, generator=generator, dtype=torch.float64)
    near = snr_distance(a, a + 3).diagonal()
    assert float(near.max()) < 1e-12
    assert float(snr_distance(a, -a).diagonal().mean()) == pytest.approx(4)
    assert float(snr_distance(a, b).median()) == pytest.approx(2, abs=0.05)


def test_chance_and_floor() -> None:
    loss = SNRContrastive(0.7)
    same = torch.linspace(0, 1, 6).expand(5, 6)
    assert float(loss(same, same)) == pytest.approx(loss.chance(5, 6)) == 0.7
    apart = torch.eye(6, dtype=torch.float64)
    assert float(loss(apart, apart)) == pytest.approx(loss.floor(6, 6), abs=1e-12)
    assert loss.chance(1, 6) == 0


def test_a_row_without_spread_is_far_and_poisons_nothing() -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 5, seed=1))
    flat = a.detach().clone()
    flat[0] = 0
    flat.requires_grad_()
    value = snr_contrastive(flat, b)
    gradient = torch.autograd.grad(value, (flat, b))
    assert float(value.detach()) > 1e6
    assert all(g.isfinite().all() for g in gradient)


def test_has_no_pair_weights() -> None:
    a, b = random_batch(4, 5, seed=1)
    assert SNRContrastive().pair_weights(a, b) is None


def test_leaves_labels_alone_where_it_is_told_to() -> None:
    a, b = random_batch(4, 3, seed=0)
    assert SNRContrastive().takes == ("labels",)
    with pytest.raises(UnknownName, match="labels"):
        SNRContrastive(labelled=False)(a, b, labels=torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(SNRContrastive(labelled=False)(a, b), SNRContrastive()(a, b))


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ShapeError, match="one number has no variance"):
        snr_contrastive(a[:, :1], b[:, :1])
    with pytest.raises(ShapeError, match="same dim"):
        snr_distance(a, b[:, :2])
    with pytest.raises(DeviceMismatch, match="b is on meta"):
        snr_distance(a, b.to("meta"))
    with pytest.raises(ArgumentError, match="margin is 0"):
        snr_contrastive(a, b, margin=0)
    with pytest.raises(ArgumentError, match="no pair is negative"):
        snr_contrastive(a, b, labels=torch.zeros(4, dtype=torch.long))
