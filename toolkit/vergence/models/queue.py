"""Queue: the embeddings of the last batches, as further negatives."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from vergence import errors
from vergence.models.conv import check_sizes
from vergence.shapes import check_embeddings

__all__ = ["Queue"]

Start = Literal["random", "empty"]


class Queue(nn.Module):
    """First in, first out: `size` rows of length 1, of which the oldest make room for the newest.

    size: K, how many rows it holds. dim: their length.
    start: "random", K random directions, so that the loss has K negatives from the first step (they are gone after
        K / batch steps); "empty", it fills up, and has as many rows as have come.

    No gradient ever enters or leaves it. It is saved with the model. Rows age: with N a batch the oldest is K / N steps
    old, which is why they should come from a slow teacher. Where K nears the number of samples it holds earlier
    embeddings of the very items at hand, as negatives.

    Raises ArgumentError, ShapeError, UnknownName.
    Source: He et al. 2019, arXiv:1911.05722, section 3.2: K = 65,536 for the 1.28 million images of ImageNet.
    """

    rows: Tensor
    place: Tensor
    filled: Tensor

    def __init__(self, size: int, dim: int, start: Start = "random") -> None:
        super().__init__()
        check_sizes("Queue", size=size, dim=dim)
        if start not in get_args(Start):
            raise errors.UnknownName("Queue", str(start), get_args(Start), "start")
        self.size, self.dim = size, dim
        first = normalize(torch.randn(size, dim)) if start == "random" else torch.zeros(size, dim)
        self.register_buffer("rows", first)
        self.register_buffer("place", torch.tensor(0))
        self.register_buffer("filled", torch.tensor(size if start == "random" else 0))

    def __len__(self) -> int:
        """How many rows there are to be compared with."""
        return int(self.filled)

    @torch.no_grad()
    def push(self, z: Float[Tensor, "batch dim"]) -> None:
        """Take in a batch, normalised; of one that is larger than the queue the last rows. Raises ShapeError."""
        check_embeddings("Queue.push", "z", z)
        if z.shape[1] != self.dim:
            raise errors.ShapeError(
                f"Queue.push: z is {tuple(z.shape)} but the queue holds rows of {self.dim}. Make it for this head: "
                f"Queue({self.size}, {z.shape[1]})."
            )
        newest = normalize(z.detach().to(self.rows))[-self.size :]
        where = (int(self.place) + torch.arange(len(newest), device=newest.device)) % self.size
        # A tensor of its own each time: the rows of the step before may still be in use.
        self.rows = self.rows.index_copy(0, where, newest)
        self.place.fill_((int(self.place) + len(newest)) % self.size)
        self.filled.fill_(min(self.size, len(self) + len(newest)))

    def forward(self) -> Float[Tensor, "held dim"]:
        """The rows it holds, in no order; they do not change when others come in."""
        return self.rows if len(self) == self.size else self.rows[: len(self)]

    def extra_repr(self) -> str:
        """The settings."""
        return f"size={self.size}, dim={self.dim}"
