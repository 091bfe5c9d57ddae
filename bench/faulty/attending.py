"""Loops of one's own with a small vision transformer, whose attention goes wrong."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.faulty.case import Case
from bench.faulty.own import Loop
from vergence import models
from vergence.models.vit import SelfAttention

__all__ = ["LOOPS"]

HEADS = 4


class Attending(Loop):
    """A transformer of two blocks on pictures; the sound one."""

    def models(self) -> tuple[nn.Module, nn.Module]:
        channels, size, _ = self.source.item_shape
        made = models.ViTEncoder(size=size, patch=size // 4, channels=channels, dim=32, depth=2, heads=HEADS)
        return made, models.Projector(32, hidden=128, out_dim=self.case.dim)

    def attentions(self) -> list[SelfAttention]:
        """Of every block."""
        return [part for part in self.encoder.modules() if isinstance(part, SelfAttention)]


class DeadHeads(Attending):
    """Half of the heads look at everything alike, and bring nothing: their queries, keys and values are 0."""

    def after(self) -> None:
        if not self.wrong:
            return
        with torch.no_grad():
            for part in self.attentions():
                inner = part.queries_keys_values
                for held in (inner.weight, inner.bias):
                    held.view(3, HEADS, -1)[:, : HEADS // 2] = 0


class Sink(Attending):
    """Every head parks its attention at the class token."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        for part in self.attentions():
            vars(part)["forward"] = self._parked(part)

    def _parked(self, part: SelfAttention) -> Any:
        def forward(x: Tensor) -> Tensor:
            query, key, value = part.queries_keys_values(x).unflatten(2, (3, part.heads, -1)).permute(2, 0, 3, 1, 4)
            bias = torch.zeros(1, 1, 1, x.shape[1])
            if self.wrong:
                bias[..., 0] = 6.0
            taken = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
            found: Tensor = part.out(taken.transpose(1, 2).flatten(2))
            return found

        return forward


LOOPS: dict[str, type[Loop]] = {"own: dead heads": DeadHeads, "own: attention sink": Sink}
