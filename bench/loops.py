"""Training loops that a Monitor may or may not watch, and blocks of them that are timed in turn."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import torch
from torch import Tensor, nn

import vergence as vg
from vergence import models
from vergence.losses import NTXent
from vergence.training.budget import Budget
from vergence_widgets.publisher import Publisher

KINDS = ("conv", "vit", "small")
CLASSES = 10


class Awake:
    """Keeps the cores from falling asleep, by loops that run only when nothing else wants a core.

    On a virtual machine it takes long to wake a core. A bare loop whose threads wait for one another pays that at
    every small operation, a watched one whose browser keeps the cores awake does not: without this, a network with
    steps of a few ms was 12 % *faster* while a browser drew it.
    """

    LOOP = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"

    def __enter__(self) -> Awake:
        self._loops = [subprocess.Popen([sys.executable, "-c", self.LOOP]) for _ in range(os.cpu_count() or 1)]
        return self

    def __exit__(self, *_: object) -> None:
        for loop in self._loops:
            loop.kill()
            loop.wait()


class Held:
    """A clock that stands still while it is held: what is not watched is no time in which watching could be due."""

    def __init__(self) -> None:
        self._stood = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        """Seconds."""
        return (time.perf_counter() if self._since is None else self._since) - self._stood

    def hold(self) -> None:
        """Stand still."""
        self._since = time.perf_counter()

    def go(self) -> None:
        """Go on from where it stood."""
        if self._since is not None:
            self._stood += time.perf_counter() - self._since
            self._since = None


class Booked(Budget):
    """A Budget that also writes down what each measurement took."""

    def __init__(self, clock: Held) -> None:
        super().__init__(clock=clock)
        self.booked: dict[str, list[float]] = {}

    def charge(self, name: str | None, seconds: float) -> None:
        """Book it, and remember it by name."""
        self.booked.setdefault(name or "bookkeeping", []).append(seconds)
        super().charge(name, seconds)


class Loop:
    """A plain SimCLR loop on emoji (`conv`, `vit`) or on rows of numbers (`small`, a step of about 5 ms)."""

    def __init__(self, kind: str) -> None:
        torch.manual_seed(0)
        self.kind = kind
        if kind == "small":
            self.encoder: nn.Module = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128))
            self.head: nn.Module = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 64))
            self.labels = torch.arange(384) % CLASSES
            self.items = self._rows(self.labels)
        else:
            self.encoder = models.ConvEncoder(channels=3) if kind == "conv" else models.ViTEncoder()
            self.head = models.Projector(self.encoder.dim)
            emoji = vg.data.emoji()
            index = torch.arange(0, 4 * 256, 4)
            self.items = emoji.pair(index, generator=torch.Generator().manual_seed(0))[0]
            self.labels = emoji.label_of(index)
        with torch.no_grad():  # lazy layers take their sizes
            self.head(self.encoder(self.items[:2]))
        self.optimiser = torch.optim.Adam([*self.encoder.parameters(), *self.head.parameters()], lr=1e-3)
        self.criterion = NTXent(temperature=0.2)
        self.monitor: vg.Monitor | None = None

    def _rows(self, labels: Tensor) -> Tensor:
        centres = torch.randn(CLASSES, 64, generator=torch.Generator().manual_seed(1))
        return centres[labels] + torch.randn(len(labels), 64)

    def watch(self, budget: Budget, **more: Any) -> vg.Monitor:
        """A Monitor with everything handed over that a panel could show: 512 reference items, factors, inputs."""
        if self.kind == "small":
            labels = torch.arange(512) % CLASSES
            known: dict[str, Any] = {"reference": (self._rows(labels), {"class": labels, "half": labels // 5})}
        else:
            emoji = vg.data.emoji()
            items, labels = emoji.reference(512)
            about = emoji.about_reference(512)
            known = {
                "reference": (items, {"group": labels, **about["factors"]}),
                "groups": about["groups"],
                "names": about["names"],
            }
        self.monitor = vg.Monitor(
            self.encoder, projector=self.head, objective=self.criterion, optimiser=self.optimiser, name="bench",
            **known, **more,
        )  # fmt: skip
        self.monitor.observer.budget = budget
        self.monitor.steering.after_pause = budget.rest
        return self.monitor

    def step(self, *, watched: bool) -> None:
        """One training step."""
        views = tuple(self.items + 0.1 * torch.randn(self.items.shape) for _ in range(2))
        h = self.encoder(torch.cat(views))
        z1, z2 = self.head(h).chunk(2)
        loss = self.criterion(z1, z2)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if watched and self.monitor is not None:
            self.monitor.step(z1, z2, h=h, loss=loss, labels=self.labels, inputs=views)
        self.optimiser.step()


def interval(ratios: list[float]) -> tuple[float, float]:
    """A 95 % interval of the median from order statistics."""
    ordered = sorted(ratios)
    n = len(ordered)
    reach = math.floor(n / 2 - 0.98 * math.sqrt(n))
    return ordered[max(reach, 0)], ordered[min(n - 1 - reach, n - 1)]


def browser_seconds() -> float:
    """Processor seconds that every Chromium process of this machine has used so far; 0 where there is none."""
    used = 0.0
    for process in psutil.process_iter(["name", "cpu_times"]):
        if "chrom" in (process.info["name"] or "") and process.info["cpu_times"]:
            used += process.info["cpu_times"].user + process.info["cpu_times"].system
    return used


def blocks(seconds: float, step: Callable[[], None]) -> Iterator[tuple[float, float, float, float]]:
    """Of one block after another: seconds and processor seconds per step, the browser's share of a core, seconds."""
    while True:
        drew, count, began, worked = browser_seconds(), 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds or count < 3:
            step()
            count += 1
        took = time.perf_counter() - began
        worked = time.process_time() - worked
        yield took / count, worked / count, (browser_seconds() - drew) / took, took


def in_turn(
    loop: Loop, publisher: Publisher, budget: Booked, clock: Held, hide: Callable[[bool], None], *,
    pairs: int, seconds: float, warm: float,
) -> dict[str, Any]:  # fmt: skip
    """`pairs` blocks bare and watched in turn, on the same model in one run, and what was shown in the watched ones."""
    assert loop.monitor is not None
    monitor = loop.monitor
    for _ in range(5):
        loop.step(watched=False)
    began = time.perf_counter()
    while time.perf_counter() - began < warm:  # past the first, slow calls: as a run of an hour is
        loop.step(watched=True)
    plain = blocks(seconds, lambda: loop.step(watched=False))
    seen = blocks(seconds, lambda: loop.step(watched=True))
    sent = dict(publisher.frames_sent)
    booked = {name: len(times) for name, times in budget.booked.items()}
    elsewhere = sum(spent() for spent in monitor.observer.outside)
    bare, watched, spent = [], [], 0.0
    for turn in range(pairs):
        for which in ("bare", "watched") if turn % 2 == 0 else ("watched", "bare"):
            hide(which == "bare")
            if which == "bare":
                clock.hold()
                time.sleep(0.1)
                bare.append(next(plain)[:3])
            else:
                clock.go()
                *block, took = next(seen)
                watched.append(tuple(block))
                spent += took
    costs = {
        name: {
            "a_minute": round((len(times) - booked.get(name, 0)) * 60 / spent, 1),
            "ms": round(1e3 * statistics.median(times[booked.get(name, 0) :] or times), 2),
            "per_cent": round(100 * sum(times[booked.get(name, 0) :]) / spent, 2),
        }
        for name, times in budget.booked.items()
    }
    elsewhere = sum(spent() for spent in monitor.observer.outside) - elsewhere
    costs["writing and drawing"] = {"per_cent": round(100 * elsewhere / spent, 2)}
    return {
        "bare": bare, "watched": watched, "costs": costs,
        "panel_frames_a_minute": {
            noun: round((count - sent.get(noun, 0)) * 60 / spent) for noun, count in publisher.frames_sent.items()
        },
        "failed": [event.data.get("why") for event in monitor.history.events("failed")],
    }  # fmt: skip
