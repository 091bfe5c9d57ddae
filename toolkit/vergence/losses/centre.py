"""The moving mean of a teacher's outputs, taken off them so that no class wins everywhere."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors
from vergence.geometry import at_least_single

__all__ = ["Centre"]


class Centre(nn.Module):
    """c <- m c + (1 - m) mean of the rows; 0 before the first rows have come.

    A module, so that it is saved, loaded and moved with the loss that holds it. `mean`: (K,), or None before the
    first rows. Over several processes every one must see all rows, or the centres drift apart: `Gathered` does that.

    Source: Caron et al. 2021, arXiv:2104.14294, equation 4.
    """

    mean: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", None)

    def off(self, call: str, rows: Float[Tensor, "*batch classes"]) -> Float[Tensor, "*batch classes"]:
        """The rows without the centre. Raises ShapeError when it was made for another number of classes."""
        if self.mean is None:
            return rows
        if self.mean.shape != rows.shape[-1:]:
            raise errors.ShapeError(
                f"{call}: the targets have {rows.shape[-1]} columns but the centre of the steps before has "
                f"{len(self.mean)}. Make a new {call}() for another head."
            )
        return rows - self.mean.to(rows)

    @torch.no_grad()
    def follow(self, momentum: float, *rows: Tensor) -> None:
        """One step of the moving mean. rows: (..., K) each; their means over all rows are averaged.

        Rows that are not finite leave it as it was: one bad batch must not end centring for good.
        """
        latest = torch.stack([z.flatten(0, -2).mean(0) for z in at_least_single(*rows)]).mean(0)
        before = torch.zeros_like(latest) if self.mean is None else self.mean.to(latest)
        moved = momentum * before + (1 - momentum) * latest
        self.mean = torch.where(torch.isfinite(moved).all(), moved, before)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        saved = state_dict.get(f"{prefix}mean")
        if saved is not None and self.mean is None:
            self.mean = torch.zeros_like(saved)  # torch loads into what is there, and nothing is
        super()._load_from_state_dict(state_dict, prefix, *rest)
