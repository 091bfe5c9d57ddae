"""What a loss looks at: how hard it moves the cosine of each pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Loss

__all__ = ["by_autograd", "pair_weights"]


def pair_weights(loss: Loss, *views: Tensor, **more: Any) -> Float[Tensor, "rows columns"]:
    r"""How hard a loss moves the cosine of each pair of this batch.

        pair_weights(loss, *views)_ij = dL / ds_ij       s_ij: cosine of row i, the anchor, and row j

    views: what the loss is called with, each (batch, dim). more: its keywords, `labels` for one.

    (V * batch, V * batch), anchors down, partners across; rows 0..batch-1 are view 1, the next view 2, and so on.
    With `negatives` (K, dim) or `targets` it has their columns behind those of the views. Positive: the pair is
    pushed apart; negative: it is pulled together; 0: the loss does not look at it. s_ij and s_ji count apart, so
    what an unordered pair feels is w_ij + w_ji. Drawn against the cosines it shows what a loss cares for: a
    softmax weighs the most alike negatives, a margin weighs all beyond it the same.

    Detached. Raises ArgumentError where the loss is no function of cosines (statistics of columns, a
    variance, a layer of its own), and as the loss.
    Source: Wang et al. 2019, arXiv:1904.06627, equation 3; their w is the absolute value of ours.
    """
    own = getattr(loss, "pair_weights", None)
    if own is None:
        raise errors.ArgumentError(
            f"pair_weights: loss is a {type(loss).__name__} that has no pair_weights. Write it as a function of the "
            "cosine matrix and call vergence.losses.weighting.by_autograd(function, z1, z2)."
        )
    weights: Tensor | None = own(*views, **more)
    if weights is None:
        name = getattr(loss, "name", type(loss).__name__)
        raise errors.ArgumentError(
            f"pair_weights: {name} is no function of cosines, so no pair has a weight. What it sees is in "
            "loss.terms(z1, z2); a loss with pair weights is NTXent, for one."
        )
    return weights


def by_autograd(
    function: Callable[[Tensor], Tensor], *views: Tensor, further: Tensor | None = None
) -> Float[Tensor, "rows columns"]:
    r"""The pair weights of any loss that can be written as a function of cosines.

        by_autograd(f, z1, z2)_ij = df(s) / ds_ij        s = cosines of all rows with all rows (and with `further`)

    function: takes s (V * batch, V * batch [+ K]), every entry a variable of its own, and returns a scalar. It may
        hold learned parameters; they get no gradient here.
    views: V >= 1 tensors (batch, dim); rows 0..batch-1 of s are view 1, the next view 2, and so on.
    further: (K, dim), more columns: a queue, or targets.

    Reads 0 where the function does not look. Pairs that it looks at from both sides have a weight on each, as in
    `Loss.pair_weights`. Rows are normalised here, half precision is computed in float32 and outside autocast,
    nothing that comes in gets a gradient, and it works under no_grad and in inference mode. NaN in gives NaN out.

    Raises ShapeError, DeviceMismatch, ArgumentError.
    Source: Wang et al. 2019, arXiv:1904.06627, section 3.1, any pair loss as a weighting of pairs.
    """
    _check(views, further)
    with torch.inference_mode(False), full_precision(views[0].device):
        # Nothing made in inference mode can be a leaf, so the copies are made here.
        *rows, last = (z.detach().clone() for z in at_least_single(*views, views[0] if further is None else further))
        with torch.no_grad():
            anchors = normalize(torch.cat(rows))
            columns = anchors if further is None else torch.cat([anchors, normalize(last)])
            cosines = anchors @ columns.T
        cosines.requires_grad_()
        with torch.enable_grad():
            value: object = function(cosines)
        if not isinstance(value, Tensor) or value.shape != ():
            raise errors.ShapeError(
                f"by_autograd: the function returned {shapes.shape_of(value)}. It must return one number as a "
                "tensor without axes; end it with .sum() or .mean()."
            )
        if not value.requires_grad:
            raise errors.ArgumentError(
                "by_autograd: what the function returned does not depend on the cosines it was given. Compute it "
                "from its argument, without detach() and outside torch.no_grad()."
            )
        (weights,) = torch.autograd.grad(value, (cosines,), allow_unused=True, materialize_grads=True)
        return weights.detach()


def _check(views: tuple[Tensor, ...], further: Tensor | None) -> None:
    if not views:
        raise errors.ShapeError("by_autograd: no view came. Call it with at least one: by_autograd(function, z1, z2).")
    for number, view in enumerate(views, 1):
        shapes.check_embeddings("by_autograd", f"z{number}", view)
    shapes.check_same_shape("by_autograd", **{f"z{number}": view for number, view in enumerate(views, 1)})
    if further is None:
        return
    shapes.check_embeddings("by_autograd", "further", further)
    if further.shape[1] != views[0].shape[1]:
        raise errors.ShapeError(
            f"by_autograd: z1 is {shapes.shape_of(views[0])} but further is {shapes.shape_of(further)}. Rows are "
            "compared by their cosine, so both need the same dim; take them from the same head."
        )
    if further.device != views[0].device:
        raise errors.DeviceMismatch(
            f"by_autograd: z1 is on {views[0].device} but further is on {further.device}. Use further.to(z1.device)."
        )
