"""Whether one threshold serves all classes: false accepts and rejects of each, and how far their curves part."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import full_precision
from vergence.metrics.directions import to_unit
from vergence.metrics.labelled import labelled
from vergence.shapes import Embeddings, Labels

__all__ = ["Thresholds", "thresholds"]

POINTS = 101
"""Thresholds at which the curves are read, evenly spaced over the calibration range."""
CELLS = 2**21
"""Distances in memory at a time."""
FINE = 8192
"""Distances from 0 to 2 are counted in so many steps, 0.00024 wide."""

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Thresholds:
    """One threshold for all classes, and what it does to each. Distances are those of unit rows, 0 to 2."""

    opis: float
    """Variance of the utility over classes, mean over the calibration range: 0 when one threshold serves all alike."""
    opis_worst: float
    """The same mean over the worst classes alone: those whose utility is lowest, by the mean over the range."""
    near: float
    """The calibration range: from the distance at which the lowest wanted share of negatives is accepted ..."""
    far: float
    """... to that of the highest."""
    threshold: float
    """The distance at which as large a share of all negatives is accepted as of all positives is rejected."""
    equal_error: float
    """That share."""
    false_accept: Float[Tensor, " classes"] = field(repr=False)
    """At `threshold`, for each class: share of its negative pairs that are nearer ..."""
    false_reject: Float[Tensor, " classes"] = field(repr=False)
    """... and of its positive pairs that are further."""
    accept_spread: float
    """Largest less smallest `false_accept`."""
    reject_spread: float
    """Largest less smallest `false_reject`."""
    distances: Float[Tensor, " points"] = field(repr=False)
    """101 thresholds, evenly from `near` to `far`."""
    utility: Float[Tensor, "classes points"] = field(repr=False)
    """Harmonic mean of the shares of positives accepted and of negatives rejected, 0 to 1."""
    names: Int[Tensor, " classes"] = field(repr=False)
    """The labels, ascending."""
    classes: int
    rows: int
    """Rows that were measured."""
    rows_total: int
    """Rows there are: more than were measured when rows were drawn."""
    rows_left_out: int
    """Rows that are zero or not finite."""
    unlabelled: int
    """Rows without a label, or of a class with a single row."""


@torch.no_grad()
def thresholds(
    z: Embeddings,
    labels: Labels,
    *,
    accept: tuple[float, float] = (0.01, 0.1),
    worst: float = 0.1,
    max_rows: int = 4096,
    generator: torch.Generator | None = None,
) -> Thresholds:
    r"""Whether one threshold on the distance of two rows serves every class alike.

        sens_c(d) = share of pairs inside class c at distance <= d     = 1 - false reject
        spec_c(d) = share of pairs with one row in class c at > d      = 1 - false accept
        U_c(d) = 2 sens_c spec_c / (sens_c + spec_c)
        opis = mean over d in [near, far], mean over classes of  (U_c(d) - mean over classes of U(d))^2

    z: (batch, dim); rows of any length, distances are those of their directions, |unit(x) - unit(y)|. labels: (batch,)
    integers; below 0: not labelled. near, far: the distances at which a share of accept[0] and accept[1] of all
    negative pairs is accepted, 0 < accept[0] < accept[1] < 1. worst: share of the classes, those of lowest mean
    utility, that `opis_worst` looks at (one at least).
    max_rows: above this, rows are drawn; generator: on the CPU; None: the same rows each time.

    opis reads 0 when all classes are as wide as one another and as far from the others, also at collapse; 0.25 at most,
    when half of the classes are served perfectly and half not at all. It says nothing of how good the threshold is:
    read it beside `equal_error`, which is 0 when one distance parts all pairs and 0.5 where distances say nothing.
    Classes of few rows make it larger by chance: ten pairs cannot tell 0.9 from 1.

    Distances are counted in steps of 0.00024. Rows that are zero or not finite are left out and counted.

    Raises ShapeError, TooFewRows (fewer than two classes of two rows), NotFinite, ZeroRows, ArgumentError.
    Source: Zhang et al. 2023, arXiv:2307.04047, section 3: their OPIS with c = 1, their phi and psi our spec and sens,
    the range from false accept rates of 1 % to 10 %, their epsilon-OPIS our opis_worst.
    """
    call = "thresholds"
    shapes.check_count(call, "max_rows", max_rows, least=4)
    _check(call, accept, worst)
    shapes.check_embeddings(call, "z", z)
    shapes.check_labels(call, labels, len(z))
    size = z.detach().abs().amax(1).cpu()
    finite = torch.isfinite(size)
    sound = finite & (size > 0)
    if bool(finite.any()) and not bool(sound.any()):
        shapes.check_nonzero(call, "z", z.detach().cpu()[finite])
    labels = torch.where(sound, labels.detach().cpu().long(), -1)
    given = labelled(call, z, labels)
    total = len(given.rows)
    rows, place = given.rows, given.place
    if total > max_rows:
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        kept = torch.randperm(total, generator=generator)[:max_rows].sort().values
        rows, place = rows[kept], place[kept]
    classes = len(given.names)
    near, far = _counts(to_unit(rows), place, classes)
    few = near.sum(1) == 0
    if bool(few.any()) and int((~few).sum()) < 2:
        raise errors.TooFewRows(
            f"{call}: fewer than two of {classes} classes have two rows among the {len(rows)} that were drawn. Set "
            f"max_rows={total} or more."
        )
    near, far, names = near[~few], far[~few], given.names[torch.from_numpy(~few)]
    edges = np.arange(FINE + 1, dtype=np.float64) * np.float64(2 / FINE)
    accepted, rejected = _cumulated(far), 1 - _cumulated(near)
    of_all = np.cumsum(far.sum(0)) / far.sum()
    low, high = (_at(of_all, edges, share) for share in accept)
    points = np.linspace(low, high, POINTS, dtype=np.float64)
    utility = _utility(_read(rejected, edges, points), _read(accepted, edges, points))
    middle = utility.mean(0)
    apart = np.square(utility - middle).mean(1)
    order = np.argsort(utility.mean(1), kind="stable")[: max(1, round(worst * len(names)))]
    threshold, error = _equal(of_all, 1 - np.cumsum(near.sum(0)) / near.sum(), edges)
    at = np.array([threshold])
    accepts, rejects = _read(accepted, edges, at)[:, 0], _read(rejected, edges, at)[:, 0]
    return Thresholds(
        opis=float(apart.mean()),
        opis_worst=float(apart[order].mean()),
        near=float(low), far=float(high),
        threshold=threshold, equal_error=error,
        false_accept=torch.from_numpy(accepts), false_reject=torch.from_numpy(rejects),
        accept_spread=float(np.ptp(accepts)), reject_spread=float(np.ptp(rejects)),
        distances=torch.from_numpy(points), utility=torch.from_numpy(utility), names=names,
        classes=len(names), rows=len(rows), rows_total=total,
        rows_left_out=int((~sound).sum()), unlabelled=len(z) - int((~sound).sum()) - total,
    )  # fmt: skip


def _check(call: str, accept: object, worst: object) -> None:
    if (
        not isinstance(accept, tuple) or len(accept) != 2
        or not all(isinstance(share, int | float) for share in accept) or not 0 < accept[0] < accept[1] < 1
    ):  # fmt: skip
        raise errors.ArgumentError(
            f"{call}: accept is {accept!r}. It must be two shares of the negatives, ascending, between 0 and 1: "
            "accept=(0.01, 0.1)."
        )
    if isinstance(worst, bool) or not isinstance(worst, int | float) or not 0 < worst <= 1:
        raise errors.ArgumentError(
            f"{call}: worst is {worst!r}. It must be a share of the classes, above 0, 1 at most."
        )


def _counts(rows: Tensor, place: Tensor, classes: int) -> tuple[Counts, Counts]:
    """(classes, steps): positive pairs of each class, and pairs with one row in it, by distance."""
    near, far = (np.zeros((classes, FINE + 1), np.int64) for _ in range(2))
    where = place.numpy()
    n = len(rows)
    step = max(1, CELLS // n)
    with full_precision(rows.device):
        for start in range(0, n, step):
            stop = min(start + step, n)
            squares = (2 - 2 * rows[start:stop] @ rows.T).clamp_(0, 4)
            # Up to rounding: a distance on an edge belongs to the step below it, so that <= is what is counted.
            steps = np.ceil(squares.sqrt().numpy() * (FINE / 2) - 1e-3).astype(np.int64).clip(0, FINE)
            later = np.arange(n) > np.arange(start, stop)[:, None]
            same = where[start:stop, None] == where
            first = np.broadcast_to(where[start:stop, None], steps.shape)
            second = np.broadcast_to(where, steps.shape)
            inside, outside = later & same, later & ~same
            for counts, of, mask in ((near, first, inside), (far, first, outside), (far, second, outside)):
                flat = of[mask] * (FINE + 1) + steps[mask]
                counts += np.bincount(flat, minlength=counts.size).reshape(counts.shape)
    return near, far


def _cumulated(counts: Counts) -> Floats:
    """Share of each row's pairs that are no further than each edge."""
    found: Floats = np.cumsum(counts, 1) / counts.sum(1, keepdims=True)
    return found


def _at(shares: Floats, edges: Floats, share: float) -> float:
    """The smallest distance within which so large a share lies."""
    return float(edges[min(int(np.searchsorted(shares, share)), len(edges) - 1)])


def _read(curves: Floats, edges: Floats, points: Floats) -> Floats:
    """(classes, points) the curves, which are steps, at some distances."""
    place = np.searchsorted(edges, points * (1 + 1e-12), side="right") - 1
    found: Floats = curves[:, place.clip(0, len(edges) - 1)]
    return found


def _utility(rejected: Floats, accepted: Floats) -> Floats:
    sens, spec = 1 - rejected, 1 - accepted
    total = sens + spec
    found: Floats = np.where(total > 0, 2 * sens * spec / np.where(total > 0, total, 1), 0.0)
    return found


def _equal(accepted: Floats, rejected: Floats, edges: Floats) -> tuple[float, float]:
    """Where the two shares cross, or the middle of where they are nearest."""
    apart = np.abs(accepted - rejected)
    nearest = np.flatnonzero(apart <= apart.min() + 1e-12)
    at = int(nearest[len(nearest) // 2])
    return float(edges[at]), float((accepted[at] + rejected[at]) / 2)
