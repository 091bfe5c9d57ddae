"""Which number sees which failure: made embeddings, each with one thing wrong, through every number that is usual.

    make bench ARGS=failures
    python bench/failures.py --seeds 3

Mean over seeds, and half the range where it is not rounded away. `std` is the mean deviation of unit rows times
sqrt(dim); `rank` is RankMe as published, `rank c` the same centred, `part.` the participation ratio; `within` is the
variance within classes over that between them. NT-Xent at temperature 0.5; its chance and floor are printed. kNN reads
the classes from half of the rows.
Table and JSON go to bench/results/. The exit status is always 0: tests/lab/test_failures.py is what judges.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from vergence import losses, metrics
from vergence.lab.embeddings import FAILURES, Embedded, embeddings

RESULTS = Path(__file__).parent / "results"
TEMPERATURE = 0.5
COLUMNS = ("std", "uniformity", "alignment", "rank", "rank c", "part.", "NT-Xent", "kNN", "within")


def numbers(found: Embedded) -> dict[str, float]:
    """Every column for one pair of views."""
    a, b, labels = found.a, found.b, found.labels
    return {
        "std": metrics.unit_spread(a),
        "uniformity": float(metrics.uniformity(a)),
        "alignment": float(metrics.alignment(a, b)),
        "rank": metrics.rank_me(a),
        "rank c": metrics.rank_centred(a),
        "part.": metrics.participation_ratio(a),
        "NT-Xent": float(losses.nt_xent(a, b, temperature=TEMPERATURE)),
        "kNN": metrics.probes(a, labels).knn.accuracy,
        "within": within_over_between(found),
    }


def within_over_between(found: Embedded) -> float:
    """Variance within the classes over that of the class means."""
    rows = found.a.double()
    count = int(found.labels.max()) + 1
    means = rows.new_zeros(count, rows.shape[1]).index_add_(0, found.labels, rows)
    means = means / found.labels.bincount().unsqueeze(1)
    within = (rows - means[found.labels]).square().sum(1).mean()
    between = (means - rows.mean(0)).square().sum(1).mean()
    return float(within / between)


def table(seeds: int, n: int, dim: int) -> dict[str, dict[str, list[float]]]:
    """By failure and column, one number per seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for failure in FAILURES:
        each = [numbers(embeddings(failure, n=n, dim=dim, seed=seed)) for seed in range(seeds)]
        found[failure] = {column: [one[column] for one in each] for column in COLUMNS}
    return found


def printed(found: dict[str, dict[str, list[float]]], n: int, dim: int) -> str:
    """The table as text."""
    loss = losses.NTXent(temperature=TEMPERATURE)
    head = f"{'':22}" + "".join(f"{column:>16}" for column in COLUMNS)
    lines = [head]
    for failure, columns in found.items():
        cells = []
        for column in COLUMNS:
            values = columns[column]
            half = (max(values) - min(values)) / 2
            digits = 1 if abs(values[0]) >= 10 else 3
            spread = f" ±{half:.{digits}f}" if half >= 0.5 * 10**-digits else ""
            cells.append(f"{statistics.fmean(values):.{digits}f}{spread}")
        lines.append(f"{failure:22}" + "".join(f"{cell:>16}" for cell in cells))
    lines.append(f"NT-Xent at {n} pairs, dim {dim}: chance {loss.chance(n, dim):.3f}, floor {loss.floor(n, dim):.3f}.")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=1024)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    found = table(args.seeds, args.n, args.dim)
    text = printed(found, args.n, args.dim)
    print(text)
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / "failures.txt").write_text(text + "\n")
    (args.results / "failures.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
