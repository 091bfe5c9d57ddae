from __future__ import annotations

import math
import sys

import pytest
import torch
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import towers as slow
from tests.reference.golden import golden_batch, random_batch
from vergence.errors import ArgumentError, TooFewRows
from vergence.geometry import unit
from vergence.losses import SigLIP, sig_lip

CASES = [
    Case(lambda: SigLIP(learned=False), golden=0.9258869403),
    Case(lambda: SigLIP(5.0, -3.0).requires_grad_(False), label="SigLIP, learned"),
]


def test_golden_value() -> None:
    a, b, _ = golden_batch()
    assert float(sig_lip(a, b)) == pytest.approx(0.9258869403, abs=1e-9)
    assert SigLIP()(a, b).item() == pytest.approx(0.9258869403, abs=1e-6)


@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (1.0, 0.0), (60.0, 3.0)])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (3, 2), (9, 4), (5, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(
    batch: int, dim: int, scale: float, bias: float, dtype: torch.dtype
) -> None:
    a, b = random_batch(batch, dim, batch + dim, dtype)
    close = 1e-9 if dtype == torch.float64 else 2e-5
    for x, y in ((a, b), (b, a)):
        expected = slow.sig_lip(x, y, scale, bias)
        assert float(sig_lip(x, y, scale=scale, bias=bias)) == pytest.approx(expected, rel=close, abs=close)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (z.requires_grad_() for z in random_batch(11, 4, seed=1))
    loss = SigLIP().double()

    def everything() -> list[torch.Tensor]:
        value = loss(a, b)
        return [value.detach(), *torch.autograd.grad(value, [a, b, *loss.parameters()])]

    whole = everything()
    monkeypatch.setattr(sys.modules[SigLIP.__module__], "BLOCK", 4)
    torch.testing.assert_close(everything(), whole)


def test_terms_are_what_partners_and_others_pay() -> None:
    a, b = random_batch(6, 4, seed=2)
    terms = SigLIP(learned=False).terms(a, b)
    s = slow.cosines(a, b)
    partners = math.fsum(math.log1p(math.exp(-(10 * s[i][i] - 10))) for i in range(6)) / 6
    assert float(terms["positives"]) == pytest.approx(partners, rel=1e-9)
    assert float(terms["negatives"]) == pytest.approx(slow.sig_lip(a, b, 10, -10) - partners, rel=1e-9)


def test_small_negatives_survive_beside_a_large_partner() -> None:
    # In float32, 1e-7 of the others would be lost if the partners' share were taken off a common sum.
    z = torch.eye(4)
    found = SigLIP(20.0, -20.0, learned=False).terms(z, z)["negatives"]
    assert float(found) == pytest.approx(3 * math.log1p(math.exp(-20)), rel=1e-5)


@pytest.mark.parametrize("dim", [1, 2, 3, 16, 128])
def test_floor_is_what_random_directions_with_aligned_partners_read(dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    loss = SigLIP(5.0, -4.0, learned=False)
    found = []
    for _ in range(30):
        z = unit(torch.randn(256, dim, generator=generator, dtype=torch.float64))
        found.append(float(loss(z, z)))
    assert sum(found) / 30 == pytest.approx(loss.floor(256, dim), rel=0.02)


def test_chance_is_collapse_and_the_words_say_so() -> None:
    loss = SigLIP()
    assert loss.chance(256, 128) == pytest.approx(256 * math.log(2))
    assert loss.floor(256, 128) == pytest.approx(0.6931 + 255 * math.exp(-10 + 50 / 128), rel=0.01)
    assert loss.reference_words(256, 128) == {"chance": "collapse", "floor": "t 10, b −10"}
    assert SigLIP(3.0, 1.0).chance(8, 4) == pytest.approx(math.log1p(math.exp(-4)) + 7 * math.log1p(math.exp(4)))
    right_angles = torch.eye(256, 512)
    assert float(sig_lip(right_angles, right_angles.roll(256, 1))) == pytest.approx(10.0, abs=0.02)


def test_scale_and_bias_learn_with_the_right_gradient() -> None:
    a, b = random_batch(8, 5, seed=2)
    loss = SigLIP().double()
    loss(a, b).backward()
    step = 1e-5
    by_scale = [float(sig_lip(a, b, scale=10 * math.exp(sign * step))) for sign in (1, -1)]
    by_bias = [float(sig_lip(a, b, bias=-10 + sign * step)) for sign in (1, -1)]
    assert float(loss.log_scale.grad) == pytest.approx((by_scale[0] - by_scale[1]) / (2 * step), rel=1e-6)
    assert float(loss.bias.grad) == pytest.approx((by_bias[0] - by_bias[1]) / (2 * step), rel=1e-6)
    assert sorted(dict(loss.named_parameters())) == ["bias", "log_scale"]
    loss.set("bias", -4.0)
    loss.set("scale", 7.0)
    assert loss.settings() == {"scale": pytest.approx(7.0), "bias": -4.0}
    assert loss(a, b).item() == pytest.approx(slow.sig_lip(a, b, 7.0, -4.0), rel=1e-9)
    with pytest.raises(ArgumentError, match=r"SigLIP.set: scale is 200. A learned one must be at most 100"):
        loss.set("scale", 200.0)


def test_pair_weights_are_the_gradient_of_the_cosines() -> None:
    a, b = random_batch(5, 3, seed=9)
    s = (normalize(a) @ normalize(b).T).requires_grad_()
    sign = 2 * torch.eye(5, dtype=torch.float64) - 1
    value = -torch.nn.functional.logsigmoid(sign * (10 * s - 10)).sum() / 5
    (expected,) = torch.autograd.grad(value, (s,))
    found = SigLIP().pair_weights(a.requires_grad_(), b)
    torch.testing.assert_close(found[:5, 5:] + found[5:, :5].T, expected, rtol=1e-6, atol=1e-9)
    assert float(found[:5, :5].abs().sum() + found[5:, 5:].abs().sum()) == 0.0


def test_what_does_not_fit_is_refused_in_words() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match="sig_lip: scale is 0"):
        sig_lip(a, b, scale=0.0)
    for bias in (math.nan, math.inf, True):
        with pytest.raises(ArgumentError, match=r"sig_lip: bias is .* It must be a finite number, for example -10"):
            sig_lip(a, b, bias=bias)
    with pytest.raises(TooFewRows, match="sig_lip: a and b have 1 row each"):
        sig_lip(a[:1], b[:1])
