"""Mistakes in the choice of data, loss or model: a Run that is wrong as it was set up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from bench.faulty import methods, sources
from bench.faulty.case import Case
from vergence import data, losses
from vergence.methods import Recipe

__all__ = ["MADE"]

Setup = Callable[[Case], tuple[Recipe, Any]]


def _usual(case: Case) -> tuple[Recipe, Any]:
    made = methods.recipe(case.method, case.dim, case.temperature, sources.views_of(case.data))
    return made, sources.source(case.data, case.seed)


def shared_bits(case: Case) -> tuple[Recipe, Any]:
    """Both views carry the same random bits."""
    made, source = _usual(case)
    return made, data.rand_bits(source, bits=12)


def imbalanced(case: Case) -> tuple[Recipe, Any]:
    """The largest class has fifty times as many samples as the smallest."""
    made, source = _usual(case)
    return made, data.long_tail(source, imbalance=50, seed=case.seed)


def duplicates(case: Case) -> tuple[Recipe, Any]:
    """A third of the samples are copies of others."""
    made, source = _usual(case)
    return made, data.planted_duplicates(source, share=0.33, seed=case.seed)


def alignment_only(case: Case) -> tuple[Recipe, Any]:
    """Nothing keeps rows apart."""
    return Recipe(losses.AlignmentUniformity(uniformity=0.0), dim=case.dim), _usual(case)[1]


def noisy_axes(case: Case) -> tuple[Recipe, Any]:
    """Views drown half of the axes, and a linear encoder without a head gives these directions up."""
    linear = partial(nn.Linear, 16, 16)
    method = Recipe(losses.InfoNCE(temperature=0.1), encoder=linear, projector="none", learning_rate=1e-2)
    return method, data.signal_noise(noise=2.0, n=4096, seed=case.seed)


MADE: dict[str, Setup] = {
    "coarse labels": _usual,
    "bits in the data": shared_bits,
    "imbalanced classes": imbalanced,
    "copies in the data": duplicates,
    "alignment alone": alignment_only,
    "views drown half of the axes": noisy_axes,
}
"""By name of the fault. Coarse labels: those of SupCon on data with sub-classes."""
