"""A History with maps: three groups of items by two artists that part while the run learns."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tests.panels import story
from vergence.training.measures.base import Snapshot
from vergence.training.measures.projection import Projection
from vergence.training.reference import Reference

GROUPS = ("faces", "hearts <b>&</b> co", "plants")


def embeddings(step: int, items: int = 60, dim: int = 8) -> torch.Tensor:
    """Rows that begin in one heap and part by group."""
    generator = torch.Generator().manual_seed(1)
    groups = torch.arange(items) % 3
    centres = torch.randn(3, dim, generator=generator)
    noise = torch.randn(items, dim, generator=generator)
    return centres[groups] * min(1.0, step / 100) + 0.4 * noise + 1.0


def history(
    last: int = 100, *, labels: bool = True, places: tuple[str, ...] = ("h", "z"), left_out: int = 0, items: int = 60
) -> story.Clocked:
    """Maps at every 20th step; groups of two items show the same thing."""
    made = story.Clocked({"name": "emoji-simclr-07", "total_steps": 200})
    made.add_event("state", 0, moment=story.BEGAN, state="live")
    ids = torch.arange(items)
    reference = Reference(
        nn.Identity(),
        embeddings(0, items),
        ids % 3 if labels else None,
        label="group",
        factors={"artist": ids % 2} if labels else None,
        factor_names={"group": GROUPS, "artist": ("Noto", "Twemoji")},
        groups=ids // 2,
        names=[f"item {number} <i>" for number in range(items)],
    )
    arrays, entry = reference.described()
    made.describe(arrays, reference=entry)
    measure = Projection(reference)
    for step in range(0, last + 1, 20):
        rows = embeddings(step, items)
        rows[:left_out] = float("nan")
        for place in places:
            found = measure.measure(Snapshot(step, {place: rows}), place, {})
            made.add_frames(step, found.frames, moment=story.BEGAN + step)
            made.add_scalars(step, found.scalars, moment=story.BEGAN + step)
    made.now = story.BEGAN + last + 2.1
    return made


def with_umap(made: story.Clocked, step: int = 90) -> story.Clocked:
    """The same with a UMAP map of z."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60)).astype(np.float32) * 4
    meta = made.frame("projection/z").meta | {
        "method": "umap", "explained": None, "shift": 0.31, "radius": 5.6, "trustworthiness": 0.98, "of": step - 20,
    }  # fmt: skip
    made.add_frames(step, {"projection/z/umap": ({"x": x, "y": y}, meta)}, moment=story.BEGAN + step)
    made.add_scalars(step, {"projection/z/umap/reach_x": 11.0, "projection/z/umap/reach_y": 9.0})
    return made


def worker_said(made: story.Clocked, state: str, **more: object) -> story.Clocked:
    """The same with a word of the UMAP worker."""
    frame = ({"none": np.zeros(1, np.float32)}, {"state": state} | more)
    made.add_frames(100, {"projection/umap": frame}, moment=made.now - 9)
    return made
