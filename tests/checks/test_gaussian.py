"""LeJEPA: prediction alone shrinks the rows to a point; the test against a Gaussian keeps their size and what they say.

Balestriero & LeCun 2025, arXiv:2511.08544. Signal and nuisance, 300 steps, seeds 0, 1, 2: standard deviation of a
column, and share of neighbours that are right:

    weight   std                    neighbours
         0   0.013, 0.017, 0.017    0.34, 0.27, 0.17
      0.05   0.961, 0.919, 0.939    0.91, 0.93, 0.91

Not asserted: weight 0.3 keeps the size, 0.99, and has neighbours no better than 0.43 (seed 0): 8 dimensions of content
do not fill the 32 of the embedding, so a strong test fills the rest with nuisance.
"""

from __future__ import annotations

import pytest

from tests.checks import bed
from vergence.methods import LeJEPA

pytestmark = pytest.mark.slow


def measured(seed: int, weight: float) -> dict[str, float]:
    on = bed.signal()
    run = bed.trained(LeJEPA(weight, slices=64, **on.parts()), on, seed=seed, steps=300)
    z = bed.rows(run, on.test)
    return {"std": float(z.std(0).mean()), "knn": bed.knn_of(run, on)}


@pytest.mark.parametrize("seed", bed.SEEDS)
def test_prediction_alone_shrinks_and_the_test_of_normality_holds_it_up(seed):
    alone, held = measured(seed, 0.0), measured(seed, 0.05)
    assert alone["std"] < 0.05
    assert 0.8 < held["std"] < 1.2
    assert held["knn"] > alone["knn"] + 0.3
