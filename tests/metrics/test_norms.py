"""Lengths of rows: against a slow twin, at both ends, and what a loss on dot products does to them."""

from __future__ import annotations

import math

import pytest
import torch

import vergence as vg
from tests.metrics.case import Case, views
from tests.reference import norms as slow
from vergence.errors import NotFinite, TooFewRows
from vergence.metrics import norms

CASES = [Case(norms, views(2), least=1, bad="left out", meta=False, half=1e-3)]


def test_the_slow_twin() -> None:
    one, other = views(2)(20, 6)
    mean, spread, largest = slow.norms([*one.tolist(), *other.tolist()])
    found = norms(one, other)
    assert (found.mean, found.spread, found.largest) == pytest.approx((mean, spread, largest), rel=1e-12)
    assert (found.rows, found.rows_left_out) == (40, 0)


def test_both_ends() -> None:
    unit = torch.nn.functional.normalize(torch.randn(50, 16, generator=torch.Generator().manual_seed(0)))
    assert norms(unit).spread < 1e-6
    zero = norms(torch.zeros(4, 3))
    assert (zero.mean, zero.spread, zero.largest) == (0, 0, 0)
    alone = torch.zeros(17, 4)
    alone[3] = 1.0
    assert norms(alone).spread == pytest.approx(math.sqrt(16))
    wide = norms(torch.randn(4000, 128, generator=torch.Generator().manual_seed(1)))
    assert wide.spread == pytest.approx(1 / math.sqrt(256), rel=0.05)


def test_rows_whose_squares_are_no_numbers_of_their_own() -> None:
    assert norms(torch.full((3, 4), 1e30)).mean == pytest.approx(2e30)
    assert norms(torch.full((3, 4), 30_000.0, dtype=torch.float16)).mean == pytest.approx(60_000, rel=1e-3)
    assert norms(torch.full((3, 4), 1e-30)).mean == pytest.approx(2e-30)


def test_it_says_what_it_needs() -> None:
    with pytest.raises(TooFewRows, match=r"no view came, 1 is needed\. Call it with the embeddings"):
        norms()
    with pytest.raises(NotFinite, match=r"none of 3 rows is finite"):
        norms(torch.full((3, 2), math.nan))


def test_what_it_sees_and_what_it_misses() -> None:
    z = torch.randn(64, 8, generator=torch.Generator().manual_seed(2))
    assert norms(100 * z).mean == pytest.approx(100 * norms(z).mean), "rows that grow without bound"
    collapsed = vg.geometry.unit(torch.ones(64, 8) + 1e-3 * z)
    assert norms(collapsed).mean == pytest.approx(norms(vg.geometry.unit(z)).mean), "of a collapse it knows nothing"
