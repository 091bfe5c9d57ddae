"""The geometry of rows, now and then: spread, decay, dimension and entropy of a look; how images of a step differ."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vergence import errors
from vergence.geometry import pairs
from vergence.metrics.alpha_req import FIRST, LEAST, alpha_req
from vergence.metrics.intrinsic_dimension import intrinsic_dimension
from vergence.metrics.lidar import lidar
from vergence.metrics.marginal_entropy import marginal_entropy
from vergence.metrics.sigreg import sigreg
from vergence.metrics.uniformity_wasserstein import uniformity_wasserstein
from vergence.training.measures.now import Make, Now, Read, Setup

__all__ = [
    "make_alpha_req",
    "make_intrinsic_dimension",
    "make_lidar",
    "make_marginal_entropy",
    "make_sigreg",
    "make_uniformity_wasserstein",
]

MOST_ROWS = 1024
"""Of a look or a step; drawn without bias where there are more."""
NUMBERS = 2**28
"""Products that LiDAR may take, images x dim x dim: some 0.1 s."""
FEWEST_IMAGES = 64


def looked_at(now: Now, place: str) -> Tensor:
    """The rows of the newest look at one place."""
    if now.snapshot is None:
        raise errors.ArgumentError("There is no look at a reference set yet. Hand one over: reference=(items, labels).")
    return now.snapshot.rows[place]


def make_uniformity_wasserstein(setup: Setup) -> Make:
    """Distance from an even sphere, and its two parts."""
    del setup

    def measure(now: Now, place: str) -> Read:
        found = uniformity_wasserstein(looked_at(now, place), max_rows=MOST_ROWS, generator=now.generator)
        values = {"distance": found.distance, "offset": found.offset, "shape": found.shape}
        return Read(values, lambda: {"distance": found.null})

    return measure


def make_alpha_req(setup: Setup) -> Make:
    """Exponent of the decay of eigenvalues, and how well a power law fits."""
    del setup

    def measure(now: Now, place: str) -> Read:
        rows = looked_at(now, place)
        if rows.shape[1] < FIRST + LEAST - 1:
            raise errors.TooFewRows(
                f"alpha_req: {place} has {rows.shape[1]} dimensions, and the line is fitted from rank {FIRST} on, "
                f"through {LEAST} at least. Of a layer so narrow, fit earlier ranks yourself: "
                "vg.metrics.alpha_req(rows, first=1)."
            )
        found = alpha_req(rows, max_rows=MOST_ROWS, generator=now.generator)
        values = {"alpha": found.alpha, "fit": found.fit, "last": float(found.last)}
        return Read(values, lambda: {"alpha": found.null})

    return measure


def make_intrinsic_dimension(setup: Setup) -> Make:
    """In how many directions neighbours lie, three ways."""
    del setup

    def measure(now: Now, place: str) -> Read:
        found = intrinsic_dimension(looked_at(now, place), max_rows=MOST_ROWS, generator=now.generator)
        names = ("two_nn", "local_mean", "local_pooled")
        values: dict[str, Any] = {name: getattr(found, name) for name in (*names, "two_nn_fit", "radius", "duplicates")}

        def bands() -> dict[str, Any]:
            null = found.null
            return {} if null is None else {name: getattr(null, name) for name in names}

        return Read(values, bands)

    return measure


def make_marginal_entropy(setup: Setup) -> Make:
    """Entropy of coordinates, and how many of them are dead."""
    del setup

    def measure(now: Now, place: str) -> Read:
        found = marginal_entropy(looked_at(now, place), max_rows=MOST_ROWS, generator=now.generator)
        values: dict[str, Any] = {name: getattr(found, name) for name in ("entropy", "lowest", "dead", "tied")}
        return Read(values, lambda: {"entropy": found.null})

    return measure


def make_sigreg(setup: Setup) -> Make:
    """How far the rows of a step are from a Gaussian, on random directions."""
    del setup

    def measure(now: Now, place: str) -> Read:
        found = sigreg(*now.samples[place].views, max_rows=MOST_ROWS, generator=now.generator)
        values = {name: getattr(found, name) for name in ("statistic", "axes", "largest", "collapse")}
        return Read(values, lambda: {"statistic": found.null, "axes": found.axes_null})

    return measure


def make_lidar(setup: Setup) -> Make:
    """Directions in which images differ beyond what their views do."""
    del setup

    def measure(now: Now, place: str) -> Read:
        sample = now.samples[place]
        given = pairs(sample.views, None, sample.positives, call="lidar")
        if given.groups is None or len(sample.views) < 2:
            raise errors.ArgumentError(
                "lidar: this step says of no two rows that they are views of one image. Hand over two views: "
                "m.step(z1, z2)."
            )
        images, dim = int(given.groups.max()) + 1, given.rows.shape[1]
        most = max(FEWEST_IMAGES, NUMBERS // dim**2)
        groups = given.groups
        if images > most:
            drawn = torch.randperm(images, generator=now.generator)[:most].to(groups.device)
            groups = torch.where(torch.isin(groups, drawn), groups, -1)
        found = lidar(given.rows, groups.long())
        values = {
            "rank": found.rank, "ceiling": found.ceiling, "within": found.within, "images": float(found.images),
            "grouped": float(found.grouped),
        }  # fmt: skip
        return Read(values, lambda: {"within": found.within_null})

    return measure
