from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.losses.case import Case
from tests.reference import sigreg as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.losses import LeJEPA, le_jepa, sigreg
from vergence.losses.sigreg import random_directions, sigreg_null


def fixed(dim: int) -> Tensor:
    """The same directions in every call."""
    return random_directions(dim, 5, generator=torch.Generator().manual_seed(dim), dtype=torch.float64)


def case(make: Callable[[], LeJEPA], label: str, views: int = 2) -> Case:
    """Its chance is every row 0, and not any constant."""
    return Case(make, views=views, rotates=False, lengths=False, collapse=False, label=label)


CASES = [
    case(lambda: LeJEPA(directions=torch.eye), "LeJEPA on the axes"),
    case(lambda: LeJEPA(0.5, directions=fixed), "LeJEPA"),
    case(lambda: LeJEPA(directions=fixed, views=3), "LeJEPA of 3 views", views=3),
    case(lambda: LeJEPA(directions=fixed, pooled=True), "LeJEPA pooled"),
]


def test_golden_value_on_the_six_axes() -> None:
    a, _, _ = golden_batch()
    axes = torch.eye(6, dtype=torch.float64)
    assert float(sigreg(a, axes)) == pytest.approx(0.4315390242, abs=1e-9)
    assert float(sigreg(a, -3 * axes)) == pytest.approx(0.4315390242, abs=1e-9)  # sign and length do not matter


@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (9, 4), (30, 3)])
@pytest.mark.parametrize("knots", [2, 17])
def test_agrees_with_the_complex_sum(batch: int, dim: int, knots: int) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    directions = fixed(dim)
    assert float(sigreg(a, directions, knots=knots)) == pytest.approx(slow.sigreg(a, directions, knots), rel=1e-10)
    for views in ((a, b), (b, a), (a, b, a - b)):
        expected = slow.le_jepa(views, directions, 0.3, knots)
        assert float(le_jepa(*views, directions=directions, weight=0.3, knots=knots)) == pytest.approx(
            expected, rel=1e-10
        )
        assert float(LeJEPA(0.3, knots=knots, directions=fixed)(*views)) == pytest.approx(expected, rel=1e-10)
    single = sigreg(a.float(), directions.float(), knots=knots)
    assert float(single) == pytest.approx(slow.sigreg(a, directions, knots), rel=1e-4, abs=1e-5)


def test_the_null_is_not_zero_and_does_not_depend_on_the_batch() -> None:
    assert sigreg_null() == pytest.approx(1.0525, abs=1e-4)
    generator = torch.Generator().manual_seed(0)
    for batch in (8, 64, 512):
        z = torch.randn(40, batch, 12, generator=generator)
        directions = random_directions(12, 32, generator=generator)
        found = sum(float(sigreg(one, directions)) for one in z) / len(z)
        assert found == pytest.approx(sigreg_null(), rel=0.1)


@pytest.mark.parametrize("batch", [2, 64])
def test_constant_zero_grows_with_the_batch(batch: int) -> None:
    zero = torch.zeros(batch, 5)
    assert float(sigreg(zero, torch.eye(5))) == pytest.approx(0.40205 * batch, rel=1e-4)
    for loss in (LeJEPA(0.2), LeJEPA(0.2, pooled=True)):
        assert float(loss(zero, zero)) == pytest.approx(loss.chance(batch, 5), rel=1e-5)
    assert LeJEPA().chance(batch, 5) == pytest.approx(0.05 * 0.40205 * batch, rel=1e-4)


def test_what_it_sees_and_what_it_misses() -> None:
    generator = torch.Generator().manual_seed(1)
    good = torch.randn(512, 8, generator=generator)
    directions = random_directions(8, 64, generator=generator)

    def reads(z: Tensor) -> float:
        return float(sigreg(z, directions))

    assert reads(good) < 1.6
    flat = good.clone()
    flat[:, 4:] = 0
    for bad in (0.3 * good, 3 * good, good + 1, good.sort(0).values, flat):
        assert reads(bad) > 5
    # Sums of many columns look Gaussian: the corners of a cube are nearly missed, but for the axes.
    assert reads(good.sign()) < 3
    assert float(sigreg(good.sign(), torch.eye(8))) > 5
    # Who is whose partner does not matter to it.
    assert reads(good[torch.randperm(512, generator=generator)]) == pytest.approx(reads(good), rel=1e-5)


def test_random_directions_are_drawn_anew_and_from_the_given_generator() -> None:
    a, b = random_batch(32, 6, seed=1)
    own = [float(LeJEPA(generator=torch.Generator().manual_seed(3))(a, b)) for _ in range(2)]
    assert own[0] == own[1]
    loss = LeJEPA(generator=torch.Generator().manual_seed(3))
    assert float(loss(a, b)) != float(loss(a, b))
    torch.manual_seed(5)
    first = float(LeJEPA()(a, b))
    torch.manual_seed(5)
    assert float(LeJEPA()(a, b)) == first
    turned = float(LeJEPA(1.0, slices=4096)(a @ rotation(6, 0), b @ rotation(6, 0)))
    assert turned == pytest.approx(float(LeJEPA(1.0, slices=4096)(a, b)), rel=0.05)


def test_gradients_first_and_second_and_the_memory_of_backward() -> None:
    a, b = (z.requires_grad_() for z in random_batch(5, 3, seed=1))
    assert torch.autograd.gradcheck(lambda x, y: le_jepa(x, y, directions=fixed(3), weight=0.3), (a, b))
    assert torch.autograd.gradgradcheck(lambda x, y: le_jepa(x, y, directions=fixed(3), weight=0.3), (a, b))
    kept: list[int] = []

    def keep(saved: Tensor) -> Tensor:
        kept.append(saved.numel())
        return saved

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        sigreg(torch.randn(100, 3, requires_grad=True), random_directions(3, 50))
    assert sum(kept) < 2 * 100 * 50  # the plain chain keeps 34 times that


def test_shares_end_at_agreement_alone_and_shape_alone() -> None:
    a, b = random_batch(6, 4, seed=0)
    assert float(LeJEPA(0.0, directions=torch.eye)(a, b)) == pytest.approx(float((a - b).square().mean()) / 4)
    shape = (float(sigreg(a, torch.eye(4))) + float(sigreg(b, torch.eye(4)))) / 2
    assert float(LeJEPA(1.0, directions=torch.eye)(a, b)) == pytest.approx(shape)
    pooled = float(sigreg(torch.cat([a, b]), torch.eye(4)))
    assert float(LeJEPA(1.0, directions=torch.eye, pooled=True)(a, b)) == pytest.approx(pooled)
    assert pooled != pytest.approx(shape, rel=0.1)
    assert list(LeJEPA().terms(a, b)) == ["invariance", "sigreg"]


def test_floor_is_what_agreeing_gaussian_views_read() -> None:
    z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    for loss in (LeJEPA(1.0, slices=512), LeJEPA(1.0, slices=512, pooled=True)):
        assert float(loss(z, z)) == pytest.approx(loss.floor(1000, 16), rel=0.25)
    assert LeJEPA().floor(64, 8) == pytest.approx(0.05 * 1.0525, abs=1e-4)
    assert LeJEPA().reference_words(64, 8) == {"chance": "all rows 0", "floor": "Gaussian"}


def test_impossible_arguments_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ArgumentError, match=r"LeJEPA: weight is 1.5. It is a share"):
        LeJEPA(1.5)
    with pytest.raises(ArgumentError, match=r"LeJEPA: slices is 0"):
        LeJEPA(slices=0)
    with pytest.raises(ArgumentError, match=r"sigreg: knots is 1"):
        sigreg(a, torch.eye(4), knots=1)
    with pytest.raises(ArgumentError, match=r"le_jepa: weight is nan"):
        le_jepa(a, b, directions=torch.eye(4), weight=math.nan)
    with pytest.raises(ShapeError, match=r"sigreg: directions is \(3, 3\) but the rows have 4 columns"):
        sigreg(a, torch.eye(3))
    with pytest.raises(ShapeError, match=r"At least one column"):
        sigreg(a, torch.ones(4, 0))
    with pytest.raises(DeviceMismatch, match=r"directions.to"):
        sigreg(a, torch.eye(4, device="meta"))
    with pytest.raises(ShapeError, match=r"LeJEPA: 1 view came, 2 or more are needed"):
        LeJEPA()(a)
