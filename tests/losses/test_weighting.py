from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from tests.reference import weighting as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.losses import InfoNCE, NTXent, VICReg
from vergence.losses.weighting import by_autograd, pair_weights


def nt_xent_of(s: Tensor) -> Tensor:
    """NT-Xent at T 0.3 as a function of the cosine matrix."""
    n = len(s)
    logits = (s / 0.3).masked_fill(torch.eye(n, dtype=torch.bool), -math.inf)
    return cross_entropy(logits, torch.arange(n).roll(n // 2))


def test_agrees_with_moving_one_cosine_at_a_time() -> None:
    a, b = random_batch(3, 4, seed=0)
    queue, _ = random_batch(2, 4, seed=1)

    def slowly(s: list[list[float]]) -> float:
        return math.fsum((1 + j) * x**3 * s[0][0] for line in s for j, x in enumerate(line))

    def fast(s: Tensor) -> Tensor:
        return ((1 + torch.arange(s.shape[1])) * s**3 * s[0, 0]).sum()

    for further, columns in ((None, torch.cat([a, b])), (queue, torch.cat([a, b, queue]))):
        expected = torch.tensor(slow.pair_weights(slowly, torch.cat([a, b]), columns), dtype=torch.float64)
        torch.testing.assert_close(by_autograd(fast, a, b, further=further), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_closed_form(dtype: torch.dtype) -> None:
    a, b = random_batch(7, 5, seed=2, dtype=dtype)
    closed = pair_weights(NTXent(0.3), a, b)
    torch.testing.assert_close(by_autograd(nt_xent_of, a, b), closed, rtol=1e-5, atol=1e-7)


def test_views_of_any_number_come_in_order() -> None:
    a, b = random_batch(3, 4, seed=3)
    c, _ = random_batch(3, 4, seed=4)
    weights = by_autograd(lambda s: s[0, 7] - 2 * s[8, 3], a, b, c)
    expected = torch.zeros(9, 9, dtype=torch.float64)
    expected[0, 7], expected[8, 3] = 1, -2
    torch.testing.assert_close(weights, expected)
    assert by_autograd(lambda s: s.sum(), a).shape == (3, 3)
    assert by_autograd(lambda s: s.sum(), a, b, further=torch.cat([c, c])).shape == (6, 12)


def test_nothing_that_comes_in_gets_a_gradient() -> None:
    a, b = (z.requires_grad_() for z in random_batch(4, 3, seed=5))
    bias = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
    weights = by_autograd(lambda s: (bias * s).sigmoid().sum(), a, b)
    assert not weights.requires_grad
    assert a.grad is None
    assert b.grad is None
    assert bias.grad is None


def test_works_where_no_gradients_are_recorded() -> None:
    a, b = random_batch(4, 3, seed=6)
    expected = by_autograd(nt_xent_of, a, b)
    with torch.no_grad():
        torch.testing.assert_close(by_autograd(nt_xent_of, a, b), expected)
    with torch.inference_mode():
        torch.testing.assert_close(by_autograd(nt_xent_of, a.clone(), b.clone()), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single_also_under_autocast(dtype: torch.dtype) -> None:
    a, b = random_batch(4, 3, seed=7, dtype=dtype)
    expected = by_autograd(nt_xent_of, a.float(), b.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = by_autograd(nt_xent_of, a, b)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_nan_comes_through_and_zero_rows_poison_nothing() -> None:
    a, b = random_batch(4, 3, seed=8)
    a[1, 2] = math.nan
    assert by_autograd(nt_xent_of, a, b).isnan().any()
    a[1] = 0
    assert by_autograd(nt_xent_of, a, b).isfinite().all()


def test_softmax_weights_of_an_anchor_cancel() -> None:
    # What the partner gains, the negatives lose: the reading of InfoNCE in the paper of general pair weighting.
    a, b = random_batch(6, 4, seed=9)
    weights = pair_weights(InfoNCE(0.2), a, b)[:6, 6:]
    torch.testing.assert_close(weights.sum(1), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1e-15)
    torch.testing.assert_close(weights.clamp_min(0).sum(1), -weights.diagonal())


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match="VICReg is no function of cosines"):
        pair_weights(VICReg(), a, b)
    with pytest.raises(ArgumentError, match="has no pair_weights"):
        pair_weights(nn.MSELoss(), a, b)
    with pytest.raises(ShapeError, match=r"no view came"):
        by_autograd(nt_xent_of)
    with pytest.raises(ShapeError, match=r"returned \(8, 8\)"):
        by_autograd(lambda s: 2 * s, a, b)
    with pytest.raises(ArgumentError, match="does not depend"):
        by_autograd(lambda s: s.detach().sum(), a, b)
    with pytest.raises(ShapeError, match="z2 is"):
        by_autograd(nt_xent_of, a, b[:2])
    with pytest.raises(ShapeError, match="further is"):
        by_autograd(nt_xent_of, a, b, further=normalize(torch.rand(3, 5)))
    with pytest.raises(DeviceMismatch, match="further is on meta"):
        by_autograd(nt_xent_of, a, b, further=torch.rand(3, 3, device="meta"))
