"""Histories with attention that is made of nothing but numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.panels.story import BEGAN, RATE, Clocked


def quantised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., keys) as bytes and the largest value of each row."""
    scale = np.nan_to_num(values).max(-1)
    unit = np.where(scale > 0, scale, 1)
    return np.rint(np.nan_to_num(values) / unit[..., None] * 255).astype(np.uint8), scale.astype(np.float32)


def attention(
    step: int, *, items: int = 4, layers: int = 4, heads: int = 6, grid: tuple[int, int] = (8, 8), prefix: int = 1,
    full: bool = True, seed: int = 3,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:  # fmt: skip
    """A frame: even at step 0, then each head looks at a spot of its own, deeper layers at smaller ones."""
    rng = np.random.default_rng(seed)
    rows, columns = grid
    tokens = prefix + rows * columns
    y, x = np.divmod(np.arange(rows * columns), columns)
    learned = 1 - np.exp(-step / 300)
    weights = np.empty((items, layers, heads, tokens, tokens))
    for layer in range(layers):
        for head in range(heads):
            spot = rng.uniform(0, 1, (items, 2)) * (rows - 1, columns - 1)
            wide = max(rows, columns) * (0.6 - 0.4 * (layer + 1) / layers)
            far = ((y - spot[:, :1]) ** 2 + (x - spot[:, 1:]) ** 2) / (2 * wide**2)
            pattern = np.concatenate([np.full((items, prefix), 0.3), np.exp(-far)], 1)
            own = np.eye(tokens) * 0.5
            drawn = learned * (pattern[:, None] + own) + (1 - learned) + 0.05 * rng.random((items, tokens, tokens))
            weights[:, layer, head] = drawn / drawn.sum(-1, keepdims=True)
    cls = weights[..., 0, :] if prefix else weights.mean(-2)
    levels, scale = quantised(cls)
    entropy = -(weights * np.log(weights)).sum(-1).mean((0, -1)) / np.log(tokens)
    rolled, rolled_scale = quantised(cls.mean((1, 2)))
    arrays = {
        "rows": levels, "rows_scale": scale, "entropy": entropy.astype(np.float32),
        "distance": np.full((layers, heads), 2.5, np.float32),
        "sink_mass": weights.mean(-2).mean(0).max(-1).astype(np.float32),
        "sink_count": np.zeros((layers, heads), np.float32), "rollout": rolled, "rollout_scale": rolled_scale,
    }  # fmt: skip
    chosen = [37, 5, 12, 40, *range(50, 60)][:items]
    if full:
        kept, kept_scale = quantised(weights[:1])
        arrays |= {"full": kept, "full_scale": kept_scale}
    meta = {
        "items": chosen, "full_items": chosen[:1] if full else [], "drawn": list(range(layers)),
        "layers": [f"blocks.{layer}.attention" for layer in range(layers)], "heads": [heads] * layers,
        "grid": list(grid), "prefix": prefix, "query": "CLS" if prefix else "mean of queries",
        "uniform": {"distance": 3.9, "sink_mass": 1 / tokens}, "sink_kinds": [], "not_drawn": [],
    }  # fmt: skip
    return arrays, meta


def vit(last: int = 1482, *, every: int = 150, pictures: bool = True, **shape: Any) -> Clocked:
    """A run whose attention was looked at before training and at every `every`-th step."""
    history = Clocked({"name": "emoji-simclr-07", "method": "SimCLR, ViT-4/64", "seed": 0, "total_steps": 2000})
    if pictures:
        shade = np.linspace(0, 255, 64 * 32 * 32 * 3).reshape(64, 32, 32, 3)
        history.describe({"reference/thumbnails": shade.astype(np.uint8)}, reference={"items": 64, "names": None})
    history.add_event("state", 0, moment=BEGAN, state="live")
    for step in [*range(0, last, every), last]:
        add(history, step, **shape)
    history.now = BEGAN + last / RATE + 0.1
    return history


def add(history: Clocked, step: int, **shape: Any) -> None:
    arrays, meta = attention(step, **shape)
    moment = BEGAN + step / RATE
    history.add_frames(step, {"attention": (arrays, meta)}, moment=moment)
    by_layer = {f"attention/entropy/{i + 1}": float(row.mean()) for i, row in enumerate(arrays["entropy"])}
    history.add_scalars(step, by_layer | {"attention/entropy": float(arrays["entropy"].mean())}, moment=moment)
