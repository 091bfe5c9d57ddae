from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import targets as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.losses import BYOL, SimSiam, byol, sim_siam


def themselves(*views: Tensor) -> dict[str, tuple[Tensor, ...]]:
    return {"targets": tuple(view.detach().clone() for view in views)}


# Collapse reads the least value there is, not chance: that is the point of these losses.
CASES = [
    Case(BYOL, themselves, golden=0.0724277263, collapse=False, rows=1),
    Case(SimSiam, themselves, golden=-0.9637861368, collapse=False, rows=1),
    Case(lambda: BYOL(views=3), themselves, views=3, collapse=False, rows=1, label="BYOL, 3 views"),
]

both = pytest.mark.parametrize("kind", [BYOL, SimSiam])


def several(views: int, batch: int, dim: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, dim, generator=generator, dtype=torch.float64).to(dtype) for _ in range(views)]


@pytest.mark.parametrize(("views", "targets"), [(2, 2), (2, 1), (3, 3), (4, 2), (5, 1)])
@pytest.mark.parametrize(("batch", "dim"), [(1, 3), (4, 1), (7, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(
    views: int, targets: int, batch: int, dim: int, dtype: torch.dtype
) -> None:
    p, t = several(views, batch, dim, 1, dtype), several(targets, batch, dim, 2, dtype)
    close = 1e-9 if dtype == torch.float64 else 1e-5
    for own, other in ((p, t), (p[::-1], t[::-1])):
        assert float(byol(*own, targets=tuple(other))) == pytest.approx(slow.byol(own, other), abs=close)
        assert float(sim_siam(*own, targets=tuple(other))) == pytest.approx(slow.sim_siam(own, other), abs=close)


def test_the_forms_in_use_differ_by_a_known_amount() -> None:
    a, b, _ = golden_batch()
    t = (b.roll(1, 0), a.roll(1, 0))
    value = float(byol(a, b, targets=t))
    assert float(sim_siam(a, b, targets=t)) == pytest.approx(value / 2 - 1, abs=1e-12)
    # Equation 2 of the paper is a squared distance; its sum over both directions is twice the mean.
    directions = [(normalize(q) - normalize(z)).square().sum(1).mean() for q, z in ((a, t[1]), (b, t[0]))]
    assert float(sum(directions)) == pytest.approx(2 * value, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_collapse_reads_the_least_value(dtype: torch.dtype) -> None:
    z = torch.linspace(-1, 2, 5, dtype=dtype).expand(6, 5)
    assert float(byol(z, z, targets=(z, 3 * z))) == pytest.approx(BYOL().floor(6, 5), abs=1e-6)
    assert float(sim_siam(z, z, targets=(z, 3 * z))) == pytest.approx(SimSiam().floor(6, 5), abs=1e-6)


@both
def test_chance_is_what_directions_that_know_nothing_read(kind: type) -> None:
    p, t = several(2, 4000, 16, 3), several(2, 4000, 16, 4)
    loss = kind()
    assert float(loss(*p, targets=tuple(t))) == pytest.approx(loss.chance(4000, 16), abs=0.02)
    assert loss.reference_words(8, 4) == {"chance": "unrelated", "floor": "agreement or collapse"}


@both
def test_the_gradient_stops_at_the_targets_unless_told_otherwise(kind: type) -> None:
    p, t = several(2, 5, 4, 5), [z.requires_grad_() for z in several(2, 5, 4, 6)]
    loss = kind()
    view = p[0].clone().requires_grad_()
    loss(view, p[1], targets=tuple(t)).backward()
    assert view.grad is not None
    assert all(z.grad is None for z in t)
    loss.stop_gradient = False
    loss(view, p[1], targets=tuple(t)).backward()
    assert all(float(z.grad.abs().sum()) > 0 for z in t)
    assert kind(stop_gradient=False).stop_gradient is False
    open_ended = [z.detach().requires_grad_() for z in t]
    assert torch.autograd.gradcheck(lambda *z: loss(*p, targets=z), open_ended)


@given(seed=st.integers(0, 10_000), views=st.integers(2, 4))
def test_a_view_never_meets_its_own_target(seed: int, views: int) -> None:
    # With targets at right angles to everything but their own view, every pair reads 2.
    axes = rotation(2 * views, seed)
    p = [axes[v].expand(3, -1) for v in range(views)]
    assert float(byol(*p, targets=tuple(p))) == pytest.approx(2.0, abs=1e-9)


@both
@pytest.mark.parametrize(("views", "targets"), [(2, 2), (3, 2), (3, 1)])
def test_pair_weights_have_the_columns_of_the_targets(kind: type, views: int, targets: int) -> None:
    p, t = (tuple(normalize(z) for z in several(count, 4, 3, count)) for count in (views, targets))
    loss = kind(views=views)
    weights = loss.pair_weights(*[z.requires_grad_() for z in p], targets=t)
    assert weights.shape == (4 * views, 4 * (views + targets))
    assert not weights.requires_grad
    (gradient,) = torch.autograd.grad(loss(*p, targets=t), (p[0],))
    along = (weights @ torch.cat([*p, *t]))[:4].detach()
    across = [row - (row * p[0]).sum(1, keepdim=True) * p[0] for row in (along, gradient)]
    torch.testing.assert_close(*across)
    assert float(weights.sum()) == pytest.approx(-2.0 if kind is BYOL else -1.0)


def test_a_zero_row_does_not_poison_the_batch() -> None:
    p = several(2, 4, 3, 7, torch.float32)
    p[0][1] = 0
    p[0].requires_grad_()
    value = byol(*p, targets=(p[1], p[0].detach()))
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(p[0].grad).all()


def test_what_does_not_fit_is_refused_in_words() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ShapeError, match=r"byol: 1 view came, 2 or more are needed: .*targets=\(t1, t2\)"):
        byol(a, targets=(a,))
    with pytest.raises(ShapeError, match=r"byol: targets is 3 entries for 2 views"):
        byol(a, b, targets=(a, b, a))
    with pytest.raises(ShapeError, match=r"byol: targets is 0 entries"):
        byol(a, b, targets=())
    with pytest.raises(ShapeError, match=r"sim_siam: targets is \(4, 3\) for 2 views. It must be a tuple"):
        sim_siam(a, b, targets=b)
    with pytest.raises(ShapeError, match=r"z1 is \(4, 3\) but targets\[1\] is \(4, 2\)"):
        byol(a, b, targets=(a, b[:, :2]))
    with pytest.raises(DeviceMismatch, match=r"targets\[0\] is on meta"):
        byol(a, b, targets=(a.to("meta"), b))
    with pytest.raises(ArgumentError, match=r"SimSiam: views is 1. It must be a whole number, 2 or above"):
        SimSiam(views=1)
    with pytest.raises(ArgumentError, match=r"BYOL: targets is missing. Call it as loss\(z1, z2, targets=targets\)"):
        BYOL()(a, b)
