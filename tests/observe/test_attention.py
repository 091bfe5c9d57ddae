"""What a capture hands over: names, rows, words where there is nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.observe.attending import WIDTH, Attending, Stack, with_at, with_bmm, with_fused
from vergence import errors
from vergence.metrics import attention as summary
from vergence.metrics import rollout
from vergence.models import ConvEncoder, ViTEncoder
from vergence.observe import attention

BATCH, TOKENS = 5, 4


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_example_of_the_docstring() -> None:
    torch.manual_seed(0)
    model, images = ViTEncoder(size=16, dim=8, depth=3, heads=2), drawn(BATCH, 3, 16, 16)
    with attention(model, samples=(0, 3)) as seen:
        assert seen.layers == ()
        assert seen.why == "The model has not run yet."
        model(images)
        assert len(seen.layers) == 3  # it may be read inside the block
    assert seen.why == ""
    assert [layer.name for layer in seen.layers] == [f"blocks.{i}.attention" for i in range(3)]
    for layer in seen.layers:
        assert layer.weights.shape == (2, 2, 17, 17)
        assert layer.value_norms.shape == (2, 2, 17)
        assert (layer.heads, layer.kind, layer.causal, layer.masked, layer.windows) == (2, "self", False, 0, 1)
        assert layer.token_norms is not None
        assert layer.stream_norms is not None
        found = summary(
            layer.weights,
            value_norms=layer.value_norms,
            token_norms=layer.stream_norms,
            grid=model.grid,
            prefix=model.prefix,
        )
        assert found.entropy_share.min() > 0.9  # untrained: nearly even
    rolled = rollout([layer.weights for layer in seen.layers])
    assert torch.allclose(rolled.sum(-1), torch.ones(2, 17))


@pytest.mark.parametrize("make", [with_at, with_bmm, with_fused])
@pytest.mark.parametrize(
    ("samples", "rows"),
    [
        ((0, 3), (0, 3)),
        ([4], (4,)),
        (2, (2,)),
        ((3, 1, 3), (3, 1, 3)),
        (None, (0, 1, 2, 3, 4)),
        (slice(3, 9), (3, 4)),
        (range(2), (0, 1)),
        (torch.tensor([1, 2]), (1, 2)),
    ],
)
def test_rows_asked_for(make, samples, rows: tuple[int, ...]) -> None:
    model = Attending(make)
    with attention(model, samples=samples) as seen:
        model(drawn(BATCH, TOKENS, WIDTH))
    assert seen.layers[0].samples == rows
    torch.testing.assert_close(seen.layers[0].weights, model.truth[list(rows)])


@pytest.mark.parametrize("batch", [1, 2, 4, 9])
def test_the_first_4_or_as_many_as_there_are(batch: int) -> None:
    model = Attending(with_fused)
    with attention(model) as seen:
        model(drawn(batch, TOKENS, WIDTH))
    assert seen.layers[0].samples == tuple(range(min(4, batch)))


@pytest.mark.parametrize("make", [with_at, with_fused])
def test_a_row_that_the_batch_does_not_have(make) -> None:
    model = Stack(make)
    with (
        pytest.raises(
            errors.ArgumentError, match=r"samples=\(9,\) asks for row 9, but blocks.0 was given a batch of 4"
        ),
        attention(model, samples=(9,)),
    ):
        model(drawn(4, TOKENS, WIDTH))


@pytest.mark.parametrize("samples", [(), (-1,), (0.5,), "0", (True,), [None]])
def test_samples_that_cannot_be_rows(samples: object) -> None:
    with pytest.raises(errors.ArgumentError, match=r"rows of the batch counted from 0, for example \(0, 3\)"):
        attention(nn.Identity(), samples=samples)  # type: ignore[arg-type]


def test_a_model_is_needed() -> None:
    with pytest.raises(errors.ArgumentError, match=r"model is a function. It must be a torch\.nn\.Module"):
        attention(lambda x: x)  # type: ignore[arg-type]


def test_a_second_time_is_numbered() -> None:
    block = Attending(with_at)
    model = nn.Sequential(block, block)  # the same module twice, under its first name
    with attention(model) as seen:
        model(drawn(BATCH, TOKENS, WIDTH))
        model(drawn(BATCH, TOKENS, WIDTH))
    assert [layer.name for layer in seen.layers] == ["0", "0#2", "0#3", "0#4"]


def test_why_there_is_nothing() -> None:
    model = ConvEncoder(width=8, dim=8)
    with attention(model) as seen:
        pass
    assert seen.why == "The model did not run inside the block."
    with attention(model) as seen:
        model(torch.rand(2, 3, 16, 16))
    assert seen.layers == ()
    assert seen.why.startswith("The model ran and nothing in it was attention: no MultiheadAttention")
    assert repr(seen).startswith("Seen(nothing: The model ran")


def test_attention_outside_of_the_model_is_left_out_and_that_is_said() -> None:
    x = drawn(2, 2, TOKENS, 4)
    with attention(Attending(with_at)) as seen:
        F.scaled_dot_product_attention(x, x, x)
        Attending(with_fused)(drawn(BATCH, TOKENS, WIDTH))  # another model, a teacher perhaps
    assert seen.layers == ()
    assert "2 times outside of any forward of the model" in seen.why


def test_a_model_whose_method_is_called_instead() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Attending(with_at)

        def encode(self, x: Tensor) -> Tensor:
            return self.block(x)

    model = Encoder()
    with attention(model, samples=(1,)) as seen:
        model.encode(drawn(BATCH, TOKENS, WIDTH))
    assert [layer.name for layer in seen.layers] == ["block"]


def test_rows_that_are_nan_are_counted_in_attention_by_hand() -> None:
    class Masked(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            scores = x @ x.mT
            scores[:, 1] = -torch.inf
            return scores.softmax(-1) @ x

    model = Masked()
    with attention(model) as seen:
        model(drawn(2, TOKENS, WIDTH))
    (layer,) = seen.layers
    assert layer.masked == 2
    assert layer.weights[:, :, 1].isnan().all()
    assert summary(layer.weights).rows_left_out == 2


def test_tokens_that_are_not_contiguous() -> None:
    block, x = Attending(with_fused), drawn(TOKENS, WIDTH, BATCH).permute(2, 0, 1)
    with attention(block, samples=None) as seen:
        block(x)
    torch.testing.assert_close(seen.layers[0].weights, block.truth)
    torch.testing.assert_close(seen.layers[0].stream_norms, x.norm(dim=-1))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
def test_flexible_attention_is_named() -> None:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    class Flex(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            causal = create_block_mask(lambda b, h, q, k: q >= k, None, None, TOKENS, TOKENS, device="cpu")
            return flex_attention(x, x, x, score_mod=lambda s, b, h, q, k: s - 0.1 * (q - k), block_mask=causal)

    model, x = Flex(), drawn(2, 2, TOKENS, 16)
    with attention(model) as seen:
        model(x)
    assert seen.layers == ()
    assert "flex_attention" in seen.why
