"""SwAV: Sinkhorn keeps all prototypes in use; codes by softmax give everything to one.

Caron et al. 2020, arXiv:2006.09882. The nearest of 20 prototypes of held-out digits, 250 steps, seeds 0, 1, 2:
entropy of their use over ln 20 is 0.88, 0.92, 0.92 with Sinkhorn, all 20 in use; 0.00 without, one in use.

Not asserted: that the embeddings collapse with the codes. Their std x sqrt d is 0.79, 0.72, 0.76 with and 0.28, 0.26,
0.29 without: they need not become one point to be nearest to one prototype.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from tests.checks import bed
from vergence.methods import SwAV

pytestmark = pytest.mark.slow


def measured(seed: int, sinkhorn: bool) -> dict[str, float]:
    on = bed.digits()
    run = bed.trained(SwAV(prototypes=20, sinkhorn=sinkhorn, **on.parts()), on, seed=seed, steps=250)
    prototypes = run._session.trainer.loss.prototypes.detach()
    nearest = (normalize(bed.rows(run, on.test)) @ normalize(prototypes).T).argmax(1)
    share = torch.bincount(nearest, minlength=20) / len(nearest)
    return {
        "usage": float(-(share * share.clamp_min(1e-12).log()).sum()) / math.log(20),
        "alive": float((share > 0).sum()),
        "std x sqrt d": bed.std_root_d(bed.rows(run, on.test)),
    }


@pytest.mark.parametrize("seed", bed.SEEDS)
def test_sinkhorn_keeps_every_prototype_in_use_and_softmax_does_not(seed):
    with_it, without = measured(seed, True), measured(seed, False)
    assert with_it["usage"] > 0.75
    assert with_it["alive"] >= 16
    assert without["usage"] < 0.1
    assert without["alive"] <= 2
