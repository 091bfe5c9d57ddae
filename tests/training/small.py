"""Small runs and loops that train in milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import vergence as vg


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another thread does."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.002)


def vectors(n: int = 64, dim: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    labels = torch.arange(n) % 4
    centres = torch.randn(4, dim, generator=generator)
    return centres[labels] + 0.3 * torch.randn(n, dim, generator=generator), labels


class SlowViews:
    """Noise, and a few milliseconds of waiting, so that a test can act between two steps."""

    def __init__(self, seconds: float = 0.003) -> None:
        self.strength, self.seconds = 0.5, seconds

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        time.sleep(self.seconds / 2)
        return x + 0.1 * self.strength * torch.randn(x.shape, generator=generator)


def recipe(*, slow: float = 0.0, dropout: float = 0.0, **more: Any) -> vg.methods.SimCLR:
    encoder = vg.models.MLPEncoder(8, hidden=16, dim=8, dropout=dropout)
    settings = {"encoder": encoder, "dim": 8, "views": SlowViews(slow) if slow else None}
    return vg.methods.SimCLR(**{**settings, **more})


def make(method: vg.methods.Recipe | None = None, data: Any = None, **more: Any) -> vg.Run:
    settings: dict[str, Any] = {"batch": 16, "reference": 16, "save": False, "every": 4}
    return vg.Run(method or recipe(), data=vectors() if data is None else data, **{**settings, **more})


def weights(module: nn.Module) -> list[Tensor]:
    return [value.detach().clone() for value in module.state_dict().values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def texts(history: vg.History, kind: str) -> list[str]:
    return [str(event.data.get("text") or event.data.get("why")) for event in history.events(kind)]
