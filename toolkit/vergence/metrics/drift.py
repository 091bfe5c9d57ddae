"""Drift: how far a representation has moved from a snapshot of itself, and what old read-outs are still worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.metrics.chance import generator_of
from vergence.metrics.cka import CKA, cka
from vergence.metrics.directions import to_unit
from vergence.metrics.halves import Halves, Task, Values, halves, task
from vergence.metrics.maps import residuals
from vergence.metrics.probes import Probes, read
from vergence.metrics.readings import Comparison, compare
from vergence.metrics.space import Space

__all__ = ["Drift", "drift", "neighbour_overlap"]

LEAST = 8
"""Rows: four to learn a map from, four to ask about."""
NEAREST = 10
BLOCK = 1024
"""Rows compared at a time."""

Rows = Float[Tensor, "batch dim_a"]
Others = Float[Tensor, "batch dim_b"]


@dataclass(frozen=True, eq=False)
class Drift:
    """How a representation of the same items has changed between two moments."""

    before: Probes | None
    """The factor, learned and asked before. None without labels that can be probed, as the next four."""
    old: Probes | None
    """Learned before, asked now: what a read-out that was made then is worth today. None also where dims differ."""
    refitted: Probes | None
    """Learned and asked now."""
    lost: Comparison | None
    """`old` less `before`, linear: below 0 where the old read-out has got worse."""
    hidden: Comparison | None
    """`refitted` less `old`, linear: what somebody does not see who fits the probe again at every look."""
    without: str | None
    """Why the labels that came cannot be probed; None where they were, and where none came."""
    cka: CKA
    residual_linear: float | None
    """Share of the variance now that no linear map of then explains, on held-out rows; None: one side does not vary, or
    all rows are of one group, so that none can be held out."""
    residual_orthogonal: float | None
    """The same for a rotation and one scale: at least about `residual_linear`."""
    residual_floor: float | None
    """What an exact rotation reads, for want of rows; 0 with more rows to learn from than dimensions."""
    size: float | None
    """Spread around the mean row now over then; 0 after collapse, None where there was none before."""
    overlap: float | None
    """`neighbour_overlap`; None where a side does not vary."""
    overlap_chance: float
    """What rows that know nothing of one another read."""
    neighbours: int
    rows: int
    """Measured."""
    rows_left_out: int
    """Zero or not finite, then or now."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when rows were drawn."""
    dims: tuple[int, int]


@torch.no_grad()
def drift(
    before: Rows,
    after: Others,
    labels: Values | None = None,
    *,
    groups: Values | None = None,
    neighbours: int = NEAREST,
    max_rows: int = 1024,
    generator: torch.Generator | None = None,
    seed: int = 0,
) -> Drift:
    r"""What has changed in a representation since a snapshot, and what read-outs made then are still worth.

        old probe       learned on half of `before`, asked about the other half of `after`
        refitted probe  learned on half of `after`, asked about the other half of `after`
        cka             `cka(before, after)`: 1 for a rotated copy, 0 for nothing in common
        residuals       sum |after - f(before)|^2 / sum |after - mean|^2 on held-out rows, f the best linear map, or the
                        best rotation with one scale
        overlap         share of a row's nearest neighbours that have stayed

    before: (batch, dim_a), the snapshot. after: (batch, dim_b), now; row i of both is one item; at least 8 rows that
    are neither zero nor NaN or infinity in either; the others are left out and counted. labels: integers (batch,),
    below 0: not labelled; None: no probes. Labels of which fewer than two classes have rows in both halves give no
    probes either, and `without` says so. groups: integers (batch,), rows of one group show the same thing and stay
    in one half. neighbours: how many are compared. max_rows: above this, rows are drawn. generator: on the CPU, for
    that; None: the same rows each time. seed: fixes halves and draws of the probes.

    Reads, where nothing has changed: old = refitted = before, cka 1, residuals 0, size 1, overlap 1. Where everything
    has: old at chance, cka 0, residuals 1 (the orthogonal one a little more), overlap at `overlap_chance`. In between
    the parts tell cases apart. A rotation: cka 1, residuals 0, overlap 1, refitted as before, and only the old probe
    falls: every read-out that was made then is broken, though no information is gone. Shrinking: `size` alone.
    Forgetting: the old probe falls, cka falls, residuals rise, and **a refitted probe hides it**: a small network
    that knew the digits 0 to 4 and is then trained on 5 to 9 reads them at 0.3 to 0.6 with the probe of before and at
    0.95 or more with a refitted one.

    Probes are those of `probes`; the old one keeps the standardisation of its day. 0.5 s for 1,024 x 128 with ten
    classes on one thread.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: old and refitted read-outs as in the study of forgetting by Davari et al. 2022, arXiv:2203.13381; cka of
    Kornblith et al. 2019, arXiv:1905.00414; the best rotation of Schoenemann 1966.
    """
    call = "drift"
    shapes.check_count(call, "neighbours", neighbours)
    shapes.check_count(call, "max_rows", max_rows, least=LEAST)
    good, left_out = _chosen(call, before, after, max_rows, generator)
    for name, values in (("labels", labels), ("groups", groups)):
        if values is not None:
            shapes.check_labels(call, values, len(before), name=name)
    total, taken = len(before), good.cpu()
    one, other = (x.detach()[good].cpu() for x in (before, after))
    one, other = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (one, other))
    classes = None if labels is None else labels.cpu()[taken]
    same = None if groups is None else groups.cpu()[taken]
    parted = halves([torch.zeros(len(one), dtype=torch.long) if classes is None else classes], same, seed=seed)
    then, old, now, without = None, None, None, None
    if classes is not None:
        try:
            then, old, now = _probed(one, other, classes, parted, seed)
        except errors.TooFewRows as error:  # nothing else here needs labels
            without = str(error)
    alike = cka(one, other)
    held_out = min(len(parted.fit), len(parted.test)) > 0
    left = residuals(one, other, parted.fit, parted.test) if held_out and alike.unbiased is not None else None
    spread = [_spread(x) for x in (one, other)]
    k = min(neighbours, len(one) - 1)
    return Drift(
        before=then,
        old=old,
        refitted=now,
        lost=None if old is None or then is None else compare(old.linear, then.linear),
        hidden=None if old is None or now is None else compare(now.linear, old.linear),
        without=without,
        cka=alike,
        residual_linear=None if left is None else left.linear,
        residual_orthogonal=None if left is None else left.orthogonal,
        residual_floor=None if left is None else left.floor,
        size=spread[1] / spread[0] if spread[0] > 0 else None,
        overlap=None if alike.unbiased is None else neighbour_overlap(one, other, neighbours=k),
        overlap_chance=k / (len(one) - 1),
        neighbours=k,
        rows=len(one),
        rows_left_out=left_out,
        rows_total=total,
        dims=(before.shape[1], after.shape[1]),
    )


@torch.no_grad()
def neighbour_overlap(a: Rows, b: Others, *, neighbours: int = NEAREST) -> float:
    r"""How many of a row's nearest neighbours are its nearest in another representation, too.

        neighbour_overlap(a, b) = mean over i of  |N_k(a_i) and N_k(b_i)| / k

    a: (batch, dim_a), b: (batch, dim_b), finite, no zero row, batch >= 3; row i of both is one item. N_k: the k rows of
    highest cosine, the row itself not among them. neighbours: k, 1 to batch - 1.

    Reads 1 when all neighbourhoods are the same (also after a rotation, and at whatever scale), k / (batch - 1) when
    a neighbour here says nothing of a neighbour there. It looks near only: clusters may change places unseen.

    Raises ShapeError, TooFewRows, NotFinite, ZeroRows, DeviceMismatch, ArgumentError.
    Source: mutual k-nearest neighbours, as in Huh et al. 2024, arXiv:2405.07987, appendix A.
    """
    call = "neighbour_overlap"
    for name, z in (("a", a), ("b", b)):
        shapes.check_embeddings(call, name, z, rows=3)
    _check_partners(call, "a", a, "b", b)
    for name, z in (("a", a), ("b", b)):
        shapes.check_finite(call, name, z)
        shapes.check_nonzero(call, name, z)
    shapes.check_count(call, "neighbours", neighbours)
    n = len(a)
    if neighbours >= n:
        raise errors.ArgumentError(
            f"{call}: neighbours is {neighbours} of {n} rows. A row has {n - 1} others: use at most {n - 1}."
        )
    shared = 0
    with full_precision(a.device):
        one, other = (_around(to_unit(at_least_single(z.detach())[0])) for z in (a, b))
        for start in range(0, n, BLOCK):
            near = [_nearest(z, start, neighbours) for z in (one, other)]
            member = torch.zeros(len(near[0]), n, dtype=torch.bool, device=a.device)
            shared += int(member.scatter_(1, near[0], True).gather(1, near[1]).sum())
    return shared / (n * neighbours)


def _nearest(z: Tensor, start: int, k: int) -> Tensor:
    """The k nearest of all rows to some of unit rows around their mean, which no row is itself."""
    some = z[start : start + BLOCK]
    apart = z.square().sum(1) / 2 - some @ z.T
    apart.diagonal(start).fill_(float("inf"))
    return torch.topk(apart, k, dim=1, largest=False).indices


def _around(z: Tensor) -> Tensor:
    """Minus their mean: where all cosines are 0.9999999 the digits that differ are still there."""
    return z - z.mean(0)


def _spread(x: Tensor) -> float:
    x = x.double()
    size = float(x.abs().max())
    return size * float(((x - x[0]) / size).std(0, correction=0).norm()) if size else 0.0


def _probed(
    one: Tensor, other: Tensor, labels: Tensor, parted: Halves, seed: int
) -> tuple[Probes, Probes | None, Probes]:
    """The factor before, with the old probe now, and with a refitted probe now."""
    asked = task("drift", labels, parted, seed=seed)
    now = read(Space("drift", other, parted), asked)
    if one.shape[1] != other.shape[1]:
        return read(Space("drift", one, parted), asked), None, now
    # Both moments in one space whose fit half is the old one: so the old probe keeps its features' mean and scale.
    n = len(one)
    both = Halves(parted.fit, torch.cat([parted.test, parted.test + n]), parted.groups.repeat(2))
    space = Space("drift", torch.cat(at_least_single(one, other)), both)
    return read(space, asked), _moved(read(space, replace(asked, test=asked.test + n)), asked), now


def _moved(found: Probes, asked: Task) -> Probes:
    """Readings that name the rows as they were, so that they can be compared."""
    knn, linear, few = (replace(each, rows=asked.test) for each in (found.knn, found.linear, found.few))
    return replace(found, knn=knn, linear=linear, few=few)


def _chosen(
    call: str, before: Tensor, after: Tensor, max_rows: int, generator: torch.Generator | None
) -> tuple[Tensor, int]:
    """The rows to measure, with a direction at both moments, and how many have none."""
    for name, z in (("before", before), ("after", after)):
        shapes.check_embeddings(call, name, z, rows=LEAST)
    _check_partners(call, "before", before, "after", after)
    sizes = torch.stack([z.abs().amax(1).double().cpu() for z in (before, after)])
    good = torch.nonzero(((sizes > 0) & torch.isfinite(sizes)).all(0)).squeeze(1)
    if len(good) < LEAST:
        raise errors.TooFewRows(
            f"{call}: {len(good)} of {len(before)} rows are neither zero nor NaN or infinity in before and after, "
            f"{LEAST} are needed. Did a step overflow, or is a ReLU the last layer of the encoder?"
        )
    left_out = len(before) - len(good)
    if len(good) > max_rows:
        good = good[torch.randperm(len(good), generator=generator_of(generator))[:max_rows].sort().values]
    return good.to(before.device), left_out


def _check_partners(call: str, first: str, a: Tensor, second: str, b: Tensor) -> None:
    if len(a) != len(b):
        raise errors.ShapeError(
            f"{call}: {first} is {shapes.shape_of(a)} but {second} is {shapes.shape_of(b)}. Row i of both must be the "
            "same item; embed the same items, in the same order. The dims may differ."
        )
    if a.device != b.device:
        raise errors.DeviceMismatch(
            f"{call}: {first} is on {a.device} but {second} is on {b.device}. Move one: {second}.to({first}.device)."
        )
