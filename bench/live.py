"""Live drawing in JupyterLab: the cockpit, plotly's FigureWidget and livelossplot show the same in a real browser.

    make bench ARGS=live
    python bench/live.py --quick                  # a minute or two: to see that it works

Each contender has a page and a kernel of its own in one JupyterLab and one browser, and is given the same updates:
five more steps of two curves, new densities of positive and negative cosines, and a map of 10,000 points that has
moved. They take turns, round by round, and who begins changes. Rows of the table:

    draws a second     distinct pictures that reached the screen while updates came as fast as the contender takes them
    lag                from the call that shows an update to the end of the frame in which it was painted, one update
                       a second: median, and the 95th percentile
    loop held          how long the loop that trains waits for that call
    kernel             processor time of the kernel for one update, all threads
    KB an update       what came through the kernel's socket, all messages, median over rounds
    MB at creation     the same, for putting the empty figure on screen
    heap, resident     the page's JavaScript heap and the memory of the browser's processes, after a garbage
                       collection: at first, and after as many updates as the cockpit draws in `--minutes`
                       minutes at `--a-minute` frames a minute, in a browser of its own

The cockpit shows three of its panels, and draws more than the others: its header, ridges through time, words.
Table and JSON go to bench/results/. The exit status is always 0: this describes, it does not judge.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `bench` and `tests`

from playwright.sync_api import Browser, Playwright, sync_playwright

from bench.overhead_browser import chromium
from bench.page import Page
from tests.browser.lab import FLAGS, Server

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
NAMES = ("cockpit", "FigureWidget", "livelossplot")
LIVELOSSPLOT = "livelossplot==0.6.1"
ELSEWHERE = Path(sys.prefix) / "contenders"
"""livelossplot alone: what it needs for its Matplotlib output is in the environment already."""


def livelossplot() -> str:
    """The folder it is installed in, which is made the first time."""
    if not (ELSEWHERE / "livelossplot").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(ELSEWHERE), LIVELOSSPLOT]
        subprocess.run(pip, check=True)
    return str(ELSEWHERE)


@contextmanager
def lab() -> Iterator[tuple[Server, Playwright]]:
    """One JupyterLab, and the browser's driver."""
    home = Path(tempfile.mkdtemp())
    server = Server(home / "lab")
    try:
        with sync_playwright() as playwright:
            yield server, playwright
    finally:
        server.close()
        shutil.rmtree(home, ignore_errors=True)


def browser_of(playwright: Playwright) -> Browser:
    """A browser of its own."""
    return playwright.chromium.launch(executable_path=chromium(), args=FLAGS)


def lags(found: dict[str, Any]) -> list[float]:
    """Milliseconds from each update's call to its pixels; updates that were never drawn have none."""
    sent = {step: moment * 1e3 for step, moment in found["sent"]}
    drawn = found["drawn"]
    if any(step is None for step, _ in drawn):  # pictures that say no step: only when each update made one
        if len(drawn) != len(sent):
            return []
        drawn = [(step, at) for step, (_, at) in zip(sent, drawn, strict=True)]
    first: dict[int, float] = {}
    for step, at in drawn:
        first.setdefault(step, at)
    return [first[step] - moment for step, moment in sent.items() if step in first]


def rate(found: dict[str, Any]) -> float:
    """Pictures a second on the screen, from the first call to the last paint."""
    if not found["drawn"]:
        return 0.0
    return 1e3 * len(found["drawn"]) / (found["drawn"][-1][1] - 1e3 * found["sent"][0][1])


def rounds(pages: dict[str, Page], given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Lag and rate of all contenders in turn."""
    order = list(pages)
    parts: dict[str, dict[str, list[Any]]] = {
        name: {"lag": [], "rate": [], "held": [], "kernel": [], "bytes": []} for name in order
    }
    for page in pages.values():
        page.drive(3, 0.5)  # the first calls are slow
    for number in range(given.rounds):
        turn = number % len(order)
        for name in order[turn:] + order[:turn]:
            page, part = pages[name], parts[name]
            slow = page.drive(given.lag_updates, 1.0)
            fast = page.drive(given.rate_updates, 0.0)
            part["lag"] += lags(slow)
            part["rate"].append(rate(fast))
            part["held"] += slow["held_ms"]
            part["kernel"].append(slow["kernel_ms"])
            part["bytes"].append(slow["bytes"] / len(slow["sent"]))
            print(f"round {number + 1}, {name}: {part['rate'][-1]:.1f} a second", flush=True)
    return {name: summary(name, pages[name], part) for name, part in parts.items()}


def summary(name: str, page: Page, part: dict[str, list[Any]]) -> dict[str, Any]:
    """One row."""
    lag = sorted(part["lag"])
    return {
        "contender": name,
        "draws_a_second": [round(value, 2) for value in (statistics.median(part["rate"]), *span(part["rate"]))],
        "lag_ms": round(statistics.median(lag)) if lag else None,
        "lag_95_ms": round(lag[min(len(lag) - 1, int(0.95 * len(lag)))]) if lag else None,
        "lag_updates": len(lag),
        "held_ms": round(statistics.median(part["held"]), 1),
        "kernel_ms": round(statistics.median(part["kernel"]), 1),
        "kb_an_update": round(statistics.median(part["bytes"]) / 1e3, 1),
        "mb_at_creation": round(page.creation / 1e6, 3),
    }


def span(values: list[float]) -> tuple[float, float]:
    """Least and most."""
    return min(values), max(values)


def memory(name: str, updates: int, every: float, longest: float, paths: list[str]) -> dict[str, Any]:
    """The browser's memory before and after `updates`, in a server and a browser of their own."""
    with lab() as (server, playwright):
        browser = browser_of(playwright)
        page = Page(server, browser, name, paths)
        page.drive(5, every)
        before = page.memory()
        found = page.drive(updates, every, longest)
        after = page.memory()
        browser.close()
    return {
        "updates": len(found["sent"]), "asked": updates, "minutes_taken": round(found["seconds"] / 60, 1),
        "drawn": len(found["drawn"]),
        "before": {key: round(value, 1) for key, value in before.items()},
        "after": {key: round(value, 1) for key, value in after.items()},
    }  # fmt: skip


def table(rows: list[dict[str, Any]], kept: dict[str, dict[str, Any]]) -> str:
    """The rows for people."""
    lines = [
        f"{'':<14}{'draws/s':>8}{'(least, most)':>16}{'lag ms':>8}{'95 %':>7}{'held ms':>9}{'kernel ms':>11}"
        f"{'KB/update':>11}{'MB created':>12}"
    ]
    for row in rows:
        middle, low, high = row["draws_a_second"]
        lines.append(
            f"{row['contender']:<14}{middle:>8.1f}{f'({low:.1f}, {high:.1f})':>16}{row['lag_ms']!s:>8}"
            f"{row['lag_95_ms']!s:>7}{row['held_ms']:>9.1f}{row['kernel_ms']:>11.1f}"
            f"{row['kb_an_update']:>11.1f}{row['mb_at_creation']:>12.2f}"
        )
    if kept:
        lines += ["", f"{'':<14}{'updates':>8}{'of':>7}{'drawn':>8}{'heap MB':>17}{'resident MB':>20}{'minutes':>9}"]
    for name, found in kept.items():
        first, last = found["before"], found["after"]
        heap = f"{first['heap_mb']:.0f} to {last['heap_mb']:.0f}"
        rss = f"{first['rss_mb']:.0f} to {last['rss_mb']:.0f}"
        lines.append(
            f"{name:<14}{found['updates']:>8,}{found['asked']:>7,}{found['drawn']:>8,}{heap:>17}{rss:>20}"
            f"{found['minutes_taken']:>9.1f}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lag-updates", type=int, default=12, help="a round, one a second")
    parser.add_argument("--rate-updates", type=int, default=40, help="a round, as fast as they are taken")
    parser.add_argument("--minutes", type=float, default=30.0, help="of watching, for the memory")
    parser.add_argument("--a-minute", type=float, default=120.0, help="frames that the cockpit draws in a minute")
    parser.add_argument("--longest", type=float, default=1800.0, help="seconds that one contender may take for these")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one short round and no memory")
    parser.add_argument("--contenders", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.quick:
        given.rounds, given.lag_updates, given.rate_updates, given.no_memory = 1, 3, 5, True
    paths = [str(ROOT)] + ([livelossplot()] if "livelossplot" in given.contenders else [])
    with lab() as (server, playwright):
        browser = browser_of(playwright)
        pages = {name: Page(server, browser, name, paths) for name in given.contenders}
        found = rounds(pages, given)
        errors = {name: page.errors for name, page in pages.items() if page.errors}
        browser.close()
    kept = {}
    updates = round(given.minutes * given.a_minute)
    for name in () if given.no_memory else given.contenders:
        # A little slower than it can: a queue of updates that were never drawn is no picture of half an hour.
        every = 1.25 / max(found[name]["draws_a_second"][0], 0.1)
        kept[name] = memory(name, updates, every, given.longest, paths)
        print(f"memory, {name}: done", flush=True)
    given.results.mkdir(parents=True, exist_ok=True)
    counted = {"minutes": given.minutes, "frames_a_minute": given.a_minute, "updates": updates}
    said = {"rows": list(found.values()), "memory": kept, "memory_counted_as": counted, "page_errors": errors}
    (given.results / "live.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    text = table(list(found.values()), kept)
    (given.results / "live.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
