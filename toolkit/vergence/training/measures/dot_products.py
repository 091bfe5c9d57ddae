"""Losses without their normalisation: what they would be on dot products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from vergence.losses.partition import any_length

__all__ = ["dot_products"]


class _Lengths(TorchFunctionMode):
    """Inside, `normalize` hands rows on as they are, and a cosine is a dot product."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is nn.functional.normalize:
            rows = args[0] if args else named["input"]
            along = named.get("dim", args[2] if len(args) > 2 else 1)
            if along in (-1, rows.ndim - 1):  # along rows; a direction that stands in a column is the loss's own
                return rows
        if func is nn.functional.cosine_similarity:
            pair = [*args[:2], *(named[name] for name in ("x1", "x2") if name in named)]
            return (pair[0] * pair[1]).sum(named.get("dim", args[2] if len(args) > 2 else 1))
        return func(*args, **named)


@contextmanager
def dot_products() -> Iterator[None]:
    """Inside, a loss sees rows with the lengths they have, and believes no bound on them."""
    with _Lengths(), any_length():
        yield
