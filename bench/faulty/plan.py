"""What is trained: the split between what rules were calibrated on and what they are scored on.

CALIBRATION has seeds 0 to 9, ten methods and nine sets of data. SCORED has seeds from 500 on, these methods and the
first of this data again, and methods, data and own loops that calibration never saw (`UNSEEN_METHODS`, `UNSEEN_DATA`,
`UNSEEN_FAULTS`). Once rules have been changed after a look at scored runs, these seeds are used up, and so is the data
that was looked at: 100 to 431, and what stands in `LOOKED_AT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest

from bench.faulty import own
from bench.faulty.case import HEALTHY, Case
from bench.faulty.made import MADE
from bench.faulty.methods import METHODS as KINDS
from vergence.lab.table import FAULTS, fitting

__all__ = ["UNSEEN_DATA", "UNSEEN_FAULTS", "UNSEEN_METHODS", "calibration", "scored"]

METHODS = ("SimCLR", "SimSiam", "BYOL", "VICReg", "BarlowTwins", "MoCo v2", "SwAV", "DINO", "SupCon")
UNSEEN_METHODS = (
    "LeJEPA",
    "MoCo v3",
    "W-MSE",
    "AMCL",
    "CARE",
    "MoCHi",
    "Feature transformation",
    "MCL",
    "SimSiam, direct",
)
DATA = ("latent factors", "digits", "subclasses", "signal and noise")
LOOKED_AT = ("near subclasses", "other factors", "many classes", "cells")
UNSEEN_DATA = ("few factors", "rows of digits", "small pictures", "wide towers")
UNSEEN_FAULTS = ("own: eval mode", "own: frozen encoder", "copies in the data", "own: some pairs shuffled")
LATE = 81
BATCHES = (32, 64, 128, 256, 512)
DIMS = (8, 16, 32, 64, 128)
TEMPERATURES = (0.07, 0.1, 0.2, 0.5, 1.0)
TEMPERED = (
    "SimCLR", "MoCo v2", "SupCon", "CLIP", "MoCo v3", "CARE", "MoCHi", "Feature transformation", "MCL", "own loop",
)  # fmt: skip
"""Methods whose temperature may be anything between 0.07 and 1 in a healthy run."""
FINER = ("latent factors", "other factors", "subclasses", "near subclasses", "many classes", "few factors")
"""Data with a factor finer than the labels: SupCon, given the labels, loses it, which is a fault of its own."""
LABELLED = (
    "latent factors", "other factors", "subclasses", "digits", "near subclasses", "small pictures", "two towers",
    "wide towers", "many classes", "cells", "few factors", "rows of digits",
)  # fmt: skip


def calibration(rounds: int = 1) -> list[Case]:
    """What rules may be calibrated on: the most telling first, so that it can be broken off."""
    found: list[Case] = []
    for seed in range(rounds):
        wrong = _faults(seed, METHODS, (*DATA, *LOOKED_AT), "two towers", spare=UNSEEN_FAULTS, all_methods=seed > 0)
        sound = _healthy([seed], (*METHODS, "CLIP", "own loop"), (*DATA, *LOOKED_AT), "two towers", varied=True)
        sound += _healthy([seed], (*METHODS, "CLIP", "own loop"), (*DATA, *LOOKED_AT), "two towers")
        found += _in_turn(wrong, sound)
    return _once(found)


def scored(full: bool = False) -> list[Case]:
    """What rules are scored on.

    Without `full` every fault three times: in a method and on data that calibration had, in a method that it never
    saw, and on data that it never saw. With it in every method that it fits, with two seeds.
    """
    wrong = _faults(500, METHODS, DATA, "two towers")
    wrong += _faults(510, UNSEEN_METHODS, DATA[:2], "wide towers", own_loops=False)
    wrong += _faults(521, METHODS, UNSEEN_DATA[:3], "wide towers")
    every = (*METHODS, *UNSEEN_METHODS, "CLIP", "own loop", own.UNKNOWN)
    sound = _healthy([530], every, (*DATA, *UNSEEN_DATA[:3]), "two towers", varied=True)
    found = _in_turn(wrong, sound)
    if full:
        found += _healthy([500, 501], every, (*DATA, *UNSEEN_DATA[:3]), "wide towers")
        found += _healthy([531], every, (*DATA, *UNSEEN_DATA[:3]), "wide towers", varied=True)
        for seed in (500, 501):
            found += _faults(seed, METHODS, DATA, "two towers", all_methods=True)
            found += _faults(seed + 10, UNSEEN_METHODS, DATA[:2], "wide towers", own_loops=False, all_methods=True)
            found += _faults(seed + 20, METHODS, UNSEEN_DATA[:3], "wide towers", all_methods=True)
    return _with_twins(_once(found))


def _faults(
    seed: int,
    methods: Iterable[str],
    data: tuple[str, ...],
    towers: str,
    *,
    spare: Iterable[str] = (),
    own_loops: bool = True,
    all_methods: bool = False,
) -> list[Case]:
    """Every fault, in one method that it fits or in all of them; half of them from the start."""
    methods, spared = tuple(methods), set(spare)
    found = []
    for number, fault in enumerate(FAULTS):
        fits = [method for method in (*methods, "CLIP") if method in fitting(fault)]
        chosen = fits if all_methods else fits[number % max(1, len(fits)) :][:1]
        if fault in COLLAPSES:
            chosen = fits + [name for method in fits if (name := f"{method}, linear head") in KINDS]
        for place, method in enumerate(chosen):
            where = towers if method == "CLIP" else data[(number + place + seed) % len(data)]
            where = where if method != "SupCon" else next((name for name in data if name not in FINER), "digits")
            if fault in NEEDS_LABELS and where not in LABELLED:
                where = data[0]
            if fault in DESTROYS and where in KEEP_WHAT_THEY_SHARE:
                where = next((name for name in data if name not in KEEP_WHAT_THEY_SHARE), "digits")
            late = (number + place + seed) % 2 == 1
            found.append(Case(fault, method, where, seed, at=LATE if late else 1))
    if own_loops:
        found += [case for case in _own(seed, data, towers) if case.fault not in spared]
        found += [case for case in _set_up(seed, data) if case.fault not in spared]
    return found


COLLAPSES = ("no stop-gradient", "no predictor")
"""How far these go depends on the head, so they are tried in all that they fit."""
DESTROYS = ("views too strong",)
KEEP_WHAT_THEY_SHARE = ("latent factors", "other factors", "few factors")
"""Data whose own views keep the class and the sub-class whatever their strength: there is nothing that they destroy."""
NEEDS_LABELS = ("false negatives", "positives of other classes")


def _own(seed: int, data: tuple[str, ...], towers: str) -> Iterator[Case]:
    for number, fault in enumerate(own.LOOPS):
        late = LATE if (number + seed) % 2 or fault == "own: forgetting" else 1
        where = data[(number + seed) % len(data)]
        if fault == "own: forgetting" and where not in LABELLED:
            where = data[0]
        if fault == "own: modality gap":
            yield Case(fault, "own towers", towers, seed, at=late)
            continue
        early_only = fault == "own: another model in the optimiser"
        for method in ("own loop", own.UNKNOWN) if seed % 2 == 0 else ("own loop",):
            yield Case(fault, method, where, seed, at=1 if early_only else late)
    for fault in ("own: dead heads", "own: attention sink"):
        yield Case(fault, "own transformer", "digits", seed, at=LATE if seed % 2 else 1)


def _set_up(seed: int, data: tuple[str, ...]) -> Iterator[Case]:
    finer = next((name for name in data if name in FINER), "subclasses")
    labelled = [name for name in data if name in LABELLED] or ["digits"]
    for number, fault in enumerate(MADE):
        if fault == "coarse labels":
            yield Case(fault, "SupCon", finer, seed)
        elif fault == "views drown half of the axes":
            yield Case(fault, "SimCLR", "signal and noise", seed)
        else:
            where = labelled[(number + seed) % len(labelled)]
            yield Case(fault, "SimCLR", where, seed)
            if fault != "alignment alone":
                yield Case(fault, "MoCo v2" if number % 2 else "VICReg", where, seed)


def _healthy(
    seeds: Iterable[int], methods: Iterable[str], data: tuple[str, ...], towers: str, *, varied: bool = False
) -> list[Case]:
    """Every method on every set of data. varied: with another batch, dimension and temperature each."""
    found = []
    for seed in seeds:
        for number, method in enumerate(methods):
            for place, where in enumerate((towers,) if method == "CLIP" else data):
                if method == "SupCon" and (where in FINER or where not in LABELLED):
                    continue
                case = Case(HEALTHY, method, where, seed)
                if varied:
                    turn = number + 2 * place + seed
                    case = replace(case, batch=BATCHES[turn % 5], dim=_dim(method, BATCHES[turn % 5], turn))
                    if method in TEMPERED:
                        case = replace(case, temperature=TEMPERATURES[(turn + number) % 5])
                found.append(case)
    return found


def _dim(method: str, batch: int, turn: int) -> int:
    dim = DIMS[(turn // 2) % 5]
    if method == "W-MSE":  # whitening needs more rows than columns
        return min(dim, batch // 2)
    return dim


def _with_twins(cases: list[Case]) -> list[Case]:
    """Each run with a fault together with the one without it."""
    return _once(run for case in cases for run in (case, case.twin))


def _in_turn(first: Iterable[Case], second: Iterable[Case]) -> list[Case]:
    """One of each: what is broken off has some of both."""
    return [case for pair in zip_longest(first, second) for case in pair if case is not None]


def _once(cases: Iterable[Case]) -> list[Case]:
    return list(dict.fromkeys(cases))
