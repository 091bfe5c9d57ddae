"""MV-DHEL: with more views it uses more dimensions, and more so than NT-Xent averaged over pairs of views.

Koromilas et al. 2025, arXiv:2507.06979. Participation ratio of held-out digits in 32 dimensions, temperature 0.2,
200 steps, seeds 0, 1, 2:

              2 views             6 views
    MV-DHEL   15.4, 14.6, 15.4    19.9, 19.9, 19.1
    averaged    8.6, 8.7, 9.2      10.0, 10.1, 10.2
"""

from __future__ import annotations

import pytest
from torch.nn.functional import normalize

from tests.checks import bed
from vergence.losses import MVDHEL, NTXent, PairwiseMultiView
from vergence.metrics import participation_ratio

pytestmark = pytest.mark.slow


def participation(seed: int, loss: str, views: int) -> float:
    on = bed.digits()
    made = MVDHEL(0.2, views=views) if loss == "MV-DHEL" else PairwiseMultiView(NTXent(0.2), views=views)
    run = bed.trained(made, on, seed=seed, steps=200)
    return participation_ratio(normalize(bed.rows(run, on.test)))


@pytest.mark.parametrize("seed", bed.SEEDS)
def test_more_views_use_more_dimensions_and_more_so_than_the_average_of_pairs(seed):
    few, many = (participation(seed, "MV-DHEL", views) for views in (2, 6))
    pairs_few, pairs_many = (participation(seed, "pairwise", views) for views in (2, 6))
    assert many > few + 2
    assert many - few > pairs_many - pairs_few + 1.5
