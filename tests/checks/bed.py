"""Test beds on which a loss or method shows in seconds what its paper claims, and the gauges to read it off.

Two sets. Digits, 8 x 8, seen through small turns, shifts, noise and a hidden 2 x 2 square: nearly solved by raw
pixels, so accuracy says nothing on them, and geometry does. Signal and nuisance: ten class means in 8 dimensions,
hidden among 24 louder dimensions that are redrawn for each view; here neighbours of raw items are right for 45 % (a
linear probe for 95 %), and a method has something to gain.

What a check asserts was measured over three seeds and given a margin; the numbers stand in the docstring of each file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import normalize

import vergence as vg
from vergence.losses import Loss
from vergence.methods import Recipe
from vergence.models import Projector

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Bed:
    """Items to train on and held-out ones, with their classes and their views."""

    items: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    views: Any

    @property
    def width(self) -> int:
        return self.items[0].numel()

    def parts(self) -> dict[str, Any]:
        """What every method is handed: small nets and the views of this bed."""
        return {"encoder": partial(encoder, self.width), "projector": head, "views": self.views}

    def seen(self, items: Tensor, times: int = 2) -> tuple[Tensor, ...]:
        """So many views of each item, the same ones every time."""
        generator = torch.Generator().manual_seed(99)
        return tuple(self.views(items, generator) for _ in range(times))


def encoder(width: int, hidden: int = 256, dim: int = 128) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, dim)
    )


def head(dim: int = 32) -> nn.Module:
    return Projector(128, hidden=128, out_dim=dim)


class Jitter:
    """Views of small images: turned, moved and scaled a little, noise, and a hidden square of 2 x 2."""

    def __init__(self, strength: float = 1.0, hide: bool = True) -> None:
        self.strength, self.hide = strength, hide

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        n, side = len(x), x.shape[-1]
        draw = torch.rand(6, n, generator=generator)
        most = self.strength * torch.tensor([[0.1, 0.1, 0.2, 0.2, 0.2]]).T
        scale, slant, turn, right, down = most * (2 * draw[:5] - 1)
        place = torch.stack([1 + scale, turn + slant, right, slant - turn, 1 - scale, down], dim=1).view(n, 2, 3)
        moved = F.grid_sample(x, F.affine_grid(place, list(x.shape), align_corners=False), align_corners=False)
        moved = moved + 0.1 * self.strength * torch.randn(x.shape, generator=generator)
        if not self.hide:
            return moved
        corner = (draw[5] * (side - 1) ** 2).long()
        row, column = corner // (side - 1), corner % (side - 1)
        line = torch.arange(side)
        rows = (line >= row[:, None]) & (line <= row[:, None] + 1)
        columns = (line >= column[:, None]) & (line <= column[:, None] + 1)
        return moved.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)


class Nuisance:
    """Views of content hidden among louder dimensions: these are redrawn."""

    def __init__(self, directions: Tensor, spread: float) -> None:
        self.directions, self.spread = directions, spread
        self.strength = 1.0

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.randn(len(x), len(self.directions), generator=generator)
        return x + self.strength * self.spread * drawn @ self.directions


@cache
def digits() -> Bed:
    train, held = vg.data.digits("train"), vg.data.digits("held out")
    items, test = (source.pair(torch.arange(len(source)), torch.Generator())[0] for source in (train, held))
    return Bed(items, _labels(train), test, _labels(held), Jitter())


@cache
def signal(n: int = 3000, classes: int = 10, content: int = 8, nuisance: int = 24) -> Bed:
    """Signal and nuisance; held-out items come with nuisance of their own."""
    generator = torch.Generator().manual_seed(5)
    rotation = torch.linalg.qr(torch.randn(content + nuisance, content + nuisance, generator=generator))[0]
    labels = torch.arange(n) % classes
    means = torch.randn(classes, content, generator=generator)
    items = (means[labels] + 0.5 * torch.randn(n, content, generator=generator)) @ rotation[:content]
    views = Nuisance(rotation[content:], 2.0)
    held = n // 6
    test = views(items[:held], generator)
    return Bed(items[held:], labels[held:], test, labels[:held], views)


def _labels(source: Any) -> Tensor:
    found = source.labels
    assert isinstance(found, Tensor)
    return found


def trained(method: Recipe | Loss, bed: Bed, *, seed: int, steps: int, batch: int = 128, data: Any = None) -> vg.Run:
    """A run that has ended: this method, or this loss on the small nets. data: in the place of the bed's items."""
    recipe = method if isinstance(method, Recipe) else Recipe(method, **bed.parts())
    given = (bed.items, bed.labels) if data is None else data
    run = vg.Run(recipe, given, seed=seed, batch=batch, driver="inline", save=False, reference=0, every=1_000_000)
    run.start(steps=steps)
    assert run.steps_done == steps
    run.model.eval()
    return run


@torch.no_grad()
def rows(run: vg.Run, items: Tensor) -> Tensor:
    """Embeddings z, as they come out of the head."""
    z: Tensor = run.model(items)[1]
    return z


@torch.no_grad()
def features(run: vg.Run, items: Tensor) -> Tensor:
    """Representations h, before the head."""
    h: Tensor = run.model(items)[0]
    return h


def std_root_d(z: Tensor) -> float:
    """Standard deviation of unit rows times the root of dim: 1 when even, 0 at collapse."""
    return vg.metrics.unit_spread(z)


def knn(fit: Tensor, fit_labels: Tensor, test: Tensor, test_labels: Tensor, k: int = 10) -> float:
    """Share of held-out rows whose k nearest by cosine vote for their class."""
    near = (normalize(test) @ normalize(fit).T).topk(k).indices
    votes = F.one_hot(fit_labels[near], int(fit_labels.max()) + 1).sum(1)
    return float((votes.argmax(1) == test_labels).float().mean())


def knn_of(run: vg.Run, bed: Bed) -> float:
    """The same on the embeddings. Training items are seen as the held-out ones are: with their nuisance."""
    fit = bed.seen(bed.items, 1)[0] if isinstance(bed.views, Nuisance) else bed.items
    return knn(rows(run, fit), bed.labels, rows(run, bed.test), bed.test_labels)


def linear_probe(fit: Tensor, fit_labels: Tensor, test: Tensor, test_labels: Tensor, ridge: float = 1e-3) -> float:
    """Share of held-out rows that ridge regression on one-hot classes puts in their class."""
    middle, size = fit.mean(0), fit.std()
    a, b = ((part - middle) / size for part in (fit, test))
    a, b = (torch.cat([part, torch.ones(len(part), 1)], dim=1).double() for part in (a, b))
    wanted = F.one_hot(fit_labels).double()
    weights = torch.linalg.solve(a.T @ a + ridge * len(a) * torch.eye(a.shape[1]), a.T @ wanted)
    return float(((b @ weights).argmax(1) == test_labels).float().mean())


def spearman(x: Tensor, y: Tensor) -> float:
    """Correlation of ranks; no ties expected."""
    ranks = torch.stack([part.argsort().argsort().double() for part in (x, y)])
    return float(torch.corrcoef(ranks)[0, 1])
