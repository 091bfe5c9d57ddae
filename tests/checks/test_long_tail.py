"""iSogCLR: on long-tailed data, items of frequent classes get the higher temperatures.

Qiu et al. 2023, arXiv:2305.11965. Digits with 130 items of class 0 down to 9 of class 9, rho 0.3, 400 steps:
rank correlation of the mean temperature of a class with its size 0.84, 0.79, 0.83 (seeds 0, 1, 2); temperatures 0.38 to
0.55.

Not asserted: larger budgets. Temperatures rise with frequency only while rho stays well below the logarithm of one over
the frequency.
"""

from __future__ import annotations

import pytest
import torch

from tests.checks import bed
from vergence.losses import ISogCLR

pytestmark = pytest.mark.slow

SIZES = torch.logspace(2.114, 0.954, 10).round().long()
"""Items of each class, 130 down to 9."""


def measured(seed: int, rho: float, steps: int = 400) -> dict[str, float]:
    on = bed.digits()
    kept = torch.cat([torch.nonzero(on.labels == label)[: SIZES[label], 0] for label in range(10)])
    items, labels = on.items[kept], on.labels[kept]
    run = bed.trained(ISogCLR(len(items), rho=rho), on, seed=seed, steps=steps, data=(items, labels))
    temperature = run._session.trainer.loss.temperature
    mean = torch.stack([temperature[labels == label].mean() for label in range(10)])
    return {"spearman": bed.spearman(mean, SIZES), "least": float(temperature.min()), "most": float(temperature.max())}


@pytest.mark.parametrize("seed", bed.SEEDS)
def test_frequent_classes_get_the_higher_temperatures(seed):
    assert measured(seed, 0.3)["spearman"] > 0.5
