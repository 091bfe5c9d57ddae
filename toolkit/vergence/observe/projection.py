"""The map: embeddings as points on a plane, held still from look to look.

Two looks at a network that has hardly changed should give two maps that have hardly changed. Left alone they do
not: the axes of a principal component analysis flip, turn, and change places where two of them explain about
the same. So each map is turned, or mirrored, to lie on the one before. It is never stretched: a map that is
made to fit by scaling looks the same however far the embeddings collapse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors

__all__ = ["Map", "eased", "laid_on", "moved", "projection", "trustworthiness", "unit_rows"]

Floats = NDArray[np.float64]
Points = Float[np.ndarray, "items 2"]
INERTIA = 0.5
"""How much the plane before counts beside the variance; see `projection`."""
EASE = 0.25
"""How much of its way an item is held back from one map to the next; see `eased`."""
LEADING = 12
"""Directions that a plane may be made of: beyond the leading ones nothing of a map is hidden."""
SMALL = 160
"""Up to this size all directions are found at once; beyond, the leading ones by iteration."""
LEAST = 3


@dataclass(frozen=True)
class Map:
    """Items on a plane.

    positions: `(items, 2)` float32, in units of the embedding (rows of length 1, so at most 2 from the middle);
        NaN for an item that was left out.
    explained: share of the variance along each of the two axes, 0 to 1.
    shift: median distance of the items from where they were on the map before, in map units; None for a first map.
    radius: root mean square distance from the middle: 0 when all rows have the same direction, at most 1.
    left_out: items without a direction: zero, NaN or infinite rows.
    """

    positions: Float[np.ndarray, "items 2"]
    explained: tuple[float, float]
    shift: float | None
    radius: float
    left_out: int


def projection(rows: Float[Tensor, "items dim"], before: Points | None = None, *, inertia: float = INERTIA) -> Map:
    """Principal component map of the directions of `rows`, laid on the map before.

    Each row u_i = z_i / |z_i| has length 1: the map is of directions, as cosines are. With U the rows less their
    mean and C = UᵀU, the map is X = U W for the orthonormal W (dim, 2) that keeps the most variance, tr(WᵀCW).
    Then X is turned, or mirrored, so that it lies on the map before (`laid_on`); it is neither scaled nor moved.

    Where the second and third direction explain about as much, which of them is drawn is chance, and the plane
    would tumble. With a map before, W keeps the most of

        tr(WᵀCW) + inertia · λ₂ · tr(WᵀVVᵀW),

    where λ₂ is the second eigenvalue of C and V (dim, 2) the plane of today's space that comes closest to the
    map before, within the 12 leading directions. So a direction of the map stays as long as it explains at least
    (1 − inertia) times as much as the second, and turns slowly rather than at once; with a clear second direction
    next to nothing is given up. `inertia=0` is plain principal component analysis.

    Args:
        rows: one embedding per item; the same items, in the same order, each time.
        before: positions of the map before, `(items, 2)`, NaN for items that had none.
        inertia: 0 to less than 1. At 1 a plane would never be left.

    A run whose rows all become one direction shrinks to a point, one that loses directions to a line.

    Raises TooFewRows for fewer than 3 rows with a direction, ShapeError when `before` has another number of items,
    ArgumentError for an impossible inertia.
    Source: Hotelling 1933 (principal components); Schönemann 1966 (the turn).
    """
    if before is not None and len(before) != len(rows):
        raise errors.ShapeError(
            f"projection: {len(rows)} rows but the map before has {len(before)}. Hand over the same items each time."
        )
    if not 0 <= inertia < 1:
        raise errors.ArgumentError(
            f"projection: inertia is {inertia!r}. It lies between 0 (every map for itself) and below 1; usual is 0.5."
        )
    unit, good = unit_rows(rows)
    centred = unit - unit.mean(0)
    known = None if before is None else np.asarray(before, np.float64)[good]
    plane, explained = _plane(centred, known, inertia)
    positions = np.full((len(rows), 2), np.nan)
    positions[good] = centred @ plane
    if before is not None:
        positions = laid_on(positions, np.asarray(before, np.float64))
    here = positions[good]
    return Map(
        positions.astype(np.float32),
        explained,
        None if before is None else moved(positions, np.asarray(before, np.float64)),
        float(np.sqrt((here**2).sum(1).mean())),
        int((~good).sum()),
    )


def unit_rows(rows: Float[Tensor, "items dim"]) -> tuple[Floats, NDArray[np.bool_]]:
    """The rows that have a direction, at length 1, and which they are. Raises TooFewRows when fewer than 3 do."""
    values = rows.detach().to("cpu", torch.float64).numpy()
    size = np.abs(values).max(1) if values.shape[1] else np.zeros(len(values))
    good = np.isfinite(size) & (size > 0)
    if int(good.sum()) < LEAST:
        raise errors.TooFewRows(
            f"projection: {int(good.sum())} of {len(values)} rows have a direction; the others are zero or not finite. "
            f"A map needs at least {LEAST}. Look at the step before: a learning rate too high, or a head that ends in "
            "a ReLU."
        )
    kept = values[good] / size[good, None]  # first, so that the square of a huge row stays finite
    return kept / np.linalg.norm(kept, axis=1, keepdims=True), good


def laid_on(positions: Floats, before: Floats) -> Floats:
    """`positions` turned, or mirrored, so that their squared distance from `before` is least; never scaled.

    The orthogonal Procrustes problem: with the singular value decomposition XᵀB = PSQᵀ the turn is PQᵀ. Only items
    that both maps have (no NaN) count. Source: Schönemann 1966.
    """
    both = np.isfinite(positions).all(1) & np.isfinite(before).all(1)
    if not both.any():
        return positions
    p, _, q = np.linalg.svd(positions[both].T @ before[both])
    return np.asarray(positions @ (p @ q))


def eased(positions: Floats, before: Floats, ease: float = EASE) -> Floats:
    """Each item drawn most of the way from where it was: before + (1 − ease) (positions − before).

    Two looks at a network that trains differ by what it learned and by the jitter of its last few batches. Held back
    by a quarter, an item that stays is where it belongs after a few looks (1/16 of the way is left after two), and
    jitter is a quarter smaller. Nothing is rescaled, and a map that is less than half or more than twice as wide as
    the one before is drawn as it is: a sudden collapse must be seen at once.
    Items that the map before has not (NaN) are drawn where they are.
    """
    held = np.where(np.isfinite(before), before, positions)
    wide, was = (float(np.nansum(points**2)) for points in (positions, held))
    if not was / 4 <= wide <= 4 * was:
        return positions
    return np.asarray(held + (1 - ease) * (positions - held))


def moved(positions: Floats, before: Floats) -> float | None:
    """Median distance between two maps, of the items that both have; None where there are none."""
    steps = np.linalg.norm(positions - before, axis=1)
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if len(steps) else None


def trustworthiness(
    rows: Float[np.ndarray, "items dim"],
    positions: Points,
    neighbours: int | None = None,
    *,
    anchors: int = 512,
) -> tuple[float, int]:
    """How far neighbours on the map are neighbours in the embedding; and how many neighbours were asked for.

        T(k) = 1 − 2 / (n k (2n − 3k − 1)) · Σ_i Σ_{j ∈ N_i} max(0, r(i, j) − k)

    N_i are the k nearest items of i on the map, r(i, j) the rank of j among the neighbours of i in the embedding
    (1 for the nearest). 1: every neighbour on the map is one in the embedding. About 0.5: a random map.

    rows: `(n, dim)` at any length, compared by Euclidean distance; positions: `(n, 2)`; neighbours: k, by default 15
    or as many as n allows; anchors: of more items than that, so many spread evenly are asked for their neighbours.

    Raises TooFewRows for fewer than 3 items, ArgumentError for k not between 1 and (n − 1) / 2.
    Source: Venna and Kaski 2001.
    """
    n = len(rows)
    if n < LEAST:
        raise errors.TooFewRows(f"trustworthiness: {n} items; at least {LEAST} are needed to have neighbours.")
    k = min(15, (n - 1) // 2) if neighbours is None else neighbours
    if not 1 <= k <= (n - 1) // 2:
        raise errors.ArgumentError(
            f"trustworthiness: neighbours is {k} for {n} items. It must lie between 1 and {(n - 1) // 2}."
        )
    asked = np.arange(min(n, anchors)) * n // min(n, anchors)
    here = np.arange(len(asked))
    true, drawn = _distances(rows, asked), _distances(positions, asked)
    true[here, asked] = np.inf  # nobody is a neighbour of itself
    drawn[here, asked] = np.inf
    near = np.argpartition(drawn, k - 1, axis=1)[:, :k]
    reach = np.take_along_axis(true, near, 1)
    ranks = np.stack([np.count_nonzero(true < reach[:, j : j + 1], axis=1) for j in range(k)], 1) + 1
    penalty = int(np.maximum(0, ranks - k).sum())
    return 1 - 2 * penalty / (len(asked) * k * (2 * n - 3 * k - 1)), k


def _distances(points: NDArray[np.floating], asked: NDArray[np.intp]) -> NDArray[np.floating]:
    """Squared distances from some points to all, `(asked, n)`; around the mean, so that digits are kept."""
    centred = points - points.mean(0)
    squares = (centred**2).sum(1)
    return np.asarray(squares[asked, None] + squares[None] - 2 * centred[asked] @ centred.T)


def _plane(centred: Floats, before: Floats | None, inertia: float) -> tuple[Floats, tuple[float, float]]:
    """The plane W (dim, 2), and the share of the variance along its two axes."""
    values, vectors = _leading(centred)
    total = float((centred**2).sum())
    if vectors.shape[1] < 2:  # one dimension: the map is a line
        values, vectors = np.append(values, 0.0), np.pad(vectors, ((0, 0), (0, 1)))
    plane = np.eye(vectors.shape[1], 2)
    weight = inertia * float(values[1])
    if before is not None and weight > 0:
        known = np.isfinite(before).all(1)
        # Of the planes in the leading directions, the one whose map would lie closest to the map before.
        p, _, q = np.linalg.svd(vectors.T @ (centred[known].T @ before[known]), full_matrices=False)
        nearest = p @ q
        plane = np.linalg.eigh(np.diag(values) + weight * nearest @ nearest.T)[1][:, ::-1][:, :2]
    kept = vectors @ plane
    # One sign of many, always the same: the largest entry of each axis is positive.
    kept *= np.sign(np.take_along_axis(kept, np.abs(kept).argmax(0)[None], 0) + 1e-300)
    along = ((centred @ kept) ** 2).sum(0) / max(total, 1e-300)
    return kept, (float(along[0]), float(along[1]))


def _leading(centred: Floats) -> tuple[Floats, Floats]:
    """The leading eigenvalues of the covariance (times n), descending, and their eigenvectors as columns."""
    n, dim = centred.shape
    tall = dim <= n  # either product has the same eigenvalues; the smaller one is quicker
    product = centred.T @ centred if tall else centred @ centred.T
    block = min(LEADING, len(product))
    if len(product) <= SMALL:
        values, vectors = np.linalg.eigh(product)
        values, vectors = values[::-1][:block], vectors[:, ::-1][:, :block]
    else:
        values, vectors = _iterated(product, block)
    if not tall:
        vectors = np.linalg.qr(centred.T @ vectors)[0]
    return np.maximum(values, 0), vectors


def _iterated(product: Floats, block: int) -> tuple[Floats, Floats]:
    """Leading eigenvalues and vectors by orthogonal iteration, from a start that is always the same."""
    single = (product / max(float(np.trace(product)), 1e-300)).astype(np.float32)
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(len(product), block)).astype(np.float32))[0]
    known = np.zeros(block)
    for _ in range(60):
        basis, inner = np.linalg.qr(single @ basis)
        values = np.abs(np.diag(inner))
        if np.allclose(values[:LEAST], known[:LEAST], rtol=1e-4, atol=0):
            break
        known = values
    found, turn = np.linalg.eigh(basis.T.astype(np.float64) @ product @ basis)
    return found[::-1], basis @ turn[:, ::-1]
