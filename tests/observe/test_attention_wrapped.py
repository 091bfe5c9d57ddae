"""Models inside something else: autocast, inference mode, functional calls, wrappers, compilers."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.observe.attending import WIDTH, Attending, Stack, with_at, with_fused
from vergence.observe import attention

BATCH, TOKENS = 3, 5


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_half_precision_autocast_and_inference_mode() -> None:
    torch.manual_seed(0)
    x = drawn(BATCH, TOKENS, WIDTH)
    for spelling in (with_at, with_fused):
        model = Stack(spelling).eval()
        with attention(model) as exact:
            model(x)
        with torch.inference_mode(), attention(model) as inference:
            model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16), attention(model) as mixed:
            model(x)
        half = copy.deepcopy(model).to(torch.bfloat16)
        with torch.no_grad(), attention(half) as narrow:
            half(x.to(torch.bfloat16))
        for one, other in zip(exact.layers, inference.layers, strict=True):
            assert torch.equal(one.weights, other.weights)
            assert not other.weights.is_inference()
            (other.weights * nn.Parameter(torch.ones(()))).sum().backward()  # an ordinary tensor
        for rough in (mixed, narrow):
            assert rough.notes == ()
            for one, other in zip(exact.layers, rough.layers, strict=True):
                assert other.weights.dtype == torch.float32
                torch.testing.assert_close(one.weights, other.weights, atol=0.03, rtol=0)


def test_functional_calls_and_wrappers() -> None:
    model, x = Stack(with_fused), drawn(BATCH, TOKENS, WIDTH)
    with attention(model) as seen:
        torch.func.functional_call(model, dict(model.named_parameters()), (x,))
    assert [layer.name for layer in seen.layers] == ["blocks.0", "blocks.1"]
    wrapped = nn.DataParallel(model)
    with attention(wrapped) as seen:
        wrapped(x)
    assert [layer.name for layer in seen.layers] == ["module.blocks.0", "module.blocks.1"]


def test_compiled_models_run_uncompiled_while_they_are_watched() -> None:
    torch.manual_seed(0)
    model, x = Stack(with_fused), drawn(BATCH, TOKENS, WIDTH)
    plain = model(x)
    compiled = torch.compile(model, backend="eager")
    compiled(x)
    with attention(compiled) as seen:
        with attention(compiled) as inner:
            watched = compiled(x)
        compiled(x)
    assert [layer.name for layer in seen.layers] == ["blocks.0", "blocks.1", "blocks.0#2", "blocks.1#2"]
    assert len(inner.layers) == 2
    torch.testing.assert_close(plain, watched)
    assert torch._dynamo.eval_frame._stance.stance == "default"
    compiled(x)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_parts_are_named() -> None:
    class Fused(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x, x)

    model = nn.Sequential(torch.jit.script(Fused()), Attending(with_at))
    with attention(model) as seen:
        model(drawn(BATCH, TOKENS, WIDTH))
    assert [layer.name for layer in seen.layers] == ["1"]
    assert any("scripted modules (0)" in note for note in seen.notes)
    alone = torch.jit.script(Fused())
    with attention(alone) as seen:
        alone(drawn(BATCH, TOKENS, WIDTH))
    assert "scripted" in seen.why
