"""Neural collapse: rows of a class at their mean, means at the corners of a simplex, a classifier along them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import Chance, drawn, generator_of
from vergence.metrics.labelled import Labelled, class_means, labelled
from vergence.shapes import Embeddings, Labels

__all__ = ["NeuralCollapse", "neural_collapse"]

Weights = Float[Tensor, "classes dim"]


@dataclass(frozen=True)
class NeuralCollapse:
    """How near rows with classes are to neural collapse: each number is 0 there. None: it cannot be said."""

    nc1: float | None
    """tr(Sw pinv(Sb)): spread within classes, in units of that between them; None when the class means coincide."""
    nc1_per_class: float | None
    """The same over the number of classes, as the paper's formula has it."""
    within_over_between: float | None
    """tr(Sw) / tr(Sb), which directions that the means hardly use cannot blow up."""
    nc2_norm: float | None
    """Standard deviation of the distances of the class means from their middle, over their mean."""
    nc2_angle: float | None
    """Mean of |cosine + 1 / (C - 1)| over pairs of class means, seen from their middle."""
    nc3: float | None
    """Distance of classifier and class means, both scaled to Frobenius norm 1; None without a classifier."""
    nc4: float | None
    """Share of rows for which prediction and nearest class mean disagree; None without predictions."""
    nearest_mean: float
    """Share of rows whose nearest class mean is that of their own class."""
    mean_directions: float
    """Participation ratio of the class means about their middle: C - 1 for a simplex, 1 when they lie on a line."""
    chance_nc1: Chance | None
    """`nc1` with the labels shuffled; None when `shuffles` is 0."""
    chance_norm: Chance | None
    chance_angle: Chance | None
    classes: int
    rows: int
    dim: int
    rows_left_out: int
    """Rows that are not finite."""
    unlabelled: int
    """Rows without a label, or of a class with a single row."""


@torch.no_grad()
def neural_collapse(
    z: Embeddings,
    labels: Labels,
    *,
    classifier: Weights | None = None,
    bias: Float[Tensor, " classes"] | None = None,
    predictions: Int[Tensor, " batch"] | None = None,
    shuffles: int = 32,
    generator: torch.Generator | None = None,
) -> NeuralCollapse:
    r"""Four signs that classes have become points in the most symmetric arrangement there is.

        m_c = mean row of class c,   m = mean over classes of m_c,   M = rows m_c - m
        Sw = mean over rows of (z_i - m_c(i)) (z_i - m_c(i))^T      Sb = mean over classes of (m_c - m) (m_c - m)^T
        NC1 = tr(Sw pinv(Sb))                                       NC1 / C is the paper's
        NC2 = std_c |m_c - m| / mean_c |m_c - m|    and    mean over c != c' of |cos(m_c - m, m_c' - m) + 1 / (C - 1)|
        NC3 = | W / |W|_F - M / |M|_F |_F
        NC4 = share of rows with  prediction != argmin over c of |z_i - m_c|

    z: (batch, dim) of any length. labels: (batch,) integers; below 0: not labelled. C: classes of two rows or more.
    classifier: W (classes, dim), row k belongs to label k. bias: (classes,). predictions: (batch,) labels; without
    them those of the classifier, argmax of W z + bias. shuffles: how often labels are shuffled for the chance bands,
    0 for none; generator: for that, on the CPU; None: the same shuffles each time.
    The standard deviation in NC2 has C - 1 in its denominator.

    All four read 0 at neural collapse: rows at their class mean, means on a simplex, W along them. NC1 has no upper
    end; NC3 reads sqrt(2) for a W that knows nothing of the means, 2 for the opposite one; NC4 reads 1 at worst. What
    NC1 and NC2 read when labels say nothing is `chance_nc1`, `chance_norm`, `chance_angle`: in many dimensions random
    means are nearly a simplex, so NC2 reads about sqrt(2 / (pi dim)) by chance, which is small.
    With two classes NC2 is 0 whatever the rows are.

    NC1 near 0 alone does not tell class collapse from dimensional collapse: when all rows fall onto a line, each class
    falls onto a point of it. `mean_directions` does: C - 1 at class collapse, 1 on the line.
    At complete collapse the class means coincide, and NC1 and NC2 are None.

    Directions in which the means differ by less than rounding (max(C, dim) eps of the largest) are no directions.
    Rows that are not finite are left out and counted. Linear in the number of rows, times `shuffles`.

    Raises ShapeError, TooFewRows (fewer than two classes of two rows), NotFinite, ArgumentError.
    Source: Papyan, Han & Donoho 2020, arXiv:2008.08186; their h is our z, mu_c our m_c, mu_G our m, Sigma_W our Sw.
    """
    call = "neural_collapse"
    shapes.check_count(call, "shuffles", shuffles, least=0)
    given = labelled(call, z, labels)
    weights, said = None, None
    if classifier is not None:
        weights = _weights(call, classifier, bias, given, z.shape[1])
    if classifier is not None and predictions is None:
        every = given.rows @ classifier.detach().cpu().double().T
        every = every if bias is None else every + bias.detach().cpu().double()
        shapes.check_finite(call, "z @ classifier.T", every)
        said = every.argmax(1)
    elif predictions is not None:
        shapes.check_labels(call, predictions, len(z), name="predictions")
        said = predictions.detach().cpu().long()[given.index]
    given = given.scaled()
    means = class_means(given.rows, given.place, given.sizes)
    found = _signs(given, means)
    near = torch.cdist(given.rows, means).argmin(1)
    generator = generator_of(generator)
    by_chance = [_signs(other, None) for other in (given.shuffled(generator) for _ in range(shuffles))]
    return NeuralCollapse(
        nc1=found.nc1,
        nc1_per_class=None if found.nc1 is None else found.nc1 / len(means),
        within_over_between=found.ratio,
        nc2_norm=found.norm,
        nc2_angle=found.angle,
        nc3=None if weights is None or found.nc1 is None else _apart(weights, means - means.mean(0)),
        nc4=None if said is None else float((given.names[near] != said).double().mean()),
        nearest_mean=float((near == given.place).double().mean()),
        mean_directions=found.directions,
        chance_nc1=drawn([one.nc1 for one in by_chance if one.nc1 is not None]),
        chance_norm=drawn([one.norm for one in by_chance if one.norm is not None]),
        chance_angle=drawn([one.angle for one in by_chance if one.angle is not None]),
        classes=len(means),
        rows=len(given.rows),
        dim=z.shape[1],
        rows_left_out=given.rows_left_out,
        unlabelled=given.unlabelled,
    )


@dataclass(frozen=True)
class _Signs:
    nc1: float | None
    ratio: float | None
    norm: float | None
    angle: float | None
    directions: float


def _signs(given: Labelled, means: Tensor | None) -> _Signs:
    """NC1 and NC2."""
    rows, place = given.rows, given.place
    means = class_means(rows, place, given.sizes) if means is None else means
    count = len(means)
    middle = means - means.mean(0)
    _, spread, directions = torch.linalg.svd(middle, full_matrices=False)
    # What is left of equal means is the rounding of the rows they are made of.
    floor = given.eps * float(rows.abs().amax()) * rows.shape[1] ** 0.5
    if float(spread[0]) <= floor:
        return _Signs(None, None, None, None, 0.0)
    used = spread > max(floor, max(middle.shape) * given.eps * float(spread[0]))
    apart = rows - means[place]
    within = (apart @ directions[used].T).square().mean(0)
    between = spread.square() / count
    lengths = middle.norm(dim=1)
    angle = None
    if float(lengths.min()) > floor:
        unit = middle / lengths[:, None]
        off = ~torch.eye(count, dtype=torch.bool)
        angle = float(((unit @ unit.T)[off] + 1 / (count - 1)).abs().mean())
    return _Signs(
        nc1=float((within / between[used]).sum()),
        ratio=float(apart.square().sum(1).mean() / between.sum()),
        norm=float(lengths.std() / lengths.mean()),
        angle=angle,
        directions=float(between.sum().square() / between.square().sum()),
    )


def _apart(weights: Tensor, middle: Tensor) -> float:
    weights = weights / weights.abs().max()
    return float((weights / weights.norm() - middle / middle.norm()).norm())


def _weights(call: str, classifier: object, bias: object, given: Labelled, dim: int) -> Tensor:
    """The rows of the classifier that belong to the classes that take part."""
    if not isinstance(classifier, Tensor) or classifier.ndim != 2 or classifier.shape[1] != dim:
        raise errors.ShapeError(
            f"{call}: classifier is {shapes.shape_of(classifier)} but z has {dim} columns. It must be (classes, "
            f"{dim}), as the weight of torch.nn.Linear is; hand over head.weight."
        )
    largest = int(given.names.max())
    if largest >= len(classifier):
        raise errors.ShapeError(
            f"{call}: a label is {largest} but classifier is {shapes.shape_of(classifier)}. Row k belongs to label k, "
            f"so {largest + 1} rows are needed."
        )
    if bias is not None and (not isinstance(bias, Tensor) or tuple(bias.shape) != (len(classifier),)):
        raise errors.ShapeError(
            f"{call}: bias is {shapes.shape_of(bias)} but classifier is {shapes.shape_of(classifier)}. One number per "
            f"class is needed: ({len(classifier)},)."
        )
    shapes.check_finite(call, "classifier", classifier)
    if isinstance(bias, Tensor):
        shapes.check_finite(call, "bias", bias)
    weights = classifier.detach().cpu().double()[given.names]
    if float(weights.abs().max()) == 0:
        raise errors.ZeroRows(
            f"{call}: classifier is zero in all {len(weights)} rows, so it has no direction. Is it trained?"
        )
    return weights
