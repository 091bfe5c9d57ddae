"""Attention written by hand is found in any spelling, and a softmax that is no attention is not."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.observe.attending import HEADS, SPELLINGS, WIDTH, Attending, Spelling, Stack, with_at, with_fused
from tests.reference import attention as slow
from vergence.observe import attention

BATCH, TOKENS = 3, 5


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.__name__)
def test_every_spelling(spelling: Spelling, dropout: float) -> None:
    torch.manual_seed(0)
    model, x = Stack(spelling, dropout), drawn(BATCH, TOKENS, WIDTH)
    with attention(model, samples=(0, 2)) as seen:
        model(x)
    assert [layer.name for layer in seen.layers] == ["blocks.0", "blocks.1"]
    assert seen.notes == ()
    for layer, block in zip(seen.layers, model.blocks, strict=True):
        assert (layer.kind, layer.samples, layer.windows) == ("self", (0, 2), 1)
        torch.testing.assert_close(layer.weights, block.truth[[0, 2]])
        torch.testing.assert_close(layer.weights.sum(-1), torch.ones(2, HEADS, TOKENS))
    first, block = seen.layers[0], model.blocks[0]
    normed = block.norm(x)
    values = block.v(normed).unflatten(2, (HEADS, -1)).norm(dim=-1).transpose(1, 2).detach()
    if spelling.__name__ == "with_heads_shared":
        values = values[:, :1].expand(-1, HEADS, -1)
    torch.testing.assert_close(first.value_norms[..., :TOKENS], values[[0, 2]])
    assert (first.value_norms[..., TOKENS:] == 0).all()
    assert first.token_norms is not None
    assert first.stream_norms is not None
    torch.testing.assert_close(first.token_norms[:, :TOKENS], normed.norm(dim=-1)[[0, 2]].detach())
    torch.testing.assert_close(first.stream_norms[:, :TOKENS], x.norm(dim=-1)[[0, 2]])
    assert first.token_norms[:, TOKENS:].isnan().all()


def test_the_slow_twin_agrees() -> None:
    torch.manual_seed(0)
    block, x = Attending(with_at, dropout=0.3), drawn(BATCH, TOKENS, WIDTH)
    with attention(block) as seen:
        block(x)
    normed = block.norm(x)
    for sample in range(BATCH):
        q, k = (
            [slow.linear(token, part.weight.tolist(), part.bias.tolist()) for token in normed[sample].tolist()]
            for part in (block.q, block.k)
        )
        for head in range(HEADS):
            maps = slow.weights(slow.head(q, head, HEADS), slow.head(k, head, HEADS))
            torch.testing.assert_close(seen.layers[0].weights[sample, head], torch.tensor(maps), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.__name__)
def test_cross_attention(spelling: Spelling) -> None:
    if spelling.__name__ == "with_matmul_and_mask":
        tokens = TOKENS + 1  # its mask is for as many keys
    else:
        tokens = TOKENS
    torch.manual_seed(0)
    block = Attending(spelling)
    with attention(block, samples=None) as seen:
        block(drawn(BATCH, TOKENS, WIDTH), drawn(BATCH, tokens, WIDTH, seed=1))
    (layer,) = seen.layers
    assert layer.kind == "cross"
    torch.testing.assert_close(layer.weights, block.truth)


class Apart(nn.Module):
    """Scores, softmax and weighting each in a module of their own; heads as modules; no batch."""

    class Scores(nn.Module):
        def forward(self, q: Tensor, k: Tensor) -> Tensor:
            return torch.mm(q, k.t()) / math.sqrt(q.shape[-1])

    class Soft(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.nn.functional.dropout(x.softmax(-1), 0.5, self.training)

    class Weigh(nn.Module):
        def forward(self, weights: Tensor, v: Tensor) -> Tensor:
            return torch.mm(weights, v)

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.scores, self.soft, self.weigh = self.Scores(), self.Soft(), self.Weigh()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.weigh(self.soft(self.scores(q, k)), v)


def test_in_pieces_and_without_a_batch() -> None:
    torch.manual_seed(0)
    model, x = Apart(), drawn(TOKENS, WIDTH)
    q, k, _ = model.qkv(x).chunk(3, -1)
    with attention(model) as seen:
        model(x)
    (layer,) = seen.layers
    assert (layer.name, layer.kind, layer.samples, layer.heads) == ("weigh", "self", (0,), 1)
    torch.testing.assert_close(layer.weights[0, 0], (q @ k.T / math.sqrt(WIDTH)).softmax(-1).detach())


class HeadsAsModules(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.num_heads = 2
        self.heads = nn.ModuleList(self.Head() for _ in range(2))

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(WIDTH, 4, bias=False) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            scores = self.q(x) @ self.k(x).transpose(-2, -1)
            return scores.masked_fill(torch.ones(x.shape[1], x.shape[1]).tril() == 0, float("-inf")).softmax(
                -1
            ) @ self.v(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([head(x) for head in self.heads], dim=-1)


def test_one_module_for_each_head() -> None:
    model = HeadsAsModules()
    with attention(model, samples=None) as seen:
        model(drawn(4, TOKENS, WIDTH))
    assert [(layer.name, layer.heads, layer.causal) for layer in seen.layers] == [
        ("heads.0", 1, True),
        ("heads.1", 1, True),
    ]
    assert seen.layers[0].weights.shape == (4, 1, TOKENS, TOKENS)


class Windows(nn.Module):
    """Tokens on a grid attend inside windows of 2 x 2, with a bias for each pair of places, heads folded or not."""

    def __init__(self, folded: bool) -> None:
        super().__init__()
        self.qkv, self.bias, self.folded = nn.Linear(WIDTH, 3 * WIDTH), nn.Parameter(drawn(HEADS, 4, 4)), folded
        self.num_heads = HEADS
        self.truth: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        batch, rows, columns, width = x.shape
        cut = x.view(batch, rows // 2, 2, columns // 2, 2, width).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, width)
        q, k, v = self.qkv(cut).reshape(-1, 4, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        if self.folded:
            q, k, v = (part.flatten(0, 1) for part in (q, k, v))
        scores = (q * 0.5) @ k.transpose(-2, -1)
        scores = scores + (self.bias.repeat(len(scores) // HEADS, 1, 1) if self.folded else self.bias)
        weights = scores.softmax(-1)
        self.truth = weights.detach()
        return weights @ v


@pytest.mark.parametrize("folded", [True, False])
def test_windows_of_the_samples_asked_for(folded: bool) -> None:
    model = Windows(folded)
    with attention(model, samples=(0, 2)) as seen:
        model(drawn(BATCH, 4, 6, WIDTH))
    (layer,) = seen.layers
    assert (layer.windows, layer.heads, layer.samples) == (6, HEADS, (0, 2))
    assert model.truth is not None
    truth = model.truth.view(BATCH, 6, HEADS, 4, 4)[[0, 2]].flatten(0, 1)
    assert torch.equal(layer.weights, truth)
    assert layer.token_norms is not None
    assert layer.token_norms.shape == (12, 4)


class Written(nn.Module):
    """Runs a function, so that it runs inside a module."""

    def __init__(self, function, **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *given: Tensor) -> object:
        return self.function(self, *given)


def classifier(self: Written, x: Tensor) -> Tensor:
    return self.head(x.mean(1)).softmax(-1)


def contrastive(self: Written, x: Tensor) -> Tensor:
    a, b = F.normalize(self.head(x[:, 0]), dim=1), F.normalize(self.head(x[:, 1]), dim=1)
    soft = (a @ b.T / 0.1).softmax(-1)
    return -(soft.diagonal().log()).mean() - (soft * soft.log()).sum()


def experts(self: Written, x: Tensor) -> Tensor:
    gate = self.head(x).softmax(-1)
    each = torch.stack([expert(x) for expert in self.experts], dim=2)
    return torch.einsum("bte,bted->btd", gate, each) + (gate.unsqueeze(2) @ each).squeeze(2)


def experts_by_cosine(self: Written, x: Tensor) -> Tensor:
    gate = (F.normalize(x, dim=-1) @ F.normalize(self.head.weight, dim=1).T).softmax(-1)
    each = torch.stack([expert(x) for expert in self.experts], dim=2)
    return torch.einsum("bte,bted->btd", gate, each) + (gate.unsqueeze(-2) @ each).squeeze(-2)


def prototypes(self: Written, x: Tensor) -> Tensor:
    scores = F.normalize(x[:, 0], dim=1) @ F.normalize(self.head.weight, dim=1).T
    codes = (scores / 0.05).exp().T
    for _ in range(3):
        codes = codes / codes.sum(1, keepdim=True)
        codes = codes / codes.sum(0, keepdim=True)
    return -(codes.T * (scores / 0.1).softmax(-1).log()).sum(1).mean()


def codebook(self: Written, x: Tensor) -> Tensor:
    return (x @ self.head.weight.T).softmax(-1) @ self.head.weight


def linear_attention(self: Written, x: Tensor) -> Tensor:
    q, k = x.softmax(-1), x.softmax(-2)
    return q @ (k.transpose(-2, -1) @ x)


def kernel_attention(self: Written, x: Tensor) -> Tensor:
    q, k = F.elu(x) + 1, F.elu(x) + 1
    return torch.einsum("btd,bde->bte", q, torch.einsum("bsd,bse->bde", k, x)) / (q @ k.sum(1).unsqueeze(-1))


def squeeze_and_excite(self: Written, x: Tensor) -> Tensor:
    return x * self.head(x.mean(1)).softmax(-1).sum(-1)[:, None, None]


NOT_ATTENTION = [
    classifier,
    contrastive,
    experts,
    experts_by_cosine,
    prototypes,
    codebook,
    linear_attention,
    kernel_attention,
    squeeze_and_excite,
]


@pytest.mark.parametrize("function", NOT_ATTENTION, ids=lambda function: function.__name__)
def test_a_softmax_that_is_no_attention(function) -> None:
    torch.manual_seed(0)
    model = Written(
        function, head=nn.Linear(WIDTH, 4), experts=nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(4))
    )
    with attention(model) as seen:
        result = model(drawn(BATCH, TOKENS, WIDTH))
        if isinstance(result, Tensor) and result.requires_grad:
            result.sum().backward()  # (softmax - target) @ inputs is not attention either
    assert seen.layers == ()
    assert "nothing in it was attention" in seen.why
    assert seen.notes == ()
    assert ("weights no values" in " ".join(seen.why.split())) == (
        function in (contrastive, experts_by_cosine, prototypes)
    )


def test_attention_beside_what_is_none() -> None:
    """Behind an attention, gates and classifiers are still none."""
    torch.manual_seed(0)
    block = Attending(with_at)

    def forward(self: Written, x: Tensor) -> Tensor:
        x = self.block(x)
        return x.mean() + sum(f(self, x).mean() for f in (classifier, experts, contrastive, prototypes, codebook))

    model = Written(
        forward, block=block, head=nn.Linear(WIDTH, 4), experts=nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(4))
    )
    with attention(model) as seen:
        model(drawn(BATCH, TOKENS, WIDTH)).backward()
    assert [layer.name for layer in seen.layers] == ["block"]


def talking_heads(self: Written, x: Tensor) -> Tensor:
    q, k, v = (x.unflatten(2, (HEADS, -1)).transpose(1, 2) for _ in range(3))
    scores = self.before((q @ k.mT).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    weights = scores.softmax(-1)
    self.truth = weights.detach()
    return self.after(weights.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) @ v


def slots(self: Written, x: Tensor) -> Tensor:
    """The softmax is over the queries, and the keys' shares are made to sum to 1."""
    q = self.q(self.slots.expand(len(x), -1, -1))
    shares = (self.k(x) @ q.transpose(1, 2)).softmax(-1)
    shares = shares / shares.sum(1, keepdim=True)
    self.truth = shares.detach().transpose(1, 2)
    return shares.transpose(1, 2) @ x


def assignments(self: Written, x: Tensor) -> Tensor:
    """The same without that: soft clusters, no attention."""
    q = self.q(self.slots.expand(len(x), -1, -1))
    return (self.k(x) @ q.transpose(1, 2)).softmax(-1).transpose(1, 2) @ x


def latents(self: Written, x: Tensor) -> Tensor:
    q = self.q(self.slots.expand(len(x), -1, -1))
    weights = torch.softmax(q @ self.k(x).mT, -1)
    self.truth = weights.detach()
    return weights @ x


def test_slots_and_latents() -> None:
    torch.manual_seed(0)
    x = drawn(BATCH, TOKENS, WIDTH)
    for function, number in ((slots, 1), (latents, 1), (assignments, 0)):
        parts = {"q": nn.Linear(WIDTH, WIDTH), "k": nn.Linear(WIDTH, WIDTH), "slots": nn.Parameter(drawn(1, 2, WIDTH))}
        model = Written(function, **parts)
        with attention(model) as seen:
            model(x)
        assert len(seen.layers) == number
        for layer in seen.layers:
            assert layer.kind == "cross"
            torch.testing.assert_close(layer.weights[:, 0], model.truth)


def test_talking_heads_are_seen_before_they_talk_again() -> None:
    torch.manual_seed(0)
    model = Written(talking_heads, before=nn.Linear(HEADS, HEADS), after=nn.Linear(HEADS, HEADS))
    model.num_heads = HEADS
    with attention(model) as seen:
        model(drawn(BATCH, TOKENS, WIDTH))
    torch.testing.assert_close(seen.layers[0].weights, model.truth)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("spelling", [with_at, with_fused])
def test_gradients_through_a_checkpoint_are_not_seen_twice(spelling: Spelling, reentrant: bool) -> None:
    from torch.utils.checkpoint import checkpoint

    torch.manual_seed(0)
    block = Attending(spelling)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.block, x, use_reentrant=reentrant)

    model = Outer()
    with attention(model) as seen:
        model(drawn(BATCH, TOKENS, WIDTH).requires_grad_()).sum().backward()
    assert [layer.name for layer in seen.layers] == ["block"]
