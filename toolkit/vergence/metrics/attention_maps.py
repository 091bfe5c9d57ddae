"""Rollout, entropy, distance and offset of attention maps, each with what even attention reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.attention_checks import Weights, check_grid, check_weights, patches

__all__ = [
    "OFFSETS",
    "Offset",
    "apart",
    "distance",
    "entropy",
    "offset",
    "rollout",
    "uniform_distance",
    "uniform_entropy",
    "uniform_offset",
]

PerHead = Float[Tensor, "samples heads"]

OFFSETS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""The eight neighbours of a patch, as (rows down, columns right)."""


def rollout(
    layers: Sequence[Tensor], *, tokens: int | None = None, discard: float = 0.0
) -> Float[Tensor, "samples tokens tokens"]:
    r"""How much of each input token reaches each output token, if attention were all that moves information.

        R_0 = I,    R_l = A_l' R_{l-1},    A' = rows of (mean over heads of A + I) / 2, made to sum to 1

    layers: in the order of execution, each (samples, heads, tokens, tokens); I stands for the residual connection.
    tokens: only needed for no layers at all.
    discard: before I is added, this share of each row's links is dropped, the weakest first; 0 <= discard < 1. Off by
    default, as in the paper; heat maps look cleaner with 0.9, and are no longer what the model computed with.

    Rows sum to 1 after every layer. Without layers it is the identity; where every layer attends evenly it tends to
    1/tokens everywhere. A row that is NaN (all keys masked) attends to nothing, so that token keeps what it had. Not
    seen: values, MLPs, normalisation. Cross attention and windows do not roll out.

    Raises ShapeError, NotFinite, ArgumentError.
    Source: Abnar & Zuidema 2020, arXiv:2005.00928; their W_att is our A, the mean over heads is theirs too.
    """
    if isinstance(discard, bool) or not 0 <= discard < 1:
        raise errors.ArgumentError(
            f"rollout: discard is {discard!r}. It must be at least 0 and below 1, for example 0.9."
        )
    if not len(layers):
        if tokens is None:
            raise errors.ArgumentError(
                "rollout: there are no layers. Say how many tokens there are: rollout([], tokens=65)."
            )
        shapes.check_count("rollout", "tokens", tokens)
        return torch.eye(tokens)[None]
    first = rolled = layers[0]
    for number, weights in enumerate(layers):
        check_weights("rollout", weights, name=f"layers[{number}]")
        if (
            weights.shape[-1] != weights.shape[-2]
            or weights.shape[0] != first.shape[0]
            or weights.shape[-1] != first.shape[-1]
        ):
            raise errors.ShapeError(
                f"rollout: layers[{number}] is {shapes.shape_of(weights)} and layers[0] is {shapes.shape_of(first)}. "
                "All need the same samples and (tokens, tokens): leave out cross attention, windowed layers, and "
                "layers that merge tokens."
            )
        mixed = weights.nan_to_num().mean(1)
        size = mixed.shape[-1]
        if discard:
            weakest = mixed.argsort(-1)[..., : min(int(discard * size), size - 1)]
            mixed = mixed.scatter(-1, weakest, 0.0)
        mixed = (mixed + torch.eye(size, dtype=mixed.dtype, device=mixed.device)) / 2
        mixed = mixed / mixed.sum(-1, keepdim=True)
        rolled = mixed if number == 0 else mixed @ rolled
    return rolled


def entropy(weights: Weights, *, share: bool = False, causal: bool = False) -> Float[Tensor, "samples heads queries"]:
    r"""How evenly each query spreads its attention.

        entropy = - sum over keys k of  A_qk ln A_qk        in nats

    share: divided by the largest value there could be, ln of the number of keys.
    causal: that number is q + 1 for the query q, counted from 0 with the last query at the last key; else all keys.

    Reads 0 when everything goes to one key, ln T (share 1) when all T keys get the same. NaN for a row that is NaN,
    and for the share where there is only one key: nothing could have been spread.

    Raises ShapeError, NotFinite.
    Source: as used on vision transformers by Dosovitskiy et al. 2020, arXiv:2010.11929, and Vulić et al.
    """
    check_weights("entropy", weights)
    found = -torch.xlogy(weights, weights).sum(-1)
    if not share:
        return found
    return found / _reachable(weights, causal).log().where(_reachable(weights, causal) > 1, torch.nan)


def uniform_entropy(keys: int) -> float:
    """`entropy` of a query that attends evenly to `keys` keys: ln keys."""
    shapes.check_count("uniform_entropy", "keys", keys)
    return math.log(keys)


def distance(weights: Weights, grid: tuple[int, int], prefix: int = 0, *, patch: float = 1.0) -> PerHead:
    r"""How far a head looks on the image: local or global.

        distance = mean over patches q of  sum over patches k of  A_qk ||place of q - place of k||

    grid: (rows, columns) of patches, row by row behind the prefix.
    prefix: tokens in front that have no place (CLS, registers). They are left out as queries and as keys, and each
    row is made to sum to 1 over the patches again: a head that parks half of its attention on CLS is measured on the
    other half. How much that is, `attention` reports as `prefix_mass`.
    patch: side of a patch; 1 counts in patches, 16 in pixels of a /16 model.

    Reads 0 when every patch looks at itself, `uniform_distance(grid)` when all look everywhere: 7.28 patches on
    14 x 14, 2.01 on 4 x 4. NaN where no patch attends to any patch.

    Raises ShapeError, NotFinite, ArgumentError.
    Source: Dosovitskiy et al. 2020, arXiv:2010.11929, appendix D.7; Raghu et al. 2021, arXiv:2108.08810.
    """
    shapes.check_positive("distance", "patch", patch)
    inner = patches("distance", weights, grid, prefix)
    return (inner * apart(grid, inner)).sum(-1).nanmean(-1) * patch


def uniform_distance(grid: tuple[int, int]) -> float:
    """`distance` of a head that attends evenly, in patches: the mean distance of two places of the grid."""
    check_grid("uniform_distance", grid)
    return float(apart(grid, torch.empty(0, dtype=torch.float64)).mean())


@dataclass(frozen=True)
class Offset:
    """Which neighbour each head looks at."""

    score: PerHead
    """Mean attention that patches give to the neighbour in that direction; chance is 1/N."""
    direction: Int[Tensor, "samples heads"]
    """Index into `OFFSETS`."""
    uniform: float
    """1/N of N patches."""


def offset(weights: Weights, grid: tuple[int, int], prefix: int = 0) -> Offset:
    r"""Whether a head looks at the neighbour in one fixed direction, whatever the image shows.

        score = max over the 8 directions d of  mean over patches q that have a neighbour there of  A_{q, q + d}

    grid, prefix: as for `distance`, renormalised in the same way.

    Reads 1 for a head that does nothing else, 1/N of N patches (`uniform_offset`) for one that attends evenly. The
    best of eight is a little above 1/N for any head that is not exactly even.

    Raises ShapeError, NotFinite, ArgumentError (also for a grid of one patch).
    Source: Walmer et al. 2023, arXiv:2212.03862, offset local attention heads.
    """
    inner = patches("offset", weights, grid, prefix)
    rows, columns = grid
    place = torch.arange(rows * columns, device=inner.device).view(rows, columns)
    scores = []
    for down, right in OFFSETS:
        here = place[max(0, -down) : rows - max(0, down), max(0, -right) : columns - max(0, right)].flatten()
        if len(here):
            scores.append(inner[..., here, here + down * columns + right].nanmean(-1).nan_to_num(nan=0.0))
        else:
            scores.append(inner.new_zeros(inner.shape[:2]))
    best = torch.stack(scores).max(0)
    return Offset(best.values, best.indices, uniform_offset(grid))


def uniform_offset(grid: tuple[int, int]) -> float:
    """`offset` of a head that attends evenly: 1 over the number of patches."""
    check_grid("uniform_offset", grid)
    if grid[0] * grid[1] < 2:
        raise errors.ArgumentError(f"offset: a grid of {grid} has no neighbours. At least two patches are needed.")
    return 1 / (grid[0] * grid[1])


def _reachable(weights: Tensor, causal: bool) -> Tensor:
    queries, keys = weights.shape[-2:]
    count = torch.full((queries,), float(keys), dtype=weights.dtype, device=weights.device)
    if causal:
        count = (torch.arange(queries, device=weights.device) + 1 + keys - queries).clamp_min(1).to(weights.dtype)
    return count


def apart(grid: tuple[int, int], like: Tensor) -> Tensor:
    """Distances of all places, (patches, patches)."""
    down, right = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    place = torch.stack([down.flatten(), right.flatten()], 1).to(like)
    found: Tensor = torch.linalg.vector_norm(place[:, None] - place[None], dim=-1)
    return found
