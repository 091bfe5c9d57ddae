"""The denominator of every softmax loss: the log of a sum of exponentials of cosines, one per anchor."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vergence.geometry import full_precision

__all__ = ["log_partition"]

Rows = Float[Tensor, "anchors dim"]
Others = Float[Tensor, "others dim"]


def log_partition(x: Rows, y: Others, temperature: float, *, skip_self: bool = False) -> Float[Tensor, " anchors"]:
    r"""What an anchor's similarities amount to, in nats.

        log_partition(x, y)_i = log  sum over j of  exp(x_i . y_j / T)

    x: (anchors, dim), y: (others, dim), unit rows. temperature: T > 0. skip_self: leave out j = i (x is y).

    Reads between log(others) - 1/T (every other row opposite) and log(others) + 1/T (every other row the
    same). Nothing is checked here: the loss that calls has looked at shapes, and NaN must come through.

    One matrix of cosines is held and exponentiated in place, and backward multiplies with that same matrix:
    the softmax is never written out, which is what the plain chain of operations spends half its time on.
    Gradients of gradients work: the matrix is then built once more with a graph.
    """
    result: Tensor = _LogPartition.apply(x, y, temperature, skip_self)  # type: ignore[no-untyped-call]
    return result


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, temperature: float, skip_self: bool) -> Tensor:
        kernel, shift = _kernel(x, y, temperature, skip_self)
        total = kernel.sum(1)
        ctx.save_for_backward(x, y, kernel, total)
        ctx.temperature, ctx.skip_self = temperature, skip_self
        return total.log() if shift is None else total.log() + shift

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, y, kernel, total = ctx.saved_tensors
        with full_precision(x.device):
            if torch.is_grad_enabled():  # somebody wants the gradient of this gradient
                kernel, _ = _kernel(x, y, ctx.temperature, ctx.skip_self)
                total = kernel.sum(1)
            share = (grad / (total * ctx.temperature))[:, None]
            to_x = share * (kernel @ y) if ctx.needs_input_grad[0] else None
            to_y = kernel.T @ (share * x) if ctx.needs_input_grad[1] else None
        return to_x, to_y, None, None


def _kernel(x: Tensor, y: Tensor, temperature: float, skip_self: bool) -> tuple[Tensor, Tensor | None]:
    """exp(x_i . y_j / T - shift_i), and the shift; None, for 0, where no exponential leaves the range of the type."""
    kernel = (x * (1 / temperature)) @ y.T
    if skip_self:
        kernel.fill_diagonal_(-math.inf)
    # float32 holds exp(-87) to exp(88): room for sums of exp(40), and for the smallest term, exp(-40), in full.
    if 1 / temperature <= (40 if x.dtype == torch.float32 else 350):
        return kernel.exp_(), None
    largest = kernel.detach().amax(1)
    return kernel.sub_(largest[:, None]).exp_(), largest
