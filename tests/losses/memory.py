"""Run by `test_memory.py` in a process of its own: what losses take at most, forward and backward, in bytes.

python -m tests.losses.memory 4500,9000 "NT-Xent" "DCL"

A line for each loss, a number for each batch. 128 dimensions.
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.losses.case import Case, every


def most() -> int:
    """The most memory this process has had so far, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    # On Linux that number is carried over from the process that started this one.
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def forget() -> None:
    """Give back what is free, and count the most from now on; where Linux is not, numbers can only grow."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def step(case: Case, batch: int, dim: int = 128) -> None:
    """One forward and one backward pass in single precision."""
    generator = torch.Generator().manual_seed(0)
    views: list[Tensor] = [torch.randn(batch, dim, generator=generator).requires_grad_() for _ in range(case.views)]
    loss: Any = case.make()
    if hasattr(loss, "n_items"):  # it remembers each item, and the case's has room for a few only
        loss = type(loss)(n_items=batch)
    loss(*views, **case.more(*views)).backward()


def taken(case: Case, batch: int) -> int:
    """What a step takes beyond what was there before it."""
    forget()
    before = most()
    step(case, batch)
    return most() - before


def main() -> None:
    """Print what was asked for."""
    batches, names = [int(batch) for batch in sys.argv[1].split(",")], sys.argv[2:]
    torch.set_num_threads(1)
    known = {str(case): case for case in every()}
    for name in names:
        step(known[name], 64)  # what torch loads at the first use
        print(*(taken(known[name], batch) for batch in batches), flush=True)


if __name__ == "__main__":
    main()
