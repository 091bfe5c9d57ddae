"""Barlow Twins: the weight of the off-diagonal parts the columns and fills more dimensions.

Zbontar et al. 2021, arXiv:2103.03230. Held-out digits in 32 columns, 250 steps, seeds 0, 1, 2:

    redundancy  mean |off-diagonal|      participation ratio
             0  0.68, 0.81, 0.55          1.3, 1.1, 1.8
         0.005  0.37, 0.38, 0.38          3.2, 3.1, 3.2
          0.05  0.18, 0.18, 0.17          8.6, 8.7, 9.2
"""

from __future__ import annotations

import pytest
import torch

from tests.checks import bed
from vergence.losses import BarlowTwins
from vergence.losses.barlow_twins import cross_correlation
from vergence.metrics import participation_ratio

pytestmark = pytest.mark.slow


def measured(seed: int, redundancy: float) -> dict[str, float]:
    on = bed.digits()
    run = bed.trained(BarlowTwins(redundancy), on, seed=seed, steps=250)
    a, b = (bed.rows(run, view) for view in on.seen(on.test))
    crossed = cross_correlation(a, b)
    off = crossed[~torch.eye(len(crossed), dtype=torch.bool)]
    return {"off-diagonal": float(off.abs().mean()), "participation": participation_ratio(a)}


@pytest.mark.parametrize("seed", bed.SEEDS)
def test_the_weight_of_redundancy_parts_the_columns(seed):
    none, usual, strong = (measured(seed, redundancy) for redundancy in (0.0, 0.005, 0.05))
    assert none["off-diagonal"] > usual["off-diagonal"] + 0.08
    assert usual["off-diagonal"] > strong["off-diagonal"] + 0.1
    assert 1.5 * none["participation"] < usual["participation"]
    assert 1.5 * usual["participation"] < strong["participation"]
