"""A small vision transformer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors
from vergence.models.conv import check_dropout, check_sizes

__all__ = ["ViTEncoder"]


class ViTEncoder(nn.Module):
    """An image as a row of patches that look at one another: images to representations h.

        (batch, channels, size, size)
          patches of patch x patch, each mapped to dim numbers          (size / patch)^2 tokens
          a CLS token in front, a learned position added to each
          depth times:   x = x + attention(norm(x))     x = x + mlp(norm(x))
          norm, and of it the CLS token
        (batch, dim)

    size: side of the image. patch: side of a patch; it divides size.
    dim: width of a token, and length of h. depth: blocks. heads: of the attention; they divide dim.
    mlp: width inside the MLPs, in multiples of dim. 2 where the paper has 4: a step takes two thirds of the time.
    dropout: the probability with which an entry of what a block adds is set to 0 in training.

    With the defaults there are 141,376 parameters and 1 + 64 tokens, and a step with 64 images in two views takes
    about 90 ms on two processor cores. Attention is `F.scaled_dot_product_attention`, one call in each
    `blocks.<i>.attention`, which `observe.attention` captures.

    Raises ArgumentError, ShapeError.
    Source: Dosovitskiy et al. 2020, arXiv:2010.11929, equations 1 to 4.
    """

    def __init__(
        self,
        size: int = 32,
        patch: int = 4,
        channels: int = 3,
        dim: int = 64,
        depth: int = 4,
        heads: int = 4,
        mlp: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes("ViTEncoder", size=size, patch=patch, channels=channels, dim=dim, depth=depth, heads=heads, mlp=mlp)
        check_dropout("ViTEncoder", dropout)
        for whole, part, words in ((size, patch, "patch={} does not divide size={}"),
                                   (dim, heads, "heads={} do not divide dim={}")):  # fmt: skip
            if whole % part:
                raise errors.ArgumentError(f"ViTEncoder: {words.format(part, whole)}. Leave no remainder.")
        self.size, self.channels, self.dim = size, channels, dim
        self.grid = (size // patch, size // patch)
        self.prefix = 1
        self.patches = nn.Conv2d(channels, dim, patch, stride=patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.position = nn.Parameter(torch.randn(1, 1 + self.grid[0] * self.grid[1], dim) * 0.02)
        self.blocks = nn.Sequential(*(Block(dim, heads, mlp, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch dim"]:
        """h, one row per image."""
        if x.ndim != 4 or x.shape[1:] != (self.channels, self.size, self.size):
            raise errors.ShapeError(
                f"ViTEncoder: x is {tuple(x.shape)}. It must be (batch, {self.channels}, {self.size}, {self.size}), "
                "for each place has a learned position; for other images make ViTEncoder(size=..., channels=...)."
            )
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), tokens], dim=1) + self.position
        h: Tensor = self.norm(self.blocks(tokens))[:, 0]
        return h


class Block(nn.Module):
    """Tokens look at one another, then each thinks for itself; both are added to what was there."""

    def __init__(self, dim: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp * dim), nn.GELU(), nn.Linear(mlp * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch tokens dim"]:
        """The tokens, changed."""
        x = x + self.dropout(self.attention(self.before_attention(x)))
        x = x + self.dropout(self.mlp(self.before_mlp(x)))
        return x


class SelfAttention(nn.Module):
    """Every token asks (query) all tokens (keys) and takes a weighted mean of what they hold (values), in each head."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch tokens dim"]:
        """What each token has taken from the others."""
        query, key, value = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        taken = F.scaled_dot_product_attention(query, key, value)
        x = self.out(taken.transpose(1, 2).flatten(2))
        return x
