"""Amounts on a map: ranges in place of kinds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.panels import mapped
from vergence_widgets.panels import projection
from vergence_widgets.panels.map_kinds import kinds_of


def with_amount(values: np.ndarray) -> object:
    made = mapped.history()
    entry = dict(made.static["reference"])
    entry["factors"] = {**entry["factors"], "size": []}
    made.describe(reference=entry)
    made.arrays["reference/factor/size"] = values
    return made


def test_an_amount_is_shown_in_ranges_of_about_equal_count() -> None:
    values = np.random.default_rng(0).permutation(np.linspace(-1, 4, 60))
    values[:3] = np.nan
    found = kinds_of(with_amount(values), 60, "size")
    assert len(found.names) == 5
    assert found.names[0].startswith("−")
    assert found.of[:3].tolist() == [-1, -1, -1]
    counts = np.bincount(found.of[3:], minlength=5)
    assert counts.max() - counts.min() <= 2
    edges = [float(name.split(" to ")[1].replace("−", "-")) for name in found.names]
    for value, kind in zip(values[3:], found.of[3:], strict=True):
        assert value <= edges[kind] + 0.01


@pytest.mark.parametrize("values", [np.full(60, np.nan), np.full(60, 2.5), np.where(np.arange(60) % 2, 1.0, 3.0)])
def test_amounts_that_have_no_ranges(values: np.ndarray) -> None:
    found = kinds_of(with_amount(values), 60, "size")
    assert set(found.of.tolist()) <= set(range(-1, max(1, len(found.names))))
    panel = projection.spec(with_amount(values))
    assert panel.state in ("live", "stopped")
