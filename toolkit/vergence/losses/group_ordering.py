"""Learning by sorting: every positive of an anchor before every negative, through a sorting network with a slope."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.several_views import check_several_views
from vergence.losses.weighting import by_autograd
from vergence.shapes import Scalar

__all__ = ["GroupOrdering", "group_ordering", "misordering", "soft_permutation"]


def group_ordering(*views: Tensor, steepness: float = 1.0, negatives: int = 10, stop_gradient: bool = True) -> Scalar:
    r"""How surely an anchor's positives come out on top when they are sorted among its hardest negatives.

        group_ordering(*views) = mean over all rows as anchors of  misordering(its negatives, its positives)

    views: V >= 2 tensors (batch, dim), batch >= 2; rows are normalised here. An anchor's positives are its V - 1 other
        views; its negatives the `negatives` rows of its own view with the largest cosine.
    steepness: > 0, no unit; how sharply the network decides which of two cosines is the larger.
    negatives: >= 1; at most batch - 1 are there to be had.
    stop_gradient: only the anchor moves; what it is compared with is held fixed (the authors' way). The value stays.

    At the default settings and two views: 0.202 when all rows coincide, `GroupOrdering.chance`. Tends to 0 as every
    positive outranks every negative by far, but cosines lie between -1 and 1: at steepness 1 a positive at 1 above
    negatives at 0 still reads 0.179, at steepness 10 it reads 0.030: `GroupOrdering.floor`. No bound above: a
    positive at -1 below negatives at 1 grows with the logarithm of the steepness.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Shvetsova et al. 2023, arXiv:2301.02009, the GroCo loss; their beta is our steepness.
    """
    shapes.check_positive("group_ordering", "steepness", steepness)
    _check_negatives("group_ordering", negatives)
    return _loss("group_ordering", views, steepness, negatives, stop_gradient)


def misordering(
    negative: Float[Tensor, "anchors negatives"], positive: Float[Tensor, "anchors positives"], *, steepness: float
) -> Float[Tensor, " anchors"]:
    r"""How unsure a soft sorting is of putting each score into its group: negatives below, positives above.

        misordering = -mean over the n scores of an anchor of  log P(the score's rank lies in its own group)

    negative: (anchors, K), positive: (anchors, P), scores of any size; n = K + P. Each group is sorted beforehand,
    so the network has to tell the groups apart and nothing else. P(...): the sum of a row of `soft_permutation`
    over the K lower ranks for a negative, over the P upper ones for a positive. This is the binary cross-entropy of
    group membership; that of either group is the same number, as a rank is in one when it is not in the other.

    Reads 0 when the smallest positive is far above the largest negative, 0.30 when all ten of five and five scores
    are equal, and grows without bound (with the logarithm of steepness times gap) as the groups stand the wrong
    way round.

    Raises ShapeError, DeviceMismatch, ArgumentError.
    Source: Shvetsova et al. 2023, arXiv:2301.02009, section 3.3.
    """
    for name, scores in (("negative", negative), ("positive", positive)):
        _check_scores("misordering", name, scores)
    if len(negative) != len(positive):
        raise errors.ShapeError(
            f"misordering: negative is {shapes.shape_of(negative)} but positive is {shapes.shape_of(positive)}. One "
            "row per anchor is needed in both."
        )
    shapes.check_same_shape("misordering", negative=negative[:, :1], positive=positive[:, :1])
    lower = negative.shape[1]
    negative, positive = at_least_single(negative, positive)
    scores = torch.cat([negative.sort(1).values, positive.sort(1).values], dim=1)
    p = soft_permutation(scores, steepness=steepness)
    own = torch.cat([p[:, :lower, :lower].sum(2), p[:, lower:, lower:].sum(2)], dim=1)
    # Rounding may leave a sum of probabilities just above 1.
    return -own.clamp(torch.finfo(own.dtype).tiny, 1).log().mean(1)


def soft_permutation(scores: Float[Tensor, "sets size"], *, steepness: float) -> Float[Tensor, "sets size size"]:
    r"""The probability that each score ends at each rank, by an odd-even sorting network with soft swaps.

        soft_permutation(scores)_ir = P(score i ends at rank r)        rank 0: the smallest

    scores: (sets, size), each row sorted for itself. steepness: > 0, per unit of score.

    `size` layers compare neighbours in turn. Of a left score l and a right one r the order is kept with probability
    1/2 + atan(steepness (r - l)) / pi, and both places take the mean of what would be there: the Cauchy step, whose
    slope dies off slowly enough to be learned through. Rows and columns sum to 1.

    Reads the permutation of argsort for a large steepness; equal scores share places.

    Raises ShapeError, ArgumentError.
    Source: Petersen et al. 2021, arXiv:2105.04019, section 3, with the step of Petersen et al. 2022, arXiv:2203.09630.
    """
    _check_scores("soft_permutation", "scores", scores)
    shapes.check_positive("soft_permutation", "steepness", steepness)
    with full_precision(scores.device):
        (x,) = at_least_single(scores)
        size = x.shape[1]
        # Scores and the probabilities that belong to their places go through the network as the rows of one matrix.
        state = torch.cat([x[:, None], torch.eye(size, dtype=x.dtype, device=x.device).expand(len(x), -1, -1)], dim=1)
        for layer in range(size):
            first = layer % 2
            last = first + (size - first) // 2 * 2
            left, right = state[:, :, first:last:2], state[:, :, first + 1 : last : 2]
            keep = (steepness * (right[:, :1] - left[:, :1])).atan() / math.pi + 0.5
            swapped = torch.stack([right + keep * (left - right), left + keep * (right - left)], dim=3).flatten(2)
            state = torch.cat([state[:, :, :first], swapped, state[:, :, last:]], dim=2)
    return state[:, 1:]


class GroupOrdering(Base):
    """The GroCo loss as an object: its scale and its pair weights.

    steepness: > 0; 1 as in the authors' runs. negatives: >= 1; their 10. stop_gradient: only anchors move; their True.

    Raises ArgumentError.
    """

    name = "GroCo"
    variant = "all rows as anchors, positives in the other views, the hardest negatives of the own view, Cauchy steps"
    source = "Shvetsova et al. 2023, arXiv:2301.02009"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"steepness": shapes.check_positive}

    def __init__(self, steepness: float = 1.0, negatives: int = 10, *, stop_gradient: bool = True) -> None:
        super().__init__(steepness=steepness)
        _check_negatives("GroupOrdering", negatives)
        self.negatives = negatives
        self.stop_gradient = stop_gradient

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`order`, the loss: a sorting has no parts."""
        self.given(more)
        steepness = self._settings["steepness"]
        return {"order": _loss(self.name, views, steepness, self.negatives, self.stop_gradient)}

    def chance(self, batch: int, dim: int) -> float:
        """All cosines are the same, two views: every swap is a toss-up. Raises ArgumentError."""
        check_scale("GroupOrdering.chance", batch, dim)
        return self._arranged(batch, positive=0.0)

    def floor(self, batch: int, dim: int) -> float:
        """Two views, partners coincide, all others orthogonal, which exists up to batch = dim. Raises ArgumentError."""
        check_scale("GroupOrdering.floor", batch, dim)
        return self._arranged(batch, positive=1.0)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        """How hard the loss moves each cosine: dL/ds, anchors down, partners across.

        Not 0 for an anchor's positives and its hardest negatives only. With `stop_gradient` an anchor feels
        its own line and not its column. Raises as `group_ordering`. Computed on detached input.
        """
        self.given(more)
        check_several_views(self.name, views)
        number, batch = len(views), len(views[0])

        def of_cosines(s: Tensor) -> Tensor:
            blocks = s.view(number, batch, number, batch)
            total = s.new_zeros(())
            for anchor in range(number):
                others = [other for other in range(number) if other != anchor]
                positive = torch.stack([blocks[anchor, :, other].diagonal() for other in others], dim=1)
                total = total + self._of(blocks[anchor, :, anchor], positive)
            return total / number

        return by_autograd(of_cosines, *views)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse, `floor` an arrangement."""
        check_scale("GroupOrdering.reference_words", batch, dim)
        return {"chance": "all alike", "floor": "others orthogonal"}

    def _of(self, within: Tensor, positive: Tensor) -> Tensor:
        return _of_one_view(within, positive, self._settings["steepness"], self.negatives)

    def _arranged(self, batch: int, positive: float) -> float:
        count = min(self.negatives, batch - 1)
        if count == 0:
            return 0.0
        scores = torch.zeros(1, count, dtype=torch.float64)
        above = torch.full((1, 1), positive, dtype=torch.float64)
        return float(misordering(scores, above, steepness=self._settings["steepness"]))


def _loss(call: str, views: tuple[Tensor, ...], steepness: float, negatives: int, stop_gradient: bool) -> Tensor:
    check_several_views(call, views)
    with full_precision(views[0].device):
        rows = [normalize(z) for z in at_least_single(*views)]
        total = rows[0].new_zeros(())
        for i, anchor in enumerate(rows):
            fixed = [z.detach() if stop_gradient else z for z in rows]
            positive = torch.stack([(anchor * z).sum(1) for j, z in enumerate(fixed) if j != i], dim=1)
            total = total + _of_one_view(anchor @ fixed[i].T, positive, steepness, negatives)
    return total / len(rows)


def _of_one_view(within: Tensor, positive: Tensor, steepness: float, negatives: int) -> Tensor:
    """within: cosines of a view's rows with one another. positive: (batch, V - 1), those with the other views."""
    itself = torch.eye(len(within), dtype=torch.bool, device=within.device)
    hardest = within.masked_fill(itself, -math.inf).topk(min(negatives, len(within) - 1), dim=1).values
    return misordering(hardest, positive, steepness=steepness).mean()


def _check_negatives(call: str, negatives: object) -> None:
    shapes.check_count(call, "negatives", negatives)


def _check_scores(call: str, name: str, scores: object) -> None:
    if not isinstance(scores, Tensor) or scores.ndim != 2 or not scores.is_floating_point() or scores.shape[1] == 0:
        kind = f" {scores.dtype}" if isinstance(scores, Tensor) else ""
        raise errors.ShapeError(
            f"{call}: {name} is {shapes.shape_of(scores)}{kind}. It must be a floating point tensor with one row per "
            "anchor and one column per score."
        )
