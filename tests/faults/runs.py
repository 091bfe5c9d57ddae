"""A Run whose model misbehaves at chosen steps, and what its History must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import vergence as vg

FAULTY = range(4, 8)
LAST = 10


class Spoils(nn.Module):
    """A head that turns its output into something else at the steps `at`, in training."""

    def __init__(self, turn: Callable[[Tensor], Tensor], at: range = FAULTY, *, inputs: int = 8) -> None:
        super().__init__()
        self.linear, self.turn, self.at, self.times = nn.Linear(inputs, 4), turn, at, 0

    def forward(self, h: Tensor) -> Tensor:
        z = self.linear(h)
        if not self.training:
            return z
        self.times += 1
        return self.turn(z) if self.times in self.at else z


def data(n: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 6, generator=generator), torch.arange(n) % 3


def make(
    folder: Path, *, head: nn.Module | None = None, encoder: Any = None, source: Any = None, **more: Any
) -> vg.Run:
    method = more.pop("method", None) or vg.methods.SimCLR(
        encoder=encoder or (lambda: nn.Linear(6, 8)), projector=head, dim=4, temperature=0.5
    )
    settings: dict[str, Any] = {"batch": 8, "reference": 12, "every": 1, "directory": folder, "driver": "inline"}
    return vg.Run(method, data() if source is None else source, **{**settings, **more})


def histories(run: vg.Run) -> tuple[vg.History, vg.History]:
    """In memory, and as another process reads it."""
    assert run.directory is not None
    run._session.store.flush()
    return run.history, vg.open(run.directory, follow=False).history


def steps(history: vg.History, key: str) -> list[int]:
    return history.scalar(key).steps.tolist()
