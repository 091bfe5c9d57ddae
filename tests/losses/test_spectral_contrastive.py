from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import spectral_contrastive as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, UnknownName
from vergence.losses import SpectralContrastive, spectral_contrastive
from vergence.losses.weighting import by_autograd

CASES = [
    Case(lambda: SpectralContrastive(rows="unit")),
    Case(lambda: SpectralContrastive(10.0), lengths=False, collapse=False, label="spectral contrastive clipped"),
    Case(lambda: SpectralContrastive(rows="free"), lengths=False, collapse=False, label="spectral contrastive free"),
]
FORMS: list[Any] = ["clipped", "unit", "free"]


@pytest.mark.parametrize("rows", FORMS)
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (9, 4), (5, 20)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, rows: Any) -> None:
    a, b = (0.5 * z for z in random_batch(batch, dim, seed=batch + dim))
    for limit in (1.0, 3.0):
        for first, second in ((a, b), (b, a)):
            expected = slow.spectral_contrastive(first, second, rows, limit)
            assert float(spectral_contrastive(first, second, rows=rows, limit=limit)) == pytest.approx(expected)
            assert float(SpectralContrastive(limit, rows=rows)(first, second)) == pytest.approx(expected)
            single = spectral_contrastive(first.float(), second.float(), rows=rows, limit=limit)
            assert float(single) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_long_rows_are_clipped_and_short_ones_are_not() -> None:
    a, b = (normalize(z) for z in random_batch(6, 4, seed=1))
    clipped = float(spectral_contrastive(a, b))
    assert float(spectral_contrastive(7 * a, 9 * b)) == pytest.approx(clipped)
    assert float(spectral_contrastive(a, b, rows="unit")) == pytest.approx(clipped)
    assert float(spectral_contrastive(a, b, rows="free")) == pytest.approx(clipped)
    assert float(spectral_contrastive(a / 2, b / 2)) == pytest.approx(
        slow.spectral_contrastive(a / 2, b / 2, "free", 1)
    )
    assert float(spectral_contrastive(2 * a, 2 * b, rows="free")) != pytest.approx(clipped)


def test_a_row_of_zeros_does_not_poison() -> None:
    a, b = random_batch(6, 4, seed=1)
    a[2] = 0
    for rows in FORMS:
        z = a.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(spectral_contrastive(z, b, rows=rows), (z,))
        assert torch.isfinite(gradient).all()


def test_spans_the_leading_eigenvectors_of_the_graph_of_views() -> None:
    # 8 views of 4 samples on a ring: the loss over the whole population, by descent from a random start.
    weight = torch.zeros(8, 8, dtype=torch.float64)
    for i in range(8):
        weight[i, (i + 1) % 8] = weight[(i + 1) % 8, i] = 1.0 + (i % 2) + 0.1 * (i == 0)
    joint = weight / weight.sum()
    marginal = joint.sum(1)
    graph = joint / (marginal[:, None] * marginal).sqrt()
    f = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()

    def population() -> torch.Tensor:
        dots = f @ f.T
        return -2 * (joint * dots).sum() + (marginal[:, None] * marginal * dots.square()).sum()

    for _ in range(3000):
        (gradient,) = torch.autograd.grad(population(), (f,))
        with torch.no_grad():
            f -= gradient / 2
    found = torch.linalg.qr(f.detach() * marginal.sqrt()[:, None]).Q
    leading = torch.linalg.eigh(graph).eigenvectors[:, -3:]
    assert float(torch.linalg.svdvals(found.T @ leading).min()) == pytest.approx(1.0, abs=1e-6)
    least = -float(torch.linalg.eigvalsh(graph)[-3:].square().sum())
    assert float(population().detach()) == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("rows", FORMS)
@pytest.mark.parametrize("limit", [0.25, 1.0, 10.0])
def test_chance_is_the_best_constant_and_floor_a_frame(rows: Any, limit: float) -> None:
    loss = SpectralContrastive(limit, rows=rows)
    direction = torch.tensor([0.6, 0.8], dtype=torch.float64)
    lengths = torch.linspace(0.01, 5, 500, dtype=torch.float64)
    constants = [float(loss(z, z)) for z in (length * direction.expand(6, 2) for length in lengths)]
    assert loss.chance(6, 2) == pytest.approx(min(constants), abs=1e-3)
    angle = torch.arange(6, dtype=torch.float64) * math.pi / 6
    frame = torch.stack([angle.cos(), angle.sin()], dim=1)  # six lines in the plane, evenly
    reached = min(float(loss(length * frame, length * frame)) for length in lengths)
    floor = loss.floor(6, 2)
    assert floor is not None
    assert reached == pytest.approx(floor, abs=1e-3)


def test_floor_when_there_is_room_and_words() -> None:
    eye = torch.eye(5, 8, dtype=torch.float64)
    assert float(SpectralContrastive()(eye, eye)) == SpectralContrastive().floor(5, 8) == -2.0
    assert SpectralContrastive(rows="free").floor(5, 8) is None
    assert SpectralContrastive(rows="free").reference_words(5, 8) == {"chance": "collapse"}
    assert SpectralContrastive().reference_words(5, 8) == {"chance": "collapse", "floor": "orthogonal"}
    assert SpectralContrastive().reference_words(9, 8) == {"chance": "collapse", "floor": "frame in 8 dim"}
    assert SpectralContrastive(rows="free").settings() == {}


def test_pair_weights_are_the_gradient_of_the_cosines() -> None:
    a, b = random_batch(6, 4, seed=5)

    def of_cosines(s: torch.Tensor) -> torch.Tensor:
        across = s[:6, 6:]
        off = across.square().sum() - across.diagonal().square().sum()
        return (-2 * 3 * across.diagonal().mean() + 9 * off / 30) / 3

    expected = by_autograd(of_cosines, a, b)
    weights = SpectralContrastive(3.0, rows="unit").pair_weights(a, b)
    torch.testing.assert_close(weights + weights.T, expected + expected.T)
    long = SpectralContrastive(3.0).pair_weights(9 * a, 9 * b)
    torch.testing.assert_close(long, weights)


def test_impossible_arguments_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ArgumentError, match=r"spectral_contrastive: limit is 0.0"):
        spectral_contrastive(a, b, limit=0.0)
    wrong: Any = "clip"
    with pytest.raises(
        UnknownName, match=r"spectral_contrastive: there is no form of rows 'clip'. Did you mean 'clipped'"
    ):
        spectral_contrastive(a, b, rows=wrong)
    with pytest.raises(UnknownName, match=r"SpectralContrastive: there is no form of rows"):
        SpectralContrastive(rows=wrong)
