"""What the losses cost, forward and backward, in time and in memory, against plain torch and other libraries.

    python bench/losses.py
    python bench/losses.py --only NT-Xent DCL --batches 256 1024

Runs inside `.venv-peers` when that is there (make it with `python bench/peers.py`), so that all sides have the same
torch, the same threads and the same moment; else against plain torch alone.

A row first measures one step of each contender in a process of its own: the memory it takes at most beyond what was
there before. What does not fit into `--memory`, or takes ten times as long as another, stays out of it. The others
take turns in blocks; whose turn is first rotates. The ratio is ours over the best of the others (the one with the least
median), with the median over blocks and its 95 % interval (order statistics); below 1 ours is faster. A row misses its
target when the interval's lower end lies above 1.05. The measurements have no opponent; their milliseconds are printed.
Table and JSON go to bench/results/.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import math
import os
import resource
import select
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))

import peer_losses
import peers
from peer_losses import CLASSES, Contest

from vergence.metrics import hypersphere, similarity

RESULTS = Path(__file__).parent / "results"
TARGET = 1.05
GB = 2**30
MB = 2**20
LONG = 60
"""Seconds after which a single step is given up."""


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


def step_of(contest: Contest, form: str, batch: int) -> Callable[[], object]:
    """One forward and backward pass on two views that are alike."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(batch, contest.dim, generator=generator)
    b = a + torch.randn(batch, contest.dim, generator=generator)
    labels = torch.randint(0, CLASSES, (batch,), generator=generator)
    views: tuple[Tensor, Tensor] = (a.requires_grad_(), b.requires_grad_())
    loss = contest.forms[form]
    return lambda: torch.autograd.grad(loss(*views, labels), views)


def _read(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


def alone(contest: Contest, form: str, batch: int, limit: int) -> dict[str, float] | None:
    """Bytes at most and seconds of one step, measured in a child; None when it does not fit or takes too long."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:  # no return from here, whatever happens
        with contextlib.suppress(BaseException):
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
            step_of(contest, form, 32)()
            resource.setrlimit(resource.RLIMIT_DATA, (_read("VmData") + limit,) * 2)
            step = step_of(contest, form, batch)
            Path("/proc/self/clear_refs").write_text("5")  # the most it ever had is what it has now
            before, began = _read("VmHWM"), time.perf_counter()
            step()
            said = {"seconds": time.perf_counter() - began, "bytes": _read("VmHWM") - before}
            os.write(into, json.dumps(said).encode())
        os._exit(0)
    os.close(into)
    ready, _, _ = select.select([out], [], [], LONG)
    answer = os.read(out, 4096) if ready else b""
    os.close(out)
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found: dict[str, float] | None = json.loads(answer) if answer else None
    return found


def race(contest: Contest, forms: list[str], batch: int, rounds: int, block: float) -> dict[str, list[float]]:
    """Seconds of a step for each form, in blocks that take turns; whose turn is first rotates."""
    steps = {form: step_of(contest, form, batch) for form in forms}
    for step in steps.values():
        seconds(step, block / 4)
    taken: dict[str, list[float]] = {form: [] for form in forms}
    for number in range(rounds):
        start = number % len(forms)
        for form in forms[start:] + forms[:start]:
            taken[form].append(seconds(steps[form], block))
    return taken


def row_of(
    contest: Contest, batch: int, rounds: int, block: float, limit: int = 4 * GB, budget: float = 60.0
) -> dict[str, Any]:
    """One row: who takes how much memory, who took part, and the ratio of ours to the best of them."""
    single = {form: alone(contest, form, batch, limit) for form in contest.forms}
    fits = [form for form, found in single.items() if found is not None]
    row: dict[str, Any] = {"row": f"{contest.name}, B {batch:,}", "batch": batch, "alone": single, "met": True}
    if "ours" not in fits:
        return row | {"met": False}
    if len(fits) == 1:
        return row
    fastest = min(single[form]["seconds"] for form in fits if form != "ours")  # type: ignore[index]
    fits = [form for form in fits if form == "ours" or single[form]["seconds"] <= 10 * fastest]  # type: ignore[index]
    cost = sum(max(single[form]["seconds"], block) for form in fits)  # type: ignore[index]
    taken = race(contest, fits, batch, max(5, min(rounds, int(budget / cost))), block)
    medians = {form: statistics.median(values) for form, values in taken.items()}
    best = min((form for form in fits if form != "ours"), key=lambda form: medians[form])
    against = {
        form: [mine / other for mine, other in zip(taken["ours"], taken[form], strict=True)]
        for form in fits
        if form != "ours"
    }
    low, high = interval(against[best])
    return row | {
        "best": best,
        "ratio": statistics.median(against[best]),
        "low": low,
        "high": high,
        "ratios": {form: (statistics.median(values), *interval(values)) for form, values in against.items()},
        "milliseconds": {form: 1e3 * value for form, value in medians.items()},
        "rounds": len(taken["ours"]),
        "target": TARGET,
        "met": low <= TARGET,
    }


def line_of(row: dict[str, Any]) -> str:
    """A row as it is printed: milliseconds and MB of each, then the ratio."""
    times, cells = row.get("milliseconds", {}), []
    for form, found in row["alone"].items():
        if found is None:
            cells.append(f"{form} does not fit")
            continue
        cells.append(f"{form} {times.get(form, 1e3 * found['seconds']):,.1f} ms {found['bytes'] / MB:,.0f} MB")
    ratio = (
        f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}) of {row['best']}" if "ratio" in row else "alone"
    )
    return f"{row['row']:<36}{ratio:<38}{'; '.join(cells)}{'' if row['met'] else '  missed'}"


def measurement(batch: int, rounds: int, block: float) -> dict[str, Any]:
    """Milliseconds of the two measurements on two views with labels."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(batch, 128, generator=generator)
    b = a + torch.randn(batch, 128, generator=generator)
    labels = torch.randint(0, 10, (batch,), generator=generator)
    found: dict[str, Any] = {"row": f"measurements, 2 views, B {batch:,}"}
    for name, call in (("similarity", similarity), ("hypersphere", hypersphere)):
        times = [1e3 * seconds(lambda call=call: call(a, b, labels=labels), block) for _ in range(rounds)]  # type: ignore[misc]
        found[f"{name}_milliseconds"] = statistics.median(times)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the table, write the JSON; 1 when a row misses its target."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 1024, 4096, 16384])
    parser.add_argument("--only", nargs="+", default=[""], help="losses whose name begins so")
    parser.add_argument("--rounds", type=int, default=15, help="blocks of each per row")
    parser.add_argument("--seconds", type=float, default=0.25, help="least length of a block")
    parser.add_argument("--budget", type=float, default=60.0, help="about so many seconds per row")
    parser.add_argument("--memory", type=float, default=8.0, help="GB that a step may take")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--plain", action="store_true", help="stay in this environment")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(given)
    if peers.PYTHON.exists() and not peers.inside() and not options.plain:
        return subprocess.run([str(peers.PYTHON), str(Path(__file__).resolve()), *given], check=False).returncode
    print(", ".join(f"{name} {release}" for name, release in peers.installed().items()), flush=True)
    rows: list[dict[str, Any]] = []
    torch.set_num_threads(options.threads)
    for contest in peer_losses.contests():
        if not any(contest.name.startswith(start) for start in options.only):
            continue
        for batch in options.batches:
            row = row_of(contest, batch, options.rounds, options.seconds, int(options.memory * GB), options.budget)
            print(line_of(row), flush=True)
            rows.append(row)
    if options.only == [""]:
        for batch in (256, 512, 4096):
            row = measurement(batch, min(options.rounds, 11), options.seconds)
            print(
                f"{row['row']:<36}similarity {row['similarity_milliseconds']:.2f} ms, "
                f"hypersphere {row['hypersphere_milliseconds']:.2f} ms",
                flush=True,
            )
            rows.append(row)
    options.results.mkdir(exist_ok=True, parents=True)
    said = {"releases": peers.installed(), "threads": options.threads, "rows": rows}
    (options.results / "losses.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return int(not all(row.get("met", True) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
