"""What losses of any number of views share: their door, their rows as one tensor, and work done block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.checkpoint import checkpoint

from vergence import errors, shapes
from vergence.geometry import at_least_single

__all__ = ["by_blocks", "check_several_views", "of_sample", "of_view", "several_views", "unit_rows"]

AT_ONCE = 1 << 23
"""Entries of a matrix that may be held at a time: 32 MB in float32. The C library of Linux hands pieces of this size
back to the system at once; it keeps smaller ones, and they pile up."""


def several_views(loss: str, views: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
    """The views a loss was called with. Raises ShapeError for any other number of them than it was made for."""
    if len(views) != count:
        named = ", ".join(f"z{number}" for number in range(1, count + 1))
        made = f", or make it for {len(views)}: views={len(views)}" if len(views) > 1 else ""
        raise errors.ShapeError(
            f"{loss}: {len(views)} view{'' if len(views) == 1 else 's'} came, {count} {'is' if count == 1 else 'are'} "
            f"needed. Call it with the embeddings of all views: loss({named}){made}."
        )
    return views


def check_several_views(call: str, views: Sequence[object], *, least: int = 2, rows: int = 2) -> None:
    """`least` views or more of one shape, on one device, of `rows` rows or more. Looks at no value: no sync."""
    if len(views) < least:
        raise errors.ShapeError(
            f"{call}: {len(views)} view{'' if len(views) == 1 else 's'} came, {least} or more are needed. "
            f"Call it with the embeddings of all views: {call}({', '.join(f'z{n}' for n in range(1, least + 1))}, ...)."
        )
    for number, view in enumerate(views, 1):
        shapes.check_embeddings(call, f"z{number}", view)
    shapes.check_same_shape(call, **{f"z{n}": view for n, view in enumerate(views, 1) if isinstance(view, Tensor)})
    first = views[0]
    if isinstance(first, Tensor) and len(first) < rows:
        raise errors.TooFewRows(
            f"{call}: each view has {len(first)} row{'' if len(first) == 1 else 's'}, {rows} are needed: there is "
            "nothing else to compare with. Use a larger batch; did the loader hand over a last, partial one? Set "
            "drop_last=True."
        )


def unit_rows(views: Sequence[Tensor]) -> Float[Tensor, "rows dim"]:
    """The rows of all views, one view under the other, at length 1 and in float32 or wider. A zero row stays zero."""
    return normalize(torch.cat(at_least_single(*views)))


def of_view(views: int, batch: int, device: torch.device) -> Tensor:
    """For each row of `unit_rows` the number of its view: 0 0 0 1 1 1."""
    return torch.arange(views, device=device).repeat_interleave(batch)


def of_sample(views: int, batch: int, device: torch.device) -> Tensor:
    """For each row of `unit_rows` the number of its sample: 0 1 2 0 1 2."""
    return torch.arange(batch, device=device).repeat(views)


def by_blocks(block: Callable[[slice], Tensor], rows: int, columns: int) -> Tensor:
    """`block(slice(0, rows))` with at most about `AT_ONCE` entries of its (rows, columns) matrix held at a time.

    block: makes the entries of some rows of the result, from a matrix of as many rows. In the backward pass it is
    called once more instead of remembering the matrix. A small matrix is made at once and remembered.
    """
    step = -(-AT_ONCE // max(columns, 1))
    if step >= rows:
        return block(slice(0, rows))
    parts = (slice(start, min(start + step, rows)) for start in range(0, rows, step))
    return torch.cat([checkpoint(block, part, use_reentrant=False, preserve_rng_state=False) for part in parts])
