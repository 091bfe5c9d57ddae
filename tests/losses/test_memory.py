"""Softmax losses hold a block of pairs at a time, so that memory grows with the batch and not with its square."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.losses.case import Case, every

ROOT = Path(__file__).parents[2]
MB = 2**20


def uses_the_partition(case: Case) -> bool:
    """The loss, or one that it derives from, stands in a file that calls it."""
    return any(hasattr(sys.modules[kind.__module__], "log_partition") for kind in type(case.make()).__mro__)


NAMES = Counter(str(case) for case in every())
PRIOR = "decoupled uniformity with a prior"  # which is a matrix of pairs itself
SOFTMAX = [str(case) for case in every() if uses_the_partition(case) and str(case) != PRIOR]


SMALL, LARGE = 4_500, 9_000
"""Both beyond the size up to which one matrix is held, also for losses that compare one view with the other."""


def taken(names: list[str], *batches: int) -> list[list[int]]:
    """Bytes that forward and backward take in 128 dimensions beyond what was there, by loss and batch."""
    command = [sys.executable, "-m", "tests.losses.memory", ",".join(map(str, batches)), *names]
    # What a loss holds, not what the C library of Linux keeps for later: left alone, it raises this limit as it goes.
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(4 * MB)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900, env=env)
    assert done.returncode == 0, done.stderr
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


def test_every_case_has_a_name_of_its_own() -> None:
    assert [name for name, count in NAMES.items() if count > 1] == []
    assert {"NT-Xent", "InfoNCE", "DCL"} <= set(SOFTMAX)


def test_nt_xent_holds_no_matrix_of_pairs() -> None:
    assert taken(["NT-Xent"], 4096)[0][0] < 120 * MB  # rows and gradients are 25 of it; one matrix would be 256


@pytest.mark.slow
def test_nt_xent_of_16384_pairs_fits_in_2_gb() -> None:
    assert taken(["NT-Xent"], 16_384)[0][0] < 2000 * MB


@pytest.mark.slow
def test_memory_is_linear_in_the_batch() -> None:
    """All of them in one process: each brings torch along."""
    measured = dict(zip(SOFTMAX, taken(SOFTMAX, SMALL, LARGE), strict=True))
    square = {name: sizes for name, sizes in measured.items() if sizes[1] >= 3 * sizes[0]}
    assert not square  # twice, and what each block takes; the square would be four times
    assert not {name: sizes for name, sizes in measured.items() if sizes[1] >= 600 * MB}
