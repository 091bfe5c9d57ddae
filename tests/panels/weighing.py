"""Histories with weights of pairs: embeddings that learn, measured as a run measures them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.panels.story import BEGAN, RATE, Clocked
from vergence import losses
from vergence.training.controls import Controls
from vergence.training.measures.parts import Called
from vergence.training.measures.temperature import Shares

CHANGE = 120


def embedded(step: int, batch: int = 128, dim: int = 32, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two views in a cone that opens while they meet."""
    generator = torch.Generator().manual_seed(seed + step)
    cone = 1.6 * math.exp(-step / 60)
    a = torch.randn(batch, dim, generator=generator)
    kin = torch.randn(batch // 8, dim, generator=generator).repeat_interleave(8, 0)
    a = a + 0.9 * kin + cone * 3.0
    return a, a + (0.4 + 0.8 * math.exp(-step / 60)) * torch.randn(batch, dim, generator=generator)


def run(
    last: int = 240, *, every: int = 12, batch: int = 128, loss: Any = None, state: str = "live",
    change: float | None = 0.1, name: str = "emoji-simclr-07", views: Callable[[int, int], Any] = embedded,
) -> Clocked:  # fmt: skip
    """NT-Xent at temperature 0.5, and from step 120 on at 0.1."""
    loss = losses.NTXent(temperature=0.5) if loss is None else loss
    controls, shares = Controls(), Shares(loss)
    controls.add_loss(loss)
    history = Clocked({"name": name, "method": "SimCLR", "total_steps": None})
    history.describe(controls=controls.described(), loss={"name": loss.name, "variant": "", "source": ""})
    history.add_event("state", 0, moment=BEGAN, state="live")
    generator = torch.Generator().manual_seed(1)
    for step in range(every, last + 1, every):
        moment = BEGAN + step / RATE
        if step == CHANGE and change is not None and "temperature" in loss.settings():
            old, new = controls.set("temperature", change)
            label = controls.label("temperature", old, new)
            history.add_event("control", step, moment=moment, name="temperature", old=old, new=new, label=label,
                              state="applied")  # fmt: skip
        found = shares.measure(Called(views(step, batch)), None, generator)
        history.describe(**found.static)
        history.add_scalars(step, found.scalars | {"loss": 3.0}, moment=moment)
        history.add_frames(step, found.frames, moment=moment)
    history.now = BEGAN + last / RATE + 0.1
    if state != "live":
        history.add_event("state", last, moment=history.now, state=state)
    return history
