from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import multi_view as slow
from tests.reference.multi_view import several
from vergence.errors import ArgumentError, ShapeError
from vergence.geometry import unit
from vergence.losses import MVDHEL, mv_dhel
from vergence.losses.weighting import by_autograd

CASES = [
    Case(lambda: MVDHEL(0.5)),
    Case(lambda: MVDHEL(0.2, 3), views=3, label="MV-DHEL, 3 views"),
]


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.03])
@pytest.mark.parametrize(("views", "batch", "dim"), [(2, 2, 1), (2, 6, 4), (3, 5, 2), (5, 3, 7)])
def test_agrees_with_the_loops_in_both_orders(temperature: float, views: int, batch: int, dim: int) -> None:
    z = several(views, batch, dim, seed=batch)
    for own in (z, z[::-1]):
        expected = slow.mv_dhel(own, temperature)
        assert float(mv_dhel(*own, temperature=temperature)) == pytest.approx(expected, abs=1e-9)
        assert float(MVDHEL(temperature, views)(*own)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 0.05, 0.01])
def test_single_precision_agrees_with_the_loops(temperature: float) -> None:
    z = several(3, 8, 6, seed=3, dtype=torch.float32)
    found = mv_dhel(*z, temperature=temperature)
    assert float(found) == pytest.approx(slow.mv_dhel(z, temperature), rel=2e-5, abs=2e-5)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_two_views_are_dhel(seed: int, temperature: float) -> None:
    a, b = (normalize(view) for view in several(2, 6, 4, seed))
    off = ~torch.eye(6, dtype=torch.bool)
    crowding = [((z @ z.T / temperature).exp() * off).sum(1).log() for z in (a, b)]
    expected = crowding[0] + crowding[1] - (a * b).sum(1) / temperature
    assert float(mv_dhel(a, b, temperature=temperature)) == pytest.approx(float(expected.mean()), rel=1e-10, abs=1e-10)


def test_pull_and_push_are_decoupled() -> None:
    a, b, c = several(3, 5, 4)
    turned = b @ torch.linalg.qr(torch.ones(4, 4, dtype=torch.float64) + torch.eye(4, dtype=torch.float64)).Q
    loss = MVDHEL(0.3, 3)
    before, after = loss.terms(a, b, c), loss.terms(a, turned, c)
    # A view that is turned by itself is as crowded as before, and only the alignment changes.
    assert float(after["push"]) == pytest.approx(float(before["push"]), abs=1e-10)
    assert abs(float(after["pull"] - before["pull"])) > 0.1


@pytest.mark.parametrize("views", [2, 3])
def test_pair_weights_are_the_gradient_of_the_cosines(views: int) -> None:
    z = several(views, 5, 4, seed=2)
    view, sample = torch.arange(views).repeat_interleave(5), torch.arange(5).repeat(views)
    same_view, same_sample = view[:, None] == view, sample[:, None] == sample

    def of_cosines(s: Tensor) -> Tensor:
        e = (s / 0.2).exp()
        top = (e * (~same_view & same_sample)).sum(1).view(views, 5).sum(0) / 2
        return ((e * (same_view & ~same_sample)).sum(1).log().view(views, 5).sum(0) - top.log()).mean()

    found = MVDHEL(0.2, views).pair_weights(*z)
    torch.testing.assert_close(found, by_autograd(of_cosines, *z))
    assert float(found[~same_view & ~same_sample].abs().sum()) == 0
    # Each sample is pushed by V and pulled by 1, in units of 1 / (N T).
    assert float(found.clamp_min(0).sum()) == pytest.approx(views / 0.2)
    assert float(found.clamp_max(0).sum()) == pytest.approx(-1 / 0.2)


@pytest.mark.parametrize("views", [2, 4])
def test_floor_is_what_random_directions_with_aligned_views_read(views: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [unit(torch.randn(256, 16, generator=generator, dtype=torch.float64)) for _ in range(8)]
    read = [float(mv_dhel(*[z] * views, temperature=0.5)) for z in rows]
    assert sum(read) / 8 == pytest.approx(MVDHEL(0.5, views).floor(256, 16), abs=0.01 * views)


def test_chance_and_words() -> None:
    loss = MVDHEL(0.25, 3)
    assert loss.chance(9, 4) == pytest.approx(3 * math.log(8) - math.log(3) + 2 / 0.25)
    assert loss.reference_words(9, 4) == {"chance": "τ 0.25", "floor": "τ 0.25"}
    assert loss.chance(1, 4) is None
    assert loss.floor(1, 4) is None
    assert loss.reference_words(1, 4) == {}
    (a,) = several(1, 4, 3)
    assert float(loss.terms(a, a, a)["pull"]) == pytest.approx(-4 - math.log(3))


def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = several(3, 4, 3)
    with pytest.raises(ShapeError, match=r"MV-DHEL: 2 views came, 3 are needed"):
        MVDHEL(views=3)(a, b)
    with pytest.raises(ArgumentError, match=r"MVDHEL: views is 1"):
        MVDHEL(views=1)
