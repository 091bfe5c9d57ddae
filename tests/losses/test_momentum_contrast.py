from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.losses.case import Case
from tests.reference import momentum_contrast as slow
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import InfoNCE, MomentumContrast, info_nce, momentum_contrast


def themselves(*views: Tensor) -> dict[str, tuple[Tensor, ...]]:
    return {"targets": tuple(view.detach().clone() for view in views)}


CASES = [
    Case(MomentumContrast, themselves),
    Case(lambda: MomentumContrast(0.5, views=3), themselves, views=3, label="MoCo v3, 3 views"),
]


def several(views: int, batch: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, dim, generator=generator, dtype=torch.float64).to(dtype) for _ in range(views)]


@pytest.mark.parametrize(("views", "targets"), [(2, 2), (2, 1), (3, 3), (4, 2)])
@pytest.mark.parametrize(("batch", "dim", "temperature"), [(2, 3, 0.2), (6, 4, 0.07), (5, 1, 1.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(views, targets, batch, dim, temperature, dtype):
    q, k = several(views, batch, dim, 1, dtype), several(targets, batch, dim, 2, dtype)
    close = 1e-9 if dtype == torch.float64 else 1e-4
    for own, other in ((q, k), (q[::-1], k[::-1])):
        found = momentum_contrast(*own, targets=tuple(other), temperature=temperature)
        assert float(found) == pytest.approx(slow.momentum_contrast(own, other, temperature), abs=close)


def test_two_views_are_both_directions_of_info_nce():
    (a, b), (ka, kb) = several(2, 7, 4, 1), several(2, 7, 4, 2)
    found = momentum_contrast(a, b, targets=(ka, kb), temperature=0.3)
    expected = (info_nce(a, kb, temperature=0.3) + info_nce(b, ka, temperature=0.3)) / 2
    torch.testing.assert_close(found, expected)
    authors = 2 * 0.3 * (info_nce(a, kb, temperature=0.3) + info_nce(b, ka, temperature=0.3))
    torch.testing.assert_close(4 * 0.3 * found, authors)
    assert MomentumContrast(0.3).floor(7, 4) == InfoNCE(0.3).floor(7, 4)
    assert MomentumContrast().chance(256, 8) == pytest.approx(math.log(256))


def test_no_gradient_enters_the_targets():
    q, k = several(2, 5, 4, 1), [z.requires_grad_() for z in several(2, 5, 4, 2)]
    view = q[0].clone().requires_grad_()
    MomentumContrast()(view, q[1], targets=tuple(k)).backward()
    assert float(view.grad.abs().sum()) > 0
    assert all(z.grad is None for z in k)


def test_a_view_is_not_compared_with_its_own_target():
    q, k = several(2, 5, 4, 1), several(2, 5, 4, 2)
    weights = MomentumContrast().pair_weights(*q, targets=tuple(k))
    assert weights.shape == (10, 20)
    assert float(weights[:, :10].abs().sum()) == float(weights[:5, 10:15].abs().sum()) == 0
    assert float(weights[5:, 15:].abs().sum()) == 0
    assert float(weights[:5, 15:].abs().sum()) > 0
    torch.testing.assert_close(weights.sum(1), torch.zeros(10, dtype=torch.float64))


def test_the_words_of_errors():
    q = several(2, 5, 4, 1)
    with pytest.raises(ArgumentError, match=r"targets is missing\. Call it as loss\(z1, z2, targets=targets\)"):
        MomentumContrast()(*q)
    with pytest.raises(ShapeError, match=r"MoCo v3: 1 view came, 2 or more are needed"):
        MomentumContrast()(q[0], targets=(q[0],))
    with pytest.raises(ArgumentError, match=r"temperature is 0"):
        MomentumContrast(temperature=0)
    with pytest.raises(ArgumentError, match=r"views is 1"):
        MomentumContrast(views=1)
