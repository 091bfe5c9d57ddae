from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from tests.losses.case import Case
from tests.reference import entropy_maximisation as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, TooFewRows, UnknownName
from vergence.losses import EntropyMaximisation, InfoNCE, NTXent, VICReg, effective_entropy
from vergence.losses.entropy_maximisation import marginal_entropy, squashed
from vergence.losses.loss import Base, Check
from vergence.losses.vicreg import covariance

CASES = [
    Case(lambda: EntropyMaximisation(VICReg()), rotates=False, lengths=False, close=1e-3),
    Case(lambda: EntropyMaximisation(NTXent(), 1.0, 25.0, squash="gaussian"), rotates=False, close=1e-3),
]


class Learned(Base, nn.Module):
    """A loss that needs labels, learns a scale and counts its calls."""

    name, variant, source, views = "learned", "of this test", "arXiv:0000.00000", 3
    needs: ClassVar[tuple[str, ...]] = ("labels",)
    ranges: ClassVar[dict[str, Check]] = {}

    def __init__(self) -> None:
        nn.Module.__init__(self)
        Base.__init__(self)
        self.scale = nn.Parameter(torch.ones(()))
        self.calls = 0

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        self.calls += 1
        return super().__call__(*views, **more)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        self.given(more)
        return {"learned": self.scale * views[0].mean()}


@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (9, 4), (40, 3)])
@pytest.mark.parametrize("squash", ["sigmoid", "gaussian"])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, squash: Any) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    expected = [slow.marginal_entropy(column) for column in a.T.tolist()]
    assert marginal_entropy(a).tolist() == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(squashed(a, squash), slow.squashed(a, squash))
    for views in ((a, b), (b, a), (a,), (a, b, a + b)):
        whole = slow.effective_entropy(views, 3.0, 7.0, squash)
        named = {"entropy": 3.0, "decorrelation": 7.0, "squash": squash}
        assert float(effective_entropy(*views, **named)) == pytest.approx(whole, rel=1e-8)
        single = effective_entropy(*[view.float() for view in views], **named)
        assert float(single) == pytest.approx(whole, rel=1e-3, abs=1e-2 if dim > 1 else 1.0)
    loss = EntropyMaximisation(NTXent(), 3.0, 7.0, squash=squash)
    beside = slow.effective_entropy((a, b), 3.0, 7.0, squash)
    assert float(loss(a, b)) == pytest.approx(float(NTXent()(a, b)) + beside, rel=1e-8)


@pytest.mark.parametrize("batch", [1000, 4000])
def test_the_estimate_on_known_distributions(batch: int) -> None:
    generator = torch.Generator().manual_seed(0)
    even = torch.rand(batch, 50, generator=generator, dtype=torch.float64)
    assert float(marginal_entropy(even).mean()) == pytest.approx(0, abs=0.05)
    assert float(marginal_entropy(8 * even - 3).mean()) == pytest.approx(math.log(8), abs=0.05)
    normal = torch.randn(batch, 50, generator=generator, dtype=torch.float64)
    assert float(marginal_entropy(normal).mean()) == pytest.approx({1000: 1.34, 4000: 1.36}[batch], abs=0.02)
    assert math.log(2 * math.pi * math.e) / 2 == pytest.approx(1.42, abs=0.002)
    # Higher is more spread, and nothing in the unit interval has more than the even spread.
    for other in (even**3, 0.5 + 0.3 * even, (even > 0.5) + 0.01 * even):
        assert float(marginal_entropy(other).mean()) < -0.1


def test_collapse_has_no_entropy_and_a_finite_gradient() -> None:
    z = torch.full((16, 4), 0.3, requires_grad=True)
    assert marginal_entropy(z).tolist() == pytest.approx([math.log(1e-7)] * 4)
    (gradient,) = torch.autograd.grad(effective_entropy(z, z), (z,))
    assert torch.isfinite(gradient).all()
    assert EntropyMaximisation(VICReg()).chance(16, 4) == pytest.approx(24.75 + 161.18, abs=0.01)


def test_descent_spreads_the_columns_of_a_collapsing_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(64, 1, generator=generator)
    z = (0.1 * (shared + 0.1 * torch.randn(64, 3, generator=generator))).requires_grad_()
    before = float(marginal_entropy(squashed(z, "sigmoid")).mean().detach())
    assert float(torch.corrcoef(z.detach().T).min()) > 0.95
    optimiser = torch.optim.Adam([z], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        (z.grad,) = torch.autograd.grad(effective_entropy(z, entropy=1.0, decorrelation=100.0), (z,))
        optimiser.step()
    after = squashed(z.detach(), "sigmoid")
    assert before < -2
    assert float(marginal_entropy(after).mean()) > -0.2
    assert float(torch.corrcoef(after.T).fill_diagonal_(0).abs().max()) < 0.6


def test_floor_is_what_even_independent_columns_read() -> None:
    generator = torch.Generator().manual_seed(0)
    columns = torch.rand(256, 20_000, generator=generator, dtype=torch.float64)
    entropy = float(marginal_entropy(columns).mean())
    repeated = sum(float(covariance(columns[:, start : start + 8])) for start in range(0, 20_000, 8)) / 2500
    loss = EntropyMaximisation(VICReg(), 10.0, 3.0)
    assert loss.floor(256, 8) == pytest.approx(-10 * entropy + 3 * 2 * repeated, rel=0.02)
    assert -entropy == pytest.approx(0.0295, abs=0.001)
    assert loss.reference_words(256, 8) == {
        "chance": "collapse, no entropy",
        "floor": "decorrelated, even columns",
    }


def test_hands_on_what_the_loss_inside_needs_learns_and_remembers() -> None:
    a, b = random_batch(6, 4, seed=1)
    inside = Learned()
    loss = EntropyMaximisation(inside)
    assert (loss.views, loss.needs, list(loss.parameters())) == (3, ("labels",), [inside.scale])
    (gradient,) = torch.autograd.grad(loss(a, b, labels=torch.arange(6)), (inside.scale,))
    assert float(gradient) == pytest.approx(float(a.mean()))
    assert inside.calls == 1
    loss.terms(a, b, labels=torch.arange(6))
    assert inside.calls == 1
    with pytest.raises(ArgumentError, match=r"learned: labels is missing"):
        loss(a, b)
    assert loss.chance(6, 4) is None
    assert loss.floor(6, 4) is None
    assert loss.reference_words(6, 4) == {}


def test_settings_of_both_can_be_changed() -> None:
    loss = EntropyMaximisation(InfoNCE(0.2))
    assert loss.settings() == {"temperature": 0.2, "entropy": 10.0, "decorrelation": 1.0}
    loss.set("temperature", 0.5)
    loss.set("entropy", 2.0)
    assert repr(loss) == "EntropyMaximisation(InfoNCE(temperature=0.5), entropy=2, decorrelation=1)"
    assert list(loss.terms(*random_batch(6, 4, seed=0))) == ["pull", "push", "entropy", "decorrelation"]
    with pytest.raises(UnknownName, match=r"Did you mean 'temperature'"):
        loss.set("temprature", 1.0)
    with pytest.raises(ArgumentError, match=r"InfoNCE.set: temperature is 0.0"):
        loss.set("temperature", 0.0)
    with pytest.raises(ArgumentError, match=r"has a setting 'decorrelation' as well"):
        EntropyMaximisation(EntropyMaximisation(InfoNCE()))


def test_impossible_arguments_are_refused() -> None:
    a, b = random_batch(6, 4, seed=8)
    with pytest.raises(ArgumentError, match=r"effective_entropy: entropy is -1.0"):
        effective_entropy(a, b, entropy=-1.0)
    with pytest.raises(ArgumentError, match=r"EntropyMaximisation: decorrelation is nan"):
        EntropyMaximisation(VICReg(), decorrelation=math.nan)
    wrong: Any = "tanh"
    with pytest.raises(UnknownName, match=r"there is no squash 'tanh'. Known: sigmoid, gaussian"):
        EntropyMaximisation(VICReg(), squash=wrong)
    with pytest.raises(TooFewRows, match=r"marginal_entropy: z has 1 row, 2 are needed"):
        marginal_entropy(a[:1])
