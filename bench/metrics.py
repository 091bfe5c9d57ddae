"""What each metric takes, on rows of four sizes: the same calls that the tests make.

    python bench/metrics.py                          # every metric that takes rows
    python bench/metrics.py --only lidar ordering    # some of them
    python bench/metrics.py --rows 512 --columns 128

One row for each case of tests/metrics, in milliseconds: the median of calls after the first, and the first call beside
it where that takes noticeably longer (a null that is simulated once and kept, a library that is loaded). One thread, as
while a run is watched. Table and JSON go to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `tests`

import torch

from tests.metrics.case import Case, every
from vergence.errors import InputError
from vergence.training.threads import OneThread

RESULTS = Path(__file__).parent / "results"
ROWS = (512, 4096)
COLUMNS = (128, 2048)
SLOW = 60.0
"""Seconds; a size where a call would take longer is not tried."""


def cell(case: Case, rows: int, columns: int, *, seconds: float, slow: float = SLOW) -> dict[str, Any]:
    """Milliseconds of the first call and of those that follow, or why there are none."""
    given = case.make(rows, columns, torch.float32, 0)
    more = case.more(*given)
    try:
        first = timed(case, given, more)
        times: list[float] = []
        while sum(times) < seconds and (len(times) < 3 or sum(times) < seconds / 2) and first < slow:
            times.append(timed(case, given, more))
    except InputError as error:
        return {"why": str(error)}
    return {"first_ms": round(1e3 * first, 3), "ms": round(1e3 * statistics.median(times or [first]), 3)}


def timed(case: Case, given: tuple[Any, ...], more: dict[str, Any]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    case.metric(*given, **more)
    return time.perf_counter() - began


def row(case: Case, rows: list[int], columns: list[int], *, seconds: float) -> dict[str, Any]:
    """One case at every size. What takes long on few rows is not tried on more: nearly all grow by their square."""
    cells: dict[str, Any] = {}
    for dim in columns:
        grows = 0.0
        for n in rows:
            if grows > SLOW:
                cells[f"{n} x {dim}"] = {"why": "too slow to be tried"}
                continue
            found = cell(case, n, dim, seconds=seconds)
            cells[f"{n} x {dim}"] = found
            grows = found.get("ms", 0.0) / 1e3 * (max(rows) / n) ** 2
    return {"metric": str(case), "cells": cells}


def table(found: list[dict[str, Any]]) -> str:
    """The rows for people."""
    sizes = list(found[0]["cells"]) if found else []
    lines = [f"{'ms a call (first call)':<34}" + "".join(f"{size:>22}" for size in sizes)]
    for entry in found:
        words = []
        for size in sizes:
            one = entry["cells"][size]
            if "ms" not in one:
                words.append("—")
            elif one["first_ms"] > 2 * one["ms"] + 5:
                words.append(f"{one['ms']:,.2f} ({one['first_ms']:,.0f})")
            else:
                words.append(f"{one['ms']:,.2f}")
        lines.append(f"{entry['metric']:<34}" + "".join(f"{word:>22}" for word in words))
    lines += [
        f"  {entry['metric']}, {size}: {one['why']}"
        for entry in found for size, one in entry["cells"].items() if "why" in one
    ]  # fmt: skip
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], help="names of metrics")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS)
    parser.add_argument("--columns", nargs="+", type=int, default=COLUMNS)
    parser.add_argument("--seconds", type=float, default=1.0, help="of calls at each size")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    cases = [case for case in every() if case.of != () and (not given.only or case.metric.__name__ in given.only)]
    found = []
    with OneThread()():
        for case in cases:
            found.append(row(case, given.rows, given.columns, seconds=given.seconds))
            print("\n".join(table(found[-1:]).splitlines()[int(len(found) > 1) :]), flush=True)
    given.results.mkdir(parents=True, exist_ok=True)
    said = {"torch": torch.__version__, "rows": found}
    (given.results / "metrics.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    (given.results / "metrics.txt").write_text(table(found) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
