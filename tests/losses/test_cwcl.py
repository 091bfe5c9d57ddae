from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import towers as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import CWCL, clip, cwcl


def frozen(*views: Tensor) -> dict[str, tuple[Tensor, ...]]:
    """What decides who is alike: depends on the shape only, and is not as wide as the views."""
    rows = torch.arange(1.0, len(views[0]) + 1, dtype=torch.float64)[:, None]
    return {"targets": (torch.cos(rows * torch.arange(1, 4)).to(views[0].dtype),)}


CASES = [
    Case(lambda: CWCL(0.2, learned=False), frozen, symmetric=False),
    Case(lambda: CWCL(0.2, both=True).requires_grad_(False), frozen, label="CWCL, both ways, learned"),
]


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.07])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (3, 2), (9, 4), (5, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(
    batch: int, dim: int, temperature: float, both: bool, dtype: torch.dtype
) -> None:
    a, b = random_batch(batch, dim, batch + dim, dtype)
    close = 1e-9 if dtype == torch.float64 else 2e-5
    for x, y in ((a, b), (b, a)):
        expected = slow.cwcl(x, y, x, temperature, both)
        found = cwcl(x, y, temperature=temperature, both=both)
        assert float(found) == pytest.approx(expected, rel=close, abs=close)
        known = torch.cat([y, x.roll(1, 0)], 1)
        told = CWCL(temperature, learned=False, both=both)(x, y, targets=(known,))
        expected = slow.cwcl(x, y, known, temperature, both)
        assert float(told) == pytest.approx(expected, rel=close, abs=close)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.02, 5.0), both=st.booleans())
def test_identity_weights_return_clip(seed: int, temperature: float, both: bool) -> None:
    a, b = random_batch(6, 5, seed)
    found = cwcl(a, b, temperature=temperature, weights=torch.eye(6), both=both)
    assert float(found) == pytest.approx(float(clip(a, b, temperature=temperature)), rel=1e-10, abs=1e-10)


def test_weights_may_be_given_and_need_not_sum_to_one() -> None:
    a, b = random_batch(5, 4, seed=1)
    own = (1 + normalize(a) @ normalize(a).T) / 2
    expected = float(cwcl(a, b, temperature=0.3))
    assert float(cwcl(a, b, temperature=0.3, weights=own)) == pytest.approx(expected, rel=1e-12)
    assert float(cwcl(a, b, temperature=0.3, weights=7 * own)) == pytest.approx(expected, rel=1e-12)
    uneven = torch.rand(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = slow.cwcl(a, b, a, 0.3, True, uneven.tolist())
    assert float(cwcl(a, b, temperature=0.3, weights=uneven, both=True)) == pytest.approx(expected, rel=1e-9)


def test_opposite_items_are_no_partners_and_equal_ones_are_full_partners() -> None:
    # Two groups of directions, opposite in the frozen encoder: w is 1 within and 0 across.
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    b, _ = random_batch(4, 2, seed=2)
    groups = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)).double()
    assert float(cwcl(a, b, temperature=0.5)) == pytest.approx(
        float(cwcl(a, b, temperature=0.5, weights=groups)), rel=1e-12
    )


def test_no_gradient_enters_the_weights() -> None:
    a, b = (z.requires_grad_() for z in random_batch(5, 4, seed=3))
    held = ((1 + normalize(a) @ normalize(a).T) / 2).detach()
    expected = torch.autograd.grad(cwcl(a, b, temperature=0.3, weights=held), (a, b))
    found = torch.autograd.grad(cwcl(a, b, temperature=0.3), (a, b))
    torch.testing.assert_close(found, expected)
    known = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)).requires_grad_()
    CWCL()(a, b, targets=(known,)).backward()
    assert known.grad is None
    assert torch.autograd.gradcheck(lambda x, y: cwcl(x, y, temperature=0.3, weights=held), (a, b))


@pytest.mark.parametrize("both", [True, False])
def test_pair_weights_are_the_gradient_of_the_cosines(both: bool) -> None:
    a, b = random_batch(5, 3, seed=9)
    s = (normalize(a) @ normalize(b).T).requires_grad_()
    w = (1 + normalize(a) @ normalize(a).T) / 2
    w = w / w.sum(1, keepdim=True)
    back = w if both else torch.eye(5, dtype=torch.float64)
    value = -(w * (s / 0.2).log_softmax(1) + back * (s.T / 0.2).log_softmax(1)).sum() / 10
    (expected,) = torch.autograd.grad(value, (s,))
    found = CWCL(0.2, learned=False, both=both).pair_weights(a.requires_grad_(), b)
    torch.testing.assert_close(found[:5, 5:] + found[5:, :5].T, expected)
    torch.testing.assert_close(found.sum(1), torch.zeros(10, dtype=torch.float64), rtol=0, atol=1e-12)


def test_scale_words_and_settings() -> None:
    loss = CWCL()
    assert loss.chance(64, 8) == pytest.approx(math.log(64))
    assert loss.floor(64, 8) is None
    assert loss.reference_words(64, 8) == {"chance": "ln 64"}
    assert loss.temperature == pytest.approx(0.07)
    assert [name for name, _ in loss.named_parameters()] == ["log_scale"]


def test_what_does_not_fit_is_refused_in_words() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ShapeError, match=r"cwcl: weights is \(3, 4\) torch.float32 for 4 rows. .*\(4, 4\)"):
        cwcl(a, b, temperature=0.1, weights=torch.ones(3, 4))
    with pytest.raises(ShapeError, match=r"cwcl: weights is \(4, 4\) torch.int64"):
        cwcl(a, b, temperature=0.1, weights=torch.ones(4, 4, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"CWCL: targets is 2 entries. It must be a tuple of one tensor"):
        CWCL()(a, b, targets=(a, b))
    with pytest.raises(ShapeError, match=r"CWCL: targets is \(4, 3\)"):
        CWCL()(a, b, targets=a)
    with pytest.raises(ShapeError, match=r"CWCL: .* Both views need one row per sample"):
        CWCL()(a, b, targets=(a[:3],))
    with pytest.raises(ArgumentError, match="cwcl: temperature is 0"):
        cwcl(a, b, temperature=0.0)
