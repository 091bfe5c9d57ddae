"""Temperature: a high one is tolerant of like items and leaves the sphere uneven.

Wang & Liu 2021, arXiv:2012.09740. NT-Xent for 250 steps; held-out rows, seeds 0, 1, 2:

                     T    tolerance              same class          uniformity
    digits           0.1  0.066, 0.065, 0.068    0.61, 0.60, 0.63    −2.60, −2.67, −2.64
                     1.0  0.082, 0.080, 0.081    0.76, 0.74, 0.75    −2.24, −2.25, −2.29
    signal+nuisance  0.1  0.031, 0.025, 0.029    0.30, 0.24, 0.28    −3.33, −3.39, −3.39
                     1.0  0.080, 0.078, 0.080    0.80, 0.78, 0.80    −2.51, −2.54, −2.52

Not asserted: that ever lower temperatures are ever more uniform. Below 0.1 tolerance rises again.
"""

from __future__ import annotations

import pytest
from torch.nn.functional import normalize

from tests.checks import bed
from vergence.losses import NTXent
from vergence.metrics import same_class_cosine, tolerance, uniformity

pytestmark = pytest.mark.slow


def measured(seed: int, where: str, temperature: float) -> dict[str, float]:
    on = getattr(bed, where)()
    run = bed.trained(NTXent(temperature), on, seed=seed, steps=250)
    z = normalize(bed.rows(run, on.test))
    return {
        "tolerance": float(tolerance(z, on.test_labels)),
        "uniformity": float(uniformity(z)),
        "same class": float(same_class_cosine(z, on.test_labels)),
    }


@pytest.mark.parametrize("seed", bed.SEEDS)
@pytest.mark.parametrize("where", ["digits", "signal"])
def test_a_high_temperature_is_tolerant_and_not_uniform(where, seed):
    low, high = measured(seed, where, 0.1), measured(seed, where, 1.0)
    more = {"digits": 1.1, "signal": 1.8}[where]
    assert high["tolerance"] > more * low["tolerance"]
    assert high["same class"] > low["same class"] + 0.08
    assert high["uniformity"] > low["uniformity"] + 0.2
