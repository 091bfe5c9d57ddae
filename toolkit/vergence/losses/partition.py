"""The denominator of every softmax loss: the log of a sum of exponentials of dot products, one per anchor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence.geometry import at_least_single, full_precision
from vergence.losses.partition_blocks import Rules, Sums, exponential

__all__ = ["any_length", "log_partition"]

Rows = Float[Tensor, "anchors dim"]
Others = Float[Tensor, "others dim"]
Without = Int[Tensor, "anchors left_out"]

WHOLE = 2**24
"""Up to this many pairs the blocks of forward are kept for backward; beyond, backward makes each of them again."""
SMALL = 128
"""Up to so many rows, twice as many with a shift, one whole matrix is faster than halves of it in blocks."""
EXPONENT = {torch.float32: 60.0, torch.float64: 350.0}
"""Up to this |logit| a sum of exponentials, and a gradient divided by it, stay within the type without a shift."""

_ANY_LENGTH: ContextVar[bool] = ContextVar("any_length", default=False)


@contextmanager
def any_length() -> Iterator[None]:
    """Inside, no `bound` is believed: rows may be of any length, whatever the loss that calls says of them."""
    before = _ANY_LENGTH.set(True)
    try:
        yield
    finally:
        _ANY_LENGTH.reset(before)


def log_partition(
    x: Rows,
    y: Others,
    temperature: float = 1.0,
    *,
    skip_self: bool = False,
    without: Without | None = None,
    apart: tuple[Tensor, Tensor] | None = None,
    within: tuple[Tensor, Tensor] | None = None,
    bound: float = 1.0,
    chunk: int | None = None,
) -> Float[Tensor, " anchors"]:
    r"""What an anchor's similarities amount to, in nats.

        log_partition(x, y)_i = log  sum over j of  exp(x_i . y_j / T)

    x: (anchors, dim), y: (others, dim). temperature: T > 0. Where every anchor has a temperature of its own, or one
    that is learned, scale x by its inverse and leave T at 1.
    skip_self: leave out j = i (x is y). without: for each anchor the columns to leave out, the same number for each.
    apart: integer ids of the rows of x and of y; pairs whose ids agree are left out. within: only those count.
    bound: the largest |x_i . y_j| that can come: 1 for unit rows, 1/T for unit rows divided by T.
    chunk: rows and columns of a block, made for both passes. None: chosen here, and nothing is made twice up to 2^24
    pairs.

    Reads between log(others) - bound/T and log(others) + bound/T; -inf for an anchor with nothing left, whose gradient
    is 0. Half precision is computed in float32, also under autocast. Nothing is checked here: the loss that calls has
    looked at shapes, and NaN must come through.

    The softmax is never written out, which is what the plain chain of operations spends half its time on. Beyond 2^24
    pairs the matrix is walked through in blocks, so that memory is linear in the rows: both views of 16,384 samples in
    128 dimensions take 0.15 GB, forward and backward, where one matrix takes 4 GB. Hand over the same tensor twice,
    `log_partition(z, z)`, and with it the same tensor in both places of `apart` and `within`: then a block stands for
    its transpose as well, which saves a third of the time. `without` does not allow that.

    Gradients of gradients work; they build the whole matrix.
    """
    rules = Rules(skip_self, without, apart, within)
    same = x is y
    with full_precision(x.device):
        if x.dtype != y.dtype or x.dtype not in EXPONENT:
            x, y = at_least_single(x, y)
        y = x if same else y
        shifted = _ANY_LENGTH.get() or bound / temperature > EXPONENT[x.dtype]
        keep = chunk is None and x.shape[0] * y.shape[0] <= WHOLE
        mirrored = same and rules.symmetric
        kind: type[torch.autograd.Function] = _Blocks
        if keep and not (mirrored and x.shape[0] > (2 * SMALL if shifted else SMALL)):
            kind = _Whole
        side = chunk or _side(x.device, mirrored, keep)
        result: Tensor = kind.apply(x, y, temperature, rules, mirrored, shifted, side, keep)  # type: ignore[no-untyped-call]
    return result


class _Whole(torch.autograd.Function):
    """One matrix, exponentiated in place; backward multiplies with that same matrix. The fastest while it is small."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, temperature: float, rules: Rules, *how: Any) -> Tensor:
        kernel = (x * (1 / temperature)) @ y.T
        rules.blank(kernel, slice(0, x.shape[0]), slice(0, y.shape[0]))
        _, shifted, _, _ = how
        if not shifted:
            total = kernel.exp_().sum(1)
            result = total.log()
        else:
            peak = kernel.amax(1).clamp_min_(torch.finfo(kernel.dtype).min)
            none = peak == torch.finfo(kernel.dtype).min
            total = exponential(kernel.sub_(peak[:, None])).sum(1).masked_fill_(none, 0)
            result = total.log().add_(peak)
        ctx.save_for_backward(x, y, kernel, total)
        ctx.given = (temperature, rules)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, kernel, total = ctx.saved_tensors
        temperature, rules = ctx.given
        to_x: Tensor | None = None
        to_y: Tensor | None = None
        with full_precision(x.device):
            if torch.is_grad_enabled():  # somebody wants the gradient of this gradient
                to_x, to_y = _with_graph(x, y, temperature, rules, grad)
            else:
                share = grad / (total * temperature)
                if rules.may_leave_none or y.shape[0] == 1:
                    share = share.masked_fill(total == 0, 0)
                share = share[:, None]
                to_x = share * (kernel @ y) if ctx.needs_input_grad[0] else None
                to_y = kernel.T @ (share * x) if ctx.needs_input_grad[1] else None
        return to_x, to_y, *(None,) * 6


class _Blocks(torch.autograd.Function):
    """Block by block, see `Sums`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, temperature: float, rules: Rules, *how: Any) -> Tensor:
        *kind, keep = how
        kept: list[Tensor] | None = [] if keep else None
        result, norm = Sums(x, y, temperature, rules, *kind).forward(kept)
        ctx.save_for_backward(x, y, norm, *(kept or ()))
        ctx.given = (temperature, rules, *kind)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, norm, *kept = ctx.saved_tensors
        needed = ctx.needs_input_grad[1]
        to_y: Tensor | None
        with full_precision(x.device):
            if torch.is_grad_enabled():
                to_x, to_y = _with_graph(x, y, ctx.given[0], ctx.given[1], grad)
            else:
                to_x, to_y = Sums(x, y, *ctx.given).backward(norm, grad, kept or None, needed)
        return to_x, (to_y if needed else None), *(None,) * 6


def _with_graph(x: Tensor, y: Tensor, temperature: float, rules: Rules, grad: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of x and y as plain operations on the whole matrix."""
    logits = (x * (1 / temperature)) @ y.T
    rules.blank(logits, slice(0, x.shape[0]), slice(0, y.shape[0]))
    none = (logits.detach() == -math.inf).all(1)
    share = (grad / temperature).masked_fill(none, 0)
    weights = torch.softmax(logits.masked_fill(none[:, None], 0), 1) * share[:, None]
    return weights @ y, weights.T @ x


def _side(device: torch.device, mirrored: bool, keep: bool) -> int:
    """Rows and columns of a block: measured on processors, where a block should stay in the cache."""
    if device.type != "cpu":
        return 4096
    if mirrored:
        return 256 if keep else 512
    return 1024
