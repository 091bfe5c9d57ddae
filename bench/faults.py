"""What the diagnosis finds: faults put into small runs, and runs without any, scored by the record alone.

    make bench-faults                       a part, in about 25 minutes on two cores
    make bench-faults ARGS="--full"         all of it; broken off, it goes on where it was
    python bench/faults.py --rescore        nothing is trained: the rules as they are now, on what was recorded

One file per run in bench/results/faults/<corpus>/. A run that was recorded by other sources than there are now is made
again; `--as-recorded` takes it as it is. `--corpus calibration` makes the runs that rules may be calibrated on; the
table is of the others, which rules were not calibrated on (`bench/faulty/plan.py` says which is which).

Table and JSON go to bench/results/. The exit status is always 0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `bench`

from bench.faulty import kept, plan, scoring, table, trained
from bench.faulty.accepted import HARMLESS
from bench.faulty.case import Case

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
CORPORA = ("scored", "calibration")
WORKERS = 2
TASKS = 30
"""Runs in one process before there is a new one: what a process holds grows with every run."""


def sources() -> list[Path]:
    """What a record depends on: all of the toolkit but the diagnosis, and what trains here."""
    toolkit = ROOT / "toolkit" / "vergence"
    files = [path for path in toolkit.rglob("*.py") if "diagnosis" not in path.relative_to(toolkit).parts]
    trains = ("case", "own", "attending", "made", "methods", "sources", "trained")
    return sorted(files + [ROOT / "bench" / "faulty" / f"{name}.py" for name in trains])


def stamp() -> str:
    """Of these sources."""
    found = hashlib.sha256()
    for path in sources():
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def missing(cases: Sequence[Case], directory: Path, now: str, *, as_recorded: bool) -> list[Case]:
    """Those that were never finished, or by other sources."""
    found = []
    for case in cases:
        path = directory / f"{case.name}.history"
        if not path.exists() or not (as_recorded or kept.about(path)["stamp"] == now):
            found.append(case)
    return found


def make(cases: Sequence[Case], directory: Path, now: str, workers: int) -> dict[str, str]:
    """Train what is asked for. Returns what does not fit, with its reason, by name."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started now
    refused: dict[str, str] = {}
    began = time.perf_counter()
    spawn = get_context("spawn")
    done = 0
    for start in range(0, len(cases), TASKS * workers):
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=trained.end_with_parent) as pool:
            part = cases[start : start + TASKS * workers]
            asked = {pool.submit(trained.record, case, directory, now): case for case in part}
            for future in as_completed(asked):
                name, why = asked[future].name, future.result()
                if why:
                    refused[name] = why
                done += 1
                took = time.perf_counter() - began
                print(f"{done} of {len(cases)}, {took:.0f} s: {name}{f': {why}' if why else ''}", flush=True)
    return refused


def report(cases: Sequence[Case], directory: Path, now: str, workers: int) -> tuple[str, dict[str, object]]:
    """The tables, and what they are made of."""
    heard = scoring.ask_all([path for case in cases if (path := directory / f"{case.name}.history").exists()], workers)
    by_case = {one.case: one for one in heard}
    sound, wrong = scoring.split(heard)
    scored = [scoring.score(one, by_case.get(one.case.twin)) for one in wrong]
    stale = sum(one.stamp != now for one in heard)
    head = f"{len(heard)} of {len(cases)} runs of this plan are recorded" + (
        f", {stale} of them by other sources than there are now." if stale else "."
    )
    parts = [head, table.summary(scored, sound), table.faults(scored), table.healthy(sound)]
    parts.append("* " + "; ".join(f"{fault}: {why}" for fault, why in HARMLESS.items()) + ".")
    found: dict[str, object] = {
        "scored": [scoring.in_words(one) for one in scored],
        "healthy": [{"name": one.case.name, "alarms": sorted(one.alarms()), "at": one.at} for one in sound],
        "said": {one.case.name: one.at for one in wrong},
    }
    return "\n\n".join(parts) + "\n", found


def main(given: Sequence[str] | None = None) -> None:
    """Train what is missing, score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", choices=CORPORA, default="scored")
    parser.add_argument("--full", action="store_true", help="every run of the plan")
    parser.add_argument("--rescore", action="store_true", help="train nothing")
    parser.add_argument("--as-recorded", action="store_true", help="take runs that were recorded by other sources")
    parser.add_argument("--rounds", type=int, default=1, help="seeds of the calibration corpus")
    parser.add_argument("--only", default="", help="runs whose name holds this")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(given)
    directory = args.results / "faults" / args.corpus
    cases = plan.scored(args.full) if args.corpus == "scored" else plan.calibration(args.rounds)
    cases = [case for case in cases if args.only in case.name]
    now = stamp()
    if not args.rescore:
        make(missing(cases, directory, now, as_recorded=args.as_recorded), directory, now, args.workers)
    text, found = report(cases, directory, now, args.workers)
    print(text)
    name = "faults" if args.corpus == "scored" else f"faults_{args.corpus}"
    (args.results / f"{name}.md").write_text(text)
    (args.results / f"{name}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
