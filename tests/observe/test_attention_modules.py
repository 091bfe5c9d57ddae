"""What torch itself offers: MultiheadAttention with every flag, encoder and decoder layers, the fused function."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.reference import attention as slow
from vergence.observe import Layer, attention

BATCH, QUERIES, KEYS, WIDTH, HEADS = 3, 4, 5, 8, 2


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def projected(module: nn.MultiheadAttention, name: str, x: Tensor) -> list[list[float]]:
    """q, k or v of all tokens of one sample."""
    place = "qkv".index(name)
    if module.in_proj_weight is None:
        weight = getattr(module, f"{name}_proj_weight")
    else:
        weight = module.in_proj_weight.chunk(3)[place]
    bias = None if module.in_proj_bias is None else module.in_proj_bias.chunk(3)[place].tolist()
    return [slow.linear(token, weight.tolist(), bias) for token in x.tolist()]


def expected(
    module: nn.MultiheadAttention,
    sample: int,
    head: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
) -> tuple[list[list[float]], list[float]]:
    """Weights and value norms of one head; tokens (batch, tokens, width), mask (batch, heads, queries, keys), added."""
    q, k = projected(module, "q", query[sample]), projected(module, "k", key[sample])
    v = projected(module, "v", value[sample])
    if module.bias_k is not None:
        k.append(module.bias_k[0, 0].tolist())
        v.append(module.bias_v[0, 0].tolist())
    if module.add_zero_attn:
        k.append([0.0] * WIDTH)
        v.append([0.0] * WIDTH)

    def allowed(i: int, j: int) -> float:
        return 0.0 if mask is None or j >= key.shape[1] else float(mask[sample, head, i, j])

    maps = slow.weights(slow.head(q, head, HEADS), slow.head(k, head, HEADS), mask=allowed)
    return maps, [slow.norm(x) for x in slow.head(v, head, HEADS)]


def close(found: Tensor, wanted: object) -> None:
    torch.testing.assert_close(found, torch.tensor(wanted), atol=1e-5, rtol=1e-5, equal_nan=True)


FLAGS = list(itertools.product([True, False], [True, False], [True, False], [True, False]))


@pytest.mark.parametrize(("first", "wanted", "bias", "zero"), FLAGS)
@pytest.mark.parametrize("masks", ["", "padding", "padding float", "2-D", "3-D float", "both"])
@pytest.mark.parametrize("training", [True, False])
def test_every_flag_of_multihead_attention(
    first: bool, wanted: bool, bias: bool, zero: bool, masks: str, training: bool
) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(
        WIDTH, HEADS, dropout=0.4, batch_first=first, add_bias_kv=bias, add_zero_attn=zero, kdim=6, vdim=7
    ).train(training)
    query, key, value = drawn(BATCH, QUERIES, WIDTH), drawn(BATCH, KEYS, 6, seed=1), drawn(BATCH, KEYS, 7, seed=2)
    mask = torch.zeros(BATCH, HEADS, QUERIES, KEYS)
    given: dict[str, Tensor] = {}
    if masks in ("padding", "padding float", "both"):
        padded = torch.zeros(BATCH, KEYS, dtype=torch.bool)
        padded[1, 3:] = True
        shift = torch.zeros(BATCH, KEYS).masked_fill(padded, -math.inf)
        if masks == "padding float":
            shift = shift + drawn(BATCH, KEYS, seed=3)
        given["key_padding_mask"] = padded if masks != "padding float" else shift
        mask = mask + shift[:, None, None]
    if masks in ("2-D", "both"):
        closed = torch.zeros(QUERIES, KEYS, dtype=torch.bool)
        closed[0, 1:3] = closed[2, 4] = True
        given["attn_mask"] = closed
        mask = mask.masked_fill(closed, -math.inf)
    if masks == "3-D float":
        given["attn_mask"] = drawn(BATCH * HEADS, QUERIES, KEYS, seed=4)
        mask = mask + given["attn_mask"].view(BATCH, HEADS, QUERIES, KEYS)
    turned = [x if first else x.transpose(0, 1) for x in (query, key, value)]
    with attention(module, samples=(0, 1)) as seen:
        module(*turned, need_weights=wanted, average_attn_weights=zero, **given)
    (layer,) = seen.layers
    assert (layer.name, layer.kind, layer.causal, layer.samples) == ("MultiheadAttention", "cross", False, (0, 1))
    for sample, head in itertools.product(range(2), range(HEADS)):
        maps, norms = expected(module, sample, head, query, key, value, mask)
        close(layer.weights[sample, head], maps)
        close(layer.value_norms[sample, head], norms)
    assert layer.token_norms is not None
    close(layer.token_norms[:, :KEYS], [[slow.norm(x) for x in tokens] for tokens in key[:2].tolist()])
    assert layer.token_norms[:, KEYS:].isnan().all()
    assert seen.notes == ()


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_self_attention_unbatched_and_causal(wanted: bool, causal: bool) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(WIDTH, HEADS, bias=False)
    x = drawn(KEYS, WIDTH)
    mask = nn.Transformer.generate_square_subsequent_mask(KEYS) if causal else None
    with attention(module) as seen:
        module(x, x, x, need_weights=wanted, attn_mask=mask, is_causal=causal)
    (layer,) = seen.layers
    assert (layer.kind, layer.causal, layer.samples) == ("self", causal, (0,))
    full = None if mask is None else mask.expand(1, HEADS, -1, -1)
    for head in range(HEADS):
        close(layer.weights[0, head], expected(module, 0, head, x[None], x[None], x[None], full)[0])


def test_a_padding_mask_without_a_batch() -> None:
    torch.manual_seed(0)
    module, x = nn.MultiheadAttention(WIDTH, HEADS), drawn(KEYS, WIDTH)
    with attention(module) as seen:
        module(x, x, x, key_padding_mask=torch.tensor([False] * 4 + [True]))
    assert (seen.layers[0].weights[..., 4] == 0).all()
    assert (seen.layers[0].weights[..., :4] > 0).all()


@pytest.mark.parametrize("wanted", [True, False])
def test_rows_whose_keys_are_all_masked_are_marked_and_counted(wanted: bool) -> None:
    torch.manual_seed(0)
    module, x = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), drawn(2, KEYS, WIDTH)
    mask = torch.zeros(KEYS, KEYS)
    mask[1] = -math.inf
    with attention(module) as seen:
        module(x, x, x, need_weights=wanted, attn_mask=mask)
    layer = seen.layers[0]
    assert layer.masked == 2 * HEADS
    assert layer.weights[:, :, 1].isnan().all()
    assert torch.allclose(layer.weights[:, :, [0, 2, 3, 4]].sum(-1), torch.ones(2, HEADS, 4))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_encoder(training: bool, norm_first: bool, batch_first: bool, nested: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, norm_first=norm_first, batch_first=batch_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested).train(training)
    x = drawn(BATCH, KEYS, WIDTH)
    padded = torch.zeros(BATCH, KEYS, dtype=torch.bool)
    padded[1, 3:] = True
    given = x if batch_first else x.transpose(0, 1)
    torch.manual_seed(1)
    with torch.set_grad_enabled(training):
        plain = model(given, src_key_padding_mask=padded)
        torch.manual_seed(1)
        with attention(model, samples=None) as seen:
            watched = model(given, src_key_padding_mask=padded)
    if training:
        assert torch.equal(plain, watched)
    elif batch_first:  # the fused path leaves out what is padded
        torch.testing.assert_close(plain[~padded], watched[~padded], atol=1e-5, rtol=1e-5)
    else:
        torch.testing.assert_close(plain, watched, atol=1e-5, rtol=1e-5)
    assert [found.name for found in seen.layers] == ["layers.0.self_attn", "layers.1.self_attn"]
    assert {found.kind for found in seen.layers} == {"self"}
    assert all(found.samples == (0, 1, 2) and found.windows == 1 for found in seen.layers)
    inner = model.layers[0]
    source = inner.norm1(x) if norm_first else x
    for sample, head in itertools.product(range(BATCH), range(HEADS)):
        mask = torch.zeros(BATCH, HEADS, KEYS, KEYS).masked_fill(padded[:, None, None], -math.inf)
        maps, norms = expected(inner.self_attn, sample, head, source, source, source, mask)
        close(seen.layers[0].weights[sample, head], maps)
        close(seen.layers[0].value_norms[sample, head], norms)
    stream = seen.layers[0].stream_norms
    if norm_first:
        assert stream is not None
        torch.testing.assert_close(stream, x.norm(dim=-1))
    else:
        assert stream is None


def test_decoder_attends_to_itself_and_to_the_memory() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerDecoderLayer(WIDTH, HEADS, 16, batch_first=True)
    model = nn.TransformerDecoder(layer, 2)
    mask = nn.Transformer.generate_square_subsequent_mask(QUERIES)
    with attention(model) as seen:
        model(drawn(BATCH, QUERIES, WIDTH), drawn(BATCH, KEYS, WIDTH, seed=1), tgt_mask=mask, tgt_is_causal=True)
    assert [(found.name, found.kind, found.causal) for found in seen.layers] == [
        ("layers.0.self_attn", "self", True),
        ("layers.0.multihead_attn", "cross", False),
        ("layers.1.self_attn", "self", True),
        ("layers.1.multihead_attn", "cross", False),
    ]
    assert seen.layers[1].weights.shape == (BATCH, HEADS, QUERIES, KEYS)


class Fused(nn.Module):
    """scaled_dot_product_attention as it is called."""

    def __init__(self, **given: object) -> None:
        super().__init__()
        self.given = given

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, **self.given)


FUSED = [
    {},
    {"is_causal": True},
    {"scale": 0.3},
    {"attn_mask": drawn(QUERIES, KEYS, seed=5)},
    {"attn_mask": drawn(BATCH, 1, QUERIES, KEYS, seed=5) > -1},
    {"attn_mask": drawn(BATCH, HEADS, 1, KEYS, seed=5), "scale": 2.0},
]


@pytest.mark.parametrize("given", FUSED, ids=lambda given: ", ".join(given) or "plain")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_fused(given: dict[str, object], dtype: torch.dtype) -> None:
    given = {k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in given.items()}
    q, k, v = (drawn(BATCH, HEADS, n, 4, seed=i).to(dtype) for i, n in enumerate((QUERIES, KEYS, KEYS)))
    module = Fused(**given)
    plain = module(q, k, v)
    with attention(module, samples=(2,)) as seen:
        watched = module(q, k, v)
    assert torch.equal(plain, watched)
    (layer,) = seen.layers
    assert (layer.seen_in, layer.causal, layer.samples) == (
        "scaled_dot_product_attention",
        "is_causal" in given,
        (2,),
    )
    mask = given.get("attn_mask", torch.zeros(()))
    assert isinstance(mask, Tensor)
    mask = mask.expand(BATCH, HEADS, QUERIES, KEYS)

    def allowed(i: int, j: int, head: int) -> float:
        if "is_causal" in given:
            return slow.causal(i, j)
        entry = mask[2, head, i, j]
        return (0.0 if entry else -math.inf) if mask.dtype == torch.bool else float(entry)

    for head in range(HEADS):
        maps = slow.weights(
            q[2, head].tolist(), k[2, head].tolist(), given.get("scale"), lambda i, j, h=head: allowed(i, j, h)
        )
        close(layer.weights[0, head], maps)
        close(layer.value_norms[0, head], [slow.norm(x) for x in v[2, head].tolist()])


def test_grouped_queries() -> None:
    q, k, v = drawn(BATCH, 4, KEYS, 3), drawn(BATCH, 2, KEYS, 3, seed=1), drawn(BATCH, 2, KEYS, 3, seed=2)
    module = Fused(enable_gqa=True, is_causal=True)
    with attention(module) as seen:
        module(q, k, v)
    (layer,) = seen.layers
    assert layer.heads == 4
    assert layer.causal
    for head in range(4):
        close(layer.weights[1, head], slow.weights(q[1, head].tolist(), k[1, head // 2].tolist(), mask=slow.causal))
        close(layer.value_norms[1, head], [slow.norm(x) for x in v[1, head // 2].tolist()])


@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (3, 2, 2)])
def test_any_number_of_leading_axes(shape: tuple[int, ...]) -> None:
    q, k, v = drawn(*shape, QUERIES, 4), drawn(*shape, KEYS, 4, seed=1), drawn(*shape, KEYS, 4, seed=2)
    module = Fused()
    with attention(module, samples=None) as seen:
        module(q, k, v)
    (layer,) = seen.layers
    close(layer.weights.reshape(*shape, QUERIES, KEYS), (q @ k.mT / 2).softmax(-1).tolist())


def test_keys_shared_by_the_batch_and_a_turned_layout() -> None:
    q, k, v = drawn(QUERIES, BATCH, HEADS, 4).permute(1, 2, 0, 3), drawn(1, 1, KEYS, 4), drawn(1, 1, KEYS, 4)
    module = Fused()
    with attention(module, samples=(0, 2)) as seen:
        module(q, k, v)
    (layer,) = seen.layers
    close(layer.weights, (q @ k.mT / 2).softmax(-1)[[0, 2]].tolist())
    assert layer.value_norms.shape == (2, HEADS, KEYS)


def test_a_bias_object_as_mask() -> None:
    from torch.nn.attention.bias import causal_lower_right

    q, k = drawn(BATCH, HEADS, QUERIES, 4), drawn(BATCH, HEADS, KEYS, 4, seed=1)
    module = Fused(attn_mask=causal_lower_right(QUERIES, KEYS))
    with attention(module) as seen:
        module(q, k, k)
    (layer,) = seen.layers
    assert layer.causal
    assert (layer.weights.triu(KEYS - QUERIES + 1) == 0).all()


def test_a_layer_says_what_it_is() -> None:
    model = Fused(is_causal=True)
    with attention(model) as seen:
        model(*(drawn(1, 1, 2, 2),) * 3)
    assert isinstance(seen.layers[0], Layer)
    assert (
        repr(seen.layers[0])
        == "Layer('Fused', causal self attention, samples x heads x queries x keys = 1 x 1 x 2 x 2)"
    )
