"""How far weights have moved: against a slow twin, sampled without bias, and where nothing can be compared."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.metrics.case import Case
from tests.reference import gradients as slow
from vergence.errors import ArgumentError, UnknownName
from vergence.metrics import WeightSample, weight_change, weight_sample


def layers(seed: int = 0, width: int = 8) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 4))


def moved(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[nn.Module, WeightSample]:
    model = layers(seed)
    before = weight_sample(model)
    nudge(model)
    return model, before


@torch.no_grad()
def nudge(model: nn.Module, size: float = 0.1, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.add_(size * torch.randn(p.shape, generator=generator))


def entries(model: nn.Module) -> list[float]:
    return [value for p in model.parameters() for value in p.detach().flatten().tolist()]


def test_the_slow_twin_where_all_is_kept() -> None:
    model = layers()
    was, before = entries(model), weight_sample({"a": model, "b": model[0]})
    nudge(model)
    whole, first = weight_change({"a": model, "b": model[0]}, before)
    assert whole.relative == pytest.approx(slow.relative_change(entries(model), was), rel=1e-6)
    assert (whole.drawn, whole.entries, whole.left_out, whole.not_finite) == (len(was), len(was), 0, 0)
    assert whole.distance == pytest.approx(whole.relative * whole.weight_norm)  # type: ignore[operator]
    assert first.name == "b"
    assert first.drawn == 6 * 8 + 8


def test_what_stands_still_reads_zero_and_the_sample_is_no_view() -> None:
    model = layers()
    before = weight_sample(model)
    assert weight_change(model, before)[0].relative == 0.0
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    assert weight_change(model, before)[0].relative == pytest.approx(1.0)


def test_a_drawn_sample_is_unbiased_and_bounded() -> None:
    model = nn.Sequential(nn.Linear(400, 300), nn.Linear(300, 50))
    was = entries(model)
    with torch.no_grad():
        original = [p.clone() for p in model.parameters()]
    found, kept = [], []
    for seed in range(60):
        with torch.no_grad():
            for p, o in zip(model.parameters(), original, strict=True):
                p.copy_(o)
        before = weight_sample(model, most=1000, generator=torch.Generator().manual_seed(seed))
        kept.append(before.entries)
        with torch.no_grad():  # a change that is uneven along the rows: a regular grid would miss it
            model[0].weight[:, ::7] += 0.3
            model[1].weight[3] += 0.5
        found.append(weight_change(model, before)[0])
    truth = slow.relative_change(entries(model), was)
    values = torch.tensor([change.distance**2 for change in found])  # type: ignore[operator]
    exact = truth**2 * sum(value**2 for value in was)
    assert max(kept) < 1000 + 4 * 256
    assert abs(float(values.mean()) - exact) < 4 * float(values.std()) / math.sqrt(60)
    assert float(values.std()) > 0
    assert found[0].drawn < found[0].entries


def test_sixteen_thousand_entries_are_right_to_some_percent() -> None:
    model = nn.Linear(1000, 1000)
    was, before = model.weight.detach().clone(), weight_sample(model)
    nudge(model, 0.001)
    exact = float((model.weight.detach() - was).norm() / was.norm())
    assert weight_change(model, before)[0].relative == pytest.approx(exact, rel=0.03)
    assert before.entries < 20_000


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.complex64])
def test_other_precisions(dtype: torch.dtype) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(torch.linspace(1, 2, 700).to(dtype))
    before = weight_sample(module, most=300)
    with torch.no_grad():
        module.weight.mul_(1.5)
    assert weight_change(module, before)[0].relative == pytest.approx(0.5, rel=1e-2)


def test_what_cannot_be_compared_is_said() -> None:
    model = layers()
    before = weight_sample(model)
    model[0] = nn.Linear(6, 5)
    (found,) = weight_change(model, before)
    assert found.left_out == 2
    assert found.relative == 0.0
    model = layers()
    before = weight_sample(model)
    with torch.no_grad():
        model[2].bias[0] = math.nan
    (found,) = weight_change(model, before)
    assert (found.relative, found.distance, found.not_finite) == (None, None, 1)
    empty = nn.Linear(3, 3)
    nn.init.zeros_(empty.weight)
    nn.init.zeros_(empty.bias)
    before = weight_sample(empty)
    nudge(empty)
    assert weight_change(empty, before)[0].relative is None


def test_refuses_in_words() -> None:
    before = weight_sample({"encoder": layers()})
    with pytest.raises(UnknownName, match=r"there is no part in the sample 'encodr'. Did you mean 'encoder'"):
        weight_change({"encodr": layers()}, before)
    with pytest.raises(ArgumentError, match=r"before is a dict. It must be a sample .* weight_sample\(modules\)"):
        weight_change(layers(), {})  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"most is 0"):
        weight_sample(layers(), most=0)
    with pytest.raises(ArgumentError, match=r"there is no parameter in model"):
        weight_sample(nn.ReLU())


CASES = [
    Case(weight_change, moved, of=()),
    Case(weight_sample, lambda *how: (layers(how[3]),), of=()),
]
