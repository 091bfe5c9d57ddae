"""What two processes of a process group compute, for `test_gathered.py`: imported by each of them."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vergence.errors import ShapeError
from vergence.losses import BYOL, CLIP, DINO, NTXent, SigLIP, SupCon, SwAV, VICReg
from vergence.losses.gathered import Gathered

WORLD, BATCH, DIM = 2, 6, 5
"""Processes, rows of each, length of an embedding."""

More = Callable[[slice], dict[str, Any]]


def drawn(rows: int, columns: int, seed: int) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(part: slice) -> dict[str, Any]:
    return {"targets": tuple(drawn(WORLD * BATCH, DIM, seed)[part] for seed in (10, 11))}


def labels(part: slice) -> dict[str, Any]:
    return {"labels": (torch.arange(WORLD * BATCH) % 3)[part]}


def nothing(part: slice) -> dict[str, Any]:
    return {}


LOSSES: dict[str, tuple[Callable[[], Any], More]] = {
    "nt_xent": (lambda: NTXent(0.2), nothing),
    "vicreg": (VICReg, nothing),
    "swav": (lambda: SwAV(DIM, 4).double(), nothing),
    "clip": (lambda: CLIP(0.1).double(), nothing),
    "sig_lip": (lambda: SigLIP().double(), nothing),
    "sup_con": (SupCon, labels),
    "dino": (DINO, targets),
    "byol": (BYOL, targets),
}


def model() -> nn.Module:
    made = nn.Sequential(nn.Linear(7, 8), nn.Tanh(), nn.Linear(8, DIM)).double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(generator=generator).mul_(0.5)
    return made


def items(part: slice) -> list[Tensor]:
    first = drawn(WORLD * BATCH, 7, 1)
    return [(first + 0.5 * drawn(WORLD * BATCH, 7, seed))[part] for seed in (4, 5)]


def gradients(name: str, part: slice, gathered: bool = False, steps: int = 1) -> dict[str, Tensor]:
    """Value and gradients of everything that is learned, after `steps` calls (a centre moves in each)."""
    make, more = LOSSES[name]
    loss = Gathered(make()) if gathered else make()
    net = model()
    embed: nn.Module = DistributedDataParallel(net) if dist.is_initialized() else net
    views = items(part)
    for _ in range(steps):
        net.zero_grad()
        if isinstance(loss, nn.Module):
            loss.zero_grad()
        z = embed(torch.cat(views))
        value = loss(*z.split(len(views[0])), **more(part))
        value.backward()
    found = {f"model.{key}": entry.grad.clone() for key, entry in net.named_parameters()}
    if isinstance(loss, nn.Module):
        kept = [(key.removeprefix("loss."), entry) for key, entry in loss.named_parameters()]
        found |= {f"loss.{key}": entry.grad.clone() for key, entry in kept}
    return {"value": value.detach().clone(), **found}


def unequal(rank: int) -> str:
    """What is said when the second process has lost a row."""
    views = [view[: BATCH - rank] for view in items(slice(0, BATCH))]
    try:
        Gathered(NTXent())(*views)
    except ShapeError as error:
        return str(error)
    return "nothing was said"


def run(rank: int, folder: str) -> None:
    """The work of one process."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    store = Path(folder)
    dist.init_process_group("gloo", init_method=f"file://{store / 'store'}", rank=rank, world_size=WORLD)
    part = slice(rank * BATCH, (rank + 1) * BATCH)
    found: dict[str, Tensor] = {}
    for name in LOSSES:
        found |= {f"{name}.{key}": value for key, value in gradients(name, part, True, 2).items()}
    found |= {f"alone.{key}": value for key, value in gradients("nt_xent", part).items()}
    loss = Gathered(NTXent(0.2))
    queue = torch.ones(BATCH, DIM)
    _, more = loss._all(tuple(items(part)), {"negatives": queue, "mode": "x", "masks": (torch.arange(BATCH) > 2,)})
    found["queue"] = more["negatives"]
    found["masks"] = more["masks"][0]
    found["chance"] = torch.tensor([loss.chance(BATCH, DIM), loss.floor(BATCH, DIM)], dtype=torch.float64)
    found["weights"] = loss.pair_weights(*items(part))
    terms = loss.terms(*items(part))
    found["terms"] = torch.stack(list(terms.values()))
    save_file({key: copy.copy(value).contiguous() for key, value in found.items()}, store / f"{rank}.safetensors")
    (store / f"{rank}.txt").write_text(f"{unequal(rank)}\n{loss.variant}\n{loss.reference_words(BATCH, DIM)['chance']}")
    dist.barrier()
    # Everything is on disk. Threads of gloo abort a process now and then on its way out, whoever takes the group down.
    os._exit(0)
