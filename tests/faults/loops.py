"""A loop with a fault in the middle, and what must hold afterwards, whatever the fault was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import vergence as vg

BEFORE, FAULTY, AFTER = 3, 4, 3
LAST = BEFORE + FAULTY + AFTER
Said = list[tuple[str, str, str]]


class Loop:
    """Three good steps, four with the fault, three good ones, by hand as in somebody's own script."""

    def __init__(self, folder: Path, **more: Any) -> None:
        settings: dict[str, Any] = {"objective": vg.losses.NTXent(temperature=0.5), "every": 1, "directory": folder}
        self.monitor = vg.Monitor(**{**settings, **more})
        self.generator = torch.Generator().manual_seed(0)

    def z(self, *shape: int) -> Tensor:
        return torch.randn(*(shape or (8, 4)), generator=self.generator)

    def good(self) -> None:
        self.monitor.step(self.z(), self.z(), loss=torch.tensor(2.0), labels=torch.arange(8) % 3)

    def run(self, fault: Callable[[Loop], None]) -> Loop:
        for _ in range(BEFORE):
            self.good()
        for _ in range(FAULTY):
            fault(self)
        for _ in range(AFTER):
            self.good()
        return self

    @property
    def histories(self) -> tuple[vg.History, vg.History]:
        """In memory, and as another process reads it."""
        assert self.monitor.store is not None
        self.monitor.store.flush()
        assert self.monitor.directory is not None
        return self.monitor.history, vg.open(self.monitor.directory, follow=False).history


def said(history: vg.History) -> Said:
    """(kind, what it is about, the words) of every mark and failure."""
    return [
        (
            event.kind,
            str(event.data.get("name") or event.data["what"]),
            str(event.data.get("why") or event.data["text"]),
        )
        for event in history.events()
        if event.kind in ("mark", "failed")
    ]


def check_the_rest(history: vg.History, *, loss: bool = True, measured: bool = False) -> None:
    """The loop went on, and what was recorded before and after the fault is there."""
    assert history.last_step == LAST
    assert history.state == "live"
    good = [*range(1, BEFORE + 1), *range(LAST - AFTER + 1, LAST + 1)]
    everything = list(range(1, LAST + 1))
    assert history.scalar("loss").steps.tolist() == (everything if loss else good)
    assert history.last("loss") == 2.0
    frames = list(history.frames("similarity/z"))
    assert frames == (everything if measured else good)
    for key in ("similarity/z/auc", "hypersphere/z/uniformity", "hypersphere/z/tolerance", "loss/pull"):
        steps = history.scalar(key).steps.tolist()
        assert set(good) <= set(steps), key
        assert history.scalar(key).at(LAST) is not None
    assert int(history.frame("similarity/z", LAST).arrays["positive"].sum()) == 8
