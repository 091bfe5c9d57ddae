"""Feature transformation: positives moved apart, negatives mixed with one another, after the head."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors, shapes

__all__ = ["Extrapolation", "extrapolated", "interpolated", "score_after"]

Rows = Float[Tensor, "batch dim"]
Weight = Float[Tensor, " batch"] | float


def score_after(score: Float[Tensor, "*any"], weight: Float[Tensor, "*any"] | float) -> Float[Tensor, "*any"]:
    r"""The dot product of a positive pair after extrapolation, from the one before.

        s' = s + 2 λ (1 - λ) (1 - s)

    score: s, from -1 to 1. weight: λ. At λ = 1 the pair stays as it is; above 1 the score falls, the more the
    lower it was, and a pair that coincides (s = 1) stays together whatever λ is.
    """
    return score + 2 * weight * (1 - weight) * (1 - score)


def extrapolated(a: Rows, b: Rows, weight: Weight) -> tuple[Rows, Rows]:
    r"""Both rows of each positive pair moved away from the other, along the line through both.

        a' = λ a + (1 - λ) b,    b' = λ b + (1 - λ) a

    a, b: (batch, dim), rows of length 1. weight: λ, one number or one for each pair; 1 changes nothing, from 1 to 2
    moves apart, 1/2 puts both on their middle.

    On unit rows the score falls to `score_after(s, λ)`, exactly. a' and b' are longer than 1: both
    lengths are sqrt(1 + 2 λ (λ - 1) (1 - s)). A loss that normalises, as ours do, therefore reads s' divided by
    1 + 2 λ (λ - 1) (1 - s). Raises ShapeError, NotUnitLength, ArgumentError.

    Source: Zhu et al. 2021, arXiv:2108.02982, section 4; their λ_ex is our λ.
    """
    shapes.check_embeddings("extrapolated", "a", a)
    shapes.check_embeddings("extrapolated", "b", b)
    shapes.check_same_shape("extrapolated", a=a, b=b)
    for name, rows in (("a", a), ("b", b)):
        shapes.check_unit("extrapolated", name, rows)
    return _moved(a, b, _column("extrapolated", weight, len(a)))


def interpolated(negatives: Rows, weight: Weight, order: Tensor) -> Rows:
    r"""Each negative mixed with another one: n'_i = λ n_i + (1 - λ) n_order(i).

    negatives: (batch, dim). weight: λ from 0 to 1, one number or one for each row; 1 changes nothing.
    order: (batch,), a permutation of the rows.

    The score of a mix with any query is the same mix of the two scores: their mean over all negatives stays, their
    spread shrinks. Raises ShapeError, ArgumentError.

    Source: Zhu et al. 2021, arXiv:2108.02982, section 4; their λ_in is our λ.
    """
    shapes.check_embeddings("interpolated", "negatives", negatives)
    shapes.check_labels("interpolated", order, len(negatives), name="order")
    share = _column("interpolated", weight, len(negatives))
    return share * negatives + (1 - share) * negatives[order]


class Extrapolation(nn.Module):
    """`extrapolated` and `interpolated` with random weights, to stand between a head and a loss.

        moved = Extrapolation(positive=2.0)
        loss(*moved(a, b))                                          in the batch
        loss(*moved(a, b), negatives=moved.negatives(queue))        with a queue

    positive: α of λ = 1 + Beta(α, α), so that λ lies between 1 and 2, drawn for each pair; 0 leaves positives.
    negative: α of λ' = Beta(α, α), between 0 and 1, drawn for each row of a queue; 0 leaves negatives.

    Rows are normalised first. In eval mode everything passes as it came. With both views in one batch the negatives
    are extrapolated rows as well, which the paper's queue avoids.

    Raises ArgumentError. Source: Zhu et al. 2021, arXiv:2108.02982; 2.0 and 1.6 are theirs.
    """

    def __init__(self, positive: float = 2.0, negative: float = 1.6) -> None:
        super().__init__()
        shapes.check_nonnegative("Extrapolation", "positive", positive)
        shapes.check_nonnegative("Extrapolation", "negative", negative)
        self.positive, self.negative = float(positive), float(negative)

    def forward(self, a: Rows, b: Rows, generator: torch.Generator | None = None) -> tuple[Rows, Rows]:
        """The two views with each pair moved apart."""
        if not self.training or self.positive == 0:
            return a, b
        a, b = (nn.functional.normalize(rows) for rows in (a, b))
        # A row of zeros has no direction and stays where it is; that is no reason to stop a run.
        return _moved(a, b, 1 + beta(self.positive, len(a), a, generator)[:, None])

    def negatives(self, rows: Rows, generator: torch.Generator | None = None) -> Rows:
        """The rows of a queue, each mixed with another."""
        if not self.training or self.negative == 0 or len(rows) < 2:
            return rows
        where = torch.device("cpu") if generator is None else generator.device
        order = torch.randperm(len(rows), generator=generator, device=where).to(rows.device)
        return interpolated(nn.functional.normalize(rows), beta(self.negative, len(rows), rows, generator), order)

    def extra_repr(self) -> str:
        """Both settings."""
        return f"positive={self.positive:g}, negative={self.negative:g}"


def beta(shape: float, n: int, like: Tensor, generator: torch.Generator | None) -> Float[Tensor, " n"]:
    """n draws from Beta(shape, shape), in type and device of `like`.

    Found by halving on a fixed grid of its distribution: torch draws from a Beta without a generator only.
    """
    at = torch.linspace(0, 1, 4097, dtype=torch.float64)
    middle = (at[1:] + at[:-1]) / 2
    # Mid-points never touch 0 or 1, where the density of a shape below 1 is infinite.
    mass = (middle * (1 - middle)).pow(shape - 1)
    total = torch.cat([torch.zeros(1, dtype=torch.float64), (mass / mass.sum()).cumsum(0)])
    where = torch.device("cpu") if generator is None else generator.device
    u = torch.rand(n, generator=generator, device=where, dtype=torch.float64).cpu()
    cell = torch.searchsorted(total, u, right=True).clamp(1, len(middle))
    inside = (u - total[cell - 1]) / (total[cell] - total[cell - 1]).clamp_min(1e-300)
    return (at[cell - 1] + inside.clamp(0, 1) / len(middle)).to(like.device, like.dtype)


def _moved(a: Tensor, b: Tensor, share: Tensor | float) -> tuple[Tensor, Tensor]:
    return share * a + (1 - share) * b, share * b + (1 - share) * a


def _column(call: str, weight: Weight, rows: int) -> Tensor | float:
    if isinstance(weight, Tensor):
        if weight.shape != (rows,):
            raise errors.ShapeError(
                f"{call}: weight is {shapes.shape_of(weight)} but there are {rows} rows. Give one number, or ({rows},)."
            )
        return weight[:, None]
    shapes.check_nonnegative(call, "weight", weight)
    return weight
