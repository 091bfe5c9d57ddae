"""How much of the spread within a class is between its sub-classes, and how much spread there is within classes."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import Chance, drawn, generator_of
from vergence.metrics.labelled import class_means, labelled
from vergence.shapes import Embeddings, Labels

__all__ = ["SubclassVariance", "subclass_variance"]


@dataclass(frozen=True, eq=False)
class SubclassVariance:
    """Shares of squared distance. None: there is no spread to have a share of."""

    between_share: float | None
    """Of the spread within classes, the part between sub-classes: 0, they have met, to 1, each is a point."""
    chance: Chance | None
    """`between_share` with the sub-labels shuffled within each class; None when `shuffles` is 0."""
    expected: float | None
    """The exact mean of that."""
    between_of_whole: float | None
    """Of the whole spread, the part between sub-classes of one class: between_share times within_share."""
    within_share: float | None
    """Of the whole spread, the part within classes: 0, each class is a point, to 1, the classes coincide."""
    by_class: Float[Tensor, " classes"] = field(repr=False)
    """`between_share` of each class; NaN for a class that is a point."""
    names: Int[Tensor, " classes"] = field(repr=False)
    """The labels of those classes."""
    classes: int
    """Classes with two sub-classes or more."""
    subclasses: int
    """All their sub-classes."""
    rows: int
    rows_left_out: int
    """Rows that are not finite."""
    unlabelled: int
    """Rows without a label or sub-label, or of a class with a single sub-class."""


@torch.no_grad()
def subclass_variance(
    z: Embeddings,
    labels: Labels,
    sublabels: Labels,
    *,
    shuffles: int = 64,
    generator: torch.Generator | None = None,
) -> SubclassVariance:
    r"""Whether sub-classes are still told apart inside their class: class collapse, in numbers.

        between_share = sum over classes c, sub-classes s of  n_cs |m_cs - m_c|^2  /  sum over rows of |z_i - m_c(i)|^2
        within_share  = sum over rows of |z_i - m_c(i)|^2  /  sum over rows of |z_i - m|^2
        between_of_whole = between_share within_share

    z: (batch, dim) of any length; hand over `geometry.unit(z)` to measure directions. labels: (batch,) integers.
    sublabels: (batch,) integers, finer than labels; a number may come again in another class and means another
    sub-class there. Below 0: not labelled. m_c, m_cs, m: mean rows of class, sub-class and all; n_cs: rows.
    shuffles: how often sub-labels are shuffled for `chance`, 0 for none; generator: for that; None: the same each time.

    between_share reads 1 when each sub-class is a point of its own, and `expected`, which is (S - 1) / (n - 1) for S
    sub-classes of a class of n rows, when sub-labels say nothing any more: class collapse. Supervised contrast
    brings it down. within_share reads 0 when each class is a point, 1 when the classes coincide. between_of_whole puts
    both in one number, 0 at class collapse of either kind: digits in two classes of five, at the head of a small
    net, read 0.05 under supervised contrast and 0.6 without labels, against 0.20 and 0.65 for between_share.

    Both are ratios: rows that all shrink towards one point leave them as they are, so look at spread as well. Measure
    at the head's output: an encoder below it can keep what the head gives up.

    A class takes part with two sub-classes or more, and more rows than sub-classes. Rows that are not finite are left
    out and counted. Linear in the number of rows, times `shuffles`.

    Raises ShapeError, TooFewRows (no class has two sub-classes), NotFinite, ArgumentError.
    Source: the analysis of variance, Fisher 1925; for class collapse Xue et al. 2023, arXiv:2305.16536.
    """
    call = "subclass_variance"
    shapes.check_count(call, "shuffles", shuffles, least=0)
    shapes.check_embeddings(call, "z", z)
    shapes.check_labels(call, labels, len(z))
    shapes.check_labels(call, sublabels, len(z), name="sublabels")
    finite = torch.isfinite(z.detach()).all(1).cpu()
    if not bool(finite.any()):
        shapes.check_finite(call, "z", z)
    fine = sublabels.detach().cpu().long()
    # What is left out divides no class.
    coarse = torch.where((fine < 0) | ~finite, -1, labels.detach().cpu().long())
    coarse = torch.where(_divided(coarse, fine), coarse, -1)
    if int((coarse >= 0).sum()) == 0:
        raise errors.TooFewRows(
            f"{call}: no class has two sub-classes and more rows than sub-classes ({int(finite.sum())} finite rows). "
            "Are labels and sublabels in this order, the coarse ones first? Or use a larger batch."
        )
    given = labelled(call, z, coarse, least=3, classes=1).scaled()
    _, sub = torch.unique(torch.stack([given.place, fine[given.index]]), dim=1, return_inverse=True)
    means = class_means(given.rows, given.place, given.sizes)
    apart = given.rows - means[given.place]
    squares = apart.square().sum(1)
    classes = len(means)
    of_class = squares.new_zeros(classes).index_add_(0, given.place, squares)
    # Less than the rows' own rounding is no spread.
    nothing = (given.eps * given.rows.abs().amax()) ** 2 * apart.shape[1] * given.sizes
    spread = torch.where(of_class > nothing, of_class, 0.0)
    within, whole = float(spread.sum()), float((given.rows - given.rows.mean(0)).square().sum())
    between = _between(apart, given.place, sub, classes)
    parted = float(torch.where(spread > 0, between, 0.0).sum())
    some = whole > float(nothing.sum())
    parts = torch.bincount(given.place[_first(sub)], minlength=classes)
    # By chance a class of n rows gives (S - 1) / (n - 1) of its spread to S sub-classes.
    expected = float((spread * (parts - 1) / (given.sizes - 1)).sum()) / within if within > 0 else None
    generator = generator_of(generator)
    shuffled = []
    for _ in range(shuffles if within > 0 else 0):
        # Shuffled, and then sorted by class: every class keeps its own sub-labels, in another order.
        order = torch.randperm(len(sub), generator=generator)
        order = order[torch.argsort(given.place[order], stable=True)]
        back = torch.argsort(given.place, stable=True)
        other = torch.empty_like(sub)
        other[back] = sub[order]
        shuffled.append(float(_between(apart, given.place, other, classes).sum()) / within)
    return SubclassVariance(
        between_share=parted / within if within > 0 else None,
        chance=drawn(shuffled),
        expected=expected,
        between_of_whole=parted / whole if some else None,
        within_share=within / whole if some else None,
        by_class=torch.where(spread > 0, between / of_class.clamp_min(1e-300), torch.nan),
        names=given.names,
        classes=classes,
        subclasses=int(parts.sum()),
        rows=len(given.rows),
        rows_left_out=given.rows_left_out,
        unlabelled=given.unlabelled,
    )


def _divided(coarse: Tensor, fine: Tensor) -> Tensor:
    """Rows of classes with two sub-classes or more, and with more rows than sub-classes."""
    _, place = torch.unique(coarse, return_inverse=True)
    _, sub = torch.unique(torch.stack([coarse, fine]), dim=1, return_inverse=True)
    count = int(place.max()) + 1 if len(place) else 0
    parts = torch.bincount(place[_first(sub)], minlength=count)
    rows = torch.bincount(place, minlength=count)
    return ((parts >= 2) & (rows > parts))[place]


def _first(sub: Tensor) -> Tensor:
    """One row of each sub-class."""
    found = torch.zeros(int(sub.max()) + 1 if len(sub) else 0, dtype=torch.long)
    return found.scatter_(0, sub, torch.arange(len(sub)))


def _between(apart: Tensor, place: Tensor, sub: Tensor, classes: int) -> Tensor:
    """(classes,) sum over sub-classes of n |mean|^2, of rows less their class mean."""
    sizes = torch.bincount(sub).double()
    sums = apart.new_zeros(len(sizes), apart.shape[1]).index_add_(0, sub, apart)
    found = sums.square().sum(1) / sizes.clamp_min(1)
    return found.new_zeros(classes).index_add_(0, place[_first(sub)], found)
