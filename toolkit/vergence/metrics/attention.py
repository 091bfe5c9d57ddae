"""What attention maps look like, in numbers: how spread, how far, in which direction, and where it is parked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.attention_checks import Weights, check_weights, patches
from vergence.metrics.attention_maps import (
    OFFSETS,
    Offset,
    apart,
    distance,
    entropy,
    offset,
    rollout,
    uniform_distance,
    uniform_entropy,
    uniform_offset,
)
from vergence.metrics.attention_sinks import SMALL, Sinks, sinks, uniform_mass

__all__ = [
    "OFFSETS",
    "Attention",
    "Offset",
    "Sinks",
    "attention",
    "distance",
    "entropy",
    "grid_of",
    "offset",
    "rollout",
    "sinks",
    "uniform_distance",
    "uniform_entropy",
    "uniform_mass",
    "uniform_offset",
]


@dataclass(frozen=True)
class Attention:
    """One layer in numbers: means over samples, one entry for each head. None: there was nothing to measure it on."""

    entropy: Float[Tensor, " heads"]
    """In nats, mean over queries."""
    entropy_share: Float[Tensor, " heads"]
    """Of the largest there could be. NaN with a single key."""
    distance: Float[Tensor, " heads"] | None
    """In patches, without the prefix. None without a grid."""
    distance_uniform: float | None
    offset: Float[Tensor, " heads"] | None
    """Attention to the best of 8 neighbours, the direction being the same for all samples."""
    offset_direction: tuple[tuple[int, int], ...] | None
    """(rows down, columns right), for each head."""
    offset_uniform: float | None
    prefix_mass: Float[Tensor, " heads"] | None
    """Share of the patches' attention that goes to the prefix, which `distance` and `offset` leave out."""
    sink_key: Int[Tensor, " heads"]
    """The key with most mass over its even share."""
    sink_mass: Float[Tensor, " heads"]
    """Its mass."""
    sink_uniform: Float[Tensor, " heads"]
    """Its even share."""
    sink_kind: tuple[str, ...]
    """`none`, `no-op`, `broadcast`, or `sink` where values are not known; by the means over samples."""
    sink_token_ratio: Float[Tensor, " heads"] | None
    """Length of its token over the median."""
    sink_value_ratio: Float[Tensor, " heads"] | None
    """Length of its value over the median."""
    keys: int
    rows: int
    """Rows (samples * heads * queries) measured."""
    rows_left_out: int
    """Rows that are NaN, for all their keys are masked: measured without them."""
    patch_rows_left_out: int
    """Of the patches' rows that are not NaN, those that attend to the prefix alone; `distance` and `offset` are without
    them."""


@torch.no_grad()
def attention(
    weights: Weights,
    *,
    token_norms: Float[Tensor, "samples keys"] | None = None,
    value_norms: Float[Tensor, "samples heads keys"] | None = None,
    grid: tuple[int, int] | None = None,
    prefix: int = 0,
    causal: bool = False,
    threshold: float = 3.0,
) -> Attention:
    r"""One layer in numbers: entropy, distance, offset and sinks of each head, averaged over samples and queries.

    weights, token_norms, value_norms, causal: as captured (`observe.attention`). For token norms hand over
    `stream_norms` where there are any: behind a normalisation all tokens are about equally long.
    grid, prefix: where the patches are, see `grid_of`; None for sequences and cross attention.
    threshold: multiples of the even share from which a key is a sink.

    Ends and base lines: see `entropy`, `distance`, `offset`, `sinks`. Rows that are NaN are left out and counted.

    Raises ShapeError, NotFinite, TooFewRows (all rows are NaN), ArgumentError.
    """
    check_weights("attention", weights)
    masked = int(weights.isnan().any(-1).sum())
    rows = weights.shape[:-1].numel() - masked
    if rows == 0:
        raise errors.TooFewRows(
            f"attention: every row of weights {shapes.shape_of(weights)} is NaN, so no query has a key it may attend "
            "to. Is the padding mask the wrong way round?"
        )
    found = sinks(weights, token_norms, value_norms, threshold=threshold, causal=causal)
    mass = found.mass.nanmean(0)
    key = (mass / found.uniform).nan_to_num(nan=-1.0).argmax(-1)
    picked = _at(mass, key)
    values = None if found.value_ratio is None else _at(found.value_ratio.nanmean(0), key)
    tokens = None if found.token_ratio is None else found.token_ratio.nanmean(0)[key]
    far = near = parked = None
    lost = 0
    if grid is not None:
        inner = patches("attention", weights, grid, prefix)
        lost = int((inner.isnan().any(-1) & ~weights[..., prefix:, :].isnan().any(-1)).sum())
        far = (inner * apart(grid, inner)).sum(-1).nanmean((0, 2))
        parked = weights[..., prefix:, :prefix].sum(-1).nanmean((0, 2))
        near = offset(inner.nanmean(0, keepdim=True), grid)
    return Attention(
        entropy=entropy(weights).nanmean((0, 2)),
        entropy_share=entropy(weights, share=True, causal=causal).nanmean((0, 2)),
        distance=far,
        distance_uniform=None if grid is None else uniform_distance(grid),
        offset=None if near is None else near.score[0],
        offset_direction=None if near is None else tuple(OFFSETS[int(i)] for i in near.direction[0]),
        offset_uniform=None if near is None else near.uniform,
        prefix_mass=parked,
        sink_key=key,
        sink_mass=picked,
        sink_uniform=found.uniform[key],
        sink_kind=tuple(
            _kind(bool(p > threshold * u), None if values is None else float(values[h]))
            for h, (p, u) in enumerate(zip(picked, found.uniform[key], strict=True))
        ),
        sink_token_ratio=tokens,
        sink_value_ratio=values,
        keys=weights.shape[-1],
        rows=rows,
        rows_left_out=masked,
        patch_rows_left_out=lost,
    )


def grid_of(tokens: int, aspect: float = 1.0) -> tuple[int, int, int] | None:
    """A guess at how tokens lie on an image: (prefix, rows, columns), or None where they fit no grid.

    The smallest prefix of 0 to 16 tokens (CLS, registers) for which the rest fills a rectangle of at least 2 x 2.
    aspect: width over height of the image.

    65 -> (1, 8, 8), 64 -> (0, 8, 8), 197 -> (1, 14, 14), 261 -> (5, 16, 16). It is a guess: a sequence of 77 words
    also leaves a square of 8 x 8. Where you know that it is text, or know the grid, do not ask.

    Raises ArgumentError.
    """
    shapes.check_count("grid_of", "tokens", tokens)
    shapes.check_positive("grid_of", "aspect", aspect)
    for prefix in range(min(17, tokens)):
        rest = tokens - prefix
        for rows in range(2, rest // 2 + 1):
            columns = rest // rows
            # Patches that the image does not fill are cut off, so the ratio may be off by less than one column.
            if rows * columns == rest and abs(columns - aspect * rows) < min(1.0, aspect):
                return prefix, rows, columns
    return None


def _at(table: Tensor, key: Tensor) -> Tensor:
    picked: Tensor = table.gather(-1, key[:, None])[:, 0]
    return picked


def _kind(is_sink: bool, value: float | None) -> str:
    if not is_sink:
        return "none"
    if value is None or math.isnan(value):
        return "sink"
    return "no-op" if value < SMALL else "broadcast"
