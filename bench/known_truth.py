"""Training on data with known truth: what is learned and what is lost, and which numbers notice.

    make bench ARGS=known_truth
    python bench/known_truth.py --only rand_bits --seeds 3 --workers 2

Tables, each row trained anew for each seed, mean and half the range over seeds:

    rand_bits        digits with k bits that both views share, at three temperatures: accuracy falls, later at the lower
                     temperature, while everything that is read without labels improves; bits that are not shared
    tri_feature      shape, texture and colour under three kinds of training; held-out images where they are independent
    latent_factors   class, sub-class and six quantities in a vector; healthy runs and five ways to lose something

Accuracies are of held-out items, by a linear probe unless a column says kNN; `h` before the head, `z` after it. Table
and JSON go to bench/results/. The exit status is always 0: the slow tests of tests/lab/ judge a part of this.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `bench`

from bench.truths import latent_factors, rand_bits, tri_feature
from bench.truths.row import Row

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Table:
    """Rows to train, and the columns of numbers that are printed."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]


TABLES: Mapping[str, Callable[[], Table]] = {
    "rand_bits": lambda: Table("Digits with shared random bits", rand_bits.COLUMNS, rand_bits.rows()),
    "tri_feature": lambda: Table("Shape, texture and colour", tri_feature.COLUMNS, tri_feature.rows()),
    "latent_factors": lambda: Table("Latent factors", latent_factors.COLUMNS, latent_factors.rows()),
}


def measured(rows: Sequence[Row], seeds: int, workers: int) -> dict[str, dict[str, list[float]]]:
    """By row and column, one number per seed."""
    tasks = [(row, seed) for row in rows for seed in range(seeds)]
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started now
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_train, tasks))
    made: dict[str, dict[str, list[float]]] = {row.name: {} for row in rows}
    for (row, _), numbers in zip(tasks, found, strict=True):
        for column, value in numbers.items():
            made[row.name].setdefault(column, []).append(value)
    return made


def _train(task: tuple[Row, int]) -> dict[str, float]:
    row, seed = task
    return row.train(seed)


def printed(table: Table, found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The table as text."""
    lines = [table.title, f"{'':30}" + "".join(f"{column:>14}" for column in table.columns)]
    for row in table.rows:
        cells = [_cell(found[row.name].get(column)) for column in table.columns]
        lines.append(f"{row.name:30}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def _cell(values: Sequence[float] | None) -> str:
    if not values:
        return "-"
    middle, half = statistics.fmean(values), (max(values) - min(values)) / 2
    digits = 1 if abs(middle) >= 10 else 2
    return f"{middle:.{digits}f}" + (f" ±{half:.{digits}f}" if half >= 0.5 * 10**-digits else "")


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        table = TABLES[name]()
        found = measured(table.rows, args.seeds, args.workers)
        text = printed(table, found)
        print(text, end="\n\n", flush=True)
        (args.results / f"{name}.txt").write_text(text + "\n")
        (args.results / f"{name}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
