"""Whether two encoders fill the same region: the gap between their centres, and whether a line tells them apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import at_least_single
from vergence.metrics.chance import generator_of
from vergence.metrics.directions import to_unit
from vergence.metrics.readings import interval

__all__ = ["ModalityGap", "centroid_gap", "modality_gap"]

First = Float[Tensor, "first dim"]
Second = Float[Tensor, "second dim"]

FOLDS = 4
RIDGE = 0.1
"""Of the probe, beside a mean square of 1 of each feature."""
LEAST = 8
"""Rows of each tower, for four folds of two."""
BLOCK = 1024


@dataclass(frozen=True)
class ModalityGap:
    """How far apart two towers lie on the sphere."""

    gap: float
    """Distance of the two centres of the unit rows, 0 to 2."""
    gap_by_chance: float
    """What it reads, root mean square, for two towers of one centre with so many rows."""
    separability: float
    """Share of held-out rows of which a linear probe tells the tower: 0.5, they cannot be told apart, to 1."""
    separability_half: float
    """Half the 95 % interval of that share; the two rows of a pair count together."""
    uniformity_first: float
    """Log mean of exp(-2 |x - x'|^2) over pairs of rows of the first tower: 0, all coincide, or lower."""
    uniformity_second: float
    uniformity_across: float
    """The same over rows of one tower and rows of the other, partners left out: lower than the two where a gap is."""
    cosine_first: float
    """Mean cosine of two rows of the first tower: near 1 they lie in a cone."""
    cosine_second: float
    cosine_across: float
    """Mean cosine of rows of different towers, partners left out."""
    cosine_partners: float | None
    """Mean cosine of partners; None where rows are no pairs."""
    rows: tuple[int, int]
    """Rows of each tower that were measured."""
    rows_left_out: int
    """Rows that are zero or not finite, and their partners."""
    dim: int


@torch.no_grad()
def centroid_gap(a: First, b: Second) -> float:
    r"""Distance between the centres of two towers.

        centroid_gap(a, b) = | mean_i unit(a_i) - mean_j unit(b_j) |

    a, b: (batch1, dim), (batch2, dim) of any length, finite, no row of length 0; rows are normalised here.

    Reads 0 when the centres coincide, also when each tower is spread evenly over the sphere; 2 when all rows of
    one tower are one direction and all of the other its opposite. Two random batches of n rows read about sqrt(2 / n).
    Rows from which their tower's mean was taken off after normalising have a gap of exactly 0: their centres coincide.

    Raises ShapeError, NotFinite, ZeroRows, DeviceMismatch.
    Source: Liang et al. 2022, arXiv:2203.02053, section 3; their Delta_gap is our difference of means.
    """
    one, other = (_tower("centroid_gap", name, z, 1) for name, z in (("a", a), ("b", b)))
    _check_alike("centroid_gap", a, b)
    for name, z in (("a", one), ("b", other)):
        shapes.check_finite("centroid_gap", name, z)
        shapes.check_nonzero("centroid_gap", name, z)
    return float((to_unit(one).mean(0) - to_unit(other).mean(0)).norm())


@torch.no_grad()
def modality_gap(
    a: First,
    b: Second,
    *,
    paired: bool = True,
    max_rows: int = 2048,
    generator: torch.Generator | None = None,
) -> ModalityGap:
    r"""Whether two encoders that should share a space fill different regions of it.

        gap = | mean unit(a) - mean unit(b) |
        separability = held-out accuracy of a ridge classifier, sign(w . x + c), that says which tower a row is from
        uniformity_across = log  mean over i != j of  exp(-2 |a_i - b_j|^2)

    a, b: (batch1, dim), (batch2, dim), rows of any length; they are normalised here. paired: row i of both is one pair;
    batches are then equal, and both rows of a pair are held out together. At least 8 rows of each.
    max_rows: above this, so many rows (pairs) of each tower are drawn; generator: for that and for the four folds of
    the probe, on the CPU; None: the same each time.

    gap reads 0 when the centres coincide, 2 at worst; `gap_by_chance` is the root mean square of what two
    towers of one centre read with so many rows, sqrt(2 / n) or less for n unrelated rows each. separability reads 0.5
    when no line tells the towers apart and 1 when one does, for which a gap of a few 1 / sqrt(dim) is enough: the two
    answer different questions. Two towers with one centre and one spread can still differ in shape; neither sees that.
    Untrained towers have a gap: each maps everything into a cone of its own (`cosine_first` near 1). The loss keeps it
    where the temperature is low, and a low uniformity across with a high one within is its sign.

    At complete collapse of both towers onto one point all cosines are 1, the gap is 0 and separability 0.5: as ideal as
    can be. Read the uniformities beside them: 0 there.

    Rows that are zero or not finite are left out, with their partners, and counted.

    Raises ShapeError, TooFewRows (fewer than 8 rows of a tower), NotFinite, ZeroRows, DeviceMismatch, ArgumentError.
    Source: Liang et al. 2022, arXiv:2203.02053, for the gap; Fahim et al. 2024, arXiv:2405.18570, for separability and
    uniformity across.
    """
    call = "modality_gap"
    shapes.check_count(call, "max_rows", max_rows, least=LEAST)
    one, other = (_tower(call, name, z, LEAST) for name, z in (("a", a), ("b", b)))
    _check_alike(call, a, b)
    if paired and len(one) != len(other):
        raise errors.ShapeError(
            f"{call}: a is {shapes.shape_of(a)} but b is {shapes.shape_of(b)}, so rows are no pairs. If they should "
            "be, did a loader drop one? If not, say paired=False."
        )
    one, other, left_out = _sound(call, one, other, paired)
    generator = generator_of(generator)
    first = _some(len(one), max_rows, generator)
    second = first if paired else _some(len(other), max_rows, generator)
    one, other = to_unit(one[first]), to_unit(other[second])
    told = _probe(one, other, paired, generator)
    each = torch.arange(len(one))
    n, m = len(one), len(other)
    within = [_pairs(z, z, True) for z in (one, other)]
    across = _pairs(one, other, paired)
    apart = one.mean(0) - other.mean(0)
    if paired:
        differences = one - other
        square = float((differences - differences.mean(0)).square().sum()) / (n * (n - 1))
    else:
        square = sum(float((z - z.mean(0)).square().sum()) / (len(z) * (len(z) - 1)) for z in (one, other))
    return ModalityGap(
        gap=float(apart.norm()),
        gap_by_chance=math.sqrt(square),
        separability=float(told[0].mean() + told[1].mean()) / 2,
        separability_half=interval(torch.cat(told), torch.cat([each, each])) if paired
        else math.hypot(*(interval(right, torch.arange(len(right))) for right in told)) / 2,
        uniformity_first=within[0][0], uniformity_second=within[1][0], uniformity_across=across[0],
        cosine_first=within[0][1], cosine_second=within[1][1], cosine_across=across[1],
        cosine_partners=float((one * other).sum(1).mean()) if paired else None,
        rows=(n, m),
        rows_left_out=left_out,
        dim=one.shape[1],
    )  # fmt: skip


def _tower(call: str, name: str, z: Tensor, least: int) -> Tensor:
    shapes.check_embeddings(call, name, z, rows=least)
    (z,) = at_least_single(z.detach())
    return z


def _check_alike(call: str, a: Tensor, b: Tensor) -> None:
    if a.shape[1] != b.shape[1]:
        raise errors.ShapeError(
            f"{call}: a is {shapes.shape_of(a)} but b is {shapes.shape_of(b)}. Rows are compared by their cosine, so "
            "both need the same dim; take them from the heads of the two towers."
        )
    if a.device != b.device:
        raise errors.DeviceMismatch(f"{call}: a is on {a.device} but b is on {b.device}. Move one: b.to(a.device).")


def _sound(call: str, one: Tensor, other: Tensor, paired: bool) -> tuple[Tensor, Tensor, int]:
    """Rows with a direction, in float64 on the CPU, and how many have none or a partner without."""
    sizes = [z.abs().amax(1) for z in (one, other)]
    good = [torch.isfinite(size) & (size > 0) for size in sizes]
    bad = sum(int((~which).sum()) for which in good)
    if paired:
        good = [good[0] & good[1]] * 2
    if min(int(which.sum()) for which in good) < LEAST:
        zero = sum(int((size == 0).sum()) for size in sizes)
        words = f"{zero} rows are zero, {bad - zero} are not finite (NaN or infinity)"
        kind = (
            errors.ZeroRows if zero == len(one) + len(other) else errors.NotFinite if bad > zero else errors.TooFewRows
        )
        raise kind(
            f"{call}: {min(int(which.sum()) for which in good)} rows of a tower have a direction, {LEAST} are needed; "
            f"{words}. Look at the step before, or use a larger batch."
        )
    kept = [z[which].cpu().double() for z, which in zip((one, other), good, strict=True)]
    return kept[0], kept[1], bad


def _some(count: int, most: int, generator: torch.Generator) -> Tensor:
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=generator)[:most].sort().values


def _pairs(one: Tensor, other: Tensor, partners: bool) -> tuple[float, float]:
    """Log mean of exp(-2 |x - y|^2) and mean cosine, over pairs; row i with row i is none where they are partners."""
    total, cosines, count = 0.0, 0.0, 0
    for start in range(0, len(one), BLOCK):
        block = (one[start : start + BLOCK] @ other.T).clamp_(-1, 1)
        kernel = (4 * block - 4).exp_()  # |x - y|^2 = 2 - 2 cosine
        if partners:
            block.diagonal(start).zero_()
            kernel.diagonal(start).zero_()
        total, cosines = total + float(kernel.sum()), cosines + float(block.sum())
        count += kernel.numel() - (len(block) if partners else 0)
    return math.log(total / count), cosines / count


def _probe(one: Tensor, other: Tensor, paired: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Of the rows of each tower, which a ridge classifier that has not seen them tells right; a tie counts half."""
    folds = [torch.randperm(len(z), generator=generator) % FOLDS for z in ((one,) if paired else (one, other))]
    rows, fold = torch.cat([one, other]), torch.cat(folds * 2 if paired else folds)
    side = torch.cat([one.new_ones(len(one)), -one.new_ones(len(other))])
    right = torch.zeros_like(side)
    for number in range(FOLDS):
        learned, asked = fold != number, fold == number
        x, y = rows[learned], side[learned]
        # Towers of different sizes weigh the same, so that 0.5 is what guessing reads.
        weight = torch.where(y > 0, 0.5 / (y > 0).sum(), 0.5 / (y < 0).sum()).to(x)
        middle = weight @ x
        spread = (weight @ (x - middle).square()).sqrt()
        steady = spread <= 1e-6 * x.abs().amax(0)
        scale = torch.where(steady, 0.0, 1 / torch.where(steady, 1.0, spread))
        x = (x - middle) * scale
        gram = (x * weight[:, None]).T @ x
        gram.diagonal().add_(RIDGE)
        along = torch.cholesky_solve(((weight * y) @ x)[:, None], torch.linalg.cholesky(gram))[:, 0]
        said = ((rows[asked] - middle) * scale) @ along
        right[asked] = torch.where(said.abs() <= 1e-9, 0.5, (said.sign() == side[asked]).to(said))
    return right[: len(one)], right[len(one) :]
