from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from tests.losses.case import Case
from tests.reference import towers as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, TooFewRows, UnknownName
from vergence.losses import CLIP, InfoNCE, clip, info_nce

CASES = [
    Case(lambda: CLIP(learned=False), golden=0.0119060863),
    Case(lambda: CLIP(0.2).requires_grad_(False), label="CLIP, learned"),
]


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    assert float(clip(a, b, temperature=0.07)) == pytest.approx(0.0119060863, abs=1e-9)
    assert float(CLIP(learned=False)(a, b)) == pytest.approx(0.0119060863, abs=1e-9)
    assert CLIP()(a, b).item() == pytest.approx(0.0119060863, abs=1e-7)


@pytest.mark.parametrize("temperature", [1.0, 0.07, 0.01])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (3, 2), (9, 4), (5, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float, dtype: torch.dtype) -> None:
    a, b = random_batch(batch, dim, batch + dim, dtype)
    close = 1e-9 if dtype == torch.float64 else 1e-5
    for x, y in ((a, b), (b, a)):
        expected = slow.clip(x, y, temperature)
        assert float(clip(x, y, temperature=temperature)) == pytest.approx(expected, rel=close, abs=close)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.02, 5.0))
def test_is_the_mean_of_info_nce_in_both_directions(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 5, seed)
    both = (info_nce(a, b, temperature=temperature) + info_nce(b, a, temperature=temperature)) / 2
    assert float(clip(a, b, temperature=temperature)) == pytest.approx(float(both), rel=1e-10, abs=1e-10)


@given(seed=st.integers(0, 10_000))
def test_each_encoder_may_not_be_turned_alone(seed: int) -> None:
    a, b = random_batch(6, 5, seed)
    turn = rotation(5, seed)
    value = float(clip(a, b, temperature=0.5))
    assert float(clip(a @ turn, b @ turn, temperature=0.5)) == pytest.approx(value, rel=1e-9)
    assert float(clip(a @ turn, b, temperature=0.5)) != pytest.approx(value, rel=1e-3)


def test_identical_rows_read_chance() -> None:
    z = torch.linspace(-1, 2, 5).expand(64, 5)
    assert float(clip(z, z, temperature=0.07)) == pytest.approx(CLIP().chance(64, 5), abs=2e-5)
    assert CLIP(0.2).reference_words(64, 5) == {"chance": "ln 64", "floor": "τ 0.2"}
    assert CLIP(0.2, learned=False).floor(256, 128) == InfoNCE(0.2).floor(256, 128)


def test_a_gap_between_the_encoders_costs_next_to_nothing_at_a_small_temperature() -> None:
    # Two regions that do not touch, and every partner still found: why the gap of the encoders can stay.
    a, _ = random_batch(32, 8, seed=1)
    gap = torch.zeros(32, 1, dtype=torch.float64)
    apart = [torch.cat([normalize(a), gap + side], 1) for side in (1.0, -1.0)]
    assert float((normalize(apart[0]) * normalize(apart[1])).sum(1).max()) < 0.1
    assert float(clip(*apart, temperature=0.01)) < 0.05


def test_the_learned_temperature_has_the_right_gradient() -> None:
    a, b = random_batch(8, 5, seed=2)
    loss = CLIP(0.1).double()
    loss(a, b).backward()
    step = 1e-5
    up, down = (float(clip(a, b, temperature=0.1 * math.exp(-sign * step))) for sign in (1, -1))
    assert float(loss.log_scale.grad) == pytest.approx((up - down) / (2 * step), rel=1e-6)
    assert [name for name, _ in loss.named_parameters()] == ["log_scale"]
    assert list(CLIP(learned=False).parameters()) == []


def test_the_learned_temperature_is_trained_kept_in_range_and_comes_back() -> None:
    a, b = random_batch(16, 8, seed=3, dtype=torch.float32)
    loss = CLIP(0.0101)
    optimiser = torch.optim.SGD(loss.parameters(), lr=5.0)
    easy = normalize(a)
    for _ in range(3):  # partners coincide: a smaller temperature is always better
        optimiser.zero_grad()
        loss(easy, easy).backward()
        loss.log_scale.data += 0.5
        optimiser.step()
    assert 1 / loss.temperature > 100
    value = loss(easy, easy)
    assert loss.temperature == pytest.approx(0.01, rel=1e-5)
    assert value.item() == pytest.approx(float(clip(easy, easy, temperature=0.01)), abs=1e-5)
    loss.log_scale.data.fill_(math.log(100.0) + 1)
    loss.zero_grad()
    loss(a, a[torch.randperm(16, generator=torch.Generator().manual_seed(0))]).backward()
    assert float(loss.log_scale.grad) > 0  # wrong partners: it wants down, and it can
    loss.log_scale.data.fill_(7.0)
    with torch.no_grad():
        loss(a, b)
    assert float(loss.log_scale.detach()) == 7.0  # nothing is learned, nothing is moved


def test_the_learned_temperature_is_a_setting_too() -> None:
    a, b = random_batch(8, 5, seed=2)
    loss = CLIP(0.07)
    assert loss.settings() == {"temperature": pytest.approx(0.07)}
    assert repr(loss) == "CLIP(temperature=0.07, learned=True)"
    parameter = loss.log_scale
    loss.set("temperature", 0.5)
    assert loss.log_scale is parameter
    assert loss.temperature == pytest.approx(0.5)
    assert loss(a, b).item() == pytest.approx(float(clip(a, b, temperature=0.5)), rel=1e-6)
    other = CLIP()
    other.load_state_dict(copy.deepcopy(loss).state_dict())
    assert other.temperature == loss.temperature
    with pytest.raises(ArgumentError, match=r"CLIP.set: temperature is 0.005. .* at least 0.01, .* learned=False"):
        loss.set("temperature", 0.005)
    with pytest.raises(ArgumentError, match=r"CLIP: temperature is 0.001"):
        CLIP(0.001)
    with pytest.raises(ArgumentError, match=r"CLIP.set: temperature is nan"):
        loss.set("temperature", math.nan)
    with pytest.raises(UnknownName, match="Did you mean 'temperature'"):
        loss.set("temprature", 0.1)
    fixed = CLIP(0.001, learned=False)
    assert fixed.temperature == 0.001
    fixed.set("temperature", 0.3)
    assert float(fixed(a, b)) == pytest.approx(float(clip(a, b, temperature=0.3)))
    assert repr(fixed) == "CLIP(temperature=0.3, learned=False)"


@pytest.mark.parametrize("learned", [True, False])
def test_pair_weights_are_the_gradient_of_the_cosines(learned: bool) -> None:
    a, b = random_batch(5, 3, seed=9)
    loss = CLIP(0.2, learned)
    s = (normalize(a) @ normalize(b).T).requires_grad_()
    own = torch.arange(5)
    (expected,) = torch.autograd.grad((cross_entropy(s / 0.2, own) + cross_entropy(s.T / 0.2, own)) / 2, (s,))
    found = loss.pair_weights(a.requires_grad_(), b)
    torch.testing.assert_close(found[:5, 5:] + found[5:, :5].T, expected, rtol=1e-6, atol=1e-7)
    assert float(found[:5, :5].abs().sum() + found[5:, 5:].abs().sum()) == 0.0
    torch.testing.assert_close(found.sum(1), torch.zeros(10, dtype=torch.float64), rtol=0, atol=1e-9)
    assert not found.requires_grad


def test_trains_two_towers_and_its_own_temperature() -> None:
    x, _ = random_batch(64, 12, seed=4, dtype=torch.float32)
    torch.manual_seed(0)
    towers = [nn.Linear(6, 8) for _ in range(2)]
    loss = CLIP()
    parameters = [p for module in (*towers, loss) for p in module.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-2)
    mixed = x @ torch.randn(12, 12)
    values = []
    for _ in range(60):
        optimiser.zero_grad()
        value = loss(towers[0](mixed[:, :6]), towers[1](mixed[:, :6] + 0.1 * mixed[:, 6:]))
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]
    assert loss.temperature != pytest.approx(0.07, rel=1e-2)


def test_what_does_not_fit_is_refused_in_words() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match="clip: temperature is 0"):
        clip(a, b, temperature=0.0)
    with pytest.raises(TooFewRows, match="clip: a and b have 1 row each"):
        clip(a[:1], b[:1], temperature=0.1)
