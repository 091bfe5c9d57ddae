"""AMCL: the slow twin, NT-Xent as a special case, temperatures that adapt and do not degenerate."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import amcl as slow
from vergence import errors
from vergence.losses import AMCL, amcl, nt_xent, temperature_cost
from vergence.models import MultiHead


def uneven() -> AMCL:
    """One head whose temperatures differ much from pair to pair."""
    loss = AMCL(heads=1, beta=0.01)
    with torch.no_grad():
        loss.gain[0].fill_(2.0)
        loss.offset[0].fill_(0.5)
    # What it learns stands still here: the tests that every loss passes are about the rows.
    return loss.requires_grad_(False)


CASES = [Case(uneven)]


def views(n=6, dim=12, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    b = a + 0.7 * torch.randn(n, dim, generator=generator, dtype=torch.float64)
    return a.to(dtype), b.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("heads", "dim"), [(1, 12), (3, 4), (4, 3)])
@pytest.mark.parametrize("beta", [0.0, 0.05])
@pytest.mark.parametrize("given", [False, True], ids=["two numbers", "a network"])
def test_slow_twin(dtype, heads, dim, beta, given):
    torch.manual_seed(0)
    loss = AMCL(heads=heads, dim=dim if given else None, beta=beta, low=0.05)
    a, b = views(dtype=dtype)
    for first, second in ((a, b), (b, a)):
        each = list(zip(first.split(dim, 1), second.split(dim, 1), strict=True))
        expected = slow.amcl(each, list(loss.temperatures(first, second).detach()), beta)
        assert float(loss(first, second).detach()) == pytest.approx(
            expected, rel=1e-5 if dtype == torch.float32 else 1e-12
        )


def test_temperatures_are_what_the_formula_says():
    torch.manual_seed(0)
    loss = AMCL(heads=2, dim=6, low=0.01, high=1.5)
    a, b = views()
    tau = loss.temperatures(a, b).detach()
    assert tau.shape == (2, 12, 12)
    hidden, out = loss.hidden.double().requires_grad_(False), loss.out.double().requires_grad_(False)
    for head in range(2):
        rows = normalize(torch.cat([a, b])[:, 6 * head : 6 * head + 6])
        inside = [out(hidden(row).clamp(min=0)) for row in rows]
        for i, j in ((0, 1), (3, 9), (11, 4)):
            expected = slow.temperature(float(inside[i] @ inside[j]), 0.01, 1.5)
            assert float(tau[head, i, j]) == pytest.approx(expected, rel=1e-6)
    assert tau.min() > 0.01
    assert tau.max() < 1.5


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_one_temperature_for_all_pairs_is_nt_xent(temperature, beta):
    a, b = views()
    rows = normalize(torch.cat([a, b]))
    scores = (rows @ rows.T)[None]
    terms = amcl(scores, torch.full_like(scores, temperature), dim=12, beta=beta)
    assert float(sum(terms.values())) == pytest.approx(float(nt_xent(a, b, temperature=temperature)), abs=1e-12)
    loss = AMCL(heads=1, beta=beta, low=temperature * (1 - 1e-9), high=temperature * (1 + 1e-9))
    assert float(loss(a, b).detach()) == pytest.approx(float(nt_xent(a, b, temperature=temperature)), abs=1e-6)


def test_heads_add_up():
    a, b = views()
    one, three = AMCL(heads=1), AMCL(heads=3)
    with torch.no_grad():
        assert float(three(a.repeat(1, 3), b.repeat(1, 3))) == pytest.approx(3 * float(one(a, b)))
    assert three.chance(6, 12) == pytest.approx(3 * math.log(11))
    assert three.reference_words(6, 12) == {"chance": "3 × ln 11"}
    same = torch.ones(6, 12, dtype=torch.float64)
    assert float(three(same, same).detach()) == pytest.approx(three.chance(6, 12))
    assert three.pair_weights(a, b) is None


def test_a_temperature_is_cheapest_at_two_by_the_width():
    tau = torch.tensor(2 / 32, dtype=torch.float64, requires_grad=True)
    temperature_cost(tau, 32).backward()
    assert float(tau.grad) == pytest.approx(0, abs=1e-9)
    assert temperature_cost(tau, 32) < min(temperature_cost(tau / 2, 32), temperature_cost(2 * tau, 32))


def test_a_pair_that_agrees_is_cold_and_low_holds_the_rest():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(16, 8, generator=generator)
    for low in (1e-5, 0.1):
        loss = AMCL(heads=1, low=low)
        optimiser = torch.optim.Adam(loss.parameters(), lr=0.1)
        for _ in range(60):
            optimiser.zero_grad()
            loss(a, a).backward()
            optimiser.step()
        tau = loss.temperatures(a, a)[0].detach()
        # Measured, partners and all: 0.02 and 0.21; 0.11 and 0.26.
        assert low < tau.diagonal(16).mean() < tau.mean() / 2
        assert tau.min() > low


def test_learning_reaches_heads_and_temperatures():
    torch.manual_seed(0)
    head, loss = MultiHead(10, heads=3, out_dim=4, hidden=16), AMCL(heads=3, dim=4)
    h = torch.randn(32, 10)
    noise = 0.3 * torch.randn(32, 10)
    optimiser = torch.optim.Adam([*head.parameters(), *loss.parameters()], lr=0.01)
    before = float(loss(head(h), head(h + noise)).detach())
    for _ in range(20):
        optimiser.zero_grad()
        loss(head(h), head(h + noise)).backward()
        optimiser.step()
    assert float(loss(head(h), head(h + noise)).detach()) < before - 1
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in loss.parameters())


def test_what_does_not_fit_is_refused_in_a_sentence():
    a, b = views()
    with pytest.raises(errors.ShapeError, match=r"the rows have 12 entries, but 5 heads of one width are needed"):
        AMCL(heads=5)(a, b)
    with pytest.raises(errors.ShapeError, match=r"but 3 heads of 5 are needed\. Make the head models\.MultiHead"):
        AMCL(heads=3, dim=5)(a, b)
    with pytest.raises(errors.ArgumentError, match=r"low is 2 and high is 1\. low must be below high"):
        AMCL(low=2, high=1)
    with pytest.raises(errors.ArgumentError, match="heads is 0"):
        AMCL(heads=0)
    with pytest.raises(errors.ArgumentError, match="beta is -1"):
        AMCL(beta=-1)
    assert repr(AMCL(heads=2, dim=4)) == "AMCL(heads=2, dim=4, beta=0.0001)"
