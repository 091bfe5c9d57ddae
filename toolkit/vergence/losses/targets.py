"""Losses that compare views with targets: a teacher's outputs, or the same network's without a gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import log_softmax, normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.shapes import Embeddings, Scalar

__all__ = [
    "check_share",
    "check_targets",
    "check_view_count",
    "code_length",
    "cosine_to_targets",
    "pair_count",
    "weights_to_targets",
]

Rows = tuple[Tensor, ...]


def check_share(call: str, name: str, value: object) -> None:
    """A number from 0 to 1."""
    shapes.check_nonnegative(call, name, value)
    if float(value) > 1:  # type: ignore[arg-type]  # the line above lets numbers through only
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a number from 0 to 1, for example 0.9.")


def check_view_count(call: str, views: object) -> None:
    """Two views or more."""
    shapes.check_count(call, "views", views, least=2)


def check_targets(call: str, views: Sequence[Tensor], targets: object, name: str = "targets") -> Rows:
    """The targets, as a tuple: one per view, or for the first views only; each as large as the views.

    Raises ShapeError for fewer than two views, and for targets that do not fit; DeviceMismatch.
    """
    if len(views) < 2:
        raise errors.ShapeError(
            f"{call}: {len(views)} view{'' if len(views) == 1 else 's'} came, 2 or more are needed: each is compared "
            "with the targets of the others. Call it as loss(z1, z2, targets=(t1, t2))."
        )
    named = {f"z{number}": view for number, view in enumerate(views, 1)}
    if not isinstance(targets, tuple | list) or not 1 <= len(targets) <= len(views):
        came = f"{len(targets)} entries" if isinstance(targets, tuple | list) else shapes.shape_of(targets)
        raise errors.ShapeError(
            f"{call}: {name} is {came} for {len(views)} views. It must be a tuple of tensors (batch, dim), one per "
            f"view, or for the first few: {name}=(t1, t2)."
        )
    named |= {f"{name}[{number}]": target for number, target in enumerate(targets)}
    for what, rows in named.items():
        shapes.check_embeddings(call, what, rows)
    shapes.check_same_shape(call, **named)
    return tuple(targets)


def pair_count(views: int, targets: int) -> int:
    """How many pairs of a view and the target of another view there are."""
    return targets * (views - 1)


def cosine_to_targets(call: str, views: Sequence[Tensor], targets: object, stop_gradient: bool) -> Scalar:
    """Mean cosine of a view's row and the same item's row in the target of another view, over rows and pairs."""
    given = check_targets(call, views, targets)
    if stop_gradient:
        given = tuple(target.detach() for target in given)
    with full_precision(views[0].device):
        rows = [normalize(z) for z in at_least_single(*views, *given)]
        own, others = rows[: len(views)], rows[len(views) :]
        # One product for each target: the views other than g, added up.
        total = sum_of_rows(own)
        dots = torch.stack([((total - own[g]) * target).sum() for g, target in enumerate(others)])
        return dots.sum() / (pair_count(len(views), len(given)) * len(views[0]))


def weights_to_targets(call: str, views: Sequence[Tensor], targets: object, slope: float) -> Float[Tensor, "rows both"]:
    """`slope` spread evenly over the cosines of `cosine_to_targets`: (views * batch, (views + targets) * batch)."""
    given = check_targets(call, views, targets)
    first, n = views[0], len(views[0])
    (first,) = at_least_single(first.detach())
    weights = first.new_zeros(len(views), n, len(views) + len(given), n)
    each = slope / (pair_count(len(views), len(given)) * n)
    for view in range(len(views)):
        for g in range(len(given)):
            if view != g:
                weights[view, :, len(views) + g].diagonal()[:] = each
    return weights.view(len(views) * n, -1)


def code_length(
    shares: Sequence[Embeddings], log_shares: Sequence[Embeddings], logits: Sequence[Embeddings]
) -> tuple[Scalar, Scalar]:
    r"""What the views need to say the targets' classes: the cross-entropy, in nats, split in two.

        entropy     mean over g of       H(P_g)          = - sum over k of  P_gk log P_gk
        divergence  mean over v != g of  KL(P_g || Q_v)  =   sum over k of  P_gk (log P_gk - log Q_vk)

    shares, log_shares: P and its logarithm, one (batch, K) for each target g. logits: one (batch, K) for each view v,
    already divided by their temperature; Q is their softmax. Means over rows as well.
    """
    pairs = pair_count(len(logits), len(shares))
    own = [log_softmax(z, dim=1) for z in logits]
    total = sum_of_rows(own)
    entropy = -torch.stack([(p * log_p).sum(1).mean() for p, log_p in zip(shares, log_shares, strict=True)]).mean()
    crossed = [(p * (total - own[g])).sum(1).mean() for g, p in enumerate(shares)]
    return entropy, -torch.stack(crossed).sum() / pairs - entropy


def sum_of_rows(rows: Sequence[Tensor]) -> Tensor:
    """The views added up."""
    return torch.stack(tuple(rows)).sum(0) if len(rows) > 2 else rows[0] + rows[1]
