"""Embed a fixed reference set without touching the training run.

Modes are put to eval and restored module by module (a frozen BatchNorm stays frozen), no gradient is
recorded, and random numbers come from a throw-away generator, so weights, running statistics and every
random state are as if nobody had looked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vergence import errors
from vergence.training.randomness import OwnRandomness, generator

__all__ = ["embed"]


def embed(encoder: nn.Module, items: Tensor, *, chunk: int = 256) -> Tensor:
    """`encoder(items)` in eval mode, `(n, dim)`, in chunks.

    Raises ShapeError when the encoder does not return one row per item.
    """
    modes = [(module, module.training) for module in encoder.modules()]
    first = next(encoder.parameters(), None)
    device = items.device if first is None else first.device
    # A model with half precision weights takes half precision items; autocast needs no such help.
    dtype = (
        first.dtype if first is not None and items.is_floating_point() and first.is_floating_point() else items.dtype
    )
    rows = []
    try:
        for module, _ in modes:
            module.training = False
        with torch.no_grad(), OwnRandomness(generator(0, "reference", device)):
            # Not inference_mode: what a module caches in here must stay usable for training.
            for part in torch.split(items, chunk):
                rows.append(_tensor(encoder(part.to(device, dtype))).flatten(1).float())
    finally:
        for module, mode in modes:
            module.training = mode
    joined = torch.cat(rows)
    if len(joined) != len(items):
        raise errors.ShapeError(
            f"reference: the encoder returned {len(joined)} rows for {len(items)} items. It must return (batch, dim)."
        )
    return joined


def _tensor(output: object) -> Tensor:
    """The tensor among what encoders return: a tensor, (h, z), or a Hugging Face output."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    for name in ("pooler_output", "last_hidden_state"):
        value = getattr(output, name, None)
        if isinstance(value, Tensor):
            return value[:, 0] if value.ndim == 3 else value
    raise errors.ShapeError(
        f"reference: the encoder returned a {type(output).__name__}. It must return a tensor (batch, dim); "
        "wrap it in a small nn.Module that picks the right entry."
    )
