"""Models of Hugging Face, made from a configuration: nothing is downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vergence.observe import attention

transformers = pytest.importorskip("transformers", reason="the extra dev installs transformers")

BATCH = 3
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
PADDING = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]])


def words(seed: int = 0) -> Tensor:
    return torch.randint(0, 40, (BATCH, 6), generator=torch.Generator().manual_seed(seed))


def images(size: int = 16) -> Tensor:
    return torch.randn(BATCH, 3, size, size, generator=torch.Generator().manual_seed(0))


def vit(kind: str) -> tuple[nn.Module, dict[str, Tensor]]:
    config = transformers.ViTConfig(**SMALL, image_size=16, patch_size=4, attn_implementation=kind)
    return transformers.ViTModel(config), {"pixel_values": images()}


def dino(kind: str) -> tuple[nn.Module, dict[str, Tensor]]:
    config = transformers.Dinov2WithRegistersConfig(
        **{k: v for k, v in SMALL.items() if k != "intermediate_size"},
        image_size=16,
        patch_size=4,
        num_register_tokens=4,
        attn_implementation=kind,
    )
    return transformers.Dinov2WithRegistersModel(config), {"pixel_values": images()}


def bert(kind: str) -> tuple[nn.Module, dict[str, Tensor]]:
    config = transformers.BertConfig(**SMALL, vocab_size=40, attn_implementation=kind)
    return transformers.BertModel(config), {"input_ids": words(), "attention_mask": PADDING}


def gpt(kind: str) -> tuple[nn.Module, dict[str, Tensor]]:
    config = transformers.GPT2Config(
        n_embd=16, n_layer=2, n_head=2, vocab_size=40, bos_token_id=0, eos_token_id=0, attn_implementation=kind
    )
    return transformers.GPT2Model(config), {"input_ids": words()}


def llama(kind: str) -> tuple[nn.Module, dict[str, Tensor]]:
    config = transformers.LlamaConfig(
        **(SMALL | {"num_attention_heads": 4}),
        num_key_value_heads=2,
        vocab_size=40,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation=kind,
    )
    return transformers.LlamaModel(config), {"input_ids": words()}


NAMES = {
    vit: "layers.{}.attention",
    dino: "encoder.layer.{}.attention",
    bert: "encoder.layer.{}.attention.self",
    gpt: "h.{}.attn",
    llama: "layers.{}.self_attn",
}


def run(make: Callable[[str], tuple[nn.Module, dict[str, Tensor]]], kind: str, training: bool, watch: bool) -> Any:
    torch.manual_seed(0)
    model, given = make(kind)
    model.train(training)
    torch.manual_seed(1)
    if not watch:
        out, seen = model(**given), None
    else:
        with attention(model, samples=(0, 2)) as seen:
            out = model(**given)
    out.last_hidden_state.square().sum().backward()
    return seen, [out.last_hidden_state.detach(), torch.get_rng_state(), *(p.grad for p in model.parameters())]


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
@pytest.mark.parametrize("make", NAMES, ids=lambda make: make.__name__)
def test_captured_weights_are_those_that_the_model_returns(make, kind: str) -> None:
    torch.manual_seed(0)
    model, given = make("eager")
    truth = model.eval()(**given, output_attentions=True).attentions
    seen, _ = run(make, kind, training=False, watch=True)
    assert seen.notes == ()
    assert [layer.name for layer in seen.layers] == [NAMES[make].format(number) for number in range(2)]
    for layer, wanted in zip(seen.layers, truth, strict=True):
        torch.testing.assert_close(layer.weights, wanted[[0, 2]], atol=1e-5, rtol=1e-5)
        assert (layer.kind, layer.causal, layer.samples, layer.windows) == ("self", make in (gpt, llama), (0, 2), 1)
        assert layer.masked == 0
        assert layer.value_norms.shape == wanted[[0, 2]].shape[:2] + wanted.shape[-1:]
        assert layer.token_norms is not None
        assert layer.stream_norms is not None


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
@pytest.mark.parametrize("make", NAMES, ids=lambda make: make.__name__)
def test_training_is_the_same_to_the_last_bit(make, kind: str) -> None:
    seen, watched = run(make, kind, training=True, watch=True)
    _, plain = run(make, kind, training=True, watch=False)
    assert len(seen.layers) == 2
    assert seen.notes == ()
    for one, other in zip(plain, watched, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


def test_padding_gets_nothing() -> None:
    seen, _ = run(bert, "sdpa", training=False, watch=True)
    assert (seen.layers[0].weights[1, ..., 5] == 0).all()
    assert (seen.layers[0].weights[0] > 0).all()


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
def test_both_towers_of_clip(kind: str) -> None:
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config={**SMALL, "vocab_size": 40, "max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1},
        vision_config={**SMALL, "image_size": 16, "patch_size": 8},
        attn_implementation=kind,
    )
    model = transformers.CLIPModel(config).eval()
    six = torch.cat([images(), images()])  # other numbers of images and of texts
    with attention(model, samples=(0, 2)) as seen:
        out = model(input_ids=words(), pixel_values=six, output_attentions=kind == "eager")
    towers = {"vision_model": (17 - 12, False), "text_model": (6, True)}
    assert {layer.name.partition(".")[0] for layer in seen.layers} == set(towers)
    assert len(seen.layers) == 4
    for layer in seen.layers:
        tokens, causal = towers[layer.name.partition(".")[0]]
        assert layer.weights.shape == (2, 2, tokens, tokens)
        assert (layer.kind, layer.causal, layer.windows) == ("self", causal, 1)
    if kind == "eager":
        for side, output in (("vision", out.vision_model_output), ("text", out.text_model_output)):
            layers = [layer for layer in seen.layers if layer.name.startswith(side)]
            for layer, wanted in zip(layers, output.attentions, strict=True):
                torch.testing.assert_close(layer.weights, wanted[[0, 2]])
    with attention(model) as seen:
        model.get_image_features(pixel_values=six)
    assert len(seen.layers) == 2


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
def test_encoder_and_decoder(kind: str) -> None:
    torch.manual_seed(0)
    config = transformers.BartConfig(
        vocab_size=40, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, attn_implementation=kind,
        bos_token_id=0, eos_token_id=1, pad_token_id=2, decoder_start_token_id=0,
    )  # fmt: skip
    model = transformers.BartModel(config).eval()
    with attention(model) as seen:
        model(input_ids=words(), decoder_input_ids=words(1)[:, :4])
    assert [(layer.name, layer.kind, layer.causal) for layer in seen.layers] == [
        ("encoder.layers.0.self_attn", "self", False),
        ("decoder.layers.0.self_attn", "self", True),
        ("decoder.layers.0.encoder_attn", "cross", False),
        ("decoder.layers.1.self_attn", "self", True),
        ("decoder.layers.1.encoder_attn", "cross", False),
    ]


def test_windows_of_swin() -> None:
    torch.manual_seed(0)
    config = transformers.SwinConfig(
        image_size=16, patch_size=2, embed_dim=8, depths=[2], num_heads=[2], window_size=4, mlp_ratio=1.0
    )
    model = transformers.SwinModel(config).eval()
    with attention(model, samples=(1,)) as seen:
        out = model(images(), output_attentions=False)
    del out
    assert [(layer.windows, tuple(layer.weights.shape)) for layer in seen.layers] == [(4, (4, 2, 16, 16))] * 2
    with attention(model, samples=None) as every:
        model(images())
    assert torch.equal(every.layers[1].weights[4:8], seen.layers[1].weights)


def test_attention_with_a_cache_of_earlier_keys() -> None:
    torch.manual_seed(0)
    model, given = llama("sdpa")
    model.eval()
    with torch.no_grad(), attention(model, samples=None) as seen:
        cache = model(**given, use_cache=True).past_key_values
        model(words(1)[:, :2], past_key_values=cache)
    later = seen.layers[2]
    assert later.name == "layers.0.self_attn#2"
    assert later.weights.shape == (BATCH, 4, 2, 8)
    assert later.causal
    assert later.kind == "self"


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed; it is no requirement")
@pytest.mark.parametrize("fused", [True, False])
def test_timm(fused: bool) -> None:
    import timm

    model = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, pretrained=False).eval()
    for block in model.blocks:
        block.attn.fused_attn = fused
    with attention(model) as seen:
        model(images(32))
    assert [layer.name for layer in seen.layers] == ["blocks.0.attn", "blocks.1.attn"]
