"""What the spectrum panel shows, measured on the rows of a step or of a look at the reference set."""

from __future__ import annotations

from typing import Literal

import numpy as np
from torch import Tensor

from vergence.metrics.spectrum import spectrum
from vergence.training.measures.base import Measured, Sample, as_array

__all__ = ["measure_spectrum"]

NUMBERS = 2**27
"""Products that one measurement may take, rows x dim x dim: some 10 ms."""
LEAST_ROWS = 512
MOST_ROWS = 8192


def measure_spectrum(sample: Sample, *, source: Literal["batch", "reference"] = "batch") -> Measured:
    """Singular values and what is made of them, all views together.

    source: where the rows come from: the training step, or the reference set in eval mode.
    """
    found = spectrum(*sample.views, max_rows=_most_rows(*sample.views[:1]), generator=sample.generator)
    place = f"spectrum/{sample.place}"
    measured = Measured()
    for key in ("rank", "rank_centred", "participation", "stable_rank", "std", "correlation"):
        value = getattr(found, key)
        if value is not None:
            measured.scalars[f"{place}/{key}"] = float(value)
    ceiling = found.ceiling
    measured.scalars[f"{place}/ceiling"] = ceiling.rank
    arrays = {
        "singular": found.singular, "singular_centred": found.singular_centred, "ceiling": ceiling.singular,
    }  # fmt: skip
    meta = {
        "rows": found.rows, "dim": found.dim, "rows_left_out": found.rows_left_out, "rows_total": found.rows_total,
        "source": source, "floor": found.floor, "floor_centred": found.floor_centred,
        "ceilings": {
            "rank": ceiling.rank, "rank_centred": ceiling.rank_centred, "participation": ceiling.participation,
            "stable_rank": ceiling.stable_rank, "correlation": ceiling.correlation, "std": 1.0,
        },
    }  # fmt: skip
    measured.frames[place] = ({name: as_array(array).astype(np.float32) for name, array in arrays.items()}, meta)
    if found.rows_left_out:
        measured.marks["rows_left_out"] = (
            f"{found.rows_left_out} of {found.rows_total} rows of {sample.place} are zero or not finite; they are "
            "left out of the spectrum."
        )
    return measured


def _most_rows(view: object = None) -> int:
    """So many rows that wide embeddings and long queues cost no more than usual ones; drawn without bias."""
    dim = int(view.shape[-1]) if isinstance(view, Tensor) and view.ndim else 1
    return min(MOST_ROWS, max(LEAST_ROWS, NUMBERS // max(1, dim) ** 2))
