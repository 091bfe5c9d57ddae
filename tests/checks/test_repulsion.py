"""CACR: with even weights dimensions stay unused; with the near negatives counted most they are filled.

Zheng et al. 2021, arXiv:2105.03746. Three views of digits, t_pos half of t_neg, 250 steps, seeds 0, 1, 2:

    t_neg   effective rank (of 32)    neighbours
        2   24.2, 24.3, 24.0          0.97, 0.96, 0.96
        0    5.8,  6.0,  6.1          0.84, 0.81, 0.86

Not asserted: an edge on long-tailed data, which is not visible at this size.
"""

from __future__ import annotations

import pytest
from torch.nn.functional import normalize

from tests.checks import bed
from vergence.losses import CACR
from vergence.metrics import rank_centred

pytestmark = pytest.mark.slow


def measured(seed: int, t_neg: float) -> dict[str, float]:
    on = bed.digits()
    run = bed.trained(CACR(t_pos=t_neg / 2, t_neg=t_neg, views=3), on, seed=seed, steps=250)
    return {"rank": rank_centred(normalize(bed.rows(run, on.test))), "knn": bed.knn_of(run, on)}


@pytest.mark.parametrize("seed", bed.SEEDS)
def test_even_weights_leave_dimensions_unused(seed):
    sharp, even = measured(seed, 2.0), measured(seed, 0.0)
    assert even["rank"] < 0.6 * sharp["rank"]
    assert even["knn"] < sharp["knn"] - 0.03
