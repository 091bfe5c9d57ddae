"""What NT-Xent and the two measurements cost: NT-Xent against the plain chain of operations, forward and backward.

    python bench/losses.py
    python bench/losses.py --batches 256 1024

A row gives the median ratio ours/plain over interleaved blocks of one run with its 95 % interval (order statistics);
below 1 ours is faster. A row misses its target, 1, when the interval's lower end lies above it. The measurements
have no opponent; their milliseconds are printed. Table and JSON go to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from vergence.losses import nt_xent
from vergence.metrics import hypersphere, similarity

RESULTS = Path(__file__).parent / "results"
DIM = 128
TARGET = 1.0


def plain(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """The usual implementation: join, normalise, multiply, blank the diagonal, cross-entropy."""
    n = len(a)
    z = torch.cat([normalize(a), normalize(b)])
    logits = z @ z.T / temperature
    logits.fill_diagonal_(-math.inf)
    return cross_entropy(logits, torch.arange(2 * n).roll(n))


def interval(values: list[float]) -> tuple[float, float]:
    """A 95 % interval of the median from order statistics."""
    ordered = sorted(values)
    n = len(ordered)
    reach = max(math.floor(n / 2 - 0.98 * math.sqrt(n)), 0)
    return ordered[reach], ordered[n - 1 - reach]


def seconds(call: Callable[[], object], at_least: float) -> float:
    """Seconds per call over a block."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < at_least or count < 1:
        call()
        count += 1
    return (time.perf_counter() - began) / count


def against_plain(batch: int, temperature: float, pairs: int, block: float) -> dict[str, Any]:
    """One row: blocks of ours and of the plain chain in turn; who goes first alternates."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(batch, DIM, generator=generator, requires_grad=True) for _ in range(2))

    def ours() -> None:
        torch.autograd.grad(nt_xent(a, b, temperature=temperature), (a, b))

    def theirs() -> None:
        torch.autograd.grad(plain(a, b, temperature), (a, b))

    seconds(ours, block), seconds(theirs, block)
    ratios, own = [], []
    for number in range(pairs):
        if number % 2:
            other, mine = seconds(theirs, block), seconds(ours, block)
        else:
            mine, other = seconds(ours, block), seconds(theirs, block)
        ratios.append(mine / other)
        own.append(mine)
    low, high = interval(ratios)
    return {
        "row": f"NT-Xent forward + backward, B {batch}, T {temperature:g}",
        "ratio": statistics.median(ratios),
        "low": low,
        "high": high,
        "milliseconds": 1e3 * statistics.median(own),
        "pairs": pairs,
        "target": TARGET,
        "met": low <= TARGET,
    }


def measurement(batch: int, pairs: int, block: float) -> dict[str, Any]:
    """Milliseconds of the two measurements on two views with labels."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(batch, DIM, generator=generator)
    b = a + torch.randn(batch, DIM, generator=generator)
    labels = torch.randint(0, 10, (batch,), generator=generator)
    found: dict[str, Any] = {"row": f"measurements, 2 views, B {batch}"}
    for name, call in (("similarity", similarity), ("hypersphere", hypersphere)):
        times = [1e3 * seconds(lambda call=call: call(a, b, labels=labels), block) for _ in range(pairs)]  # type: ignore[misc]
        found[f"{name}_milliseconds"] = statistics.median(times)
    return found


def main() -> int:
    """Print the table, write the JSON; 1 when a row misses its target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--pairs", type=int, default=11, help="interleaved pairs of blocks per row")
    parser.add_argument("--seconds", type=float, default=0.25, help="least length of a block")
    options = parser.parse_args()
    rows = []
    print(f"{'':<44}{'ratio':>7}  {'95 % interval':<16}{'ms':>9}")
    for batch in options.batches:
        for temperature in (0.2, 0.02):  # below 0.025 float32 needs a shift per row, another path
            row = against_plain(batch, temperature, options.pairs, options.seconds)
            span = f"{row['low']:.2f} to {row['high']:.2f}"
            words = "" if row["met"] else "  missed"
            print(f"{row['row']:<44}{row['ratio']:>7.2f}  {span:<16}{row['milliseconds']:>9.1f}{words}", flush=True)
            rows.append(row)
    for batch in (256, 512, 4096):
        row = measurement(batch, options.pairs, options.seconds)
        print(
            f"{row['row']:<44}similarity {row['similarity_milliseconds']:.2f} ms, "
            f"hypersphere {row['hypersphere_milliseconds']:.2f} ms",
            flush=True,
        )
        rows.append(row)
    RESULTS.mkdir(exist_ok=True)
    said = {"torch": torch.__version__, "threads": torch.get_num_threads(), "dim": DIM, "rows": rows}
    (RESULTS / "losses.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return int(not all(row.get("met", True) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
