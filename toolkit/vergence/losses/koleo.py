"""KoLeo: every row keeps away from its nearest neighbour."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from vergence import shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, check_scale
from vergence.losses.several_views import check_several_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["KoLeo", "koleo"]

EPSILON = 1e-8
"""What a distance of 0 counts as, so that duplicates cost much and not infinity."""

BLOCK = 1024
"""Rows whose neighbours are looked for at a time: the largest matrix is BLOCK x batch."""


def koleo(z: Embeddings) -> Scalar:
    r"""How near rows come to their nearest neighbours on the sphere.

        koleo(z) = - mean over i of  log  min over j != i of  ||z_i - z_j||

    z: (batch, dim), batch >= 2. Rows are normalised here. Only the nearest neighbour is felt, so the gradient
    touches one pair per row; distances are added in quadrature to 1e-8.

    Reads 18.42 = -log(1e-8) when all rows coincide, `KoLeo.floor` when they lie as at random on the whole sphere:
    -0.20 at batch 256, dim = 128. Lower is more even. It never falls below -log 2, two opposite points.

    The gradient jumps where the nearest neighbour changes. Two rows that are exactly equal do not feel one another:
    there is no direction to part in.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows.
    Source: Sablayrolles et al. 2018, arXiv:1806.03198, as used in Oquab et al. 2023, arXiv:2304.07193;
    their x is our z.
    """
    shapes.check_embeddings("koleo", "z", z, rows=2)
    (z,) = at_least_single(z)
    with full_precision(z.device):
        return _koleo(normalize(z))


class KoLeo(Base):
    """KoLeo as an object: the loss, its scale and its pair weights. Each view keeps apart within itself.

    views: how many the trainer makes; it may be called with any number of them, one included. It has no term that
    holds partners together: on its own it spreads rows and learns nothing of them.

    Raises ArgumentError. Source: see `koleo`.
    """

    name = "KoLeo"
    variant = "directions, nearest neighbour within the view, mean over views"
    source = "Oquab et al. 2023, arXiv:2304.07193"

    def __init__(self, views: int = 2) -> None:
        shapes.check_count("KoLeo", "views", views)
        super().__init__()
        self.views = views

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`spread`, the whole."""
        self.given(more)
        check_several_views(self.name, views, least=1)
        with full_precision(views[0].device):
            rows = [normalize(z) for z in at_least_single(*views)]
            return {"spread": torch.stack([_koleo(z) for z in rows]).mean()}

    def chance(self, batch: int, dim: int) -> float:
        """Collapse: every neighbour at distance 0, which counts as 1e-8. 18.42. Raises ArgumentError."""
        check_scale("KoLeo.chance", batch, dim)
        return -math.log(EPSILON)

    def floor(self, batch: int, dim: int) -> float | None:
        r"""Rows in random directions on the whole sphere.

            floor = - mean of  log(2 sin(theta / 2)),   theta: angle to the nearest of batch - 1 random directions

        Falls with dim towards -log(2) / 2 = -0.35, rises with the batch. Rows can avoid one another better than at
        random, so a good run may go below it. None for dim = 1, where a sphere is two points.

        Raises ArgumentError.
        """
        check_scale("KoLeo.floor", batch, dim)
        return None if dim == 1 or batch == 1 else _at_random(batch, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, neighbours across.

            w_ij = 1 / (V N d_ij^2)    j the nearest neighbour of i in its view, d their distance; else 0

        All positive: it only pushes. A neighbour at half the distance is pushed four times as hard.

        Raises as `koleo`. Computed on detached input.
        Source: the gradient of the formula of `koleo`, with d^2 = 2 - 2s.
        """
        self.given(more)
        check_several_views(self.name, views, least=1)
        count, n = len(views), len(views[0])
        with torch.no_grad(), full_precision(views[0].device):
            rows = [normalize(z) for z in at_least_single(*views)]
            weights = rows[0].new_zeros(count * n, count * n)
            here = torch.arange(n, device=weights.device)
            for number, z in enumerate(rows):
                near = _nearest(z)
                squared = (z - z[near]).square().sum(1)
                weights[here + number * n, near + number * n] = 1 / (count * n * (squared + EPSILON**2))
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` random directions."""
        check_scale("KoLeo.reference_words", batch, dim)
        return {"chance": "collapse"} if dim == 1 or batch == 1 else {"chance": "collapse", "floor": "random"}


def _koleo(z: Tensor) -> Tensor:
    """`koleo` of rows that have length 1."""
    # The neighbour is found by cosine, the distance taken from the difference: 2 - 2 cosine loses in float32
    # everything below 1e-7. In quadrature, because the root of 0 has no gradient.
    squared = (z - z[_nearest(z)]).square().sum(1)
    return -(squared + EPSILON**2).log().mean() / 2


@torch.no_grad()
def _nearest(z: Float[Tensor, "batch dim"]) -> Int[Tensor, " batch"]:
    """For each row the other row of the largest cosine, in blocks."""
    found = []
    for start in range(0, len(z), BLOCK):
        cosines = z[start : start + BLOCK] @ z.T
        cosines.diagonal(start).fill_(-math.inf)
        found.append(cosines.argmax(1))
    return torch.cat(found)


@functools.lru_cache(maxsize=1024)
def _at_random(batch: int, dim: int) -> float:
    """The mean of -log distance to the nearest of batch - 1 random directions, by quadrature over the angle."""
    # Small angles matter for a large batch in few dimensions, so the steps grow with the angle.
    angle = np.geomspace(1e-9, math.pi, 20_001)
    log_density = (dim - 2) * np.log(np.maximum(np.sin(angle), 1e-300))
    density = np.exp(log_density - log_density.max())
    steps = np.diff(angle) * (density[1:] + density[:-1]) / 2
    nearer = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    alone = (1 - nearer).clip(0) ** (batch - 1)
    middle = np.sqrt(angle[1:] * angle[:-1])
    return float(-(np.log(2 * np.sin(middle / 2)) * -np.diff(alone)).sum() / (alone[0] - alone[-1]))
