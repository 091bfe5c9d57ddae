"""One loss over the batches of all processes, and what splitting a batch does to a loss."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.losses.loss import Base, Check, Loss

__all__ = ["Gathered", "accumulation"]

SHARED = frozenset({"negatives"})
"""Keywords that are the same on every process and have no batch axis: a queue holds the keys of all of them."""


class Gathered(Base, nn.Module):
    r"""A loss that sees the rows of all processes: with W processes of N items each, one batch of W N.

        Gathered(loss)(z1, z2) = loss(all z1, all z2),   rows in the order of the processes' ranks

    Without this, under DistributedDataParallel, each process compares its N items with one another only: other
    negatives, another chance, other statistics, though no error is raised. With it the value is the same on every
    process, and the gradient that DistributedDataParallel leaves in the parameters, its *mean* over processes, is
    exactly that of one batch of W N on one process.

    loss: any loss. What it learns itself (prototypes, a temperature) is a parameter of this module too, and gets the
    same gradient on every process, inside DistributedDataParallel or outside. Views, and keywords with one entry per
    item (labels, index, groups, targets, patches, masks, alone or in a tuple), are gathered; `negatives` are not, as a
    queue is the same everywhere. What draws random numbers must draw the same on every process.

    Outside a process group, and in one of a single process, it is the loss itself. Every process must make the call,
    with as many rows as the others; their shapes are compared first, which costs one small message and waits for the
    device. `chance`, `floor` and `reference_words` are asked with the batch of *one* process and answer for all.

    Raises ShapeError, on every process alike, where the shapes differ. Not for modules whose batch normalisation is
    not synchronised (torch.nn.SyncBatchNorm): there the forward pass itself differs.

    Source: Chen et al. 2020, arXiv:2002.05709, section 2.2, "global BN" and the aggregation of negatives.
    """

    def __init__(self, loss: Loss) -> None:
        nn.Module.__init__(self)
        Base.__init__(self)
        self.loss = loss
        self.name = loss.name
        self.source = loss.source
        self.views = loss.views
        for what in ("needs", "takes", "couples"):  # a loss of somebody's own need not have these
            setattr(self, what, getattr(loss, what, getattr(Base, what)))

    @property
    def variant(self) -> str:  # type: ignore[override]  # it depends on the process group, which may start later
        """That of the loss, and over how many processes."""
        return f"{self.loss.variant}; rows of {_processes()} process{'es' if _processes() > 1 else ''}"

    @property
    def ranges(self) -> dict[str, Check]:  # type: ignore[override]  # the wrapped loss has them
        """Those of the loss."""
        return dict(getattr(self.loss, "ranges", {}))

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The loss of all rows, the same on every process."""
        views, more = self._all(views, more)
        return self.loss(*views, **more)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """Those of the loss, of all rows."""
        views, more = self._all(views, more)
        return self.loss.terms(*views, **more)

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor | None:
        """Those of the loss, of all rows."""
        views, more = self._all(views, more)
        return self.loss.pair_weights(*views, **more)

    def chance(self, batch: int, dim: int) -> float | None:
        """That of the loss at the batch of all processes; batch: of one. Raises ArgumentError."""
        shapes.check_count("Gathered.chance", "batch", batch)
        return self.loss.chance(batch * _processes(), dim)

    def floor(self, batch: int, dim: int) -> float | None:
        """That of the loss at the batch of all processes; batch: of one. Raises ArgumentError."""
        shapes.check_count("Gathered.floor", "batch", batch)
        return self.loss.floor(batch * _processes(), dim)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """Those of the loss at the batch of all processes; batch: of one. Raises ArgumentError."""
        shapes.check_count("Gathered.reference_words", "batch", batch)
        return self.loss.reference_words(batch * _processes(), dim)

    def settings(self) -> dict[str, float]:
        """Those of the loss."""
        return self.loss.settings()

    def set(self, name: str, value: float) -> None:
        """Change a setting of the loss, on this process. Raises UnknownName, ArgumentError."""
        self.loss.set(name, value)

    def __repr__(self) -> str:
        return f"Gathered({self.loss!r})"

    def _all(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
        if _processes() == 1:
            return views, more
        # A process without rows is refused below, with the others: an error here alone would leave them waiting.
        for number, view in enumerate(views, 1):
            shapes.check_embeddings("Gathered", f"z{number}", view, rows=0)
        if not views:
            raise errors.ShapeError("Gathered: no views came. Call it as the loss it wraps: loss(z1, z2).")
        batch = len(views[0])
        # Flat, in an order that is the same on every process, so that all messages meet their like.
        flat = list(views)
        places: list[tuple[str, int | None]] = []
        for name in sorted(more):
            entry = more[name]
            several = isinstance(entry, tuple | list)
            for number, rows in enumerate(entry if several else (entry,)):
                if name not in SHARED and isinstance(rows, Tensor) and rows.ndim and len(rows) == batch:
                    flat.append(rows)
                    places.append((name, number if several else None))
        _check_alike(flat)
        gathered = [_gather(rows) for rows in flat]
        found = {name: list(entry) if isinstance(entry, tuple | list) else entry for name, entry in more.items()}
        for (name, at), rows in zip(places, gathered[len(views) :], strict=True):
            if at is None:
                found[name] = rows
            else:
                found[name][at] = rows
        found = {name: tuple(entry) if isinstance(entry, list) else entry for name, entry in found.items()}
        return tuple(gathered[: len(views)]), found


class _Gather(torch.autograd.Function):
    """All processes' rows. Backward: this process's part of the gradient, times the number of processes.

    Every process computes the same loss of the same rows, so the gradient of all rows is known here without a
    message. DistributedDataParallel divides by the number of processes, which the factor makes up for.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.batch = len(rows)
        found = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(found, rows)
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        start = dist.get_rank() * ctx.batch
        return grad[start : start + ctx.batch] * dist.get_world_size()


def _gather(rows: Tensor) -> Tensor:
    # As bytes where the back end has no message for the type.
    if rows.dtype == torch.bool:
        return _gather(rows.to(torch.uint8)).bool()
    found: Tensor = _Gather.apply(rows.contiguous())  # type: ignore[no-untyped-call]
    return found


def _check_alike(tensors: list[Tensor]) -> None:
    """The same shapes on every process: a gather of unlike ones hangs, or mixes up rows."""
    device = tensors[0].device
    # Two messages of known size, whatever the shapes: how much there is to say, then what.
    mine = [number for z in tensors for number in (z.ndim, *z.shape)]
    size = torch.tensor([len(mine)], device=device)
    longest = [torch.empty_like(size) for _ in range(dist.get_world_size())]
    dist.all_gather(longest, size)
    length = int(torch.cat(longest).max())
    padded = torch.tensor(mine + [-1] * (length - len(mine)), device=device)
    everyone = [torch.empty_like(padded) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, padded)
    told = [row.tolist() for row in everyone]
    if any(row != told[0] for row in told):
        shown = "; ".join(f"process {rank} {_shapes_of(row)}" for rank, row in enumerate(told))
        raise errors.ShapeError(
            f"Gathered: the processes came with different shapes: {shown}. Each must bring as many rows as the others; "
            "use DistributedSampler, and drop_last=True in the DataLoader."
        )


def _shapes_of(numbers: list[int]) -> str:
    found, at = [], 0
    while at < len(numbers) and numbers[at] >= 0:
        rank = numbers[at]
        found.append(f"({', '.join(map(str, numbers[at + 1 : at + 1 + rank]))})")
        at += 1 + rank
    return " ".join(found)


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def accumulation(loss: Loss, batch: int, pieces: int) -> str:
    """What becomes of a loss when a batch is computed in pieces whose gradients are added up, in one or two sentences.

    batch: how many items the whole batch has. pieces: how many parts it is split into, 1 or more.

    Two numbers tell how much changes: of a loss over pairs, how many other items each is compared with, and its value
    when nothing is told apart (`chance`), before and after. A loss that is a mean over items does not change.

    Raises ArgumentError, also where the pieces are not equally large: the mean of their losses is then another one.
    Source: Gao et al. 2021, arXiv:2101.06983, section 3, on why accumulation is no larger contrastive batch.
    """
    shapes.check_count("accumulation", "batch", batch)
    shapes.check_count("accumulation", "pieces", pieces)
    if batch % pieces:
        raise errors.ArgumentError(
            f"accumulation: batch is {batch:,} and pieces is {pieces:,}. The pieces must be equally large; "
            f"take a divisor of {batch:,}."
        )
    small = batch // pieces
    if pieces == 1:
        return f"One piece is the whole batch of {batch:,}: nothing changes."
    split = f"{batch:,} items in {pieces:,} pieces of {small:,}"
    couples = getattr(loss, "couples", "pairs")
    if couples == "nothing":
        return (
            f"{split}: the same. {loss.name} is a mean over items that know nothing of one another, so the mean of the "
            "pieces' gradients is that of the whole batch, as long as the model has no batch normalisation."
        )
    if couples == "statistics":
        return (
            f"{split}: another loss. {loss.name} is made of statistics over the batch, here of {small:,} rows in "
            f"place of {batch:,}; they are noisier, and the mean of the pieces is not the statistic of the whole."
        )
    return (
        f"{split}: another loss. In {loss.name} each item is compared with {small - 1:,} others in place of "
        f"{batch - 1:,}{_chances(loss, batch, small)}. The larger batch takes more memory, or more processes: Gathered."
    )


def _chances(loss: Loss, batch: int, small: int) -> str:
    # dim: where chance depends on it there is no one number to give.
    found = [[loss.chance(rows, dim) for dim in (32, 64)] for rows in (batch, small)]
    (before, other), (after, _) = found
    if before is None or after is None or before != other or before == after:
        return ""
    return f", and telling nothing apart reads {after:.4g} in place of {before:.4g}"
