"""Whether a shortcut can be suspected without a label: four ways, on runs whose shortcut is known, being planted.

    python bench/suspicion.py
    python bench/suspicion.py --seeds 3 --only digits vectors --workers 2

Each row is trained anew for each seed, 200 steps of 128. Then, on the views of the last step,

    geometry     alignment and uniformity are both near their best (`hypersphere/z/ideal` above 0.94)
    data         views leave a part of the input alone, and the rest not (`cues/z/untouched` below 1); asks no encoder
    block        one patch, channel or block of columns outweighs all the rest (`cues/z/strongest/wins` above 0.5)
    rule         what `vg.diagnose` says: a part that is left alone outweighs the rest

The first table has the numbers and, beside them, what the planted shortcut did: accuracy of five neighbours in h and
in z, by the labels that nobody else reads. The second has for each way how often it is right, with 95 % intervals
(Wilson): found of the planted ones, by dose and by whether the bits did harm (neighbours in z are right in a tenth
less of the cases than in the same run without bits), and false alarms. The third counts where ways disagree.
Tables and JSON go to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the repo, for `bench`

import torch
from torch import Tensor

from vergence import Run, data, diagnose, geometry, lab, methods, views
from vergence.diagnosis.lens import Lens
from vergence.diagnosis.quantities import QUANTITIES
from vergence.training.around import Around, Part
from vergence.training.measures.cues import make_cues
from vergence.training.measures.now import Now, Setup

RESULTS = Path(__file__).parent / "results"
HARM = 0.1
STEPS, BATCH, LAST = 200, 128, 20
WAYS = ("geometry", "data", "block", "rule")
IDEAL, UNTOUCHED, WINS = 0.94, 1.0, 0.5


@dataclass(frozen=True)
class Case:
    """One row. dose: of what is planted, in words. make: a run that has not begun. fault: of `lab.faults()`."""

    family: str
    name: str
    dose: str
    make: Callable[[int], Run]
    planted: bool = True
    fault: str = ""


def bits(family: str, k: int, temperature: float) -> Case:
    """k shared bits beside digits or vectors."""

    def make(seed: int) -> Run:
        source: Any = data.digits() if family == "digits" else data.latent_factors()
        flat = views.Images(flip=0) if family == "digits" else None
        method = methods.SimCLR(temperature=temperature, views=flat)
        return _run(method, data.rand_bits(source, bits=k), seed)

    return Case(family, f"T {temperature:g}, {k} bits", f"{k} bits" if k else "", make, planted=k > 0)


def usual(
    family: str,
    name: str,
    method: Callable[[], methods.Recipe],
    source: Callable[[], Any],
    dose: str = "",
    fault: str = "",
) -> Case:
    """A method on a source, with a shortcut of this dose or none."""
    return Case(family, name, dose, lambda seed: _run(method(), source(), seed), planted=bool(dose), fault=fault)


def _still() -> methods.Recipe:
    return methods.SimCLR(views=views.Images(brightness=0, contrast=0, saturation=0, hue=0, grey=0, blur=0))


def _flat() -> methods.Recipe:
    return methods.SimCLR(views=views.Images(flip=0))


def cases() -> list[Case]:
    """Everything that is trained."""
    found = [
        bits(family, k, temperature)
        for family in ("digits", "vectors")
        for temperature in (0.1, 0.5)
        for k in (0, 2, 4, 6, 8, 12)
    ]
    found += [
        usual("colour", "usual views", methods.SimCLR, lambda: data.tri_feature(n=2000)),
        usual("colour", "no colour jitter", _still, lambda: data.tri_feature(n=2000), dose="colour"),
        usual("written", "digits", _flat, data.digits, dose="written", fault="shared bits"),
        usual("written", "vectors", methods.SimCLR, data.latent_factors, dose="written", fault="shared bits"),
        usual("written", "emoji", methods.SimCLR, data.emoji, dose="written", fault="shared bits"),
        usual("sound", "emoji", methods.SimCLR, data.emoji),
        usual("sound", "digits", methods.SimCLR, data.digits),
        usual("sound", "digits, VICReg", methods.VICReg, data.digits),
        usual("sound", "vectors, Barlow Twins", methods.BarlowTwins, data.latent_factors),
        usual("sound", "signal_noise", methods.SimCLR, data.signal_noise),
        usual("sound", "subclasses", methods.SimCLR, data.subclasses),
        usual("sound", "two towers", methods.CLIP, data.two_towers),
    ]
    return found


def _run(method: methods.Recipe, source: Any, seed: int) -> Run:
    return Run(
        method, source, seed=seed, batch=BATCH, driver="inline", save=False, every=LAST, measures="none", reference=0
    )


class _Seen(Around):
    """The views of the newest step, as the model got them."""

    views_now: tuple[Tensor, ...] = ()

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Any) -> Any:
        self.views_now = views
        return part(views, batch)


def trained(case: Case, seed: int) -> dict[str, Any]:
    """Numbers and verdicts of one run."""
    run = case.make(seed)
    if case.fault:
        lab.inject(run, case.fault, seed=seed)
    seen = _Seen()
    trainer = run.session.trainer
    ask = make_cues(Setup(model=run.model))
    for steps in (1, STEPS - 1 - LAST, LAST):
        if steps > 1:
            trainer.around = (*(around for around in trainer.around if around is not seen), seen)
        run.start(steps=steps)
        if steps > 1:
            now = Now(run.steps_done, inputs=seen.views_now if run.model.takes_every_view else None)
            try:
                run.history.add_scalars(run.steps_done, ask(now, "z").scalars)
            except Exception as error:  # what cannot be asked is not suspected
                why = str(error)
            else:
                why = ""
    numbers = _numbers(Lens(run.history, QUANTITIES))
    said = diagnose(run.history)
    verdicts = {
        "geometry": (numbers["ideal"] or 0) > IDEAL,
        "data": (1 if numbers["untouched"] is None else numbers["untouched"]) < UNTOUCHED,
        "block": (numbers["strongest"] or 0) > WINS,
        "rule": any(finding.name == "suspected shortcut" for finding in said),
    }
    told = {name: getattr(case, name) for name in ("family", "name", "dose", "planted")} | {"seed": seed, "why": why}
    return told | {"numbers": numbers | _neighbours(run), "verdicts": verdicts}


def _numbers(lens: Lens) -> dict[str, float | None]:
    keys = {
        "ideal": "hypersphere/z/ideal", "untouched": "cues/z/untouched", "outweighs": "cues/z/outweighs",
        "strongest": "cues/z/strongest/wins", "wins": "cues/z/left_alone/wins", "rest": "cues/z/left_alone/rest",
        "gap": "cues/z/left_alone/gap", "ratio": "cues/z/left_alone/alike_ratio", "levels": "cues/z/levels/wins",
        "l. ratio": "cues/z/levels/alike_ratio",
    }  # fmt: skip
    return {name: lens.last(key) for name, key in keys.items()}


@torch.no_grad()
def _neighbours(run: Run) -> dict[str, float | None]:
    """Accuracy of the five nearest others, in h and in z, on items that were not trained on."""
    items, labels = run.source.reference(512)
    if labels is None or not run.model.takes_every_view:
        return {"h": None, "z": None}
    mode = run.model.training
    run.model.eval()
    places = dict(zip(("h", "z"), run.model(items), strict=True))
    run.model.train(mode)
    found: dict[str, float | None] = {}
    for place, rows in places.items():
        sound = rows.abs().amax(1) > 0
        near = geometry.unit(rows[sound].flatten(1))
        cosines = (near @ near.mT).fill_diagonal_(-2)
        named = labels[sound][cosines.topk(5).indices].mode(1).values
        found[place] = float((named == labels[sound]).double().mean())
    return found


def _task(task: tuple[int, int]) -> dict[str, Any]:
    torch.set_num_threads(1)
    return trained(cases()[task[0]], task[1])


def wilson(right: int, of: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    share, z = right / of, 1.96
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def numbers_table(found: Sequence[dict[str, Any]]) -> str:
    """One line a run."""
    columns = list(dict.fromkeys(name for row in found for name in row["numbers"]))
    lines = [f"{'':34}" + "".join(f"{name:>10}" for name in columns) + "   says"]
    for row in found:
        cells = [f"{_cell(row['numbers'].get(name)):>10}" for name in columns]
        said = ", ".join(way for way in WAYS if row["verdicts"][way])
        name = f"{row['family']}: {row['name']}, {row['seed']}"
        lines.append(f"{name:34}" + "".join(cells) + f"   {said}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def harm(row: dict[str, Any], found: Sequence[dict[str, Any]]) -> float | None:
    """By how much five neighbours in z are right less often than in the same run without bits; None: there is none."""
    beside = [
        other["numbers"]["z"]
        for other in found
        if not other["planted"]
        and (other["family"], other["seed"]) == (row["family"], row["seed"])
        and other["name"].partition(",")[0] == row["name"].partition(",")[0]
    ]
    if not row["dose"].endswith("bits") or not beside:
        return None
    lost: float = beside[0] - row["numbers"]["z"]
    return lost


def rates_table(found: Sequence[dict[str, Any]]) -> str:
    """How often each way is right."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault(f"planted: {row['dose']}" if row["planted"] else "nothing planted", []).append(row)
    for row in found:
        lost = harm(row, found)
        if lost is not None:
            groups.setdefault("bits that do harm" if lost > HARM else "bits that do none", []).append(row)
    groups["planted: all"] = [row for row in found if row["planted"]]
    lines = [f"{'suspected in':24}" + "".join(f"{way:>26}" for way in WAYS)]
    for name, rows in sorted(groups.items()):
        lines.append(f"{name:24}" + "".join(f"{_rate(row['verdicts'][way] for row in rows):>26}" for way in WAYS))
    return "\n".join(lines)


def _rate(said: Iterable[bool]) -> str:
    said = list(said)
    low, high = wilson(sum(said), len(said))
    return f"{sum(said)} of {len(said)} ({low:.0%} to {high:.0%})"


def disagreements(found: Sequence[dict[str, Any]]) -> str:
    """Pairs of ways, and in how many runs only one of them suspects."""
    lines = ["runs in which only one of two suspects (the first, the second)"]
    for at, one in enumerate(WAYS):
        for other in WAYS[at + 1 :]:
            first = [row for row in found if row["verdicts"][one] and not row["verdicts"][other]]
            second = [row for row in found if row["verdicts"][other] and not row["verdicts"][one]]
            right = sum(row["planted"] for row in first), sum(row["planted"] for row in second)
            counts = [
                f"{len(rows):4} of which {planted} planted"
                for rows, planted in zip((first, second), right, strict=True)
            ]
            lines.append(f"{one:>10}, {other:10}" + ", ".join(counts))
    return "\n".join(lines)


def main() -> None:
    """Train, print, write."""
    every = cases()
    families = list(dict.fromkeys(case.family for case in every))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=families, default=families)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started now
    tasks = [(at, seed) for at, case in enumerate(every) if case.family in args.only for seed in range(args.seeds)]
    found = []
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        for row in pool.map(_task, tasks):
            found.append(row)
            print(numbers_table([row]).splitlines()[-1], flush=True)
    text = "\n\n".join([numbers_table(found), rates_table(found), disagreements(found)])
    print("\n" + text)
    (args.results / "suspicion.txt").write_text(text + "\n")
    (args.results / "suspicion.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
