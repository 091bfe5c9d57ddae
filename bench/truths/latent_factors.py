"""Rows in which class, sub-class and six quantities are known, and five ways to lose some of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from bench.truths.row import Row, after, geometry, probe
from vergence import Run, data, losses, methods, metrics
from vergence.methods import Recipe

__all__ = ["COLUMNS", "rows"]

STEPS = 500
BATCH = 256
DIM = 32
COLUMNS = (
    "std",
    "rank",
    "part.",
    "uniformity",
    "NC1 z",
    "class z",
    "subclass z",
    "quantities z",
    "class h",
    "subclass h",
    "quantities h",
)
SOME, MUCH = 0.5, 4.0
"""What a view adds to each quantity. Without any, quantities alone find the partner, and the classes are given up."""

Make = Callable[[], Recipe]


def simclr(temperature: float = 0.2, **more: Any) -> Recipe:
    """InfoNCE over both views."""
    return methods.SimCLR(temperature=temperature, dim=DIM, **more)


def alignment_only() -> Recipe:
    """Nothing keeps rows apart."""
    return Recipe(losses.AlignmentUniformity(uniformity=0.0), dim=DIM)


def vicreg(covariance: float = 1.0) -> Recipe:
    """VICReg, with or without its covariance term."""
    return methods.VICReg(covariance=covariance, dim=DIM)


def sup_con() -> Recipe:
    """The classes are told."""
    return methods.SupCon(dim=DIM)


def linear_encoder() -> Recipe:
    """One matrix and no head."""
    return simclr(encoder=partial(nn.Linear, 32, DIM), projector="none")


ROWS: dict[str, tuple[Make, float]] = {
    "InfoNCE, healthy": (simclr, SOME),
    "alignment only": (alignment_only, SOME),
    "VICReg, healthy": (vicreg, SOME),
    "VICReg without covariance": (partial(vicreg, 0.0), SOME),
    "linear encoder, noisy quantities": (linear_encoder, MUCH),
    "InfoNCE, noisy quantities": (simclr, MUCH),
    "SupCon": (sup_con, SOME),
    "InfoNCE, T 0.02": (partial(simclr, 0.02), SOME),
    "InfoNCE, T 2": (partial(simclr, 2.0), SOME),
}
"""The method, and how much a view adds to the quantities."""


def train(seed: int, name: str, steps: int = STEPS) -> dict[str, float]:
    """One row."""
    make, noise = ROWS[name]
    source = data.latent_factors(noise=noise)
    run = Run(make(), source, seed=seed, batch=BATCH, driver="inline", save=False, measures="none", every=steps // 10)
    history = after(run, steps)
    found = geometry(history)
    for place in ("h", "z"):
        found[f"class {place}"] = probe(history, place, "class")
        found[f"subclass {place}"] = probe(history, place, "subclass")
        found[f"quantities {place}"] = statistics.fmean(probe(history, place, f"quantity {n}") for n in range(1, 7))
    items, labels = source.reference(512)
    assert labels is not None
    run.model.eval()
    with torch.no_grad():
        _, z = run.model(items)
    found["NC1 z"] = float(metrics.neural_collapse(nn.functional.normalize(z), labels).nc1)
    return found


def rows() -> list[Row]:
    """Healthy runs, and five ways to lose something."""
    return [Row(name, train, {"name": name}) for name in ROWS]
