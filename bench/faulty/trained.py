"""Train one case: a History, or why it cannot be."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path

import torch

from bench.faulty import attending, kept, methods, own, sources
from bench.faulty.case import HEALTHY, Case
from bench.faulty.made import MADE
from vergence import Run, errors, lab
from vergence.lab.table import FAULTS
from vergence.record import History

__all__ = ["FAULTS_OF_ITS_OWN", "OWN", "end_with_parent", "loop_of", "record", "run_of", "train"]

REFERENCE = 256
OWN: dict[str, type[own.Loop]] = {
    "own loop": own.Loop,
    own.UNKNOWN: own.Loop,
    "own towers": own.Gap,
    "own transformer": attending.Attending,
}
"""The sound loops, by the name that stands for the method."""
FAULTS_OF_ITS_OWN = own.LOOPS | attending.LOOPS


def loop_of(case: Case) -> own.Loop:
    """The loop, before its first step."""
    kind = OWN[case.method] if case.fault == HEALTHY else FAULTS_OF_ITS_OWN[case.fault]
    return kind(case)


def run_of(case: Case) -> Run:
    """The run, before its first step, with the fault in it."""
    setup = MADE.get(case.fault, MADE["coarse labels"])
    made, source = setup(case)
    run = Run(
        made, source, seed=case.seed, batch=case.batch, driver="inline", save=False, every=case.every,
        reference=REFERENCE,
    )  # fmt: skip
    run.observer.diagnosing.rules = ()  # asked afterwards, of the record
    if case.fault in FAULTS:
        lab.inject(run, case.fault, at=case.at, strength=case.strength, seed=case.seed)
    return run


def train(case: Case) -> History:
    """Raises UnknownName for what there is not, ArgumentError where a fault makes no sense for the method or data."""
    known = {HEALTHY, *FAULTS, *MADE, *FAULTS_OF_ITS_OWN}
    for what, name, names in (
        ("fault", case.fault, known),
        ("method", case.method, {*methods.METHODS, *OWN}),
        ("data", case.data, set(sources.DATA)),
    ):
        if name not in names:
            raise errors.UnknownName("bench.faulty", name, sorted(names), what)
    if case.method in OWN:
        return loop_of(case).train()
    run = run_of(case)
    with contextlib.suppress(errors.TrainingFailed):
        # Ten losses in a row that are not finite: the record ends there, and is what is asked about.
        run.start(steps=case.steps)
    return run.history


def end_with_parent() -> None:
    """In a process of a pool: end when whoever started it was killed, instead of waiting for ever."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def record(case: Case, directory: Path, stamp: str) -> str:
    """Train a case and keep what it recorded. Returns "" or why it does not fit."""
    torch.set_num_threads(1)
    logging.getLogger("vergence").setLevel(logging.CRITICAL)
    try:
        history = train(case)
    except errors.ArgumentError as error:
        return str(error)
    kept.save(directory / f"{case.name}.history", history, {"stamp": stamp, **vars(case)})
    return ""
