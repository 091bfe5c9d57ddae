"""Small models that attend, each in another spelling. What they attended to is kept in `truth`, before dropout."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEADS, WIDTH = 2, 8
Spelling = Callable[["Attending", Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Attending(nn.Module):
    """Tokens (batch, tokens, WIDTH) that attend to themselves, or to `context`, by one of the spellings below."""

    def __init__(self, spelling: Spelling, dropout: float = 0.0, context: bool = False) -> None:
        super().__init__()
        self.spelling, self.context = spelling, context
        self.norm = nn.LayerNorm(WIDTH)
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.out = nn.Linear(WIDTH, WIDTH)
        self.drop = nn.Dropout(dropout)
        self.num_heads = HEADS
        self.truth: Tensor | None = None

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        normed = self.norm(x)
        source = normed if context is None else context
        q, k, v = (
            part(tokens).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for part, tokens in ((self.q, normed), (self.k, source), (self.v, source))
        )
        taken, weights = self.spelling(self, q, k, v)
        self.truth = weights.detach().clone()
        return x + self.out(taken.transpose(1, 2).flatten(2))


class Stack(nn.Module):
    """Some of them after one another, and a classifier whose softmax is no attention."""

    def __init__(self, spelling: Spelling, dropout: float = 0.0, depth: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Attending(spelling, dropout) for _ in range(depth))
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1)).softmax(-1)


def scale(q: Tensor) -> float:
    return 1 / math.sqrt(q.shape[-1])


def with_at(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    weights = (q @ k.transpose(-2, -1) * scale(q)).softmax(dim=-1)
    return self.drop(weights) @ v, weights


def with_matmul_and_mask(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    scores = torch.matmul(q, k.mT) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -math.inf)
    weights = F.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
    return torch.matmul(F.dropout(weights, self.drop.p, self.training), v), weights


def with_einsum(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    weights = torch.softmax(torch.einsum("bhqd,bhkd->bhqk", q, k) * scale(q), -1)
    return torch.einsum("b h q k, b h k d -> b h q d", self.drop(weights), v), weights


def with_other_letters(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v = (x.permute(2, 0, 1, 3) for x in (q, k, v))  # tokens first
    weights = torch.einsum("ibnd,jbnd->bnij", q, k).mul(scale(q)).softmax(3)
    taken = torch.einsum("bnij,jbnd->ibnd", self.drop(weights), v)
    return taken.permute(1, 2, 0, 3), weights


def with_an_ellipsis(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    weights = torch.einsum("...qd,...kd->...qk", (q * scale(q), k)).softmax(-1)
    return torch.einsum("...ij,...jk", self.drop(weights), v), weights


def with_bmm(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    batch, heads, tokens, width = q.shape
    q, k, v = (x.reshape(batch * heads, -1, width) for x in (q, k, v))
    weights = torch.bmm(q * scale(q), k.transpose(1, 2)).softmax(-1)
    taken = torch.bmm(self.drop(weights), v).view(batch, heads, tokens, width)
    return taken, weights.view(batch, heads, tokens, -1)


def with_baddbmm(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    batch, heads, tokens, width = q.shape
    q, k, v = (x.reshape(batch * heads, -1, width) for x in (q, k, v))
    bias = torch.linspace(0, 1, k.shape[1]).expand(batch * heads, 1, -1)
    scores = torch.baddbmm(bias, q, k.transpose(1, 2), beta=0.5, alpha=scale(q)).view(batch, heads, tokens, -1)
    weights = nn.Softmax(dim=-1)(scores)
    taken = torch.bmm(self.drop(weights).view(batch * heads, tokens, -1), v).view(batch, heads, tokens, width)
    return taken, weights


def with_values_on_the_left(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    weights = (q @ k.mT * scale(q)).softmax(-1)
    return (v.transpose(-2, -1) @ self.drop(weights).transpose(-2, -1)).transpose(-2, -1), weights


def with_softmax_over_the_other_axis(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    turned = (k @ q.mT * scale(q)).softmax(-2)
    return self.drop(turned).mT @ v, turned.mT


def with_rows_flattened_for_the_softmax(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    scores = q @ k.mT * scale(q)
    weights = F.softmax(scores.view(-1, scores.shape[-1]), dim=1)
    return self.drop(weights).view(scores.shape) @ v, weights.view(scores.shape)


def with_dropout_in_place(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    weights = (q @ k.mT).mul(scale(q)).softmax(-1)
    kept = weights.clone()
    return F.dropout(weights, self.drop.p, self.training, inplace=True) @ v, kept


def with_a_cap_and_a_bias(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    scores = torch.tanh(q @ k.mT * scale(q) / 5) * 5
    scores = scores + torch.arange(k.shape[-2]).float()[None, None, None] / 7
    scores -= scores.amax(-1, keepdim=True).detach()
    weights = torch.nn.functional.softmax(scores, -1)
    return self.drop(weights) @ v, weights


def with_a_sink_column(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    scores = q @ k.mT * scale(q)
    weights = torch.cat([scores, torch.ones(*scores.shape[:-1], 1)], dim=-1).softmax(-1)
    return self.drop(weights[..., :-1]) @ v, weights


def with_heads_shared(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    k, v = k[:, 0], v[:, 0]
    weights = torch.einsum("bhqd,bkd->bhqk", q * scale(q), k).softmax(-1)
    return torch.einsum("bhqk,bkd->bhqd", self.drop(weights), v), weights


def with_fused(self: Attending, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    weights = (q.float() @ k.float().mT * scale(q)).detach().softmax(-1)
    p = self.drop.p if self.training else 0.0
    return F.scaled_dot_product_attention(q, k, v, dropout_p=p), weights


SPELLINGS: list[Spelling] = [
    with_at,
    with_matmul_and_mask,
    with_einsum,
    with_other_letters,
    with_an_ellipsis,
    with_bmm,
    with_baddbmm,
    with_values_on_the_left,
    with_softmax_over_the_other_axis,
    with_rows_flattened_for_the_softmax,
    with_dropout_in_place,
    with_a_cap_and_a_bias,
    with_a_sink_column,
    with_heads_shared,
    with_fused,
]
