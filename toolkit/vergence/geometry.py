"""Directions and pairs: unit rows, the spread of random directions, and who is whose positive.

Every loss and metric that compares rows by their cosine starts here. Which pairs are positive is decided
in one place, `pairs`, and nowhere else.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.shapes import Embeddings

__all__ = [
    "Pairs",
    "at_least_single",
    "full_precision",
    "log_moment",
    "pairs",
    "unit",
]

Ids = Int[Tensor, " batch"]
Positives = Tensor | Sequence[Tensor | None]

ENOUGH_POSITIVES = 16
"""Up to this many positive pairs per drawn row are all measured, even when rows are drawn."""


def unit(z: Embeddings) -> Embeddings:
    r"""Rows scaled to length 1, so that a dot product of two rows is their cosine.

        unit(z)_i = z_i / ||z_i||

    z: (batch, dim), finite, no row of length 0. Half precision is computed, and returned, in float32.

    Each row keeps its direction and loses its length; a row that has length 1 already stays as it is.
    Rows as long as 1e30 or as short as 1e-30 come out right: they are scaled by their largest entry first.

    Raises ShapeError, NotFinite, ZeroRows.
    Source: the map to the sphere of Wang & Isola 2020, arXiv:2005.10242.
    """
    shapes.check_embeddings("unit", "z", z)
    shapes.check_finite("unit", "z", z)
    shapes.check_nonzero("unit", "z", z)
    (z,) = at_least_single(z)
    z = z / z.detach().abs().amax(dim=1, keepdim=True)
    lengths: Tensor = z.norm(dim=1, keepdim=True)
    return z / lengths


def at_least_single(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The same tensors in one common floating type, float32 or wider: bfloat16 has 3 digits, too few for a sum."""
    dtype = functools.reduce(torch.promote_types, (z.dtype for z in tensors), torch.float32)
    return tuple(z.to(dtype) for z in tensors)


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Switches autocast off where it is on: it would put the matrix of cosines back into half precision."""
    # Asked by name, because torch raises for a device it has no autocast for.
    if device.type in ("cpu", "cuda", "xpu", "mps") and torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


@functools.lru_cache(maxsize=4096)
def log_moment(kappa: float, dim: int) -> float:
    r"""How large `exp(kappa * cosine)` is on average between directions that know nothing of one another.

        log_moment(kappa, dim) = log  mean over u of  exp(kappa * u)  =  log 0F1(; dim/2; kappa^2 / 4)

    u: cosine of a fixed direction and one drawn evenly from the sphere in dim dimensions.
    kappa: >= 0, no unit; 1/temperature for a contrastive loss, 2t for uniformity. dim: >= 1.

    Reads 0 at kappa = 0 and about kappa^2 / (2 dim) while that is small; for large kappa it nears kappa
    minus a few nats, because the mean is then made by the few directions that happen to be close.
    Every float from 0 to 1e15 gives a finite number.

    Raises ArgumentError.
    Source: the normaliser of the von Mises-Fisher distribution, Mardia & Jupp 2000, section 9.3.2;
    for large kappa the uniform expansion of I_nu, Abramowitz & Stegun 9.7.7, dim = 2 nu + 2.
    """
    if not (math.isfinite(kappa) and kappa >= 0):
        raise errors.ArgumentError(f"log_moment: kappa is {kappa!r}. It must be a finite number, 0 or above.")
    if dim < 1:
        raise errors.ArgumentError(f"log_moment: dim is {dim!r}. A sphere needs at least 1 dimension.")
    if kappa == 0:
        return 0.0
    b = dim / 2
    if kappa > 1e4:  # the series would need thousands of terms, the expansion is right to 1e-12 of its value
        nu = b - 1
        s = math.hypot(nu, kappa)
        p = nu / s
        first = (3 - 5 * p**2) / (24 * s)
        second = (81 - 462 * p**2 + 385 * p**4) / (1152 * s**2)
        bessel = s + nu * math.log(kappa / (nu + s)) - 0.5 * math.log(2 * math.pi * s)
        return bessel + math.log1p(first + second) + math.lgamma(b) + nu * math.log(2 / kappa)
    # 0F1(; b; x) = sum over k of x^k / ((b)_k k!). All terms are positive, so nothing cancels; in logs nothing
    # overflows. Terms rise to k = peak and are below exp(-40) of the largest a dozen widths further.
    x = kappa**2 / 4
    peak = (math.sqrt(b**2 + 4 * x) - b) / 2
    k = np.arange(1, int(peak + 12 * math.sqrt(peak)) + 60)
    terms = np.cumsum(np.log(x) - np.log((b + k - 1) * k))
    return float(np.logaddexp.reduce(terms, initial=0.0))


@dataclass(frozen=True, eq=False)
class Pairs:
    """The rows of all views one under the other, and which of them belong together. Made by `pairs`.

    A pair is two different rows, in no order. It is positive when both rows have the same group id, or when
    `matrix` says so; every other pair is negative, whether it lies within a view or across two. Two rows
    that both have the id -1 (two entries of a queue) are compared by no loss and are no pair at all, unless
    no row has a positive: then every pair is negative.
    """

    rows: Float[Tensor, "n dim"]
    """Not normalised."""
    sizes: tuple[int, ...]
    """How many of the rows each view gave."""
    groups: Int[Tensor, " n"] | None = None
    """Rows with the same id are positives; -1: has none. None: see `matrix`, or no positives at all."""
    matrix: Bool[Tensor, "batch1 batch2"] | None = None
    """Positives between view 1 and view 2."""
    labels: Int[Tensor, " n"] | None = None
    """Rows with the same label that are not positives are false negatives; below 0: not labelled."""
    aligned: bool = False
    """Row i of each view belongs to group i: the usual case, for which there are short cuts."""

    @functools.cached_property
    def lonely(self) -> Tensor | None:
        """Rows that are compared with rows of a group only; None when there are none of them."""
        if self.groups is None or self.aligned:
            return None
        lonely = self.groups < 0
        return lonely if bool(lonely.any()) and not bool(lonely.all()) else None

    @functools.cached_property
    def positive_total(self) -> int:
        """How many positive pairs exist."""
        if self.matrix is not None:
            return int(self.matrix.sum())
        if self.groups is None:
            return 0
        if self.aligned:
            return self.sizes[0] * math.comb(len(self.sizes), 2)
        counts = torch.unique(self.groups[self.groups >= 0], return_counts=True)[1]
        return int((counts * (counts - 1)).sum()) // 2

    @functools.cached_property
    def negative_total(self) -> int:
        """How many negative pairs exist."""
        alone = 0 if self.lonely is None else int(self.lonely.sum())
        return math.comb(len(self.rows), 2) - math.comb(alone, 2) - self.positive_total

    def masks(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Which pairs of row start..stop with a later row are positive, which are negative: two (stop - start, n)."""
        n, device = len(self.rows), self.rows.device
        later = torch.arange(n, device=device) > torch.arange(start, stop, device=device)[:, None]
        positive = torch.zeros_like(later)
        if self.matrix is not None:
            first, second = self.sizes[:2]
            inside = min(stop, first)
            if start < inside:
                positive[: inside - start, first : first + second] = self.matrix[start:inside]
        elif self.groups is not None:
            block = self.groups[start:stop, None]
            positive = later & (block == self.groups) & (block >= 0)
        negative = later & ~positive
        if self.lonely is not None:
            negative &= ~(self.lonely[start:stop, None] & self.lonely)
        return positive, negative

    def positive_pairs(self) -> tuple[Tensor, Tensor]:
        """The row numbers of all positive pairs, i and j, each (positive_total,)."""
        device = self.rows.device
        if self.matrix is not None:
            i, j = torch.nonzero(self.matrix, as_tuple=True)
            return i, j + self.sizes[0]
        if self.groups is None:
            return torch.empty(0, dtype=torch.long, device=device), torch.empty(0, dtype=torch.long, device=device)
        order = torch.argsort(self.groups, stable=True)
        order = order[self.groups[order] >= 0]
        ids = self.groups[order]
        found = []
        for apart in range(1, len(order)):  # members of a group stand together: look 1, 2, 3 ... further
            same = ids[apart:] == ids[:-apart]
            if not bool(same.any()):
                break
            found.append(torch.stack([order[:-apart][same], order[apart:][same]]))
        both = torch.cat(found, dim=1) if found else torch.empty(2, 0, dtype=torch.long, device=device)
        return both.amin(0), both.amax(0)

    def take(self, index: Int[Tensor, " taken"]) -> Pairs:
        """The rows of `index` (ascending) and what is known of them."""
        bounds = np.cumsum((0, *self.sizes))
        edges = torch.searchsorted(index, torch.as_tensor(bounds, device=index.device)).tolist()
        matrix = self.matrix
        if matrix is not None:
            first, second = index[edges[0] : edges[1]], index[edges[1] : edges[2]] - self.sizes[0]
            matrix = matrix[first][:, second]
        return Pairs(
            rows=self.rows[index],
            sizes=tuple(stop - start for start, stop in itertools.pairwise(edges)),
            groups=None if self.groups is None else self.groups[index],
            matrix=matrix,
            labels=None if self.labels is None else self.labels[index],
        )

    def draw(self, max_rows: int, generator: torch.Generator | None = None) -> Pairs:
        """At most about `max_rows` rows, drawn so that every pair of a kind is equally likely to be among them.

        Aligned views: whole groups are drawn without replacement, so no positive pair is broken, and a count
        over the drawn pairs divided by their number is an unbiased estimate of the same share over all pairs.
        Otherwise single rows are drawn without replacement: every pair has the same chance to be drawn, but
        few positive ones are, so take those from `positive_pairs` while they are few. Beside a queue more
        rows are drawn (up to 8 times), because most of its pairs are not compared.

        generator: on the CPU. None: the same rows each time, and torch's global random state is not touched.
        """
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        device = self.rows.device
        n = len(self.rows)
        if self.aligned:
            views, batch = len(self.sizes), self.sizes[0]
            keep = max(2, max_rows // views)
            if batch <= keep:
                return self
            group = torch.randperm(batch, generator=generator)[:keep].sort().values.to(device)
            index = torch.cat([group + batch * view for view in range(views)])
            taken = self.take(index)
            return Pairs(taken.rows, taken.sizes, taken.groups, None, taken.labels, aligned=True)
        anchors = n if self.lonely is None else n - int(self.lonely.sum())
        keep = max(2, int(max_rows * min(8.0, math.sqrt(n / anchors))))
        if n <= keep:
            return self
        return self.take(torch.randperm(n, generator=generator)[:keep].sort().values.to(device))


def pairs(
    views: Sequence[Tensor],
    labels: Tensor | Sequence[Tensor | None] | None = None,
    positives: Positives | None = None,
    *,
    call: str = "pairs",
) -> Pairs:
    r"""Who is whose positive among the rows of one or more views.

    views: V >= 1 tensors (batch, dim) with one dim; batches may differ when `positives` says who belongs together.
    labels: integers (batch,), the same for every view, or one tensor or None per view. Below 0: not labelled.
    positives:
        None                       row i of every view belongs together; one view has no positives
        integers (batch,)          rows with the same id belong together, in every view; -1: has no positive
        one of those per view      for views of different sizes; None or all -1 for a queue
        booleans (batch1, batch2)  row i of view 1 and row j of view 2 belong together where True

    Between them, `positives=None` and one id per row give the same pairs: i == j.

    Raises ShapeError, DeviceMismatch. Rows may be anything, also not finite: who measures them decides.
    """
    _check_views(call, views)
    sizes = tuple(len(view) for view in views)
    device = views[0].device
    groups: Tensor | None = None
    matrix: Tensor | None = None
    if positives is None:
        if len(views) > 1:
            _check_equal_sizes(call, sizes, "positives", "positives=(ids1, ids2, ...), None for a queue")
            groups = torch.arange(sizes[0], device=device).repeat(len(views))
    elif isinstance(positives, Tensor) and positives.dtype == torch.bool:
        if len(views) < 2 or positives.shape != sizes[:2]:
            need = f"({sizes[0]}, {sizes[1]})" if len(views) > 1 else "(batch1, batch2), so two views"
            raise errors.ShapeError(
                f"{call}: positives is a boolean {shapes.shape_of(positives)} for {len(views)} "
                f"view{'s' if len(views) > 1 else ''}. It must be {need}: True where row i of view 1 and row j of "
                "view 2 belong together."
            )
        matrix = positives.detach().to(device)
    else:
        groups = _one_per_row(call, "positives", positives, sizes, device)
    return Pairs(
        rows=torch.cat(at_least_single(*(view.detach() for view in views))),
        sizes=sizes,
        groups=groups,
        matrix=matrix,
        labels=None if labels is None else _one_per_row(call, "labels", labels, sizes, device),
        aligned=positives is None and groups is not None,
    )


def _check_views(call: str, views: object) -> None:
    if not isinstance(views, Sequence) or not views:
        came = f"a tensor {shapes.shape_of(views)}" if isinstance(views, Tensor) else "nothing"
        raise errors.ShapeError(
            f"{call}: views is {came}. It must be one or more tensors (batch, dim); hand over [z1, z2]."
        )
    for number, view in enumerate(views, 1):
        shapes.check_embeddings(call, f"view {number}", view)
    first = views[0]
    for number, view in enumerate(views[1:], 2):
        if view.shape[1] != first.shape[1]:
            raise errors.ShapeError(
                f"{call}: view 1 is {shapes.shape_of(first)} but view {number} is {shapes.shape_of(view)}. "
                "Rows are compared by their cosine, so all views need the same dim; take them from the same head."
            )
        if view.device != first.device:
            raise errors.DeviceMismatch(
                f"{call}: view 1 is on {first.device} but view {number} is on {view.device}. "
                f"Move one: z{number}.to(z1.device)."
            )


def _one_per_row(call: str, name: str, given: Positives, sizes: tuple[int, ...], device: torch.device) -> Tensor:
    """One integer per row of every view; -1 where nothing was given."""
    if isinstance(given, Tensor):
        _check_equal_sizes(call, sizes, name, f"{name}=(first, second, ...), one tensor or None per view")
        given = [given] * len(sizes)
    if not isinstance(given, tuple | list) or not all(x is None or isinstance(x, Tensor) for x in given):
        raise errors.ShapeError(
            f"{call}: {name} is a {type(given).__name__} without tensors. It must be an integer tensor, or one "
            f"tensor or None per view; use torch.as_tensor({name})."
        )
    if len(given) != len(sizes):
        raise errors.ShapeError(
            f"{call}: {name} has {len(given)} entries for {len(sizes)} view{'s' if len(sizes) > 1 else ''}. "
            "One tensor or None per view is needed."
        )
    columns = []
    for size, column in zip(sizes, given, strict=True):
        if column is None:
            columns.append(torch.full((size,), -1, device=device))
        else:
            shapes.check_labels(call, column, size, name=name)
            columns.append(column.detach().to(device, torch.long))
    return torch.cat(columns)


def _check_equal_sizes(call: str, sizes: tuple[int, ...], name: str, what: str) -> None:
    if len(set(sizes)) > 1:
        raise errors.ShapeError(
            f"{call}: the views have {', '.join(map(str, sizes))} rows, so {name} must say which is which: {what}. "
            "If they should be equal, did the loader drop a row? Set drop_last=True."
        )
